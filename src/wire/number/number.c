/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/number.h"

#define CARD_MIN 13
#define CARD_MAX 19

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	c = char_lower(c);
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

/* ---- cards ---- */

static bool is_luhn(const uint8_t *digits, unsigned n)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned d = digits[n - 1 - i] * (i % 2 == 0 ? 1u : 2u);
		sum += d > 9 ? d - 9 : d;
	}
	return sum % 10 == 0;
}

/* The digits that a number at the beginning of s has, up to one more than a card may; they end where more than one sign is between two. */
static unsigned read_digits(str s, uint8_t digits[CARD_MAX + 1])
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n && n <= CARD_MAX; i++) {
		bool parts = (s.p[i] == ' ' || s.p[i] == '-') && i + 1 < s.n && is_digit(s.p[i + 1]);
		if (is_digit(s.p[i]))
			digits[n++] = (uint8_t)(s.p[i] - '0');
		else if (!parts)
			break;
	}
	return n;
}

bool number_has_card(str text)
{
	uint8_t digits[CARD_MAX + 1];
	for (size_t i = 0; i < text.n; i++) {
		bool begins = text.p[i] >= '2' && text.p[i] <= '6' && (i == 0 || !is_alnum(text.p[i - 1]));
		unsigned n = begins ? read_digits(str_cut(text, i, text.n), digits) : 0;
		/* what follows may be another number: every length that a card may have */
		for (unsigned k = n < CARD_MAX ? n : CARD_MAX; k >= CARD_MIN; k--)
			if (is_luhn(digits, k))
				return true;
	}
	return false;
}

/* ---- accounts ---- */

/* ISO 13616 register: characters of the whole IBAN */
static const struct {
	char country[3];
	uint8_t length;
} lengths[] = {
	{ "AD", 24 }, { "AE", 23 }, { "AL", 28 }, { "AT", 20 }, { "AZ", 28 }, { "BA", 20 }, { "BE", 16 }, { "BG", 22 }, { "BH", 22 }, { "BI", 27 }, { "BR", 29 },
	{ "BY", 28 }, { "CH", 21 }, { "CR", 22 }, { "CY", 28 }, { "CZ", 24 }, { "DE", 22 }, { "DJ", 27 }, { "DK", 18 }, { "DO", 28 }, { "EE", 20 }, { "EG", 29 },
	{ "ES", 24 }, { "FI", 18 }, { "FK", 18 }, { "FO", 18 }, { "FR", 27 }, { "GB", 22 }, { "GE", 22 }, { "GI", 23 }, { "GL", 18 }, { "GR", 27 }, { "GT", 28 },
	{ "HR", 21 }, { "HU", 28 }, { "IE", 22 }, { "IL", 23 }, { "IQ", 23 }, { "IS", 26 }, { "IT", 27 }, { "JO", 30 }, { "KW", 30 }, { "KZ", 20 }, { "LB", 28 },
	{ "LC", 32 }, { "LI", 21 }, { "LT", 20 }, { "LU", 20 }, { "LV", 21 }, { "LY", 25 }, { "MC", 27 }, { "MD", 24 }, { "ME", 22 }, { "MK", 19 }, { "MN", 20 },
	{ "MR", 27 }, { "MT", 31 }, { "MU", 30 }, { "NI", 28 }, { "NL", 18 }, { "NO", 15 }, { "OM", 23 }, { "PK", 24 }, { "PL", 28 }, { "PS", 29 }, { "PT", 25 },
	{ "QA", 29 }, { "RO", 24 }, { "RS", 22 }, { "RU", 33 }, { "SA", 24 }, { "SC", 31 }, { "SD", 18 }, { "SE", 24 }, { "SI", 19 }, { "SK", 24 }, { "SM", 27 },
	{ "SO", 23 }, { "ST", 25 }, { "SV", 28 }, { "TL", 23 }, { "TN", 24 }, { "TR", 26 }, { "UA", 29 }, { "VA", 22 }, { "VG", 24 }, { "XK", 20 }, { "YE", 30 },
};

static unsigned length_of(str s)
{
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		if (str_eq_case(str_of(lengths[i].country), str_cut(s, 0, 2)))
			return lengths[i].length;
	return 0;
}

/* So many letters and digits from the beginning of s; between two may be one blank or hyphen. false: there are not so many. */
static bool read_account(str s, char *out, unsigned wanted)
{
	unsigned n = 0;
	size_t i = 0;
	for (; i < s.n && n < wanted; i++) {
		bool parts = (s.p[i] == ' ' || s.p[i] == '-') && i + 1 < s.n && is_alnum(s.p[i + 1]);
		if (is_alnum(s.p[i]))
			out[n++] = char_lower(s.p[i]);
		else if (!parts)
			return false;
	}
	return n == wanted && (i == s.n || !is_alnum(s.p[i]));
}

/* The first four characters stand at the end, letters count as 10 to 35 (ISO 7064 MOD 97-10). */
static bool is_mod97(const char *s, unsigned n)
{
	unsigned rest = 0;
	for (unsigned i = 0; i < n; i++) {
		char c = s[(i + 4) % n];
		rest = is_digit(c) ? rest * 10 + (unsigned)(c - '0') : rest * 100 + (unsigned)(c - 'a' + 10);
		rest %= 97;
	}
	return rest == 1;
}

bool number_has_iban(str text)
{
	char account[40];
	for (size_t i = 0; i + 15 <= text.n; i++) {
		str s = str_cut(text, i, text.n);
		bool begins = (i == 0 || !is_alnum(text.p[i - 1])) && !is_digit(s.p[0]) && is_alnum(s.p[0]) && is_digit(s.p[2]) && is_digit(s.p[3]);
		unsigned n = begins ? length_of(s) : 0;
		if (n != 0 && read_account(s, account, n) && is_mod97(account, n))
			return true;
	}
	return false;
}
