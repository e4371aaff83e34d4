/* SPDX-License-Identifier: Apache-2.0 */
/* What a script can name, by the tables. */
#include "base/near.h"
#include "wire/mspl/mspl_priv.h"

#include <stdio.h>

const struct mspl_function mspl_functions[MSPL_CALL_N] = {
#define FUNCTION(name, function, least, most, of) { #name, least, most, of, NULL },
#define REFUSED(name, why) { #name, 0, MSPL_ARGUMENTS, 'A', why },
#include "wire/mspl/mspl_function.def"
#undef FUNCTION
#undef REFUSED
};

const struct mspl_member mspl_members[MSPL_AT_N] = {
#define ROOT(name, id) { MSPL_OBJECT_N, #name, false },
#define MEMBER(object, name, id, writable) { MSPL_##object, #name, writable },
#include "wire/mspl/mspl_member.def"
#undef ROOT
#undef MEMBER
};

static const char *const objects[MSPL_OBJECT_N] = { "sipMessage", "sipRequest", "sipResponse", "requestSource", "requestTarget", NULL };

static const struct mspl_header headers[] = {
#define MARK(marks, at) (marks "\0\0")[at]
#define HEADER(word, name, marks) { #word, name, MARK(marks, 0) == '1', MARK(marks, 0) == 'L' || MARK(marks, 1) == 'L' },
#include "wire/mspl/mspl_header.def"
#undef HEADER
#undef MARK
};

static const char *const enums[MSPL_ENUM_N] = {
#define ENUM(name) #name,
#define VALUE(kind, name, number)
#include "wire/mspl/mspl_enum.def"
#undef ENUM
#undef VALUE
};

static const struct {
	uint8_t kind;
	const char *name;
	int64_t number;
} values[] = {
#define ENUM(name)
#define VALUE(kind, name, number) { MSPL_ENUM_##kind, #name, number },
#include "wire/mspl/mspl_enum.def"
#undef ENUM
#undef VALUE
};

static const struct {
	const char *name, *instead;
} myths[] = {
	{ "FromUser", "write GetUserAtHost(sipRequest.From)" },
	{ "ToUser", "write GetUserAtHost(sipRequest.To)" },
	{ "ProxyByDomain", "say it in the manifest: proxyByDefault, and requestFilter with domainSupported" },
	{ "SupportedRequests", "say it in the manifest: requestFilter with methodNames, or call SupportsMethod" },
	{ "RequestUriUser", "write GetUserName(sipRequest.RequestURI)" },
};

const char *mspl_instead(str name)
{
	for (size_t i = 0; i < sizeof myths / sizeof myths[0]; i++)
		if (str_eq_case(name, str_of(myths[i].name)))
			return myths[i].instead;
	return NULL;
}

const struct mspl_header *mspl_header_find(str field_name)
{
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		if (str_eq_case(field_name, str_of(headers[i].name)))
			return &headers[i];
	return NULL;
}

int mspl_function_find(str name, str *near)
{
	struct near best = { .want = name };
	for (int i = 0; i < MSPL_CALL_N; i++) {
		if (str_eq_case(name, str_of(mspl_functions[i].name)))
			return i;
		near_offer(&best, str_of(mspl_functions[i].name));
	}
	*near = near_best(&best);
	return -1;
}

static bool has_member(enum mspl_object o, const struct mspl_member *m)
{
	return m->object == o || (m->object == MSPL_MESSAGE && (o == MSPL_REQUEST || o == MSPL_RESPONSE));
}

int mspl_member_find(enum mspl_object o, str name, str *near)
{
	struct near best = { .want = name };
	for (int i = 0; i < MSPL_AT_N; i++) {
		if (!has_member(o, &mspl_members[i]))
			continue;
		if (str_eq_case(name, str_of(mspl_members[i].name)))
			return i;
		near_offer(&best, str_of(mspl_members[i].name));
	}
	*near = near_best(&best);
	return -1;
}

bool mspl_is_member(str name)
{
	for (int i = 0; i < MSPL_AT_N; i++)
		if (mspl_members[i].object != MSPL_OBJECT_N && str_eq_case(name, str_of(mspl_members[i].name)))
			return true;
	return false;
}

int mspl_root_find(str name)
{
	for (int i = 0; i < MSPL_AT_N; i++)
		if (mspl_members[i].object == MSPL_OBJECT_N && str_eq_case(name, str_of(mspl_members[i].name)))
			return i;
	return -1;
}

int mspl_object_find(str name)
{
	for (int i = 0; i < MSPL_OBJECT_N; i++)
		if (objects[i] != NULL && str_eq_case(name, str_of(objects[i])))
			return i;
	return -1;
}

/* ---- enumerations ---- */

static int header_word(str name, struct mspl_value *out, str *near)
{
	struct near best = { .want = name };
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		near_offer(&best, str_of(headers[i].word));
		if (!str_eq_case(name, str_of(headers[i].word)))
			continue;
		*out = mspl_text(str_of(headers[i].name));
		return 0;
	}
	*near = near_best(&best);
	return 1;
}

int mspl_enum_find(str kind, str name, struct mspl_value *out, str *near)
{
	struct near best = { .want = name };
	int found = -1;
	if (str_eq_case(kind, STR("StandardHeader")))
		return header_word(name, out, near);
	for (int i = 0; i < MSPL_ENUM_N; i++)
		found = str_eq_case(kind, str_of(enums[i])) ? i : found;
	if (found < 0)
		return -1;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		if (values[i].kind != found)
			continue;
		near_offer(&best, str_of(values[i].name));
		if (!str_eq_case(name, str_of(values[i].name)))
			continue;
		*out = mspl_enum((enum mspl_enum)found, values[i].number);
		return 0;
	}
	*near = near_best(&best);
	return 1;
}

static void print_enum(const struct mspl_value *v, char *out, size_t size)
{
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		if (values[i].kind == v->kind && values[i].number == v->number) {
			(void)snprintf(out, size, "%s.%s", enums[v->kind], values[i].name);
			return;
		}
	(void)snprintf(out, size, "%s.%lld", v->kind < MSPL_ENUM_N ? enums[v->kind] : "?", (long long)v->number);
}

static void print_object(const struct mspl_value *v, char *out, size_t size)
{
	if (v->kind == MSPL_ENDPOINT)
		(void)snprintf(out, size, "endpoint %.*s", STR_FMT(v->endpoint->epid));
	else
		(void)snprintf(out, size, "%s", objects[v->kind]);
}

const char *mspl_print(const struct mspl_value *v, char *out, size_t size)
{
	switch ((enum mspl_type)v->type) {
	case MSPL_NULL:
		(void)snprintf(out, size, "null");
		break;
	case MSPL_BOOL:
		(void)snprintf(out, size, "%s", v->truth ? "true" : "false");
		break;
	case MSPL_INT:
		(void)snprintf(out, size, "%lld", (long long)v->number);
		break;
	case MSPL_FLOAT:
		(void)snprintf(out, size, "%g", v->real);
		break;
	case MSPL_STRING:
		(void)snprintf(out, size, "%.*s", STR_FMT(str_cut(v->text, 0, size)));
		break;
	case MSPL_ENUM:
		print_enum(v, out, size);
		break;
	case MSPL_OBJECT:
		print_object(v, out, size);
		break;
	case MSPL_LIST:
		(void)snprintf(out, size, "%zu values", v->list.n);
		break;
	}
	return out;
}
