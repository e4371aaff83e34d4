/* SPDX-License-Identifier: Apache-2.0 */
/* What a property may be, in words, and a value of it for examples. */
#include "model/schema/schema_priv.h"

#include <stdio.h>

static const char *const words[SCHEMA_TYPE_N] = {
	[SCHEMA_BOOL] = "$true or $false",
	[SCHEMA_DATE] = "a moment such as 2026-01-31T12:00:00Z",
	[SCHEMA_FQDN] = "the full name of a host, such as server.example.test, in ASCII letters (A-labels)",
	[SCHEMA_DOMAIN] = "a DNS domain such as example.test or *.example.test",
	[SCHEMA_URL] = "a URL that begins with https:// or http://",
	[SCHEMA_SIPURI] = "an address such as sip:ann@example.test or tel:+4930123456",
	[SCHEMA_NUMBER] = "a telephone number",
	[SCHEMA_IP] = "an IPv4 or IPv6 address",
	[SCHEMA_PATTERN] = "a regular expression",
	[SCHEMA_BYTES] = "bytes in base64",
	[SCHEMA_GUID] = "a GUID such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
};

static void describe_bounded(const struct schema_prop *p, char *out, size_t size)
{
	const char *dots = strstr(p->check, "..");
	int n = dots != NULL ? (int)(dots - p->check) : 0;
	const char *most = dots != NULL ? dots + 2 : "1024";
	if (p->type == SCHEMA_INT)
		(void)snprintf(out, size, "a whole number from %.*s to %s", n, p->check, most);
	else if (p->type == SCHEMA_TIMESPAN)
		(void)snprintf(out, size, "a time from %.*s to %s (days.hours:minutes:seconds)", n, p->check, most);
	else
		(void)snprintf(out, size, "text of at most %s bytes", most);
}

static void describe_words(const struct schema_prop *p, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "one of");
	for (str rest = str_of(p->check); rest.n != 0 && n < size;) {
		str word = str_split(rest, '|', &rest);
		n += (size_t)snprintf(out + n, size - n, " %.*s%s", STR_FMT(word), rest.n != 0 ? "," : "");
	}
}

static void describe_list(const struct schema_prop *p, char *out, size_t size)
{
	char one[160];
	const struct schema_prop element = value_element(p);
	schema_describe(&element, one, sizeof one);
	(void)snprintf(out, size, "a list, each element %s, or @{Add=...}, @{Remove=...}, @{Replace=...}", one);
}

void schema_describe(const struct schema_prop *p, char *out, size_t size)
{
	switch (p->type) {
	case SCHEMA_INT:
	case SCHEMA_TIMESPAN:
	case SCHEMA_TEXT:
		describe_bounded(p, out, size);
		return;
	case SCHEMA_ENUM:
		describe_words(p, out, size);
		return;
	case SCHEMA_LISTED:
		describe_list(p, out, size);
		return;
	case SCHEMA_REF:
		(void)snprintf(out, size, "the identity of a %s", p->check);
		return;
	case SCHEMA_SECRET:
		(void)snprintf(out, size, "a secret of at most %s bytes in one line", p->check[0] != '\0' ? p->check + 2 : "1024");
		return;
	case SCHEMA_OBJECT:
	case SCHEMA_OBJECTS:
		if (p->check[0] == '\0')
			(void)snprintf(out, size, "an object");
		else
			(void)snprintf(out, size, "%s made by New-Cs%s", p->type == SCHEMA_OBJECT ? "an object" : "objects", p->check);
		return;
	default:
		(void)snprintf(out, size, "%s", words[p->type]);
	}
}

/* ---- samples ---- */

static const char *const samples[SCHEMA_TYPE_N] = {
	[SCHEMA_DATE] = "2026-01-31T12:00:00Z",
	[SCHEMA_FQDN] = "server.example.test",
	[SCHEMA_DOMAIN] = "example.test",
	[SCHEMA_URL] = "https://www.example.test/",
	[SCHEMA_SIPURI] = "sip:bob@example.test",
	[SCHEMA_NUMBER] = "+4930123456",
	[SCHEMA_IP] = "192.0.2.1",
	[SCHEMA_PATTERN] = "^(\\d{4})$",
	[SCHEMA_SECRET] = "an example secret",
	[SCHEMA_BYTES] = "AQID",
	[SCHEMA_GUID] = "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
};

/* The side of the bounds, or the word, that is not the default. */
static json_t *sample_of(const struct schema_prop *p)
{
	char text[64];
	const char *dots = strstr(p->check, "..");
	if (p->type == SCHEMA_BOOL)
		return json_boolean(strcmp(p->dflt, "True") != 0);
	if (p->type == SCHEMA_ENUM) {
		str rest, first = str_split(str_of(p->check), '|', &rest);
		str other = str_eq(first, str_of(p->dflt)) ? str_split(rest, '|', &rest) : first;
		return json_stringn(other.p, other.n);
	}
	if (p->type == SCHEMA_INT || p->type == SCHEMA_TIMESPAN) {
		str least = { p->check, (size_t)(dots - p->check) };
		str v = str_eq(least, str_of(p->dflt)) ? str_of(dots + 2) : least;
		return str_to_z(v, text, sizeof text) ? json_string(text) : NULL;
	}
	if (p->type == SCHEMA_TEXT) { /* as much of it as there is room for */
		uint32_t most = 1024;
		str word = strcmp(p->dflt, "Example") == 0 ? STR("Sample") : STR("Example");
		(void)str_to_u32(str_of(dots != NULL ? dots + 2 : ""), &most);
		word = str_cut(word, 0, most);
		return json_stringn(word.p, word.n);
	}
	return samples[p->type] != NULL ? json_string(samples[p->type]) : NULL;
}

json_t *schema_sample(const struct schema_prop *p)
{
	json_t *given = NULL, *v = NULL;
	if (p->type == SCHEMA_LISTED) {
		const struct schema_prop element = value_element(p);
		given = sample_of(&element);
	} else {
		given = sample_of(p);
	}
	if (given != NULL && failed(schema_value(p, given, &v, NULL)))
		v = NULL;
	json_decref(given);
	return v;
}
