/* SPDX-License-Identifier: Apache-2.0 */
/* witan verify-chain - judges one chain of certificates as the server would in a handshake. */
#include "prog/witan/witan_priv.h"

#include "base/mem.h"
#include "os/file.h"
#include "service/trust.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_NAME "verify-chain"

enum { ROOTS_MOST = 256 * 1024 };

struct verify {
	const char *role, *name, *ca, *at, *policy, *format, *file;
	struct witan_texts lists;
	struct trust_case question;
	enum trust_policy missing;
	bool as_json;
	struct trust *trust;
	struct diag diag;
};

/* ---- what was asked ---- */

static bool read_time(const char *text, int64_t *out)
{
	struct tm tm = { 0 };
	uint64_t seconds;
	if (str_to_u64(str_of(text), &seconds) && seconds < (UINT64_C(1) << 40)) {
		*out = (int64_t)seconds;
		return true;
	}
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	*out = (int64_t)timegm(&tm);
	return end != NULL && *end == '\0';
}

/* 0, or the exit status of a mistake. */
static int read_question(struct verify *v)
{
	struct trust_case *q = &v->question;
	if (v->role == NULL || !trust_role_find(str_of(v->role), &q->role))
		return witan_usage(COMMAND_NAME, "--role is needed: peer, client or server");
	if (v->ca == NULL)
		return witan_usage(COMMAND_NAME, "--ca is needed: the authorities that are trusted");
	if (v->name == NULL && q->role != TRUST_CLIENT)
		return witan_usage(COMMAND_NAME, "--name is needed for %s: the name that it must have", v->role);
	q->name = str_of(v->name);
	q->now = (int64_t)time(NULL);
	if (v->at != NULL && !read_time(v->at, &q->now))
		return witan_usage(COMMAND_NAME, "--at cannot be \"%s\": 2026-11-24T13:05:00Z, or seconds since 1970", v->at);
	/* without any list there is nothing to be strict with */
	v->missing = v->lists.n != 0 ? TRUST_HARD : TRUST_SOFT;
	if (v->policy != NULL && strcmp(v->policy, "soft") != 0 && strcmp(v->policy, "hard") != 0)
		return witan_usage(COMMAND_NAME, "--policy cannot be \"%s\": soft or hard", v->policy);
	if (v->policy != NULL)
		v->missing = strcmp(v->policy, "soft") == 0 ? TRUST_SOFT : TRUST_HARD;
	v->as_json = v->format != NULL && strcmp(v->format, "json") == 0;
	if (v->format != NULL && !v->as_json && strcmp(v->format, "text") != 0)
		return witan_usage(COMMAND_NAME, "--format cannot be \"%s\": text or json", v->format);
	return 0;
}

/* ---- reading ---- */

static err read_file(const char *path, size_t most, struct buf *out, struct diag *d)
{
	return file_read(AT_FDCWD, path, most, out, d);
}

static err read_list(struct verify *v, str path)
{
	char z[4096];
	struct buf list DEFER(buf_fini) = { 0 };
	ENSURE(str_to_z(path, z, sizeof z), CEILING);
	TRY(read_file(z, TRUST_LIST_MAX, &list, &v->diag));
	return trust_add_list(v->trust, buf_str(&list), z, &v->diag);
}

static err read_trust(struct verify *v)
{
	struct buf roots DEFER(buf_fini) = { 0 };
	TRY(read_file(v->ca, ROOTS_MOST, &roots, &v->diag));
	err e = trust_new(&(struct trust_config){ .roots_pem = buf_str(&roots), .own = v->missing, .others = v->missing }, &v->trust, &v->diag);
	if (failed(e))
		(void)str_to_z(str_of(v->ca), v->diag.where, sizeof v->diag.where);
	TRY(e);
	for (size_t i = 0; i < v->lists.n; i++)
		TRY(read_list(v, v->lists.p[i]));
	return OK;
}

static err read_standard_input(struct buf *out)
{
	char piece[4096];
	size_t n;
	buf_init(out, TRUST_TEXT_MAX + sizeof piece);
	while (out->n <= TRUST_TEXT_MAX && (n = fread(piece, 1, sizeof piece, stdin)) != 0)
		buf_add(out, (str){ piece, n });
	return out->failed ? ERR(NO_MEMORY) : OK;
}

/* ---- the verdict ---- */

static bool tell_json(const struct verify *v, const struct trust_verdict *t)
{
	json_t *o = json_pack("{s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ok", t->reason == TRUST_FINE, "reason", trust_word(t->reason), "role", v->role,
		"name", t->name, "doubt", t->doubt != TRUST_FINE ? trust_word(t->doubt) : "", "where", v->diag.where, "what", v->diag.what, "remedy", v->diag.remedy);
	bool ok = o != NULL && json_dumpf(o, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
	json_decref(o);
	return ok;
}

static bool tell_text(const struct verify *v, const struct trust_verdict *t)
{
	if (t->reason != TRUST_FINE)
		return printf("refused (%s): %s: %s\n  remedy: %s\n", trust_word(t->reason), v->diag.where, v->diag.what, v->diag.remedy) > 0;
	bool ok = printf("ok: a %s%s%s\n", v->role, t->name[0] != '\0' ? " by the name " : "", t->name) > 0;
	if (t->doubt != TRUST_FINE)
		(void)printf("  not known (%s): whether it was revoked; give the lists with --crl\n", trust_word(t->doubt));
	return ok;
}

static int judge(struct verify *v)
{
	struct buf chain DEFER(buf_fini) = { 0 };
	struct trust_verdict t;
	err e = read_trust(v);
	if (!failed(e))
		e = strcmp(v->file, "-") == 0 ? read_standard_input(&chain) : read_file(v->file, TRUST_TEXT_MAX + 1, &chain, &v->diag);
	if (failed(e))
		return witan_fail(COMMAND_NAME, e, &v->diag);
	e = trust_judge(v->trust, &v->question, buf_str(&chain), &t, &v->diag);
	if (failed(e) && t.reason == TRUST_FINE)
		return witan_fail(COMMAND_NAME, e, &v->diag);
	bool told = v->as_json ? tell_json(v, &t) : tell_text(v, &t);
	return told && t.reason == TRUST_FINE ? WITAN_DONE : WITAN_REFUSED;
}

int verify_chain_main(int argc, char **argv)
{
	struct verify v = { 0 };
	const struct witan_option options[] = {
		{ "--role", WITAN_TEXT, &v.role, "peer|client|server", "who shows the chain: a server of ours, a person, or what we have dialled", 0 },
		{ "--name", WITAN_TEXT, &v.name, "NAME", "the name it must have (client: a SIP address; may be left out)", 0 },
		{ "--ca", WITAN_TEXT, &v.ca, "FILE", "the authorities that are trusted, in PEM", 0 },
		{ "--crl", WITAN_TEXTS, &v.lists, "FILE", "a revocation list, in PEM or DER; may stand several times", 0 },
		{ "--at", WITAN_TEXT, &v.at, "TIME", "as it were at that time (default: now)", 0 },
		{ "--policy", WITAN_TEXT, &v.policy, "soft|hard", "whether a list that is missing or has ended is forgiven (default: soft without --crl, else hard)", 0 },
		{ "--format", WITAN_TEXT, &v.format, "text|json", "how the verdict is printed", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	bool has_file = argc > 1 && (argv[argc - 1][0] != '-' || argv[argc - 1][1] == '\0');
	if (has_file)
		v.file = argv[argc - 1];
	if (!witan_options(argc - has_file, argv, "OPTION... FILE\n\nJudges a chain of certificates (PEM or DER, the leaf first; - is standard input) as the server\n"
						  "would in a handshake. Exit status: 0 it is accepted, 1 it is refused, with the reason, 2 usage.",
		    options, &status))
		return status;
	if (!has_file)
		return witan_usage(COMMAND_NAME, "the file with the chain is missing");
	status = read_question(&v);
	if (status == 0)
		status = judge(&v);
	trust_free(v.trust);
	return status;
}
