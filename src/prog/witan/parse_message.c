/* SPDX-License-Identifier: Apache-2.0 */
/* witan parse-message: says whether a file holds a well-formed SIP message, and if not, why. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "os/file.h"
#include "prog/witan/witan_priv.h"
#include "wire/sip.h"

#define NAME     "parse-message"
#define FILE_MAX (1u << 20)

struct verdict {
	struct sip_msg m;
	err e;
	struct diag d;
	size_t after; /* bytes behind the message */
};

static int help(void)
{
	(void)puts("usage: witan parse-message [--json] FILE|-\n\n"
		   "Reads one SIP message and says whether it is well-formed. FILE is the message byte for byte, - "
		   "reads it\n"
		   "from standard input.\n\n"
		   "  --json   the verdict as one JSON object\n\n"
		   "exit status: 0 well-formed, 1 malformed (where, why and the section of the RFC on standard error), "
		   "2 the\n"
		   "command line is wrong or the file cannot be read");
	return WITAN_DONE;
}

static err read_stdin(struct buf *out, struct diag *d)
{
	buf_init(out, FILE_MAX);
	for (;;) {
		if (!buf_reserve(out, 4096))
			return diag_fail(d, ERR(CEILING), "standard input", "", "it is over %u bytes", FILE_MAX);
		ssize_t n = read(STDIN_FILENO, out->p + out->n, 4096);
		if (n < 0)
			return diag_fail(d, ERR(SYSTEM), "standard input", "", "it cannot be read");
		if (n == 0)
			return OK;
		out->n += (size_t)n;
	}
}

static void judge(struct verdict *v, str raw, struct arena *a)
{
	size_t leading = 0;
	while (raw.n - leading >= 2 && raw.p[leading] == '\r' && raw.p[leading + 1] == '\n')
		leading += 2;
	*v = (struct verdict){ 0 };
	v->e = sip_msg_parse(&v->m, raw, a, NULL, &v->d);
	if (!failed(v->e))
		v->e = sip_msg_check(&v->m, &v->d);
	v->after = raw.n - leading - v->m.raw.n;
}

static void put_str(json_t *o, const char *key, str s)
{
	(void)json_object_set_new(o, key, json_stringn(s.n != 0 ? s.p : "", s.n));
}

/* what the server would answer; 0: a response or ACK is dropped */
static unsigned answer(const struct verdict *v)
{
	return v->m.answerable ? v->e.def->sip : 0;
}

static void describe(json_t *o, const struct sip_msg *m)
{
	(void)json_object_set_new(o, "kind", json_string(m->is_request ? "request" : "response"));
	put_str(o, "method", m->method_name);
	if (m->is_request) {
		put_str(o, "requestUri", m->request_uri);
	} else {
		(void)json_object_set_new(o, "status", json_integer((json_int_t)m->status));
		put_str(o, "reason", m->reason);
	}
	put_str(o, "from", m->from.uri.raw);
	put_str(o, "to", m->to.uri.raw);
	put_str(o, "callId", m->call_id);
	(void)json_object_set_new(o, "cseq", json_integer((json_int_t)m->cseq));
}

static int print_json(const struct verdict *v)
{
	json_t *o = json_object();
	(void)json_object_set_new(o, "wellFormed", json_boolean(!failed(v->e)));
	if (failed(v->e)) {
		(void)json_object_set_new(o, "error", json_string(v->e.def->name));
		(void)json_object_set_new(o, "where", json_string(v->d.where));
		(void)json_object_set_new(o, "reason", json_string(v->d.what));
		(void)json_object_set_new(o, "section", json_string(v->d.remedy));
		(void)json_object_set_new(o, "answer", json_integer((json_int_t)answer(v)));
	} else {
		describe(o, &v->m);
	}
	(void)json_object_set_new(o, "headerFields", json_integer(v->m.n_hdrs));
	(void)json_object_set_new(o, "bodyBytes", json_integer((json_int_t)v->m.body.n));
	(void)json_object_set_new(o, "bytesAfter", json_integer((json_int_t)v->after));
	int bad = json_dumpf(o, stdout, JSON_PRESERVE_ORDER | JSON_COMPACT);
	json_decref(o);
	return bad == 0 && putchar('\n') == '\n' ? 0 : -1;
}

static void print_text(const struct verdict *v)
{
	const struct sip_msg *m = &v->m;
	if (failed(v->e)) {
		(void)fprintf(stderr, "malformed: %s: %s (%s)\n", v->d.where, v->d.what, v->d.remedy);
		if (answer(v) != 0)
			(void)fprintf(
				stderr, "  a server answers %u %.*s\n", answer(v), STR_FMT(sip_reason(answer(v))));
		return;
	}
	if (m->is_request) {
		(void)printf("%.*s %.*s\n", STR_FMT(m->method_name), STR_FMT(m->request_uri));
	} else {
		(void)printf("%u ", m->status);
		for (size_t i = 0; i < m->reason.n; i++) /* UTF-8, but a backslash lets controls through */
			(void)putchar(
				(unsigned char)m->reason.p[i] < ' ' || m->reason.p[i] == 0x7f ? '?' : m->reason.p[i]);
		(void)printf(" (%.*s)\n", STR_FMT(m->method_name));
	}
	(void)printf("well-formed: %u header fields, %zu bytes of body", m->n_hdrs, m->body.n);
	if (v->after != 0)
		(void)printf(", %zu bytes after the message", v->after);
	(void)putchar('\n');
}

static int run(const char *path, bool as_json)
{
	struct buf raw DEFER(buf_fini) = { 0 };
	struct arena a DEFER(arena_fini) = { 0 };
	struct diag d = { 0 };
	struct verdict v;
	arena_init(&a, FILE_MAX);
	err e = path[0] == '-' && path[1] == '\0' ? read_stdin(&raw, &d)
						  : file_read(AT_FDCWD, path, FILE_MAX, &raw, &d);
	if (failed(e)) {
		(void)witan_fail(NAME, e, &d);
		return WITAN_USAGE;
	}
	judge(&v, (str){ raw.p != NULL ? raw.p : "", raw.n }, &a);
	if (!as_json)
		print_text(&v);
	else if (print_json(&v) != 0)
		return WITAN_USAGE;
	return failed(v.e) ? WITAN_REFUSED : WITAN_DONE;
}

int parse_message_main(int argc, char **argv)
{
	const char *path = NULL;
	bool as_json = false, options = true;
	for (int i = 1; i < argc; i++) {
		str arg = str_of(argv[i]);
		if (options && str_eq(arg, STR("--"))) {
			options = false;
		} else if (options && str_eq(arg, STR("--help"))) {
			return help();
		} else if (options && str_eq(arg, STR("--json"))) {
			as_json = true;
		} else if (options && arg.n > 1 && arg.p[0] == '-') {
			return witan_usage(NAME, "there is no option %s", argv[i]);
		} else if (path != NULL) {
			return witan_usage(NAME, "one file at a time");
		} else {
			path = argv[i];
		}
	}
	return path != NULL ? run(path, as_json) : witan_usage(NAME, "which file?");
}
