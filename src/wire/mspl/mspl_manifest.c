/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests, element by element in their order. */
#include "wire/mspl_manifest.h"

#include "base/near.h"
#include "wire/mspl/mspl_priv.h"

#include <stdarg.h>
#include <stdio.h>

#define NAMESPACE STR("http://schemas.microsoft.com/lcs/2006/05")

struct reading {
	struct mspl_manifest *out;
	struct mspl_file_row *files;
	struct arena *arena;
	struct diag *d;
	bool has_script;
};

static err refuse_at(struct diag *d, uint32_t line, uint32_t column, const char *remedy, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static err refuse_at(struct diag *d, uint32_t line, uint32_t column, const char *remedy, const char *fmt, ...)
{
	va_list ap;
	if (d == NULL)
		return ERR(MALFORMED);
	*d = (struct diag){ .line = line, .column = column };
	(void)snprintf(d->where, sizeof d->where, "manifest:%u:%u", line, column);
	(void)snprintf(d->remedy, sizeof d->remedy, "%s", remedy);
	va_start(ap, fmt);
	(void)vsnprintf(d->what, sizeof d->what, fmt, ap);
	va_end(ap);
	diag_clean(d);
	return ERR(MALFORMED);
}

#define NAME(s) STR_FMT(str_cut(s, 0, 60))

/* ---- attributes ---- */

static err check_attributes(struct reading *r, const struct xml_node *n, const char *const *known)
{
	for (const struct xml_attribute *a = n->attributes; a != NULL; a = a->next) {
		struct near best = { .want = a->name };
		bool is_known = false;
		char remedy[100] = "take it away";
		for (size_t i = 0; known[i] != NULL; i++) {
			is_known = is_known || str_eq(a->name, str_of(known[i]));
			near_offer(&best, str_of(known[i]));
		}
		str near = near_best(&best);
		if (near.n != 0)
			(void)snprintf(remedy, sizeof remedy, "did you mean %.*s?", NAME(near));
		if (!is_known)
			return refuse_at(r->d, n->line, n->column, remedy, "%.*s has no attribute %.*s", NAME(n->name), NAME(a->name));
	}
	return OK;
}

static err read_truth(struct reading *r, const struct xml_node *n, const char *name, bool *out)
{
	str v = xml_attribute(n, str_of(name));
	if (v.p == NULL)
		return OK;
	*out = str_eq_case(v, STR("true"));
	if (*out || str_eq_case(v, STR("false")))
		return OK;
	return refuse_at(r->d, n->line, n->column, "write true or false", "%s=\"%.*s\"", name, NAME(v));
}

struct word {
	const char *name;
	uint32_t bits;
};

/* "ALL", "NONE" or a list between commas. */
static err read_set(struct reading *r, const struct xml_node *n, const char *name, const struct word *words, uint32_t *out)
{
	str v = xml_attribute(n, str_of(name)), rest = v;
	if (v.p == NULL || str_eq_case(str_trim(v), STR("ALL")))
		return OK;
	*out = 0;
	if (str_eq_case(str_trim(v), STR("NONE")))
		return OK;
	while (rest.n != 0) {
		str one = str_trim(str_split(rest, ',', &rest));
		size_t i = 0;
		while (words[i].name != NULL && !str_eq_case(one, str_of(words[i].name)))
			i++;
		if (words[i].name == NULL)
			return refuse_at(r->d, n->line, n->column, "write ALL, NONE or a list of names between commas", "%s has no \"%.*s\"", name, NAME(one));
		*out |= words[i].bits;
	}
	return OK;
}

/* ---- elements ---- */

static err read_flag(struct reading *r, const struct xml_node *n)
{
	static const char *const none[] = { NULL };
	TRY(check_attributes(r, n, none));
	if (str_eq(n->name, STR("scriptOnly")))
		r->out->script.script_only = true;
	else
		r->out->before_user_services = true;
	return OK;
}

static err read_server_filter(struct reading *r, const struct xml_node *n)
{
	static const char *const known[] = { "roles", NULL };
	static const struct word roles[] = { { "AccessProxy", 1u << MSPL_ServerRole_AccessProxy }, { "FrontEnd", 1u << MSPL_ServerRole_FrontEnd },
		{ "Proxy", 1u << MSPL_ServerRole_Proxy }, { "HomeServer", 1u << MSPL_ServerRole_HomeServer },
		{ "EnterpriseEdition", 1u << MSPL_ServerRole_FrontEnd }, { "StandardEdition", 1u << MSPL_ServerRole_FrontEnd }, { NULL, 0 } };
	TRY(check_attributes(r, n, known));
	return read_set(r, n, "roles", roles, &r->out->roles);
}

static err read_request_filter(struct reading *r, const struct xml_node *n)
{
	static const char *const known[] = { "methodNames", "strictRoute", "registrarGenerated", "domainSupported", "phoneUri", NULL };
	static const struct word methods[] = { { "ACK", MSPL_StandardMethod_Ack }, { "BENOTIFY", MSPL_StandardMethod_BeNotify }, { "BYE", MSPL_StandardMethod_Bye },
		{ "INFO", MSPL_StandardMethod_Info }, { "INVITE", MSPL_StandardMethod_Invite }, { "MESSAGE", MSPL_StandardMethod_Message },
		{ "NOTIFY", MSPL_StandardMethod_Notify }, { "OPTIONS", MSPL_StandardMethod_Options }, { "OTHER", MSPL_METHOD_OTHER },
		{ "REFER", MSPL_StandardMethod_Refer }, { "REGISTER", MSPL_StandardMethod_Register }, { "SERVICE", MSPL_StandardMethod_Service },
		{ "SUBSCRIBE", MSPL_StandardMethod_Subscribe }, { NULL, 0 } };
	struct mspl_manifest *m = r->out;
	TRY(check_attributes(r, n, known));
	TRY(read_set(r, n, "methodNames", methods, &m->methods));
	TRY(read_truth(r, n, "strictRoute", &m->strict_route));
	TRY(read_truth(r, n, "registrarGenerated", &m->registrar_generated));
	TRY(read_truth(r, n, "domainSupported", &m->domain_supported));
	return read_truth(r, n, "phoneUri", &m->phone_uri);
}

static err read_response_filter(struct reading *r, const struct xml_node *n)
{
	static const char *const known[] = { "reasonCodes", NULL };
	static const struct word classes[] = { { "1XX", 1 << 1 }, { "2XX", 1 << 2 }, { "3XX", 1 << 3 }, { "4XX", 1 << 4 }, { "5XX", 1 << 5 },
		{ "6XX", 1 << 6 }, { NULL, 0 } };
	uint32_t set = r->out->classes;
	TRY(check_attributes(r, n, known));
	TRY(read_set(r, n, "reasonCodes", classes, &set));
	r->out->classes = (uint8_t)set;
	return OK;
}

static err read_proxy(struct reading *r, const struct xml_node *n)
{
	static const char *const known[] = { "action", NULL };
	TRY(check_attributes(r, n, known));
	return read_truth(r, n, "action", &r->out->proxy_by_default);
}

/* ---- files ---- */

static bool is_identifier(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = char_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9' && i != 0)))
			return false;
	}
	return s.n != 0 && s.n <= 64;
}

static err read_columns(struct reading *r, const struct xml_node *n, struct mspl_file_row *f)
{
	static const char *const known[] = { "name", NULL };
	for (const struct xml_node *c = xml_child(n, STR("")); c != NULL; c = xml_sibling(c, STR(""))) {
		str name = xml_attribute(c, STR("name"));
		if (!str_eq(c->name, STR("column")))
			return refuse_at(r->d, c->line, c->column, "a file has columns alone", "there is no %.*s in a file", NAME(c->name));
		TRY(check_attributes(r, c, known));
		if (!is_identifier(name) || f->n_columns == MSPL_COLUMNS_MAX)
			return refuse_at(r->d, c->line, c->column, "letters, digits and _; at most 16 columns", "this column cannot be");
		f->columns[f->n_columns++] = name;
	}
	if (f->n_columns == 0)
		return refuse_at(r->d, n->line, n->column, "write <column name=\"...\"/> in it", "a file without columns");
	return OK;
}

static err read_key(struct reading *r, const struct xml_node *n, struct mspl_file_row *f)
{
	str key = xml_attribute(n, STR("keyColumnName"));
	f->key = -1;
	for (unsigned i = 0; i < f->n_columns && key.p != NULL; i++)
		f->key = str_eq_case(f->columns[i], key) ? (int8_t)i : f->key;
	if (key.p != NULL && f->key < 0)
		return refuse_at(r->d, n->line, n->column, "name one of the columns", "keyColumnName=\"%.*s\" is none of the columns", NAME(key));
	if (f->key < 0 && f->ignore_case)
		return refuse_at(r->d, n->line, n->column, "add keyColumnName, or take ignoreCase away", "ignoreCase without a key column");
	return OK;
}

static err read_delimiter(struct reading *r, const struct xml_node *n, struct mspl_file_row *f)
{
	static const struct {
		const char *word;
		enum mspl_delimiter is;
	} rows[] = { { "comma", MSPL_COMMA }, { "tab", MSPL_TAB }, { "space", MSPL_SPACE }, { "whitespace", MSPL_SPACE } };
	str v = xml_attribute(n, STR("delimitedBy"));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (v.p == NULL || str_eq_case(v, str_of(rows[i].word))) {
			f->delimiter = rows[i].is;
			return OK;
		}
	return refuse_at(r->d, n->line, n->column, "write comma, tab or space", "delimitedBy=\"%.*s\"", NAME(v));
}

static err read_file(struct reading *r, const struct xml_node *n)
{
	static const char *const known[] = { "name", "path", "keyColumnName", "ignoreCase", "delimitedBy", "static", NULL };
	size_t at = r->out->script.n_files;
	TRY(check_attributes(r, n, known));
	if (at == MSPL_FILES_MAX)
		return refuse_at(r->d, n->line, n->column, "use fewer", "more than %d files", MSPL_FILES_MAX);
	struct mspl_file_row *f = &r->files[at];
	*f = (struct mspl_file_row){ .name = xml_attribute(n, STR("name")), .path = xml_attribute(n, STR("path")), .is_static = true };
	if (!is_identifier(f->name) || f->path.n == 0 || f->path.n > 512)
		return refuse_at(r->d, n->line, n->column, "a name of letters, digits and _, and a path", "a file needs a name and a path");
	for (size_t i = 0; i < at; i++)
		if (str_eq_case(r->files[i].name, f->name))
			return refuse_at(r->d, n->line, n->column, "take another name", "there is a file %.*s already", NAME(f->name));
	TRY(read_truth(r, n, "ignoreCase", &f->ignore_case));
	TRY(read_truth(r, n, "static", &f->is_static));
	TRY(read_delimiter(r, n, f));
	TRY(read_columns(r, n, f));
	TRY(read_key(r, n, f));
	r->out->script.n_files++;
	return OK;
}

static err read_script(struct reading *r, const struct xml_node *n)
{
	static const char *const none[] = { NULL };
	const struct xml_node *text = n->first;
	TRY(check_attributes(r, n, none));
	if (text == NULL || text->name.n != 0 || text->next != NULL)
		return refuse_at(r->d, n->line, n->column, "write it as one <![CDATA[ ... ]]>", "there is no script in splScript");
	r->out->script.source = text->text;
	r->out->script.line = text->line;
	r->out->script.column = text->column;
	r->has_script = true;
	return OK;
}

/* In this order; each but file at most once. */
static const struct {
	const char *name;
	err (*read)(struct reading *r, const struct xml_node *n);
	bool may_repeat;
} elements[] = {
	{ "allowRegistrationBeforeUserServices", read_flag, false }, { "serverFilter", read_server_filter, false }, { "requestFilter", read_request_filter, false },
	{ "responseFilter", read_response_filter, false }, { "proxyByDefault", read_proxy, false }, { "scriptOnly", read_flag, false },
	{ "file", read_file, true }, { "splScript", read_script, false },
};
enum { ELEMENTS = sizeof elements / sizeof elements[0] };

static err refuse_element(struct reading *r, const struct xml_node *n)
{
	struct near best = { .want = n->name };
	char remedy[100] = "see the manifest in the guide";
	for (size_t i = 0; i < ELEMENTS; i++)
		near_offer(&best, str_of(elements[i].name));
	str near = near_best(&best);
	if (near.n != 0)
		(void)snprintf(remedy, sizeof remedy, "did you mean %.*s?", NAME(near));
	return refuse_at(r->d, n->line, n->column, remedy, "there is no element %.*s", NAME(n->name));
}

static err read_elements(struct reading *r, const struct xml_node *root)
{
	size_t from = 0;
	for (const struct xml_node *n = root->first; n != NULL; n = n->next) {
		size_t i = 0;
		if (n->name.n == 0)
			return refuse_at(r->d, n->line, n->column, "take it away, or make it a comment", "a text between the elements");
		while (i < ELEMENTS && !str_eq(n->name, str_of(elements[i].name)))
			i++;
		if (i == ELEMENTS || !str_eq(n->ns, root->ns))
			return refuse_element(r, n);
		if (i < from)
			return refuse_at(r->d, n->line, n->column, "keep to the order of the elements, each once", "%.*s is too late here", NAME(n->name));
		TRY(elements[i].read(r, n));
		from = elements[i].may_repeat ? i : i + 1;
	}
	if (!r->has_script)
		return refuse_at(r->d, root->line, root->column, "put it last, in <![CDATA[ ... ]]>", "there is no splScript");
	return OK;
}

static err read_root(struct reading *r, const struct xml_node *root)
{
	static const char *const known[] = { "appUri", NULL };
	if (!str_eq(root->name, STR("applicationManifest")) || !str_eq(root->ns, NAMESPACE))
		return refuse_at(r->d, root->line, root->column, "<applicationManifest xmlns=\"http://schemas.microsoft.com/lcs/2006/05\" appUri=...>",
			"this is no manifest of an application");
	TRY(check_attributes(r, root, known));
	r->out->app_uri = xml_attribute(root, STR("appUri"));
	if (r->out->app_uri.n == 0 || r->out->app_uri.n > 256)
		return refuse_at(r->d, root->line, root->column, "write appUri=\"http://...\", at most 256 characters", "the manifest has no appUri");
	return read_elements(r, root);
}

/* ---- what published manifests get wrong ---- */

static void place(str text, size_t at, uint32_t *line, uint32_t *column)
{
	const struct mspl_script whole = { .source = text };
	mspl_place(&whole, (uint32_t)at, line, column);
}

static err mend(bool is_lenient, char *text, size_t at, size_t n, str whole, struct diag *d, const char *remedy, const char *what)
{
	uint32_t line, column;
	place(whole, at, &line, &column);
	if (!is_lenient)
		return refuse_at(d, line, column, remedy, "%s", what);
	memset(text + at, ' ', n);
	return OK;
}

/* <?xml version="1.0"> */
static err mend_declaration(bool is_lenient, char *text, str whole, struct diag *d)
{
	size_t end = str_find_char(whole, '>');
	if (!str_begins(whole, STR("<?xml")) || end == whole.n || text[end - 1] == '?')
		return OK;
	return mend(is_lenient, text, 0, end + 1, whole, d, "write ?> at its end", "the declaration does not end with ?>");
}

/* Where a comment or a CDATA section that begins at i ends; 0: none begins. */
static size_t skip(str whole, size_t i)
{
	static const struct {
		str begin, end;
	} rows[] = { { STR("<!--"), STR("-->") }, { STR("<![CDATA["), STR("]]>") } };
	str rest = str_cut(whole, i, whole.n);
	for (size_t k = 0; k < 2; k++)
		if (str_begins(rest, rows[k].begin)) {
			const char *end = memmem(rest.p, rest.n, rows[k].end.p, rows[k].end.n);
			return end != NULL ? (size_t)(end - whole.p) + rows[k].end.n : whole.n;
		}
	return 0;
}

/* <scriptOnly / > */
static err mend_tags(bool is_lenient, char *text, str whole, struct diag *d)
{
	bool in_tag = false;
	char quote = '\0';
	for (size_t i = 0; i < whole.n; i++) {
		size_t past = !in_tag ? skip(whole, i) : 0;
		if (past != 0) {
			i = past - 1;
			continue;
		}
		char c = whole.p[i];
		if (in_tag && quote == '\0' && c == '/' && i + 2 < whole.n && whole.p[i + 1] == ' ' && whole.p[i + 2] == '>') {
			TRY(mend(is_lenient, text, i, 1, whole, d, "write /> without a space", "an empty tag ends with \"/ >\""));
			text[i + 1] = '/';
		}
		if (in_tag && quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if (in_tag && (c == '"' || c == '\''))
			quote = c;
		else
			in_tag = c == '<' || (in_tag && c != '>');
	}
	return OK;
}

err mspl_manifest_read(struct xml_reader *x, str text, bool is_lenient, struct arena *a, struct mspl_manifest *out, struct diag *d)
{
	static const struct xml_limits limits = { .bytes = MSPL_MANIFEST_MAX, .depth = 8, .nodes = 1024, .attributes = 16 };
	struct xml_node *root;
	char *copy = arena_alloc(a, text.n + 1);
	if (text.n > MSPL_MANIFEST_MAX || copy == NULL)
		return diag_fail(d, ERR(CEILING), "manifest", "make it smaller", "a manifest has at most %d bytes", MSPL_MANIFEST_MAX);
	memcpy(copy, text.n != 0 ? text.p : "", text.n);
	TRY(mend_declaration(is_lenient, copy, text, d));
	TRY(mend_tags(is_lenient, copy, text, d));
	TRY(xml_tree_read(x, str_trim((str){ copy, text.n }).n == 0 ? STR("") : (str){ copy, text.n }, &limits, a, &root, d));
	struct reading r = { .out = out, .arena = a, .d = d, .files = arena_alloc(a, MSPL_FILES_MAX * sizeof *r.files) };
	if (r.files == NULL)
		return diag_fail(d, ERR(CEILING), "manifest", "make it smaller", "there is not enough memory");
	*out = (struct mspl_manifest){ .roles = UINT32_MAX, .methods = UINT32_MAX, .classes = 0x7e, .proxy_by_default = true, .phone_uri = true, .script.files = r.files };
	return read_root(&r, root);
}
