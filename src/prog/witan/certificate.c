/* SPDX-License-Identifier: Apache-2.0 */
/* Get-CsCertificate while the server does not run: what it would present. While it runs, it answers itself. */
#include "prog/witan/witan_priv.h"

#include "model/topo.h"
#include "os/file.h"
#include "prog/witan/console.h"
#include "prog/witan/link.h"
#include "service/certstore.h"

#include <fcntl.h>

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

/* Of a deployment that no server of this version has taken over yet. */
static err read_former(struct certificate *c, int certs, struct cert_view *out)
{
	struct buf pem DEFER(buf_fini) = { 0 };
	TRY(file_read(certs, "default.pem", CERT_PEM_MAX, &pem, &c->diag));
	return cert_read(buf_str(&pem), &c->arena, out, &c->diag);
}

static err read_assigned(struct certificate *c, int certs, struct cert_view *out)
{
	struct certstore *store = NULL;
	TRY(certstore_open(certs, &store, NULL, &c->diag));
	const struct certstore_cert *found = certstore_assigned(store, c->usage);
	err e = found != NULL ? cert_read(buf_str(&found->chain), &c->arena, out, &c->diag) : ERR(ABSENT);
	certstore_close(store);
	if (err_is(e, ERR_ABSENT) && c->usage == PLAN_DEFAULT && faccessat(certs, "default.pem", F_OK, 0) == 0)
		return read_former(c, certs, out);
	return failed(e) && c->diag.what[0] == '\0' ? diag_fail(&c->diag, e, "certs/assigned", "witan Request-CsCertificate -New makes one while the server runs", "no certificate is assigned to %s",
							     plan_usage_word(c->usage)) : e;
}

static err read_current(struct certificate *c, struct cert_view *out)
{
	int certs = openat(c->dirfd, "certs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (certs < 0)
		return diag_fail(&c->diag, ERR(ABSENT), "certs/", "make the deployment with `witan init`", "cannot open the directory");
	err e = read_assigned(c, certs, out);
	(void)close(certs);
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

static bool is_running(const struct console_where *where)
{
	struct link *link = NULL;
	struct diag d;
	bool is = where->url != NULL || !failed(link_open_local(where->dir, &link, &d));
	link_close(link);
	return is;
}

int get_certificate_main(int argc, char **argv, const struct console_where *where)
{
	struct certificate c = { .command = argv[0], .dir = where->dir };
	const char *type = NULL, *as = NULL;
	bool all = false;
	const struct witan_option options[] = {
		{ "-Type", WITAN_TEXT, &type, "USAGE", "what the certificate is for (Default)", 0 },
		{ "-All", WITAN_FLAG, &all, NULL, "those too that are for nothing (only while the server runs)", 0 },
		{ "-As", WITAN_TEXT, &as, "table|list|json", "how it is printed", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	if (is_running(where))
		return cmdlet_main(argc, argv, where);
	if (!witan_options(
		    argc, argv, "[OPTION...]\n\nShows the certificate that the server presents.", options, &status))
		return status;
	return run(&c, type, as, get);
}
