/* SPDX-License-Identifier: Apache-2.0 */
#include "service/certstore/certstore_priv.h"

#include "base/enc.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MOST = CERT_PEM_MAX + 4096 };

static const char pem_end[] = ".pem", request_end[] = ".request";

static void name_cert(const struct certstore_cert *c, char out[CERTSTORE_FILE])
{
	(void)snprintf(out, CERTSTORE_FILE, "%s%s", c->thumbprint, pem_end);
}

static void name_request(const struct certstore_request *r, char out[CERTSTORE_FILE])
{
	enc_hex(r->key, 8, out);
	memcpy(out + 16, request_end, sizeof request_end);
}

static bool is_hex(str s, size_t n)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr("0123456789abcdefABCDEF", s.p[i]) == NULL || s.p[i] == '\0')
			return false;
	return s.n == n;
}

static bool has_form(const char *name, size_t digits, const char *end)
{
	str s = str_of(name), rest = str_cut(s, digits, s.n);
	return is_hex(str_cut(s, 0, digits), digits) && str_eq(rest, str_of(end));
}

/* ---- reading ---- */

static err read_cert(struct certstore *s, const char *name, str text, struct diag *d)
{
	struct certstore_cert c;
	char right[CERTSTORE_FILE];
	err e = certstore_cert_parse(&c, text, d);
	name_cert(&c, right);
	if (!failed(e) && strcmp(right, name) != 0)
		e = diag_fail(d, ERR(CORRUPT), name, "import the certificate again", "it holds another certificate than its name says");
	if (failed(e)) {
		buf_fini(&c.chain);
		return e;
	}
	if (c.friendly[0] == '\0' || certstore_has_friendly(s, str_of(c.friendly)))
		certstore_friendly_make(s, str_of(c.friendly), c.friendly);
	s->certs[s->n++] = c;
	return OK;
}

static err read_request(struct certstore *s, const char *name, str text, struct diag *d)
{
	struct certstore_request r;
	char right[CERTSTORE_FILE];
	err e = certstore_request_parse(&r, text, d);
	name_request(&r, right);
	if (!failed(e) && strcmp(right, name) != 0)
		e = diag_fail(d, ERR(CORRUPT), name, "request the certificate again", "it holds another request than its name says");
	if (failed(e)) {
		buf_fini(&r.pem);
		return e;
	}
	if (r.friendly[0] == '\0' || certstore_has_friendly(s, str_of(r.friendly)))
		certstore_friendly_make(s, str_of(r.friendly), r.friendly);
	s->requests[s->n_requests++] = r;
	return OK;
}

static err too_many(struct diag *d, const char *what, int most)
{
	return diag_fail(d, ERR(CEILING), "certs/", "remove what nothing uses: Get-CsCertificate, Remove-CsCertificate", "there are %d %s already", most, what);
}

static err read_one(struct certstore *s, const char *name, struct diag *d)
{
	struct buf text DEFER(buf_fini) = { 0 };
	bool is_cert = has_form(name, 40, pem_end), is_request = has_form(name, 16, request_end);
	if (!is_cert && !is_request)
		return OK;
	if (is_cert ? s->n == CERTSTORE_MAX : s->n_requests == CERTSTORE_REQUESTS_MAX)
		return is_cert ? too_many(d, "certificates", CERTSTORE_MAX) : too_many(d, "requests", CERTSTORE_REQUESTS_MAX);
	err e = file_read(s->dir, name, FILE_MOST, &text, d);
	if (!failed(e))
		e = is_cert ? read_cert(s, name, buf_str(&text), d) : read_request(s, name, buf_str(&text), d);
	if (failed(e) && d != NULL)
		(void)snprintf(d->where, sizeof d->where, "certs/%.100s", name);
	return e;
}

/* What a write left behind that was killed: hidden, and half a file. */
static bool is_left_over(const char *name)
{
	str s = str_of(name);
	return s.n > 10 && name[0] == '.' && name[s.n - 9] == '.' && is_hex(str_cut(s, s.n - 8, s.n), 8);
}

static err read_all(struct certstore *s, DIR *files, unsigned *odd, struct diag *d)
{
	for (struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
		if (is_left_over(file->d_name))
			(void)unlinkat(s->dir, file->d_name, 0);
		err e = file->d_name[0] != '.' ? read_one(s, file->d_name, d) : OK;
		if (err_is(e, ERR_CEILING))
			return e;
		*odd += failed(e) ? 1 : 0;
	}
	return certstore_assigned_read(s, d);
}

err certstore_open(int dir, struct certstore **out, unsigned *odd, struct diag *d)
{
	unsigned n = 0;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
	struct certstore *s = files != NULL ? calloc(1, sizeof *s) : NULL;
	if (files == NULL && fd >= 0)
		(void)close(fd);
	if (s == NULL)
		return diag_fail(d, ERR(SYSTEM), "certs/", "start as root or as the owner of the directory", "cannot read the directory: %s", strerror(errno));
	s->dir = dir;
	err e = read_all(s, files, odd != NULL ? odd : &n, d);
	(void)closedir(files);
	if (failed(e))
		certstore_close(s);
	else
		*out = s;
	return e;
}

void certstore_close(struct certstore *s)
{
	for (size_t i = 0; s != NULL && i < s->n; i++)
		buf_fini(&s->certs[i].chain);
	for (size_t i = 0; s != NULL && i < s->n_requests; i++)
		buf_fini(&s->requests[i].pem);
	free(s);
}

/* ---- certificates ---- */

size_t certstore_count(const struct certstore *s)
{
	return s->n;
}

const struct certstore_cert *certstore_at(const struct certstore *s, size_t i)
{
	return &s->certs[i];
}

/* Programs that show certificates put spaces between the digits, and a mark of direction (U+200E) before them. */
const struct certstore_cert *certstore_find(const struct certstore *s, str thumbprint)
{
	char digits[CERTSTORE_THUMBPRINT];
	size_t n = 0;
	if (str_begins(thumbprint, STR("\xe2\x80\x8e")))
		thumbprint = str_cut(thumbprint, 3, thumbprint.n);
	for (size_t i = 0; i < thumbprint.n; i++) {
		if (thumbprint.p[i] == ' ' || thumbprint.p[i] == ':')
			continue;
		if (n == sizeof digits - 1)
			return NULL;
		digits[n++] = thumbprint.p[i];
	}
	for (size_t i = 0; i < s->n; i++)
		if (str_eq_case((str){ digits, n }, str_of(s->certs[i].thumbprint)))
			return &s->certs[i];
	return NULL;
}

static err write_cert(struct certstore *s, const struct certstore_cert *c, struct diag *d)
{
	char name[CERTSTORE_FILE];
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, FILE_MOST);
	certstore_cert_print(c, &text);
	ENSURE(!text.failed, CEILING);
	name_cert(c, name);
	return file_write(s->dir, name, buf_str(&text), 0644, d);
}

err certstore_add(struct certstore *s, str chain_pem, str friendly, bool exportable, const struct certstore_cert **out, struct diag *d)
{
	struct certstore_cert c;
	err e = certstore_cert_parse(&c, chain_pem, d);
	*out = failed(e) ? NULL : certstore_find(s, str_of(c.thumbprint));
	if (*out != NULL)
		e = diag_fail(d, ERR(EXISTS), "certificate", "Get-CsCertificate shows it", "%s is there already", c.thumbprint);
	else if (!failed(e) && s->n == CERTSTORE_MAX)
		e = too_many(d, "certificates", CERTSTORE_MAX);
	c.exportable = exportable;
	certstore_friendly_make(s, friendly, c.friendly);
	if (!failed(e))
		e = write_cert(s, &c, d);
	if (failed(e)) {
		buf_fini(&c.chain);
		return e;
	}
	s->certs[s->n] = c;
	*out = &s->certs[s->n++];
	return OK;
}

static err drop_file(struct certstore *s, const char *name, struct diag *d)
{
	if ((unlinkat(s->dir, name, 0) != 0 && errno != ENOENT) || fsync(s->dir) != 0)
		return diag_fail(d, ERR(SYSTEM), "certs/", "", "cannot remove %s: %s", name, strerror(errno));
	return OK;
}

err certstore_remove(struct certstore *s, const struct certstore_cert *c, struct diag *d)
{
	char name[CERTSTORE_FILE], usages[CERTSTORE_USAGES];
	struct certstore_cert *at = &s->certs[c - s->certs];
	certstore_usages_print(certstore_usages(s, c, true), usages);
	if (usages[0] != '\0')
		return diag_fail(d, ERR(REFUSED), "Thumbprint", "assign another one first: Set-CsCertificate", "it is assigned to %.200s", usages);
	name_cert(c, name);
	TRY(drop_file(s, name, d));
	buf_fini(&at->chain);
	*at = s->certs[--s->n];
	return OK;
}

bool certstore_has_key(const struct certstore *s, const uint8_t key[32])
{
	for (size_t i = 0; i < s->n; i++)
		if (memcmp(s->certs[i].key, key, 32) == 0)
			return true;
	return certstore_request_find(s, key) != NULL;
}

/* ---- requests ---- */

size_t certstore_request_count(const struct certstore *s)
{
	return s->n_requests;
}

const struct certstore_request *certstore_request_at(const struct certstore *s, size_t i)
{
	return &s->requests[i];
}

const struct certstore_request *certstore_request_find(const struct certstore *s, const uint8_t key[32])
{
	for (size_t i = 0; i < s->n_requests; i++)
		if (memcmp(s->requests[i].key, key, 32) == 0)
			return &s->requests[i];
	return NULL;
}

/* Written, then read back as the next start would. */
err certstore_request_add(struct certstore *s, const struct certstore_request *r, const struct certstore_request **out, struct diag *d)
{
	struct certstore_request own = *r;
	char name[CERTSTORE_FILE];
	struct buf text DEFER(buf_fini) = { 0 };
	if (s->n_requests == CERTSTORE_REQUESTS_MAX)
		return too_many(d, "requests", CERTSTORE_REQUESTS_MAX);
	ENSURE(certstore_request_find(s, r->key) == NULL, EXISTS);
	certstore_friendly_make(s, str_of(r->friendly), own.friendly);
	buf_init(&text, FILE_MOST);
	certstore_request_print(&own, &text);
	ENSURE(!text.failed, CEILING);
	name_request(r, name);
	TRY(file_write(s->dir, name, buf_str(&text), 0644, d));
	TRY(read_request(s, name, buf_str(&text), d));
	*out = &s->requests[s->n_requests - 1];
	return OK;
}

err certstore_request_remove(struct certstore *s, const struct certstore_request *r, struct diag *d)
{
	char name[CERTSTORE_FILE];
	struct certstore_request *at = &s->requests[r - s->requests];
	name_request(r, name);
	TRY(drop_file(s, name, d));
	buf_fini(&at->pem);
	*at = s->requests[--s->n_requests];
	return OK;
}
