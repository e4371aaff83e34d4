/* SPDX-License-Identifier: Apache-2.0 */
/* witan issue-certificate, revoke-certificate: certificates by which administrators sign in, on the machine with the authority's key. */
#include "prog/witan/issued.h"
#include "prog/witan/sign_in.h"
#include "prog/witan/witan_priv.h"

#include "model/topo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct order {
	const char *command, *dir;
	const char *user, *out, *password_file; /* of issuing */
	const char *serial, *reason;            /* of revoking */
	uint32_t days;
	bool pem;
	int dirfd;
	struct arena arena;
	char address[CERT_ADDRESS_MAX + 1]; /* of user, lower case, without scheme */
	struct diag diag;
};

/* ---- who it is for ---- */

static bool is_name(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] != '\0' && strchr("-_.+~", s.p[i]) != NULL)))
			return false;
	return s.n != 0;
}

static err take_address(struct order *o)
{
	str domain, s = str_trim(str_of(o->user));
	if (str_begins_case(s, STR("sip:")))
		s = str_cut(s, 4, s.n);
	for (size_t i = 0; i < s.n && i < CERT_ADDRESS_MAX; i++)
		o->address[i] = char_lower(s.p[i]);
	str name = str_split(str_of(o->address), '@', &domain);
	if (s.n <= CERT_ADDRESS_MAX && is_name(name) && is_name(domain))
		return OK;
	return diag_fail(&o->diag, ERR(USAGE), "--user", "write it as sip:ann@example.test, with letters, digits and - _ . + ~", "\"%.100s\" is not an address of a user", o->user);
}

static err check_domain(struct order *o, const struct topo *t)
{
	str domain;
	(void)str_split(str_of(o->address), '@', &domain);
	for (size_t i = 0; i < t->sip_domains.n; i++)
		if (str_eq_case(t->sip_domains.p[i], domain))
			return OK;
	return diag_fail(&o->diag, ERR(REFUSED), "--user", "its domain must be one of sip-domains of topology.yaml", "%.*s is no domain of this deployment", STR_FMT(domain));
}

/* ---- issuing ---- */

static err ask_twice(struct order *o, char out[SIGN_IN_SECRET])
{
	char again[SIGN_IN_SECRET];
	TRY(sign_in_secret(o->password_file, "Password that seals the file", out, &o->diag));
	if (o->password_file != NULL)
		return OK;
	err e = sign_in_secret(NULL, "The same once more", again, &o->diag);
	if (!failed(e) && strcmp(out, again) != 0)
		e = diag_fail(&o->diag, ERR(USAGE), o->command, "", "the two are not the same");
	explicit_bzero(again, sizeof again);
	return e;
}

static err make(struct order *o, const struct cert_ca *ca, struct cert_client_pair *pair)
{
	struct topo topo;
	struct topo_host host;
	struct plan_certificate plan;
	char password[SIGN_IN_SECRET] = "";
	TRY(deploy_read(o->dir, &o->arena, &topo, &host, &o->diag));
	TRY(check_domain(o, &topo));
	TRY(plan_certificate_host(&topo, &host, PLAN_DEFAULT, &o->arena, &plan, &o->diag));
	const struct cert_client who = { .address = str_of(o->address), .organization = topo.organization, .crl_url = plan.crl_url,
		.key = plan.key, .days = o->days };
	err e = o->pem ? OK : ask_twice(o, password);
	if (!failed(e))
		e = cert_client_issue(ca, &who, o->pem ? NULL : password, (int64_t)time(NULL), pair, &o->diag);
	explicit_bzero(password, sizeof password);
	return e;
}

static err record(struct order *o, const struct cert_client_pair *pair)
{
	struct issued_list list;
	struct issued one = { .expires = pair->expires };
	(void)snprintf(one.user, sizeof one.user, "sip:%s", o->address);
	memcpy(one.revoked.serial, pair->serial, sizeof pair->serial);
	err e = issued_open(o->dirfd, &list, &o->diag);
	if (!failed(e))
		e = issued_add(&list, &one, &o->diag);
	if (!failed(e))
		e = issued_write(&list, (int64_t)time(NULL), &o->diag);
	issued_close(&list);
	return e;
}

static err write_all(struct order *o, int fd, str s)
{
	while (s.n != 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return diag_fail(&o->diag, ERR(SYSTEM), o->out, "", "cannot write it: %s", strerror(errno));
		s = str_cut(s, n > 0 ? (size_t)n : 0, s.n);
	}
	return fsync(fd) == 0 ? OK : diag_fail(&o->diag, ERR(SYSTEM), o->out, "", "cannot write it: %s", strerror(errno));
}

/* On the list before it leaves: what nobody could revoke is not given out. */
static err fill(struct order *o, int fd)
{
	struct cert_ca *ca = NULL;
	struct cert_client_pair pair = { .expires = 0 };
	TRY(deploy_read_ca(o->dirfd, &ca, &o->diag));
	err e = make(o, ca, &pair);
	if (!failed(e))
		e = record(o, &pair);
	if (!failed(e))
		e = write_all(o, fd, buf_str(&pair.bytes));
	cert_client_fini(&pair);
	cert_ca_free(ca);
	TRY(e);
	char to[WITAN_TIME];
	witan_time(pair.expires, to);
	(void)printf("User         : sip:%s\nSerialNumber : %s\nNotAfter     : %s\nFile         : %s\n", o->address, pair.serial, to, o->out);
	return OK;
}

static err issue(struct order *o)
{
	int fd = open(o->out, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return diag_fail(&o->diag, errno == EEXIST ? ERR(EXISTS) : ERR(SYSTEM), o->out, errno == EEXIST ? "name another file" : "", "cannot make the file: %s",
			strerror(errno));
	err e = fill(o, fd);
	(void)close(fd);
	if (failed(e))
		(void)unlink(o->out);
	return e;
}

/* ---- revoking ---- */

static bool is_meant(const struct order *o, const struct issued *i, int64_t now)
{
	if (i->is_revoked || i->expires <= now)
		return false;
	if (o->serial != NULL)
		return str_eq_case(str_of(o->serial), str_of(i->revoked.serial));
	return str_eq(str_of(o->address), str_cut(str_of(i->user), 4, CERT_ADDRESS_MAX + 4));
}

static err mark(struct order *o, struct issued_list *l, int64_t now, enum cert_reason reason)
{
	unsigned n = 0;
	for (size_t i = 0; i < l->n; i++) {
		struct issued *one = &l->all[i];
		if (!is_meant(o, one, now))
			continue;
		one->is_revoked = true;
		one->revoked.when = now;
		one->revoked.reason = reason;
		(void)printf("revoked %s of %s\n", one->revoked.serial, one->user);
		n++;
	}
	if (n != 0)
		return OK;
	return diag_fail(&o->diag, ERR(ABSENT), "ca/issued", "it lists what was issued: serial number, end, user", "there is no such certificate that is valid");
}

static err revoke_listed(struct order *o, struct issued_list *l, enum cert_reason reason)
{
	int64_t now = (int64_t)time(NULL);
	struct cert_ca *ca = NULL;
	TRY(deploy_read_ca(o->dirfd, &ca, &o->diag));
	err e = mark(o, l, now, reason);
	if (!failed(e))
		e = issued_write(l, now, &o->diag);
	if (!failed(e))
		e = issued_write_crl(l, ca, now, &o->diag);
	cert_ca_free(ca);
	return e;
}

static err take_back(struct order *o)
{
	enum cert_reason reason = CERT_UNSPECIFIED;
	struct issued_list list;
	if (o->reason != NULL && !cert_reason_find(str_of(o->reason), &reason))
		return diag_fail(&o->diag, ERR(USAGE), "--reason", "write keyCompromise, affiliationChanged, superseded, cessationOfOperation or unspecified",
			"\"%.40s\" is no reason", o->reason);
	err e = issued_open(o->dirfd, &list, &o->diag);
	if (!failed(e))
		e = revoke_listed(o, &list, reason);
	issued_close(&list);
	TRY(e);
	e = deploy_reload(o->dirfd, &o->diag);
	if (failed(e) && !err_is(e, ERR_ABSENT))
		return e;
	(void)fprintf(stderr, failed(e) ? "wrote certs/witan.crl; the server is not running\n" : "wrote certs/witan.crl and told the server to read it\n");
	return OK;
}

/* ---- command lines ---- */

static int run(struct order *o, err (*work)(struct order *o))
{
	err e = o->user != NULL ? take_address(o) : OK;
	if (failed(e))
		return witan_fail(o->command, e, &o->diag);
	o->dirfd = deploy_open(o->dir, &o->diag);
	if (o->dirfd < 0)
		return witan_fail(o->command, ERR(ABSENT), &o->diag);
	arena_init(&o->arena, 32u << 20);
	e = work(o);
	arena_fini(&o->arena);
	(void)close(o->dirfd);
	return failed(e) ? witan_fail(o->command, e, &o->diag) : WITAN_DONE;
}

int issue_certificate_main(int argc, char **argv, const char *dir)
{
	struct order o = { .command = argv[0], .dir = dir, .days = CERT_CLIENT_DAYS };
	const struct witan_option options[] = {
		{ "--user", WITAN_TEXT, &o.user, "ADDRESS", "who signs in with it: sip:ann@example.test (must be given)", 0 },
		{ "--out", WITAN_TEXT, &o.out, "FILE", "what is written; it must not be there yet (must be given)", 0 },
		{ "--days", WITAN_NUMBER, &o.days, "N", "how long it is valid, 1 to 1095 (default: 365)", CERT_CLIENT_DAYS_MAX },
		{ "--password-file", WITAN_TEXT, &o.password_file, "FILE", "holds the password that seals it; - is standard input (default: asked)", 0 },
		{ "--pem", WITAN_FLAG, &o.pem, NULL, "write key and certificate as PEM, not sealed, instead of PKCS #12", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	if (!witan_options(argc, argv, "--user ADDRESS --out FILE [OPTION...]\n\nMakes a key and a certificate by which an administrator signs in over HTTPS.",
		    options, &status))
		return status;
	if (o.user == NULL || o.out == NULL)
		return witan_usage(argv[0], "%s is missing", o.user == NULL ? "--user" : "--out");
	return run(&o, issue);
}

int revoke_certificate_main(int argc, char **argv, const char *dir)
{
	struct order o = { .command = argv[0], .dir = dir };
	const struct witan_option options[] = {
		{ "--user", WITAN_TEXT, &o.user, "ADDRESS", "all of somebody's, or", 0 },
		{ "--serial", WITAN_TEXT, &o.serial, "NUMBER", "one, by its serial number", 0 },
		{ "--reason", WITAN_TEXT, &o.reason, "WORD", "keyCompromise, affiliationChanged, superseded, cessationOfOperation or unspecified (default)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	if (!witan_options(argc, argv, "--user ADDRESS | --serial NUMBER [OPTION...]\n\nTakes back certificates that `witan issue-certificate` made.", options, &status))
		return status;
	if ((o.user == NULL) == (o.serial == NULL))
		return witan_usage(argv[0], "give either --user or --serial");
	return run(&o, take_back);
}
