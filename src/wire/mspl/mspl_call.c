/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the language that decide, ask and change: actions, header fields, users, the log. */
#include "wire/mspl/mspl_priv.h"

#include <stdio.h>

static mspl_call_fn *const functions[MSPL_CALL_N] = {
#define FUNCTION(name, function, least, most, of) function,
#define REFUSED(name, why) NULL,
#include "wire/mspl/mspl_function.def"
#undef FUNCTION
#undef REFUSED
};

err mspl_call(struct machine *m, enum mspl_call which, const struct mspl_value *v, unsigned n, struct mspl_value *out)
{
	return functions[which](m, v, n, out);
}

/* ---- arguments ---- */

static err wrong(struct machine *m, const struct mspl_value *v, unsigned which, const char *wanted)
{
	return mspl_fail(m, v->type == MSPL_NULL ? "argument %u is null where %s is needed" : "argument %u is not %s", which + 1, wanted);
}

err mspl_arg_text(struct machine *m, const struct mspl_value *v, unsigned which, str *out)
{
	if (v[which].type != MSPL_STRING)
		return wrong(m, &v[which], which, "a string");
	*out = v[which].text;
	return OK;
}

err mspl_arg_number(struct machine *m, const struct mspl_value *v, unsigned which, int64_t *out)
{
	if (v[which].type != MSPL_INT)
		return wrong(m, &v[which], which, "a number");
	*out = v[which].number;
	return OK;
}

err mspl_arg_truth(struct machine *m, const struct mspl_value *v, unsigned which, bool *out)
{
	if (v[which].type != MSPL_BOOL)
		return wrong(m, &v[which], which, "true or false");
	*out = v[which].truth;
	return OK;
}

static err arg_enum(struct machine *m, const struct mspl_value *v, unsigned which, enum mspl_enum kind, int64_t *out)
{
	if (v[which].type != MSPL_ENUM || v[which].kind != kind)
		return wrong(m, &v[which], which, "a word of that enumeration");
	*out = v[which].number;
	return OK;
}

/* ---- once-only actions ---- */

static err act(struct machine *m, enum mspl_action action)
{
	if (m->out->action != MSPL_NOTHING)
		return mspl_fail(m, "a second action for one message");
	if (m->in_fork && action != MSPL_FORK)
		return mspl_fail(m, "another action between BeginFork and EndFork");
	m->out->action = action;
	return OK;
}

static bool is_clean(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t')
			return false;
	return memchr(s.p, 0x7f, s.n) == NULL;
}

static err arg_uri(struct machine *m, const struct mspl_value *v, str *out)
{
	TRY(mspl_arg_text(m, v, 0, out));
	for (size_t i = 0; i < out->n; i++)
		if ((unsigned char)out->p[i] <= ' ' || out->p[i] == '<' || out->p[i] == '>' || out->p[i] == '"' || out->p[i] == 0x7f)
			return mspl_fail(m, "this is no URI");
	return OK;
}

CALL(call_proxy)
{
	str uri = STR(""), route;
	bool is_routed = false;
	(void)out;
	if (n == 1)
		TRY(arg_uri(m, v, &uri));
	if (uri.n != 0) {
		ENSURE(m->w->header(m->arg, STR("Route"), 0, &route, &is_routed), CEILING);
		if (is_routed)
			return mspl_fail(m, "a request with a Route can only be proxied by ProxyRequest(\"\")");
	}
	TRY(act(m, MSPL_PROXY));
	m->out->uri = uri;
	return OK;
}

CALL(call_proxy_response)
{
	(void)v;
	(void)n;
	(void)out;
	return act(m, MSPL_PROXY);
}

CALL(call_begin_fork)
{
	int64_t seconds = 0;
	(void)n;
	(void)out;
	if (m->in_fork || m->out->action != MSPL_NOTHING)
		return mspl_fail(m, "a second action for one message");
	TRY(mspl_arg_truth(m, v, 0, &m->out->is_sequential));
	TRY(mspl_arg_number(m, v, 1, &seconds));
	if (seconds != 0)
		return mspl_fail(m, "branches have no time limit of their own here: the second argument is 0");
	m->in_fork = true;
	return OK;
}

CALL(call_fork)
{
	str uri;
	(void)n;
	(void)out;
	if (!m->in_fork)
		return mspl_fail(m, "Fork without BeginFork");
	TRY(arg_uri(m, v, &uri));
	if (uri.n == 0 || m->out->n_forks == MSPL_FORKS_MAX)
		return mspl_fail(m, uri.n == 0 ? "this is no URI" : "too many branches");
	m->out->forks[m->out->n_forks++] = uri;
	return OK;
}

CALL(call_end_fork)
{
	(void)v;
	(void)n;
	(void)out;
	if (!m->in_fork || m->out->n_forks == 0)
		return mspl_fail(m, m->in_fork ? "EndFork without a Fork" : "EndFork without BeginFork");
	TRY(act(m, MSPL_FORK));
	m->in_fork = false;
	return OK;
}

CALL(call_retarget)
{
	str uri;
	(void)n;
	(void)out;
	TRY(arg_uri(m, v, &uri));
	if (uri.n == 0 || m->out->retarget.n != 0)
		return mspl_fail(m, uri.n == 0 ? "this is no URI" : "a second new target for one message");
	m->out->retarget = uri;
	return OK;
}

/* ---- header fields ---- */

static bool is_token(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= '0' && c <= '9') || (char_lower(c) >= 'a' && char_lower(c) <= 'z') || (c != '\0' && strchr("-.!%*_+`'~", c) != NULL)))
			return false;
	}
	return s.n != 0;
}

/* Fields that lead a message, or that prove something, are the server's. */
static err check_field(struct machine *m, str name, bool is_parameter)
{
	const struct mspl_header *h = mspl_header_find(name);
	bool may = is_parameter && (str_eq_case(name, STR("From")) || str_eq_case(name, STR("To")));
	if (!is_token(name))
		return mspl_fail(m, "this is no name of a header field");
	if (h != NULL && h->locked && !may)
		return mspl_fail(m, "%s belongs to the server, not to scripts", h->name);
	if (name.n == 1)
		return mspl_fail(m, "write the long name of a header field");
	return OK;
}

CALL(call_respond)
{
	int64_t status = 0;
	(void)out;
	TRY(mspl_arg_number(m, v, 0, &status));
	TRY(mspl_arg_text(m, v, 1, &m->out->reason));
	if (status < 100 || status > 699 || !is_clean(m->out->reason))
		return mspl_fail(m, "an answer needs a status of 100 to 699 and a reason in one line");
	for (unsigned i = 2; i < n; i++) {
		str line, value;
		TRY(mspl_arg_text(m, v, i, &line));
		str name = str_trim(str_split(line, ':', &value));
		TRY(check_field(m, name, false));
		if (name.n == line.n || !is_clean(value))
			return mspl_fail(m, "argument %u is no header field: \"Name: value\"", i + 1);
		m->out->field_names[m->out->n_fields] = name;
		m->out->field_values[m->out->n_fields++] = str_trim(value);
	}
	TRY(act(m, MSPL_RESPOND));
	m->out->status = (unsigned)status;
	return OK;
}

CALL(call_add_header)
{
	str name, value, old;
	bool is_there = false;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &name));
	TRY(mspl_arg_text(m, v, 1, &value));
	TRY(check_field(m, name, false));
	const struct mspl_header *h = mspl_header_find(name);
	if (!is_clean(value))
		return mspl_fail(m, "the value of a header field is one line");
	ENSURE(m->w->header(m->arg, name, 0, &old, &is_there), CEILING);
	bool may = h == NULL || !h->once || !is_there;
	if (may)
		ENSURE(m->w->header_add(m->arg, name, str_trim(value)), CEILING);
	*out = mspl_truth(may);
	return OK;
}

CALL(call_remove_headers)
{
	str name, value;
	(void)out;
	TRY(mspl_arg_text(m, v, 0, &name));
	TRY(check_field(m, name, false));
	if (n == 2)
		TRY(mspl_arg_text(m, v, 1, &value));
	ENSURE(m->w->header_remove(m->arg, name, n == 2 ? &value : NULL), CEILING);
	return OK;
}

CALL(call_header_values)
{
	str name, value;
	bool is_there = true;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &name));
	struct mspl_value found[MSPL_LIST_MAX];
	size_t count = 0;
	while (count < MSPL_LIST_MAX) {
		ENSURE(m->w->header(m->arg, name, count, &value, &is_there), CEILING);
		if (!is_there)
			break;
		found[count++] = mspl_text(value);
	}
	void *p = mspl_take(m, count * sizeof found[0]);
	ENSURE(p != NULL, CEILING);
	memcpy(p, found, count * sizeof found[0]);
	*out = (struct mspl_value){ .type = MSPL_LIST, .list = { p, count } };
	return OK;
}

/* Where the parameters of a value begin: after the > of an address, or after its first ';'. */
static size_t parameters_at(str value)
{
	const char *end = memrchr(value.p, '>', value.n);
	size_t from = end != NULL ? (size_t)(end - value.p) + 1 : 0;
	return from + str_find_char(str_cut(value, from, value.n), ';');
}

static bool next_parameter(str *rest, str *whole, str *name, str *value)
{
	size_t n = 0;
	bool quoted = false;
	if (rest->n == 0)
		return false;
	while (n < rest->n && (quoted || rest->p[n] != ';')) {
		quoted = rest->p[n] == '"' ? !quoted : quoted;
		n += quoted && rest->p[n] == '\\' && n + 1 < rest->n ? 2 : 1;
	}
	*whole = str_cut(*rest, 0, n);
	*rest = str_cut(*rest, n + 1, rest->n);
	*name = str_trim(str_split(*whole, '=', value));
	*value = str_trim(*value);
	return true;
}

CALL(call_parameter)
{
	str value, wanted, whole, name, found;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &value));
	TRY(mspl_arg_text(m, v, 1, &wanted));
	str rest = str_cut(value, parameters_at(value) + 1, value.n);
	while (next_parameter(&rest, &whole, &name, &found))
		if (str_eq_case(name, wanted)) {
			*out = mspl_text(found);
			return OK;
		}
	return OK;
}

/* The value with its parameters, but this one. */
static err without_parameter(struct machine *m, str value, str wanted, struct mspl_value *out)
{
	str parts[64], whole, name, old;
	size_t count = 0, from = parameters_at(value);
	str rest = str_cut(value, from + 1, value.n);
	parts[count++] = str_cut(value, 0, from);
	while (next_parameter(&rest, &whole, &name, &old)) {
		if (str_eq_case(name, wanted))
			continue;
		if (count + 2 > sizeof parts / sizeof parts[0])
			return mspl_fail(m, "too many parameters");
		parts[count++] = STR(";");
		parts[count++] = whole;
	}
	return mspl_join(m, parts, count, out);
}

CALL(call_set_parameter)
{
	str field, name, value, old = STR("");
	bool is_there = false;
	struct mspl_value joined;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &field));
	TRY(mspl_arg_text(m, v, 1, &name));
	TRY(mspl_arg_text(m, v, 2, &value));
	TRY(check_field(m, field, true));
	if (!is_token(name) || !is_clean(value) || (str_eq_case(name, STR("tag")) && mspl_header_find(field) != NULL))
		return mspl_fail(m, "this parameter cannot be set");
	ENSURE(m->w->header(m->arg, field, 0, &old, &is_there), CEILING);
	if (!is_there) {
		*out = mspl_truth(false);
		return OK;
	}
	TRY(without_parameter(m, old, name, &joined));
	if (value.n != 0)
		TRY(mspl_join(m, (const str[]){ joined.text, STR(";"), name, STR("="), value }, 5, &joined));
	ENSURE(m->w->header_set(m->arg, field, joined.text), CEILING);
	*out = mspl_truth(true);
	return OK;
}

/* ---- who and where ---- */

CALL(call_domain)
{
	str domain;
	(void)n;
	TRY(mspl_arg_text(m, v, 0, &domain));
	*out = mspl_truth(m->w->is_domain(m->arg, domain));
	return OK;
}

static err arg_user(struct machine *m, const struct mspl_value *v, str *out)
{
	TRY(mspl_arg_text(m, v, 0, out));
	if (str_begins_case(*out, STR("sip:")))
		*out = str_cut(*out, 4, out->n);
	return OK;
}

CALL(call_home_server)
{
	str user, fqdn = { NULL, 0 };
	bool is_phone = false;
	int64_t cluster = MSPL_ClusterType_PrimaryRegistrar;
	TRY(arg_user(m, v, &user));
	if (n >= 2)
		TRY(mspl_arg_truth(m, v, 1, &is_phone));
	if (n == 3)
		TRY(arg_enum(m, v, 2, MSPL_ENUM_ClusterType, &cluster));
	ENSURE(m->w->home(m->arg, user, is_phone, cluster, &fqdn), CEILING);
	if (fqdn.p != NULL)
		*out = mspl_text(fqdn);
	return OK;
}

CALL(call_endpoints)
{
	str user;
	bool is_forced = false, is_there = true;
	size_t count = 0;
	TRY(arg_user(m, v, &user));
	if (n == 2)
		TRY(mspl_arg_truth(m, v, 1, &is_forced)); /* there is no older answer to look past */
	struct mspl_endpoint *all = (void *)mspl_take(m, MSPL_FORKS_MAX * sizeof *all);
	struct mspl_value *list = (void *)mspl_take(m, MSPL_FORKS_MAX * sizeof *list);
	ENSURE(all != NULL && list != NULL, CEILING);
	for (; count < MSPL_FORKS_MAX; count++) {
		ENSURE(m->w->endpoint(m->arg, user, count, &all[count], &is_there), CEILING);
		if (!is_there)
			break;
		list[count] = (struct mspl_value){ .type = MSPL_OBJECT, .kind = MSPL_ENDPOINT, .endpoint = &all[count] };
	}
	*out = (struct mspl_value){ .type = MSPL_LIST, .list = { list, count } };
	return OK;
}

CALL(call_option)
{
	str user;
	int64_t option = 0;
	bool is_phone = false;
	TRY(arg_user(m, v, &user));
	TRY(arg_enum(m, v, 1, MSPL_ENUM_UserOption, &option));
	if (n == 3)
		TRY(mspl_arg_truth(m, v, 2, &is_phone));
	*out = mspl_truth(m->w->option(m->arg, user, option, is_phone));
	return OK;
}

/* ---- the log ---- */

CALL(call_log)
{
	char one[256], detail[32];
	struct mspl_value text = mspl_text(STR(""));
	str level;
	(void)out;
	TRY(mspl_arg_text(m, v, 0, &level));
	for (unsigned i = 2; i < n; i++)
		TRY(mspl_join(m, (const str[]){ text.text, v[i].type == MSPL_STRING ? v[i].text : str_of(mspl_print(&v[i], one, sizeof one)) }, 2, &text));
	m->w->log(m->arg, level, str_of(mspl_print(&v[1], detail, sizeof detail)), text.text);
	return OK;
}
