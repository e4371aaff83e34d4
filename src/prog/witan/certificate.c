/* SPDX-License-Identifier: Apache-2.0 */
/* The cmdlets on certificates. They work on the deployment's files, so that they also work when the server does not
 * run. */
#include "prog/witan/witan_priv.h"

#include "base/enc.h"
#include "model/topo.h"
#include "os/file.h"
#include "service/cert.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct certificate {
	const char *command, *dir;
	int dirfd;
	struct arena arena;
	enum plan_usage usage;
	err (*show)(struct certificate *c, const struct cert_view *v);
	struct diag diag;
};

static err read_current(struct certificate *c, struct cert_view *out)
{
	struct buf pem;
	err e = file_read(c->dirfd, "certs/default.pem", CERT_PEM_MAX, &pem, &c->diag);
	if (!failed(e))
		e = cert_read(buf_str(&pem), &c->arena, out, &c->diag);
	buf_fini(&pem);
	return e;
}

void witan_time(int64_t t, char out[WITAN_TIME])
{
	struct tm tm;
	time_t seconds = (time_t)t;
	if (gmtime_r(&seconds, &tm) == NULL || strftime(out, WITAN_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(out, WITAN_TIME, "%lld", (long long)t);
}

/* ---- showing ---- */

static err show_list(struct certificate *c, const struct cert_view *v)
{
	char from[WITAN_TIME], to[WITAN_TIME];
	witan_time(v->not_before, from);
	witan_time(v->not_after, to);
	(void)printf("Use              : %s\nSubject          : %.*s\nAlternativeNames : ", plan_usage_word(c->usage),
		STR_FMT(v->subject));
	for (size_t i = 0; i < v->san.n; i++)
		(void)printf("%s%.*s", i > 0 ? ", " : "", STR_FMT(v->san.p[i]));
	(void)printf("\nIssuer           : %.*s\nNotBefore        : %s\nNotAfter         : %s\n", STR_FMT(v->issuer),
		from, to);
	(void)printf("SerialNumber     : %s\nThumbprint       : %s\nKey              : %.*s\n", v->serial,
		v->thumbprint, STR_FMT(v->key));
	return OK;
}

static err show_table(struct certificate *c, const struct cert_view *v)
{
	char to[WITAN_TIME];
	witan_time(v->not_after, to);
	(void)printf("%-8s %-20s  %-40s  %s\n", "Use", "NotAfter", "Thumbprint", "Subject");
	(void)printf("%-8s %-20s  %-40s  %.*s\n", plan_usage_word(c->usage), to, v->thumbprint, STR_FMT(v->subject));
	return OK;
}

static err show_json(struct certificate *c, const struct cert_view *v)
{
	char from[WITAN_TIME], to[WITAN_TIME];
	witan_time(v->not_before, from);
	witan_time(v->not_after, to);
	json_t *names = json_array();
	for (size_t i = 0; i < v->san.n; i++)
		(void)json_array_append_new(names, json_stringn(v->san.p[i].p, v->san.p[i].n));
	json_t *all = json_pack("[{s:s, s:s%, s:o, s:s%, s:s, s:s, s:s, s:s, s:s%}]", "Use", plan_usage_word(c->usage),
		"Subject", v->subject.p, v->subject.n, "AlternativeNames", names, "Issuer", v->issuer.p, v->issuer.n,
		"NotBefore", from, "NotAfter", to, "SerialNumber", v->serial, "Thumbprint", v->thumbprint, "Key",
		v->key.p, v->key.n);
	bool ok = all != NULL && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
	json_decref(all);
	return ok ? OK : ERR(NO_MEMORY);
}

static const struct {
	const char *word;
	err (*show)(struct certificate *c, const struct cert_view *v);
} forms[] = {
	{ "list", show_list }, /* unless -As says something else */
	{ "table", show_table },
	{ "json", show_json },
};

static bool set_form(struct certificate *c, const char *word)
{
	c->show = forms[0].show;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (word != NULL && !str_eq_case(str_of(word), str_of(forms[i].word)))
			continue;
		c->show = forms[i].show;
		return true;
	}
	return false;
}

static err get(struct certificate *c)
{
	struct cert_view view;
	TRY(read_current(c, &view));
	return c->show(c, &view);
}

/* ---- a new one ---- */

static err issue(struct certificate *c, const struct topo *t, const struct topo_host *host, struct cert_pair *pair)
{
	struct plan_certificate plan;
	struct cert_ca *ca = NULL;
	TRY(plan_certificate_host(t, host, c->usage, &c->arena, &plan, &c->diag));
	TRY(deploy_read_ca(c->dirfd, &ca, &c->diag));
	err e = cert_issue(ca, &plan, t->organization, (int64_t)time(NULL), pair, &c->diag);
	if (!failed(e))
		e = deploy_write_pair(c->dirfd, pair, &c->diag);
	if (!failed(e))
		e = deploy_write_crl(c->dirfd, ca, &c->diag);
	cert_ca_free(ca);
	return e;
}

static err replace(struct certificate *c, const struct topo *t, const struct topo_host *host)
{
	struct cert_view before;
	struct cert_pair pair = { .spki = { 0 } };
	char old_id[16] = "", new_id[16];
	bool had = !failed(read_current(c, &before)); /* a broken one is no reason not to make a new one */
	if (had)
		enc_hex(before.spki, 8, old_id);
	err e = issue(c, t, host, &pair);
	enc_hex(pair.spki, 8, new_id);
	cert_pair_fini(&pair);
	TRY(e);
	unsigned dropped = deploy_drop_keys(c->dirfd, (str){ new_id, 16 }, (str){ old_id, had ? 16 : 0 });
	(void)fprintf(stderr, "wrote keys/default-%.16s.key, certs/default.pem and certs/witan.crl\n", new_id);
	if (dropped > 0)
		(void)fprintf(stderr, "removed %u old key%s\n", dropped, dropped > 1 ? "s" : "");
	err told = deploy_reload(c->dirfd, &c->diag);
	if (failed(told) && !err_is(told, ERR_ABSENT))
		return told;
	(void)fprintf(stderr, failed(told)
				      ? "the server is not running; it will present the certificate when it starts\n"
				      : "told the server to read it; connections that are there go on\n");
	return get(c);
}

static err request(struct certificate *c)
{
	struct topo topo;
	struct topo_host host;
	TRY(deploy_read(c->dir, &c->arena, &topo, &host, &c->diag));
	return replace(c, &topo, &host);
}

/* ---- command lines ---- */

static int run(struct certificate *c, const char *type, const char *as, err (*work)(struct certificate *c))
{
	if (type != NULL && (!plan_usage_find(str_of(type), &c->usage) || c->usage != PLAN_DEFAULT))
		return witan_usage(c->command, "there is no certificate of type \"%s\"; there is: Default", type);
	if (!set_form(c, as))
		return witan_usage(c->command, "-As cannot be \"%s\": table, list or json", as);
	c->dirfd = deploy_open(c->dir, &c->diag);
	if (c->dirfd < 0)
		return witan_fail(c->command, ERR(ABSENT), &c->diag);
	arena_init(&c->arena, 32u << 20);
	err e = work(c);
	arena_fini(&c->arena);
	(void)close(c->dirfd);
	return failed(e) ? witan_fail(c->command, e, &c->diag) : WITAN_DONE;
}

int get_certificate_main(int argc, char **argv, const char *dir)
{
	struct certificate c = { .command = argv[0], .dir = dir };
	const char *type = NULL, *as = NULL;
	const struct witan_option options[] = {
		{ "-Type", WITAN_TEXT, &type, "USAGE", "what the certificate is for (Default)", 0 },
		{ "-As", WITAN_TEXT, &as, "table|list|json", "how it is printed", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	if (!witan_options(
		    argc, argv, "[OPTION...]\n\nShows the certificate that the server presents.", options, &status))
		return status;
	return run(&c, type, as, get);
}

int request_certificate_main(int argc, char **argv, const char *dir)
{
	struct certificate c = { .command = argv[0], .dir = dir };
	const char *type = NULL, *as = NULL;
	bool is_new = false;
	const struct witan_option options[] = {
		{ "-New", WITAN_FLAG, &is_new, NULL, "make a new key and a certificate for it (must be given)", 0 },
		{ "-Type", WITAN_TEXT, &type, "USAGE", "what the certificate is for (Default)", 0 },
		{ "-As", WITAN_TEXT, &as, "table|list|json", "how the new one is printed", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	if (!witan_options(argc, argv,
		    "-New [OPTION...]\n\nReplaces the server's key and certificate; the built-in CA signs.", options,
		    &status))
		return status;
	if (!is_new)
		return witan_usage(argv[0], "-New is missing");
	return run(&c, type, as, request);
}
