/* SPDX-License-Identifier: Apache-2.0 */
/* witan certificates: a dialogue that walks a person through request, answer, assignment. Each step ends in one cmdlet, which is shown and then run;
 * what waits for an answer is in the server's store, so the dialogue can be left and begun again at any time. */
#include "prog/witan/cmdlet_priv.h"
#include "prog/witan/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MOST = 1024, WORDS_MOST = 48, ROOM = 256 * 1024 };

struct dialogue {
	struct console console;
	struct arena arena; /* of the words */
	str words[WORDS_MOST];
	size_t n;
	bool at_end; /* nobody answers any more */
};

/* ---- asking ---- */

/* An empty answer is what stands in brackets. */
static str ask(struct dialogue *d, const char *question, const char *otherwise)
{
	char line[LINE_MOST];
	(void)printf("%s%s%s%s: ", question, otherwise[0] != '\0' ? " [" : "", otherwise, otherwise[0] != '\0' ? "]" : "");
	(void)fflush(stdout);
	if (d->at_end || fgets(line, sizeof line, stdin) == NULL) {
		d->at_end = true;
		(void)putchar('\n');
		return STR("");
	}
	str answer = str_trim(str_of(line));
	if (answer.n == 0)
		answer = str_of(otherwise);
	answer = arena_copy(&d->arena, answer);
	return answer.p != NULL ? answer : STR("");
}

static bool ask_yes(struct dialogue *d, const char *question, bool otherwise)
{
	str answer = ask(d, question, otherwise ? "Y" : "N");
	return !d->at_end && answer.n != 0 && char_lower(answer.p[0]) == 'y';
}

/* ---- the cmdlet ---- */

static void begin(struct dialogue *d, const char *cmdlet)
{
	d->n = 0;
	d->words[d->n++] = str_of(cmdlet);
}

static void add(struct dialogue *d, const char *parameter, str value)
{
	if (d->n + 2 > WORDS_MOST)
		return;
	d->words[d->n++] = str_of(parameter);
	if (value.n != 0)
		d->words[d->n++] = value;
}

/* What was not answered is left to the server's default. */
static void add_answer(struct dialogue *d, const char *parameter, str value)
{
	if (value.n != 0)
		add(d, parameter, value);
}

static bool is_plain(str word)
{
	for (size_t i = 0; i < word.n; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:", word.p[i]) == NULL)
			return false;
	return word.n != 0;
}

/* As it would be typed into bash. */
static void show_command(const struct dialogue *d)
{
	(void)printf("\nThe same without this dialogue:\n  witan");
	for (size_t i = 0; i < d->n; i++) {
		(void)putchar(' ');
		if (is_plain(d->words[i])) {
			(void)printf("%.*s", STR_FMT(d->words[i]));
			continue;
		}
		(void)putchar('\'');
		for (size_t j = 0; j < d->words[i].n; j++)
			(void)printf(d->words[i].p[j] == '\'' ? "'\\''" : "%c", d->words[i].p[j]);
		(void)putchar('\'');
	}
	(void)printf("\n\n");
	(void)fflush(stdout);
}

static bool run(struct dialogue *d)
{
	show_command(d);
	if (!ask_yes(d, "Do it", true))
		return false;
	err e = console_run_words(&d->console, d->n, d->words);
	(void)fflush(stdout);
	return !failed(e);
}

/* ---- what there is ---- */

static const char *text_of(const json_t *o, const char *name)
{
	const char *z = json_string_value(json_object_get(o, name));
	return z != NULL ? z : "";
}

/* The caller drops it; an empty list where the server does not answer. */
static json_t *certificates(struct dialogue *d)
{
	struct diag diag = { 0 };
	json_t *objects = NULL;
	err e = console_call(&d->console, "Get-CsCertificate", json_pack("{s:b}", "All", 1), &objects, &diag);
	if (failed(e))
		(void)witan_fail("certificates", e, &diag);
	return objects != NULL ? objects : json_array();
}

static void show_all(const json_t *all, bool pending)
{
	size_t i;
	json_t *one;
	json_array_foreach(all, i, one)
		if ((strcmp(text_of(one, "State"), "pending") == 0) == pending)
			(void)printf("  %2zu  %-10s %-32s %-24s %s\n", i + 1, text_of(one, "State"), text_of(one, "FriendlyName"), text_of(one, "Use"),
				pending ? text_of(one, "Made") : text_of(one, "NotAfter"));
}

static size_t count_pending(const json_t *all)
{
	size_t i, n = 0;
	json_t *one;
	json_array_foreach(all, i, one)
		n += strcmp(text_of(one, "State"), "pending") == 0 ? 1 : 0;
	return n;
}

/* One of the list by its number. NULL: none. */
static const json_t *choose(struct dialogue *d, const json_t *all, const char *question)
{
	uint32_t i = 0;
	show_all(all, false);
	str answer = ask(d, question, "");
	if (!str_to_u32(answer, &i) || i == 0 || i > json_array_size(all) || strcmp(text_of(json_array_get(all, i - 1), "State"), "pending") == 0) {
		if (answer.n != 0)
			(void)printf("There is no such number.\n");
		return NULL;
	}
	return json_array_get(all, i - 1);
}

/* ---- the tasks ---- */

static void ask_subject(struct dialogue *d)
{
	add_answer(d, "-Organization", ask(d, "Organization (empty: as in the topology)", ""));
	add_answer(d, "-OU", ask(d, "Organizational unit", ""));
	add_answer(d, "-Country", ask(d, "Country, two letters", ""));
	add_answer(d, "-State", ask(d, "State or province", ""));
	add_answer(d, "-City", ask(d, "City", ""));
}

static void request(struct dialogue *d)
{
	begin(d, "Request-CsCertificate");
	add(d, "-New", STR(""));
	add(d, "-Type", ask(d, "What is it for (several with commas between them)", "Default"));
	bool own = ask_yes(d, "By the built-in authority, at once (N: a request for another one)", true);
	if (own)
		add(d, "-CA", STR("built-in"));
	add_answer(d, "-FriendlyName", ask(d, "Friendly name (empty: by use and day)", ""));
	str alg = ask(d, "Kind of key: RSA, ECDH_P256, ECDH_P384, ECDH_P521 (empty: as in the topology)", "");
	add_answer(d, "-KeyAlg", alg);
	if (str_eq_case(alg, STR("RSA")))
		add(d, "-KeySize", ask(d, "Bits: 2048, 3072, 4096", "2048"));
	if (ask_yes(d, "May the private key leave this machine, sealed by a password", false))
		add(d, "-PrivateKeyExportable", STR("$true"));
	ask_subject(d);
	if (ask_yes(d, "Add sip.DOMAIN for every SIP domain", false))
		add(d, "-AllSipDomain", STR(""));
	add_answer(d, "-DomainName", ask(d, "Further names, with commas between them", ""));
	if (!own)
		add(d, "-Output", ask(d, "File for the request", "request.pem"));
	if (!d->at_end && run(d) && !own)
		(void)printf("Bring the file to the authority, and come back with its answer: task 2.\n");
}

static void assign(struct dialogue *d)
{
	json_t *all = certificates(d);
	const json_t *one = choose(d, all, "Which one");
	if (one != NULL) {
		begin(d, "Set-CsCertificate");
		add(d, "-Type", ask(d, "What is it for", text_of(one, "Use")[0] != '\0' ? text_of(one, "Use") : "Default"));
		add(d, "-Thumbprint", arena_copy(&d->arena, str_of(text_of(one, "Thumbprint"))));
		str when = ask(d, "From when on (empty: now; else as 2026-12-01T02:00:00Z)", "");
		if (when.n != 0) {
			add(d, "-Roll", STR(""));
			add(d, "-EffectiveDate", when);
		}
		if (!d->at_end)
			(void)run(d);
	}
	json_decref(all);
}

static void take_answer(struct dialogue *d)
{
	json_t *all = certificates(d);
	if (count_pending(all) != 0)
		(void)printf("These requests wait for their answers:\n");
	else
		(void)printf("No request waits; a PKCS #12 file brings its key along.\n");
	show_all(all, true);
	json_decref(all);
	begin(d, "Import-CsCertificate");
	str file = ask(d, "File with the answer", "");
	if (file.n == 0)
		return;
	add(d, "-Path", file);
	if (ask_yes(d, "Does a password open it (PKCS #12)", false)) {
		add(d, "-PasswordFile", STR("-"));
		if (ask_yes(d, "May its private key leave this machine again", false))
			add(d, "-PrivateKeyExportable", STR("$true"));
	}
	if (!d->at_end && run(d) && ask_yes(d, "Use it now", true))
		assign(d);
}

static void view(struct dialogue *d)
{
	begin(d, "Get-CsCertificate");
	add(d, "-All", STR(""));
	show_command(d);
	(void)failed(console_run_words(&d->console, d->n, d->words));
}

static void take_away(struct dialogue *d)
{
	json_t *all = certificates(d);
	const json_t *one = choose(d, all, "Which one");
	if (one != NULL) {
		begin(d, "Remove-CsCertificate");
		add(d, "-Thumbprint", arena_copy(&d->arena, str_of(text_of(one, "Thumbprint"))));
		add(d, "-Confirm:$false", STR(""));
		(void)run(d);
	}
	json_decref(all);
}

static const struct task {
	const char *key, *says;
	void (*fn)(struct dialogue *d);
} tasks[] = {
	{ "1", "request a certificate", request },
	{ "2", "take in the answer of another authority, or a certificate with its key", take_answer },
	{ "3", "assign a certificate", assign },
	{ "4", "view certificates", view },
	{ "5", "remove a certificate", take_away },
};

static void show_tasks(struct dialogue *d)
{
	json_t *all = certificates(d);
	size_t waiting = count_pending(all);
	json_decref(all);
	(void)printf("\nCertificates of this server\n");
	for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
		(void)printf("  %s  %s\n", tasks[i].key, tasks[i].says);
	(void)printf("  q  quit\n");
	if (waiting != 0)
		(void)printf("%zu request%s for an answer.\n", waiting, waiting == 1 ? " waits" : "s wait");
}

static void serve(struct dialogue *d)
{
	while (!d->at_end) {
		arena_fini(&d->arena);
		arena_init(&d->arena, ROOM);
		show_tasks(d);
		str answer = ask(d, "Which task", "q");
		if (answer.n == 0 || char_lower(answer.p[0]) == 'q')
			return;
		for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
			if (str_eq(answer, str_of(tasks[i].key)))
				tasks[i].fn(d);
	}
}

int certificates_main(int argc, char **argv, const struct console_where *where)
{
	static struct dialogue d; /* too large for the stack */
	struct diag diag = { 0 };
	json_t *first = NULL;
	int status;
	const struct witan_option options[] = { { NULL, WITAN_FLAG, NULL, NULL, NULL, 0 } };
	if (!witan_options(argc, argv, "\n\nA dialogue: request certificates, take in answers of other authorities, assign, view, remove. It may be left and begun again at any time.", options,
		    &status))
		return status;
	err e = console_open(&d.console, where, &diag);
	if (failed(e))
		return witan_fail(argv[0], e, &diag);
	arena_init(&d.arena, ROOM);
	e = console_get(&d.console, "Get-CsCertificate", &first, &diag);
	json_decref(first);
	if (!failed(e))
		serve(&d);
	arena_fini(&d.arena);
	console_close(&d.console);
	return failed(e) ? witan_fail(argv[0], e, &diag) : WITAN_DONE;
}
