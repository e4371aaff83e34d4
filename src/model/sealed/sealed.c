/* SPDX-License-Identifier: Apache-2.0 */
#include "model/sealed.h"

#include "base/enc.h"

#include <stdlib.h>

err sealed_key(str password, const uint8_t salt[SEALED_SALT], struct crypt **out, struct diag *d)
{
	uint8_t key[32];
	*out = NULL;
	if (password.n < SEALED_PASSWORD_LEAST)
		return diag_fail(d, ERR(MALFORMED), "Password", "choose a longer one", "this password has at least %d bytes", SEALED_PASSWORD_LEAST);
	TRY(crypt_stretch(password, (str){ (const char *)salt, SEALED_SALT }, SEALED_COST, key));
	err e = crypt_new(out);
	if (!failed(e))
		crypt_mac_key(*out, (str){ (const char *)key, sizeof key });
	crypt_wipe(key, sizeof key);
	return e;
}

json_t *sealed_bytes(const void *bytes, size_t n)
{
	char *text = malloc(n * 4 / 3 + 8);
	if (text == NULL)
		return NULL;
	json_t *v = json_stringn(text, enc_base64url(bytes, n, text));
	crypt_wipe(text, n * 4 / 3);
	free(text);
	return v;
}

uint8_t *sealed_bytes_read(const json_t *v, size_t *n)
{
	*n = 0;
	if (!json_is_string(v))
		return NULL;
	str s = { json_string_value(v), json_string_length(v) };
	*n = s.n;
	uint8_t *out = malloc(s.n + 8);
	if (out != NULL && failed(enc_base64url_read(s, out, n))) {
		free(out);
		return NULL;
	}
	return out;
}

json_t *sealed_json(struct crypt *key, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT);
	size_t n = text != NULL ? strlen(text) : 0;
	uint8_t *sealed = malloc(n + CRYPT_SEAL);
	json_t *v = NULL;
	if (text != NULL && sealed != NULL && !failed(crypt_seal(key, (str){ text, n }, sealed)))
		v = sealed_bytes(sealed, n + CRYPT_SEAL);
	if (text != NULL)
		crypt_wipe(text, n);
	free(text);
	free(sealed);
	return v;
}

json_t *sealed_json_read(struct crypt *key, const json_t *text)
{
	size_t n = 0;
	json_t *value = NULL;
	uint8_t *sealed = sealed_bytes_read(text, &n), *plain = sealed != NULL && n >= CRYPT_SEAL ? malloc(n) : NULL;
	if (plain != NULL && !failed(crypt_unseal(key, (str){ (const char *)sealed, n }, plain))) {
		value = json_loadb((const char *)plain, n - CRYPT_SEAL, 0, NULL);
		crypt_wipe(plain, n - CRYPT_SEAL);
	}
	free(plain);
	free(sealed);
	return value;
}

char *sealed_text(const json_t *document, const char *except)
{
	json_t *rest = json_copy((json_t *)(uintptr_t)document);
	(void)json_object_del(rest, except);
	char *text = rest != NULL ? json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(rest);
	return text;
}
