/* SPDX-License-Identifier: Apache-2.0 */
/* witan issue-certificate, revoke-certificate: certificates by which people sign in. The key is made here and never leaves this program but into
 * the file; the server signs (New-CsClientCertificate) and takes back (Revoke-CsClientCertificate). */
#include "prog/witan/cmdlet_priv.h"
#include "prog/witan/link.h"
#include "prog/witan/sign_in.h"
#include "prog/witan/witan_priv.h"

#include "model/topo.h"
#include "service/cert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct order {
	const char *command, *dir;
	const char *user, *out, *password_file; /* of issuing */
	const char *host, *serial, *reason;            /* of revoking */
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

/* A request proves to the server that who asks has the key. */
static err make_request(struct order *o, struct buf *pkcs8, struct buf *pem)
{
	struct topo topo;
	struct topo_host host;
	enum cert_alg alg;
	struct buf spki DEFER(buf_fini) = { 0 }, tbs DEFER(buf_fini) = { 0 }, signature DEFER(buf_fini) = { 0 }, der DEFER(buf_fini) = { 0 };
	str cn = str_cut(str_of(o->address), 0, CERT_CN_MAX);
	const struct cert_order order = { .subject = { .cn = cn } };
	buf_init(&spki, CERT_DER_MAX);
	buf_init(&tbs, CERT_DER_MAX);
	buf_init(&signature, CERT_SIGNATURE_MAX);
	buf_init(&der, CERT_DER_MAX);
	TRY(deploy_read(o->dir, &o->arena, &topo, &host, &o->diag));
	TRY(check_domain(o, &topo));
	TRY(cert_key_new((enum cert_key)topo.certificates.key, pkcs8, &o->diag));
	TRY(cert_key_spki(buf_str(pkcs8), &spki, &o->diag));
	TRY(cert_tbs_request(&order, buf_str(&spki), &tbs, &alg, &o->diag));
	TRY(cert_sign_here(buf_str(pkcs8), buf_str(&tbs), &signature, &o->diag));
	TRY(cert_seal(buf_str(&tbs), alg, buf_str(&signature), &der));
	cert_request_print(buf_str(&der), pem);
	return pem->failed ? ERR(NO_MEMORY) : OK;
}

/* The first object that the server answers; the caller drops it. parameters are taken over. */
static err ask(struct order *o, const char *cmdlet, json_t *parameters, json_t **object)
{
	struct link *link = NULL;
	json_t *answer = NULL;
	err e = parameters != NULL ? link_open_local(o->dir, &link, &o->diag) : ERR(NO_MEMORY);
	if (!failed(e))
		e = link_send(link, cmdlet, parameters, NULL, &o->diag);
	if (!failed(e))
		e = link_receive(link, &answer, &o->diag);
	if (!failed(e))
		e = control_result(answer, &o->diag);
	if (!failed(e))
		*object = json_incref(json_array_get(json_object_get(answer, "objects"), 0));
	json_decref(parameters);
	json_decref(answer);
	link_close(link);
	return failed(e) || *object != NULL ? e : ERR(INTERNAL);
}

static err seal(struct order *o, str pkcs8, str chain, const char *password, struct buf *out)
{
	struct topo_names certs;
	if (o->pem) {
		TRY(cert_key_print(pkcs8, out));
		buf_add(out, chain);
		return out->failed ? ERR(NO_MEMORY) : OK;
	}
	TRY(cert_pem_read(chain, &o->arena, &certs, &o->diag));
	return cert_pkcs12_write(pkcs8, &certs, o->address, password, out, &o->diag);
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

static err sign(struct order *o, str request, const char *password, str pkcs8, struct buf *out, json_t **object)
{
	char uri[CERT_ADDRESS_MAX + 6];
	(void)snprintf(uri, sizeof uri, "sip:%s", o->address);
	TRY(ask(o, "New-CsClientCertificate", json_pack("{s:s,s:s%,s:i}", "Identity", uri, "Request", request.p, request.n, "Days", (int)o->days), object));
	const json_t *chain = json_object_get(*object, "Certificate");
	return seal(o, pkcs8, (str){ json_string_value(chain), json_string_length(chain) }, password, out);
}

static err fill(struct order *o, int fd)
{
	char password[SIGN_IN_SECRET] = "";
	json_t *object = NULL;
	struct buf pkcs8 DEFER(cert_wipe) = { 0 }, out DEFER(cert_wipe) = { 0 }, request DEFER(buf_fini) = { 0 };
	buf_init(&pkcs8, CERT_KEY_MAX);
	buf_init(&out, 2 * CERT_PEM_MAX);
	buf_init(&request, CERT_PEM_MAX);
	TRY(make_request(o, &pkcs8, &request));
	err e = o->pem ? OK : ask_twice(o, password);
	if (!failed(e))
		e = sign(o, buf_str(&request), password, buf_str(&pkcs8), &out, &object);
	explicit_bzero(password, sizeof password);
	if (!failed(e))
		e = write_all(o, fd, buf_str(&out));
	if (!failed(e))
		(void)printf("User         : sip:%s\nSerialNumber : %s\nNotAfter     : %s\nFile         : %s\n", o->address, json_string_value(json_object_get(object, "SerialNumber")),
			json_string_value(json_object_get(object, "NotAfter")), o->out);
	json_decref(object);
	return e;
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

static err take_back(struct order *o)
{
	char uri[CERT_ADDRESS_MAX + 6];
	json_t *object = NULL, *one;
	size_t i;
	(void)snprintf(uri, sizeof uri, "sip:%s", o->address);
	const char *name = o->user != NULL ? "Identity" : o->host != NULL ? "Computer" : "SerialNumber";
	const char *value = o->user != NULL ? uri : o->host != NULL ? o->host : o->serial;
	TRY(ask(o, "Revoke-CsClientCertificate", json_pack("{s:s,s:s*}", name, value, "Reason", o->reason), &object));
	json_array_foreach(json_object_get(object, "Revoked"), i, one)
		(void)printf("revoked %s of %s\n", json_string_value(json_object_get(one, "SerialNumber")), json_string_value(json_object_get(one, "User")));
	(void)fprintf(stderr, "the server has written certs/witan.crl and obeys it\n");
	json_decref(object);
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
		{ "--host", WITAN_TEXT, &o.host, "NAME", "all that another server was given, or", 0 },
		{ "--serial", WITAN_TEXT, &o.serial, "NUMBER", "one, by its serial number", 0 },
		{ "--reason", WITAN_TEXT, &o.reason, "WORD", "keyCompromise, affiliationChanged, superseded, cessationOfOperation or unspecified (default)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	if (!witan_options(argc, argv, "--user ADDRESS | --host NAME | --serial NUMBER [OPTION...]\n\nTakes back certificates that the built-in authority made for people or for servers that joined.", options, &status))
		return status;
	if ((o.user != NULL) + (o.host != NULL) + (o.serial != NULL) != 1)
		return witan_usage(argv[0], "give one of --user, --host and --serial");
	return run(&o, take_back);
}
