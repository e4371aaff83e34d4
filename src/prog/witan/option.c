/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a subcommand, by rows. */
#include "prog/witan/witan_priv.h"

#include "base/near.h"

#include <stdio.h>

static int show_help(const char *command, const char *usage, const struct witan_option *rows)
{
	(void)printf("usage: witan %s %s\n\n", command, usage);
	for (const struct witan_option *o = rows; o->name != NULL; o++)
		(void)printf("  %s%s%-*s %s\n", o->name, o->value != NULL ? " " : "",
			(int)(strlen(o->name) + 1 < 28 ? 28 - strlen(o->name) : 1), o->value != NULL ? o->value : "",
			o->help);
	return WITAN_DONE;
}

static const struct witan_option *find(const struct witan_option *rows, str name)
{
	for (const struct witan_option *o = rows; o->name != NULL; o++)
		if (o->name[1] == '-' ? str_eq(str_of(o->name), name) : str_eq_case(str_of(o->name), name))
			return o;
	return NULL;
}

static int unknown(const char *command, const struct witan_option *rows, str name)
{
	struct near n = { .want = name };
	for (const struct witan_option *o = rows; o->name != NULL; o++)
		near_offer(&n, str_of(o->name));
	str best = near_best(&n);
	if (best.n != 0)
		return witan_usage(
			command, "there is no option %.*s; did you mean %.*s?", STR_FMT(name), STR_FMT(best));
	return witan_usage(command, "there is no option %.*s", STR_FMT(name));
}

static bool add_texts(struct witan_texts *texts, str value)
{
	while (value.n > 0) {
		if (texts->n == WITAN_TEXTS_MAX)
			return false;
		texts->p[texts->n++] = str_split(value, ',', &value);
	}
	return true;
}

static bool set(const struct witan_option *o, const char *value)
{
	uint32_t n;
	switch (o->kind) {
	case WITAN_FLAG:
		*(bool *)o->to = true;
		return true;
	case WITAN_TEXT:
		*(const char **)o->to = value;
		return value[0] != '\0';
	case WITAN_TEXTS:
		return value[0] != '\0' && add_texts(o->to, str_of(value));
	case WITAN_NUMBER:
		if (!str_to_u32(str_of(value), &n) || n < 1 || n > o->most)
			return false;
		*(uint32_t *)o->to = n;
		return true;
	}
	return false;
}

bool witan_options(int argc, char **argv, const char *usage, const struct witan_option *rows, int *status)
{
	for (int i = 1; i < argc; i++) {
		str value, name = str_split(str_of(argv[i]), '=', &value);
		bool joined = name.n < strlen(argv[i]);
		if (str_eq(name, STR("--help")) || str_eq(name, STR("-h"))) {
			*status = show_help(argv[0], usage, rows);
			return false;
		}
		const struct witan_option *o = name.n > 1 && name.p[0] == '-' ? find(rows, name) : NULL;
		if (o == NULL || (joined && o->kind == WITAN_FLAG)) {
			*status = name.p[0] == '-' ? unknown(argv[0], rows, name)
						   : witan_usage(argv[0], "\"%s\" is not an option", argv[i]);
			return false;
		}
		bool next = !joined && o->kind != WITAN_FLAG;
		if (next && i + 1 >= argc) {
			*status = witan_usage(argv[0], "%s needs %s", o->name, o->value);
			return false;
		}
		const char *text = joined ? value.p : next ? argv[++i] : "";
		if (!set(o, text)) {
			*status = witan_usage(argv[0], "%s cannot be \"%s\": %s", o->name, text, o->help);
			return false;
		}
	}
	return true;
}
