/* SPDX-License-Identifier: Apache-2.0 */
/* The header alone: PNG 11.2.2 (IHDR), and the frame header of JPEG (ITU-T T.81 B.2.2) behind the segments before it. */
#include "service/photo.h"

#include <string.h>

static const uint8_t *bytes_of(str s)
{
	return (const uint8_t *)s.p;
}

static uint32_t u16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t u32(const uint8_t *p)
{
	return u16(p) << 16 | u16(p + 2);
}

static err read_png(str s, struct photo *out)
{
	static const uint8_t head[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R' };
	const uint8_t *p = bytes_of(s);
	ENSURE(s.n >= sizeof head + 13 && memcmp(p, head, sizeof head) == 0, MALFORMED);
	*out = (struct photo){ "image/png", u32(p + sizeof head), u32(p + sizeof head + 4) };
	return OK;
}

/* SOF0 to SOF15, among which are the tables DHT, JPG and DAC. */
static bool is_frame(uint8_t marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static err read_jpeg(str s, struct photo *out)
{
	const uint8_t *p = bytes_of(s);
	ENSURE(s.n >= 4 && p[0] == 0xff && p[1] == 0xd8, MALFORMED);
	for (size_t i = 2; i + 4 <= s.n;) {
		uint8_t marker = p[i + 1];
		uint32_t n = u16(p + i + 2);
		ENSURE(p[i] == 0xff && marker >= 0xc0 && marker != 0xda && n >= 2 && n + 2 <= s.n - i, MALFORMED);
		if (is_frame(marker) && n >= 8) {
			*out = (struct photo){ "image/jpeg", u16(p + i + 7), u16(p + i + 5) };
			return OK;
		}
		i += n + 2;
	}
	return ERR(MALFORMED);
}

err photo_read(str bytes, struct photo *out, struct diag *d)
{
	if (bytes.n > PHOTO_MAX)
		return diag_fail(d, ERR(CEILING), "photo", "make it smaller: 96 by 96 pixels are enough for a list", "the file has %zu bytes, a photo at most %d", bytes.n, PHOTO_MAX);
	if (failed(read_png(bytes, out)) && failed(read_jpeg(bytes, out)))
		return diag_fail(d, ERR(MALFORMED), "photo", "save it as JPEG or PNG", "the file is neither JPEG nor PNG");
	if (out->width == 0 || out->height == 0)
		return diag_fail(d, ERR(MALFORMED), "photo", "save it anew", "the file says no size of the picture");
	if (out->width > PHOTO_SIDE || out->height > PHOTO_SIDE)
		return diag_fail(d, ERR(CEILING), "photo", "make it smaller", "the picture has %u by %u pixels, a photo at most %d by %d", out->width, out->height, PHOTO_SIDE, PHOTO_SIDE);
	return OK;
}
