/* SPDX-License-Identifier: Apache-2.0 */
/* witan script: checks an application of administrators' message filters, and shows step by step what it does to a message. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/file.h"
#include "prog/witan/application.h"
#include "prog/witan/witan_priv.h"
#include "service/script.h"

#define NAME        "script"
#define MESSAGE_MAX (1u << 20)
#define DOMAINS_MAX 8

struct trace {
	struct log log;
	struct meter meter;
	struct answers answers;
	struct script_source source;
	str domains[DOMAINS_MAX];
	size_t n_domains;
	struct inbound *in;
	bool is_answered;
};

static int help(void)
{
	(void)puts("usage: witan script check [--lenient] FILE\n"
		   "       witan script trace [--source WORD] [--domain DOMAIN]... FILE MESSAGE\n\n"
		   "check   reads a manifest (*.am) with its script and its files and says what is wrong, with the place\n"
		   "trace   runs it on one SIP message (byte for byte in MESSAGE) and tells each step and what becomes of the message\n\n"
		   "  --lenient        mends what published manifests get wrong, as New-CsServerApplication does\n"
		   "  --source WORD    where the message comes from: internal (as without it), internet, federation, public\n"
		   "  --domain DOMAIN  a SIP domain of the server; without one the domain of the request counts\n\n"
		   "exit status: 0 all is well, 1 the manifest or its script is wrong, 2 the command line is wrong or a file cannot be read");
	return WITAN_DONE;
}

/* ---- check ---- */

static int read_application(const char *path, bool is_lenient, struct application *a)
{
	struct diag d;
	err e = application_read(path, is_lenient, a, &d);
	if (!failed(e))
		return WITAN_DONE;
	application_complain(path, a, &d);
	return a->manifest.n == 0 ? WITAN_USAGE : WITAN_REFUSED;
}

static int check(const char *path, bool is_lenient)
{
	struct application a DEFER(application_fini) = { 0 };
	int status = read_application(path, is_lenient, &a);
	if (status == WITAN_DONE)
		(void)printf("%.*s: well-formed, %zu bytes of script, %zu files\n", STR_FMT(a.read.app_uri), a.read.script.source.n, a.read.script.n_files);
	return status;
}

/* ---- what a traced script learns ---- */

static void source(void *arg, const struct inbound *in, const struct request *r, struct script_source *out)
{
	const struct trace *t = arg;
	(void)in;
	(void)r;
	*out = t->source;
}

static bool is_domain(void *arg, str domain)
{
	const struct trace *t = arg;
	if (t->n_domains == 0)
		return t->in->msg.is_request && str_eq_case(domain, t->in->msg.uri.host);
	for (size_t i = 0; i < t->n_domains; i++)
		if (str_eq_case(domain, t->domains[i]))
			return true;
	return false;
}

static err print_answer(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct trace *t = arg;
	(void)to;
	(void)request;
	t->is_answered = true;
	(void)printf("answered:\n%.*s", STR_FMT(bytes));
	return OK;
}

static void print_step(void *arg, str application, uint32_t line, const char *what, const char *result)
{
	(void)arg;
	(void)application;
	(void)printf("line %u: %s%s%s\n", line, what, result[0] != '\0' ? " is " : "", result);
}

/* ---- trace ---- */

static void print_end(const struct trace *t, const struct request *r, enum stage_verdict v)
{
	if (v != STAGE_NEXT && !t->is_answered)
		(void)puts("dropped: no answer, and it does not go on");
	for (size_t i = 0; i < r->n_forks; i++)
		(void)printf("sent to %.*s\n", STR_FMT(r->forks[i]));
	if (v == STAGE_NEXT)
		(void)printf("goes on:\n%.*s\n", STR_FMT(t->in->msg.raw));
}

static void run_request(struct trace *t, struct scripts *s)
{
	enum stage_verdict v = STAGE_NEXT;
	struct request r = { .in = t->in, .aor = STR(""), .target = STR(""), .answers = &t->answers };
	err e = script_stage(s, &r, &v);
	if (failed(e))
		(void)printf("refused: %s\n", e.def->text);
	else
		print_end(t, &r, v);
}

static void run_message(struct trace *t, struct scripts *s)
{
	if (scripts_count(s) == 0)
		(void)puts("the manifest's roles do not have a Front End or an Edge among them: it would not be loaded");
	else if (t->in->msg.is_request)
		run_request(t, s);
	else
		(void)printf(script_response(s, t->in) ? "passed back:\n%.*s\n" : "kept back:\n%.*s\n", STR_FMT(t->in->msg.raw));
}

static err run(struct trace *t, const struct application *a, const char *path, int64_t role)
{
	struct scripts *s;
	const struct script_config config = { .fqdn = STR("this.server"), .pool = STR("this.server"), .role = role, .door = { .source = source, .is_domain = is_domain },
		.arg = t, .log = &t->log, .meter = &t->meter };
	TRY(scripts_new(&config, &s));
	const struct script_watch watch = { print_step, t };
	scripts_watch(s, &watch);
	scripts_begin(s);
	err e = scripts_put(s, &(const struct script_row){ .identity = str_of(path), .manifest = buf_str(&a->manifest), .files = buf_str(&a->files) });
	scripts_end(s);
	if (!failed(e))
		run_message(t, s);
	scripts_free(s);
	return e;
}

static err read_message(const char *path, struct trace *t, struct diag *d)
{
	struct buf raw DEFER(buf_fini) = { 0 };
	TRY(file_read(AT_FDCWD, path, MESSAGE_MAX, &raw, d));
	err e = inbound_new(buf_str(&raw), NULL, &t->in, d);
	if (failed(e) && t->in != NULL) {
		inbound_unref(t->in);
		t->in = NULL;
	}
	return e;
}

static int trace(struct trace *t, const char *path, const char *message, int64_t role)
{
	struct application a DEFER(application_fini) = { 0 };
	struct diag d = { 0 };
	int status = read_application(path, true, &a);
	if (status != WITAN_DONE)
		return status;
	err e = read_message(message, t, &d);
	if (failed(e)) {
		(void)witan_fail(NAME, e, &d);
		return WITAN_USAGE;
	}
	log_init(&t->log, 2, "script", 0);
	t->answers = (struct answers){ .send = print_answer, .arg = t, .log = &t->log, .meter = &t->meter, .fqdn = STR("this.server") };
	t->in->via_params = STR("");
	e = run(t, &a, path, role);
	inbound_unref(t->in);
	return failed(e) ? WITAN_REFUSED : WITAN_DONE;
}

/* ---- the command line ---- */

static const struct {
	const char *word;
	int64_t origin, type, network, role;
} sources[] = {
	{ "internal", MSPL_MessageOrigin_NetworkInternal, MSPL_ExternalSourceType_Unknown, MSPL_ExternalSourceNetwork_Unknown, MSPL_ServerRole_FrontEnd },
	{ "internet", MSPL_MessageOrigin_NetworkExternal, MSPL_ExternalSourceType_InternetUser, MSPL_ExternalSourceNetwork_Unknown, MSPL_ServerRole_AccessProxy },
	{ "federation", MSPL_MessageOrigin_NetworkExternal, MSPL_ExternalSourceType_DirectPartner, MSPL_ExternalSourceNetwork_Federation, MSPL_ServerRole_AccessProxy },
	{ "public", MSPL_MessageOrigin_NetworkExternal, MSPL_ExternalSourceType_ClearingHouse, MSPL_ExternalSourceNetwork_PublicCloud, MSPL_ServerRole_AccessProxy },
};

static bool take_source(struct trace *t, const char *word, int64_t *role)
{
	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
		if (strcmp(word, sources[i].word) == 0) {
			t->source = (struct script_source){ .origin = sources[i].origin, .type = sources[i].type, .network = sources[i].network };
			*role = sources[i].role;
			return true;
		}
	return false;
}

/* *i stands at an option; false: it is none, or its value is missing. */
static bool take_option(int argc, char **argv, int *i, struct trace *t, int64_t *role, bool *is_lenient)
{
	if (strcmp(argv[*i], "--lenient") == 0) {
		*is_lenient = true;
		return true;
	}
	if (*i + 1 >= argc)
		return false;
	if (strcmp(argv[*i], "--source") == 0)
		return take_source(t, argv[++*i], role);
	if (strcmp(argv[*i], "--domain") != 0 || t->n_domains == DOMAINS_MAX)
		return false;
	t->domains[t->n_domains++] = str_of(argv[++*i]);
	return true;
}

int script_main(int argc, char **argv)
{
	static struct trace t; /* a page of counters is too large for a frame */
	const char *words[3] = { NULL };
	int64_t role = MSPL_ServerRole_FrontEnd;
	int n = 0;
	bool is_lenient = false;
	(void)take_source(&t, "internal", &role);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return help();
		if (argv[i][0] == '-' && !take_option(argc, argv, &i, &t, &role, &is_lenient))
			return witan_usage(NAME, "%s is no option here, or its value is missing", argv[i]);
		if (argv[i][0] == '-' || (i > 1 && argv[i - 1][0] == '-' && strcmp(argv[i - 1], "--lenient") != 0))
			continue;
		if (n == 3)
			return witan_usage(NAME, "too many words");
		words[n++] = argv[i];
	}
	if (n == 2 && strcmp(words[0], "check") == 0)
		return check(words[1], is_lenient);
	if (n == 3 && strcmp(words[0], "trace") == 0)
		return trace(&t, words[1], words[2], role);
	return witan_usage(NAME, "say check FILE, or trace FILE MESSAGE");
}
