/* SPDX-License-Identifier: Apache-2.0 */
/* witan acme: a certificate of an ACME authority (RFC 8555), from the request to its use, and its renewal. The running server makes the key and the
 * request and takes the answer in; the client (acme_client.c) speaks to the authority. Each step can be interrupted: what is remembered and what
 * the server shows say where the next run goes on. */
#include "prog/witan/acme_priv.h"

#include "base/crypt.h"
#include "os/file.h"
#include "prog/witan/acme_order.h"
#include "service/cert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { CONFS_MAX = 64, SECRET_MAX = 512 };

/* ---- the command line ---- */

struct line {
	const char *usage, *ca, *contact, *challenge, *hook, *ca_file, *eab_kid, *eab_file;
	bool renew, dry_run;
};

static err copy(char *to, size_t size, const char *from, const char *option, struct diag *d)
{
	if (from == NULL || str_to_z(str_of(from), to, size))
		return OK;
	return diag_fail(d, ERR(CEILING), option, "use a shorter one", "it is too long");
}

/* Files are remembered by their whole path: the next run starts elsewhere. */
static err copy_path(char *to, const char *from, const char *option, struct diag *d)
{
	char whole[PATH_MAX];
	if (from == NULL)
		return OK;
	if (realpath(from, whole) == NULL)
		return diag_fail(d, ERR(USAGE), option, "name a file that is there", "%.200s: %s", from, strerror(errno));
	return copy(to, ACME_TEXT, whole, option, d);
}

/* What is given replaces what was remembered. */
static err take_line(const struct line *l, struct acme_conf *c, struct diag *d)
{
	TRY(copy(c->ca, sizeof c->ca, l->ca, "--ca", d));
	TRY(copy(c->contact, sizeof c->contact, l->contact, "--contact", d));
	if (l->challenge != NULL && l->hook == NULL)
		c->hook[0] = '\0';
	TRY(copy(c->challenge, sizeof c->challenge, l->challenge, "--challenge", d));
	TRY(copy_path(c->hook, l->hook, "--hook", d));
	TRY(copy_path(c->ca_file, l->ca_file, "--ca-file", d));
	if (c->challenge[0] == '\0')
		TRY(copy(c->challenge, sizeof c->challenge, "http-01", "--challenge", d));
	if (c->ca[0] == '\0')
		return diag_fail(d, ERR(USAGE), "--ca", "the directory of the authority: https://acme.example.test/directory", "--ca is missing: nothing is remembered of this certificate yet");
	return acme_conf_check(c, d);
}

static err read_secret(const char *path, char out[SECRET_MAX], struct diag *d)
{
	struct buf file DEFER(cert_wipe) = { 0 };
	TRY(file_read(AT_FDCWD, path, SECRET_MAX - 1, &file, d));
	str s = str_trim(buf_str(&file));
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '_' || s.p[i] == '='))
			return diag_fail(d, ERR(MALFORMED), path, "the file holds the HMAC key as the authority has given it, and nothing else", "this is no key in base64url");
	return s.n != 0 && str_to_z(s, out, SECRET_MAX) ? OK : diag_fail(d, ERR(MALFORMED), path, "", "the file is empty");
}

/* ---- one certificate ---- */

static err find_usages(const char *words, struct acme_conf *c, struct diag *d)
{
	uint32_t set;
	str bad;
	if (!certstore_usages_find(str_of(words), &set, &bad) || set == 0) {
		char all[CERTSTORE_USAGES];
		certstore_usages_print(UINT32_MAX, all);
		return diag_fail(d, ERR(USAGE), "--usage", all, "\"%.*s\" is no use of a certificate", STR_FMT(str_cut(bad, 0, 60)));
	}
	certstore_usages_print(set, c->usages);
	return OK;
}

static err say_plan(struct acme_order *o)
{
	TRY(acme_order_try(o));
	(void)printf("%s: would be ordered from %s, challenge %s%s%s; nothing was done\n", o->conf.usages, o->conf.ca, o->conf.challenge, o->conf.hook[0] != '\0' ? " by " : "", o->conf.hook);
	return OK;
}

static err order_by(struct acme_order *o, const struct line *l, const char *secret, bool secret_is_there)
{
	const struct acme_run run = { .conf = &o->conf, .deployment = o->deployment, .dir = o->dir, .eab_kid = secret_is_there ? l->eab_kid : NULL, .eab_hmac = secret_is_there ? secret : NULL };
	bool due = true;
	if (l->renew)
		TRY(acme_order_is_due(o, &due));
	if (!due) {
		(void)printf("%s: nothing to do, less than two thirds of its life are over\n", o->conf.usages);
		return OK;
	}
	return l->dry_run ? say_plan(o) : acme_order_run(o, &run);
}

static err order(struct acme_order *o, const struct line *l)
{
	char name[ACME_NAME], usages[CERTSTORE_USAGES], secret[SECRET_MAX] = "";
	TRY(find_usages(l->usage, &o->conf, &o->diag));
	(void)str_to_z(str_of(o->conf.usages), usages, sizeof usages);
	TRY(acme_conf_name(usages, name, &o->diag));
	err e = acme_conf_read(o->dir, name, &o->conf, &o->diag);
	if (failed(e) && !err_is(e, ERR_ABSENT))
		return e;
	if (failed(e) && l->renew)
		return diag_fail(&o->diag, e, "--renew", "order it first: witan acme --usage ... --ca ...", "no certificate for %s was ordered here", usages);
	(void)str_to_z(str_of(usages), o->conf.usages, sizeof o->conf.usages);
	TRY(take_line(l, &o->conf, &o->diag));
	if (l->eab_file != NULL)
		TRY(read_secret(l->eab_file, secret, &o->diag));
	e = order_by(o, l, secret, l->eab_file != NULL);
	crypt_wipe(secret, sizeof secret);
	return e;
}

/* ---- all that are remembered ---- */

struct names {
	char p[CONFS_MAX][ACME_NAME];
	size_t n;
};

static err find_names(int dir, struct names *out, struct diag *d)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	for (const struct dirent *e; list != NULL && out->n < CONFS_MAX && (e = readdir(list)) != NULL;) {
		str name = str_of(e->d_name);
		if (name.n > 5 && str_eq(str_cut(name, name.n - 5, name.n), STR(".conf")) && str_to_z(str_cut(name, 0, name.n - 5), out->p[out->n], ACME_NAME))
			out->n++;
	}
	if (list != NULL)
		(void)closedir(list);
	return list != NULL ? OK : diag_fail(d, ERR(SYSTEM), "acme", "", "cannot read the directory");
}

/* One that fails keeps no other from being renewed. */
static int renew_all(struct acme_order *o, struct line *l)
{
	static struct names names; /* too large for the stack */
	int status = WITAN_DONE;
	err e = find_names(o->dir, &names, &o->diag);
	if (failed(e))
		return witan_fail("acme", e, &o->diag);
	if (names.n == 0)
		(void)printf("nothing to do: no certificate of an ACME authority was ordered here\n");
	for (size_t i = 0; i < names.n; i++) {
		for (char *z = names.p[i]; *z != '\0'; z++)
			*z = *z == '+' ? ',' : *z;
		l->usage = names.p[i];
		o->conf = (struct acme_conf){ .usages = "" };
		o->diag = (struct diag){ 0 };
		e = order(o, l);
		if (failed(e))
			status = witan_fail("acme", e, &o->diag);
	}
	return status;
}

static int with_lock(struct acme_order *o, struct line *l)
{
	if (l->usage == NULL)
		return renew_all(o, l);
	err e = order(o, l);
	return failed(e) ? witan_fail("acme", e, &o->diag) : WITAN_DONE;
}

static err open_all(struct acme_order *o, const char *dir)
{
	const char *client;
	TRY(acme_client_find(&client, &o->diag));
	int fd = deploy_open(dir, &o->diag);
	if (fd < 0)
		return ERR(ABSENT);
	err e = realpath(dir, o->deployment) != NULL ? acme_open(fd, &o->dir, &o->lock, &o->diag) : ERR(SYSTEM);
	(void)close(fd);
	return e;
}

static int run(struct line *l, const char *dir)
{
	static struct acme_order o; /* too large for the stack */
	o = (struct acme_order){ .dir = -1, .lock = -1 };
	err e = open_all(&o, dir);
	int status = failed(e) ? witan_fail("acme", e, &o.diag) : with_lock(&o, l);
	if (o.lock >= 0)
		(void)close(o.lock);
	if (o.dir >= 0)
		(void)close(o.dir);
	return status;
}

int acme_main(int argc, char **argv, const char *dir)
{
	struct line l = { .usage = NULL };
	const struct witan_option options[] = {
		{ "--usage", WITAN_TEXT, &l.usage, "USAGE[,...]", "what the certificate is for: Default, WebServicesExternal, AccessEdgeExternal ...", 0 },
		{ "--ca", WITAN_TEXT, &l.ca, "URL", "the directory of the authority (must be given the first time)", 0 },
		{ "--contact", WITAN_TEXT, &l.contact, "MAIL", "whom the authority writes to", 0 },
		{ "--challenge", WITAN_TEXT, &l.challenge, "KIND", "http-01 (default; the server answers it), dns-01 or tls-alpn-01", 0 },
		{ "--hook", WITAN_TEXT, &l.hook, "PROGRAM", "answers the challenge: PROGRAM deploy_challenge NAME TOKEN TEXT, PROGRAM clean_challenge NAME TOKEN TEXT", 0 },
		{ "--ca-file", WITAN_TEXT, &l.ca_file, "FILE", "what the authority's own address is trusted by, in PEM (default: the system's authorities)", 0 },
		{ "--eab-kid", WITAN_TEXT, &l.eab_kid, "ID", "the account at the authority that this one is bound to (RFC 8555 7.3.4)", 0 },
		{ "--eab-hmac-file", WITAN_TEXT, &l.eab_file, "FILE", "holds its key, base64url", 0 },
		{ "--renew", WITAN_FLAG, &l.renew, NULL, "only where two thirds of the life are over; without --usage all that were ordered here", 0 },
		{ "--dry-run", WITAN_FLAG, &l.dry_run, NULL, "only say what would be done", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	if (!witan_options(argc, argv, "--usage USAGE[,...] --ca URL [OPTION...]\n       witan acme --renew [OPTION...]\n\nOrders a certificate of an ACME authority (RFC 8555), takes it in and uses it. "
				       "By this\nyou agree to the terms of the authority. Everything is remembered for --renew.",
		    options, &status))
		return status;
	if (l.usage == NULL && !l.renew)
		return witan_usage(argv[0], "--usage is missing");
	if (l.usage == NULL && (l.ca != NULL || l.contact != NULL || l.challenge != NULL || l.hook != NULL || l.ca_file != NULL))
		return witan_usage(argv[0], "name what the certificate is for: --usage");
	if ((l.eab_kid == NULL) != (l.eab_file == NULL))
		return witan_usage(argv[0], "give both --eab-kid and --eab-hmac-file, or neither");
	for (const char *z = l.eab_kid; z != NULL && *z != '\0'; z++)
		if ((unsigned char)*z <= 0x20 || (unsigned char)*z >= 0x7f || strchr("\"\\", *z) != NULL)
			return witan_usage(argv[0], "--eab-kid cannot be \"%s\"", l.eab_kid);
	return run(&l, dir);
}
