/* SPDX-License-Identifier: Apache-2.0 */
/* witan check - judges what there is against what the topology asks for. */
#include "prog/witan/check_priv.h"

#include "os/file.h"
#include "service/report.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHECK_OCTETS (256u << 20)
#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

/* ---- whom to trust ---- */

static err read_roots(struct checking *k)
{
	const struct request *ask = k->ask;
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/ca.pem", ask->dir);
	if (ask->ca != NULL)
		TRY(look_roots(ask->ca, &k->arena, &k->policy.internal_roots, &k->diag));
	else if (access(path, R_OK) == 0)
		TRY(look_roots(path, &k->arena, &k->policy.internal_roots, &k->diag));
	const char *public = ask->public_ca != NULL ? ask->public_ca : SYSTEM_ROOTS;
	if (ask->public_ca != NULL || access(public, R_OK) == 0)
		TRY(look_roots(public, &k->arena, &k->policy.public_roots, &k->diag));
	return OK;
}

/* A thumbprint as people copy it: with spaces, and a mark before it that is not seen. */
static err add_phone_root(struct checking *k, str given)
{
	char *p = arena_alloc(&k->arena, 40);
	size_t n = 0;
	ENSURE(p != NULL, CEILING);
	for (size_t i = 0; i < given.n; i++) {
		bool is_hex = (given.p[i] >= '0' && given.p[i] <= '9') || (char_lower(given.p[i]) >= 'a' && char_lower(given.p[i]) <= 'f');
		if (is_hex && n < 40)
			p[n] = given.p[i];
		n += is_hex;
	}
	if (n != 40)
		return diag_fail(&k->diag, ERR(USAGE), "--phone-root", "give the 40 hexadecimal digits of Get-CsWebServiceConfiguration", "there are %zu", n);
	k->policy.phone_roots.p[k->policy.phone_roots.n++] = (str){ p, 40 };
	return OK;
}

static err read_policy(struct checking *k)
{
	k->policy = (struct check_policy){ .now = (int64_t)time(NULL), .is_strict = k->ask->is_strict, .has_phones = k->ask->phone_roots.n > 0 };
	k->policy.phone_roots.p = arena_alloc(&k->arena, WITAN_TEXTS_MAX * sizeof(str));
	ENSURE(k->policy.phone_roots.p != NULL, CEILING);
	for (size_t i = 0; i < k->ask->phone_roots.n; i++)
		TRY(add_phone_root(k, k->ask->phone_roots.p[i]));
	return read_roots(k);
}

static err run(struct checking *k)
{
	const struct request *ask = k->ask;
	TRY(topo_read(&k->topo, &k->arena, k->ask->topology_path, &k->diag));
	witan_warn(&k->topo);
	TRY(plan_certificates(&k->topo, &k->arena, &k->plans, &k->diag));
	TRY(read_policy(k));
	k->look = (struct look){ .arena = &k->arena, .plans = &k->plans, .evidence = &k->evidence, .is_hinted = true };
	k->look.addresses = (struct topo_names){ arena_alloc(&k->arena, WITAN_TEXTS_MAX * sizeof(str)), 0 };
	ENSURE(k->look.addresses.p != NULL, CEILING);
	for (size_t i = 0; i < k->ask->addresses.n; i++)
		k->look.addresses.p[k->look.addresses.n++] = k->ask->addresses.p[i];
	if (ask->prepare != NULL)
		TRY(ask->prepare(k));
	TRY(check_look(k));
	if (ask->more != NULL)
		TRY(ask->more(k));
	else if (k->evidence.seen.n == 0)
		return diag_fail(&k->diag, ERR(ABSENT), k->ask->words_n > 0 ? k->ask->words[0] : "", "name the directory or the files that hold certificates",
			"there is no certificate here");
	return check_run(&k->topo, &k->plans, &k->evidence, &k->policy, &k->arena, &k->result);
}

/* ---- the answer ---- */

static const struct {
	const char *word;
	void (*write)(const struct report *r, struct buf *out);
} formats[] = { { "text", report_text }, { "json", report_json }, { "html", report_html } };

static err answer(struct checking *k, size_t format)
{
	struct buf b;
	struct report r = { .topo = &k->topo,
		.result = &k->result,
		.now = k->policy.now,
		.command = str_of(k->ask->command),
		.topology = str_of(k->ask->topology_path),
		.is_strict = k->ask->is_strict };
	buf_init(&b, REPORT_MAX);
	formats[format].write(&r, &b);
	err e = b.failed ? diag_fail(&k->diag, ERR(CEILING), "report", "look at less at once", "it is too long") : OK;
	if (!failed(e) && k->ask->out != NULL)
		e = file_write(AT_FDCWD, k->ask->out, buf_str(&b), 0644, &k->diag);
	else if (!failed(e) && fwrite(b.p, 1, b.n, stdout) != b.n)
		e = diag_fail(&k->diag, ERR(SYSTEM), "standard output", "is the disk full?", "the report cannot be written");
	buf_fini(&b);
	return e;
}

static int work(const struct request *ask, const char *command, size_t format)
{
	struct checking k = { .ask = ask };
	arena_init(&k.arena, CHECK_OCTETS);
	(void)signal(SIGPIPE, SIG_IGN); /* listeners hang up as they like */
	err e = run(&k);
	if (!failed(e))
		e = answer(&k, format);
	size_t errors = k.result.counts[CHECK_ERROR];
	arena_fini(&k.arena);
	if (failed(e))
		return witan_fail(command, e, &k.diag);
	return errors > 0 ? WITAN_REFUSED : WITAN_DONE;
}

/* ---- the command line ---- */

static size_t find_format(const char *word)
{
	size_t i = 0;
	while (i < sizeof formats / sizeof *formats && strcmp(formats[i].word, word) != 0)
		i++;
	return i;
}

static bool has_value(const struct witan_option *rows, const char *word)
{
	for (const struct witan_option *o = rows; o->name != NULL; o++)
		if (strcmp(o->name, word) == 0)
			return o->kind != WITAN_FLAG;
	return false;
}

/* Takes what is no option out of the line: places to look at. */
static bool take_words(struct request *ask, const struct witan_option *rows, int *argc, char **argv)
{
	int n = 1;
	for (int i = 1; i < *argc; i++) {
		if (argv[i][0] == '-') {
			argv[n++] = argv[i];
			if (has_value(rows, argv[i]) && i + 1 < *argc)
				argv[n++] = argv[++i];
		} else if (ask->words_n < WORDS_MAX) {
			ask->words[ask->words_n++] = argv[i];
		} else {
			return false;
		}
	}
	*argc = n;
	return true;
}

void check_note(struct request *ask, const char *command, int argc, char **argv)
{
	size_t n = (size_t)snprintf(ask->command, sizeof ask->command, "witan %s", command);
	for (int i = 1; i < argc && n < sizeof ask->command - 1; i++) {
		int more = snprintf(ask->command + n, sizeof ask->command - n, " %s", argv[i]);
		n += more > 0 ? (size_t)more : 0;
	}
}

int check_start(struct request *ask, const char *command)
{
	size_t format = ask->format != NULL ? find_format(ask->format) : 0;
	if (format == sizeof formats / sizeof *formats)
		return witan_usage(command, "--format cannot be \"%s\": text, json or html", ask->format);
	int n = ask->topology != NULL ? snprintf(ask->topology_path, sizeof ask->topology_path, "%s", ask->topology)
				      : snprintf(ask->topology_path, sizeof ask->topology_path, "%s/topology.yaml", ask->dir);
	if (n < 0 || (size_t)n >= sizeof ask->topology_path)
		return witan_usage(command, "the path is too long");
	return work(ask, command, format);
}

static int start(struct request *ask)
{
	enum plan_usage usage;
	if (ask->words_n == 0 && !ask->is_all)
		return witan_usage("check", "what certificates? name a directory, files or HOST:PORT, or say --all");
	if (ask->usage != NULL && !plan_usage_find(str_of(ask->usage), &usage))
		return witan_usage("check", "there is no usage \"%s\"; `witan plan certificates` shows those of the topology", ask->usage);
	return check_start(ask, "check");
}

int check_main(int argc, char **argv, const char *dir)
{
	struct request ask = { .dir = dir };
	const struct witan_option options[] = {
		{ "--all", WITAN_FLAG, &ask.is_all, NULL, "asks every listener that the topology plans", 0 },
		{ "--host", WITAN_TEXT, &ask.host, "FQDN", "whose certificates these are; with --all: only this host's", 0 },
		{ "--usage", WITAN_TEXT, &ask.usage, "USAGE", "what they are for (Default, AccessEdgeExternal ...)", 0 },
		{ "--topology", WITAN_TEXT, &ask.topology, "FILE", "a topology document (default: the deployment's)", 0 },
		{ "--whole", WITAN_FLAG, &ask.is_whole, NULL, "everything that is planned must be among the files", 0 },
		{ "--strict", WITAN_FLAG, &ask.is_strict, NULL, "by the strict profile: what old peers need is an error too", 0 },
		{ "--ca", WITAN_TEXT, &ask.ca, "FILE", "roots that are trusted inside (default: ca.pem of the deployment)", 0 },
		{ "--public-ca", WITAN_TEXT, &ask.public_ca, "FILE", "roots that everybody trusts (default: the system's)", 0 },
		{ "--phone-root", WITAN_TEXTS, &ask.phone_roots, "THUMBPRINT", "desk phones sign in and are given this root; may stand several times", 0 },
		{ "--name", WITAN_TEXT, &ask.name, "NAME", "the name that HOST:PORT is asked for (default: HOST)", 0 },
		{ "--address", WITAN_TEXTS, &ask.addresses, "HOST=ADDRESS", "where a host is dialled instead; may stand several times", 0 },
		{ "--offline", WITAN_FLAG, &ask.is_offline, NULL, "fetches no revocation lists", 0 },
		{ "--format", WITAN_TEXT, &ask.format, "text|json|html", "how the report is written", 0 },
		{ "--out", WITAN_TEXT, &ask.out, "FILE", "where (default: standard output)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	check_note(&ask, "check", argc, argv);
	if (!take_words(&ask, options, &argc, argv))
		return witan_usage("check", "these are more than %d places", WORDS_MAX);
	if (!witan_options(argc, argv,
		    "certificates [DIR | FILE | HOST:PORT ...] [OPTION...]\n\nJudges certificates in files, or those that listeners present, against what the "
		    "topology asks for.\nExit status: 0 no errors, 1 errors found, 2 the command line is wrong.",
		    options, &status))
		return status;
	if (ask.words_n == 0 || strcmp(ask.words[0], "certificates") != 0)
		return witan_usage("check", "check what? there is: certificates");
	ask.words_n--;
	memmove(ask.words, ask.words + 1, ask.words_n * sizeof *ask.words);
	return start(&ask);
}
