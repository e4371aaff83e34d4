/* SPDX-License-Identifier: Apache-2.0 */
/* DNS names as administrators write them, and as the system stores them (RFC 1035 2.3.1, RFC 1123 2.1, RFC 5891). */
#include "model/topo/topo_priv.h"

#include <idn2.h>

#define NAME_MAX_OCTETS  253
#define LABEL_MAX_OCTETS 63

static bool is_ascii(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static bool is_letter_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static err check_label(str label, struct diag *d)
{
	if (label.n == 0)
		return diag_fail(d, ERR(MALFORMED), NULL, "remove the extra dot", "a name with an empty label");
	if (label.n > LABEL_MAX_OCTETS)
		return diag_fail(d, ERR(REFUSED), NULL, "shorten the label to 63 octets",
			"the label \"%.*s...\" has %zu octets", 20, label.p, label.n);
	if (label.p[0] == '*')
		return diag_fail(d, ERR(REFUSED), NULL,
			"name each host; wildcards in certificates follow from simple-urls and reverse-proxies "
			"(wildcard: true)",
			"a wildcard is not allowed here");
	for (size_t i = 0; i < label.n; i++)
		if (!is_letter_digit(label.p[i]) && label.p[i] != '-')
			return diag_fail(d, ERR(MALFORMED), NULL, "use letters, digits and hyphens",
				"the label \"%.*s\" holds a character that a host name may not have", STR_FMT(label));
	if (label.p[0] == '-' || label.p[label.n - 1] == '-')
		return diag_fail(d, ERR(MALFORMED), NULL, "begin and end each label with a letter or digit",
			"the label \"%.*s\" begins or ends with a hyphen", STR_FMT(label));
	return OK;
}

static err check_name(str name, struct diag *d)
{
	if (name.n == 0)
		return diag_fail(d, ERR(MALFORMED), NULL, "write a name", "an empty name");
	if (name.n > NAME_MAX_OCTETS)
		return diag_fail(d, ERR(REFUSED), NULL, "shorten the name to 253 octets",
			"the name \"%.*s...\" has %zu octets", 20, name.p, name.n);
	str rest = name;
	while (rest.n > 0) {
		bool more = str_find_char(rest, '.') < rest.n;
		TRY(check_label(str_split(rest, '.', &rest), d));
		if (more && rest.n == 0)
			return check_label(rest, d);
	}
	return OK;
}

/* The longest U-label name that can still be a valid A-label name is shorter than this. */
#define GIVEN_MAX (NAME_MAX_OCTETS * 4)

static err to_ascii(str given, struct arena *a, str *out, struct diag *d)
{
	char z[GIVEN_MAX + 1], *ascii = NULL;
	if (!str_to_z(given, z, sizeof z) || memchr(given.p, 0, given.n) != NULL)
		return diag_fail(
			d, ERR(REFUSED), NULL, "shorten the name to 253 octets", "a name of %zu octets", given.n);
	int rc = idn2_to_ascii_8z(z, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	if (rc != IDN2_OK)
		return diag_fail(d, ERR(MALFORMED), NULL, "write the name as A-labels (xn--...)",
			"\"%.60s\" is not an international name: %s", z, idn2_strerror(rc));
	*out = arena_copy(a, str_of(ascii));
	idn2_free(ascii);
	ENSURE(out->p != NULL, CEILING);
	return OK;
}

err topo_name(str given, struct arena *a, str *out, struct diag *d)
{
	str name = given;
	if (given.n > 1 && given.p[given.n - 1] == '.') /* the root's dot */
		name.n--;
	if (!is_ascii(name)) {
		TRY(to_ascii(name, a, &name, d));
	} else {
		char *copy = arena_alloc(a, name.n + 1);
		ENSURE(copy != NULL, CEILING);
		for (size_t i = 0; i < name.n; i++)
			copy[i] = char_lower(name.p[i]);
		name.p = copy;
	}
	TRY(check_name(name, d));
	*out = name;
	return OK;
}
