/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this module share: a real exchange, and a client that makes messages of its own. */
#ifndef WITAN_WIRE_NTLM_TEST_H
#define WITAN_WIRE_NTLM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/enc.h"
#include "wire/ntlm/ntlm_priv.h"

/* Office Communicator 2007 R2 at a server of its time: user User of domain COSMO, password Pa$$word. */
static const char type2_hex[] =
	"4e544c4d53535000020000000000000038000000f38298e2dd1baaf4e7e218d1000000000000000096009600380000000502ce0e0000000f"
	"02000a0043004f0053004d004f000100180043004f0053004d004f002d004f00430053002d00520032000400160063006f0073006d006f00"
	"2e006c006f00630061006c000300300063006f0073006d006f002d006f00630073002d00720032002e0063006f0073006d006f002e006c00"
	"6f00630061006c000500160063006f0073006d006f002e006c006f00630061006c0000000000";

static const char type3_hex[] =
	"4e544c4d53535000030000001800180072000000c600c6008a0000000a000a00480000000800080052000000180018005a00000010001000"
	"50010000558298620502ce0e0000000f43004f0053004d004f00550073006500720043004f0053004d004f002d004f00430053002d005200"
	"3200a1e92efe4e078bf7c5c0049acc6166c2d6ae875cb0fdaa418dc0c800ae76eca606d2b9fbebd04731010100000000000059519a1727b9"
	"ca01d6ae875cb0fdaa410000000002000a0043004f0053004d004f000100180043004f0053004d004f002d004f00430053002d0052003200"
	"0400160063006f0073006d006f002e006c006f00630061006c000300300063006f0073006d006f002d006f00630073002d00720032002e00"
	"63006f0073006d006f002e006c006f00630061006c000500160063006f0073006d006f002e006c006f00630061006c000000000000000000"
	"31cb739e1ca80a498591e8ae797115e4";

/* A client's Type 3: fields one after another behind the header. */
struct sheet {
	uint8_t bytes[NTLM_MOST];
	size_t n;
};

static inline str sheet_str(const struct sheet *s)
{
	return (str){ (const char *)s->bytes, s->n };
}

static inline void sheet_number(struct sheet *s, size_t at, uint32_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		s->bytes[at + i] = (uint8_t)(v >> 8 * i);
}

static inline void sheet_field(struct sheet *s, size_t at, const void *p, size_t n)
{
	sheet_number(s, at, (uint32_t)n, 2);
	sheet_number(s, at + 2, (uint32_t)n, 2);
	sheet_number(s, at + 4, (uint32_t)s->n, 4);
	if (n > 0)
		memcpy(s->bytes + s->n, p, n);
	s->n += n;
}

static inline void sheet_name(struct sheet *s, size_t at, const char *name)
{
	uint8_t units[2 * NTLM_NAME_MOST];
	size_t n = sizeof units;
	assert_false(failed(ntlm_text_write(str_of(name), units, &n)));
	sheet_field(s, at, units, n);
}

static inline void sheet_begin(struct sheet *s, uint32_t type, size_t header)
{
	*s = (struct sheet){ .n = header };
	memcpy(s->bytes, "NTLMSSP", 8);
	s->bytes[AT_TYPE] = (uint8_t)type;
}

static inline void sheet_hex(struct sheet *s, const char *hex)
{
	*s = (struct sheet){ .n = strlen(hex) / 2 };
	assert_false(failed(enc_hex_read(str_of(hex), s->bytes, s->n)));
}

static inline void assert_hex(const uint8_t *bytes, size_t n, const char *hex)
{
	char text[129];
	assert_true(n <= 64);
	enc_hex(bytes, n, text);
	text[2 * n] = '\0';
	assert_string_equal(text, hex);
}

static inline struct crypt *crypt_ready(void)
{
	struct crypt *c;
	struct diag d = { 0 };
	assert_false(failed(crypt_new(&c)));
	assert_false(failed(crypt_open_legacy(c, &d)));
	return c;
}

#endif
