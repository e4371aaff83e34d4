/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in files: PEM, DER, PKCS #7; and private keys beside them, of which only the public half is looked at. */
#include "prog/witan/look.h"

#include "os/file.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOTS_MAX   1000
#define ROOTS_OCTETS (4u << 20)

static const char begin_certificate[] = "-----BEGIN CERTIFICATE-----", end_certificate[] = "-----END CERTIFICATE-----";

static const char *find(str text, const char *what)
{
	return text.p != NULL && text.n > 0 ? memmem(text.p, text.n, what, strlen(what)) : NULL;
}

/* Grows a list twofold; NULL: the arena is full. */
static void *grow(struct arena *a, void *old, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return old;
	size_t more = *room == 0 ? 64 : 2 * *room;
	char *p = arena_alloc(a, more * size);
	if (p == NULL)
		return NULL;
	if (n > 0)
		memcpy(p, old, n * size);
	*room = more;
	return p;
}

err look_add(struct look *l, struct check_seen seen)
{
	ENSURE(l->evidence->seen.n < CHECK_SEEN_MAX, CEILING);
	void *p = grow(l->arena, l->evidence->seen.p, l->evidence->seen.n, &l->seen_room, sizeof seen);
	ENSURE(p != NULL, CEILING);
	l->evidence->seen.p = p;
	l->evidence->seen.p[l->evidence->seen.n++] = seen;
	return OK;
}

err look_roots(const char *path, struct arena *a, struct topo_names *out, struct diag *d)
{
	struct buf b;
	size_t room = 0;
	*out = (struct topo_names){ NULL, 0 };
	err e = file_read(AT_FDCWD, path, ROOTS_OCTETS, &b, d);
	str text = buf_str(&b);
	while (!failed(e) && out->n < ROOTS_MAX) {
		const char *from = find(text, begin_certificate), *to = from != NULL ? find(text, end_certificate) : NULL;
		struct topo_names one;
		if (to == NULL || to < from)
			break;
		e = cert_pem_read((str){ from, (size_t)(to - from) + sizeof end_certificate - 1 }, a, &one, d);
		text = str_cut(text, (size_t)(to - text.p) + sizeof end_certificate - 1, text.n);
		str *p = failed(e) ? NULL : grow(a, out->p, out->n, &room, sizeof *p);
		if (p == NULL)
			break;
		out->p = p;
		out->p[out->n++] = one.p[0];
	}
	buf_fini(&b);
	TRY(e);
	return out->n > 0 ? OK : diag_fail(d, ERR(MALFORMED), path, "give a file with certificates in PEM", "there is no certificate in it");
}

/* ---- one file ---- */

static err read_der(str bytes, struct arena *a, struct topo_names *out)
{
	struct cert_view view;
	str copy = arena_copy(a, bytes);
	*out = (struct topo_names){ arena_alloc(a, sizeof(str)), 0 };
	ENSURE(copy.p != NULL && out->p != NULL, CEILING);
	TRY(cert_view_read(copy, a, &view, NULL));
	out->p[out->n++] = copy;
	return OK;
}

/* PKCS #7: a heap, in which what is no authority comes first. */
static err read_heap(str bytes, struct arena *a, struct topo_names *out)
{
	struct cert_answer answer;
	err e = cert_answer_read(bytes, NULL, NULL, 0, a, &answer, NULL);
	*out = answer.others;
	cert_answer_fini(&answer);
	if (failed(e) && !(err_is(e, ERR_ABSENT) && out->n > 0))
		return e;
	for (size_t i = 0; i < out->n; i++) {
		struct cert_view view;
		if (failed(cert_view_read(out->p[i], a, &view, NULL)) || view.is_ca)
			continue;
		str first = out->p[0];
		out->p[0] = out->p[i];
		out->p[i] = first;
		break;
	}
	return OK;
}

static bool read_key(str pem, uint8_t out[32])
{
	struct buf pkcs8, spki;
	buf_init(&pkcs8, CERT_KEY_MAX);
	buf_init(&spki, CERT_KEY_MAX);
	bool ok = !failed(cert_key_read(pem, &pkcs8, NULL)) && !failed(cert_key_spki(buf_str(&pkcs8), &spki, NULL));
	if (ok)
		cert_spki_hash(buf_str(&spki), out);
	cert_wipe(&pkcs8);
	buf_fini(&spki);
	return ok;
}

static bool is_open_to_others(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && (st.st_mode & 077) != 0;
}

static bool is_ending(str path, const char *ending)
{
	size_t n = strlen(ending);
	return path.n > n && str_eq_case(str_cut(path, path.n - n, path.n), str_of(ending));
}

static str stem_of(str path)
{
	size_t dot = path.n;
	while (dot > 0 && path.p[dot - 1] != '.' && path.p[dot - 1] != '/')
		dot--;
	return dot > 0 && path.p[dot - 1] == '.' ? str_cut(path, 0, dot - 1) : path;
}

/* A word of its own: "Internal" is none in "fe01.internal.ad". */
static bool has_word(str in, str what)
{
	for (size_t i = 0; what.n > 0 && i + what.n <= in.n; i++) {
		char before = i > 0 ? in.p[i - 1] : ' ', after = i + what.n < in.n ? in.p[i + what.n] : ' ';
		if (str_eq_case(str_cut(in, i, i + what.n), what) && before != '.' && !isalnum((unsigned char)before) && !isalnum((unsigned char)after))
			return true;
	}
	return false;
}

/* The longest name of a host or a usage that stands in the file's name. */
static void take_hint(str path, str word, str *best)
{
	if (word.n > best->n && has_word(path, word))
		*best = word;
}

static void add_hints(const struct look *l, struct check_seen *seen)
{
	str name = seen->place;
	while (str_find_char(name, '/') < name.n)
		(void)str_split(name, '/', &name);
	for (size_t i = 0; l->is_hinted && i < l->plans->n; i++) {
		take_hint(name, l->plans->p[i].host, &seen->host);
		TOPO_EACH (host, l->plans->p[i].shared_with)
			take_hint(name, *host, &seen->host);
	}
	for (unsigned i = 0; l->is_hinted && i < PLAN_USAGE_N; i++)
		take_hint(name, str_of(plan_usage_word((enum plan_usage)i)), &seen->usage);
}

/* The key in a file of its own beside the certificate. */
static err add_key(struct look *l, struct check_seen *seen, const char *path)
{
	char z[4096];
	struct buf b;
	str stem = stem_of(str_of(path));
	int n = snprintf(z, sizeof z, "%.*s.key", STR_FMT(stem));
	if (n < 0 || (size_t)n >= sizeof z || access(z, F_OK) != 0)
		return OK;
	err e = file_read(AT_FDCWD, z, CERT_PEM_MAX, &b, NULL);
	seen->has_key = !failed(e) && read_key(buf_str(&b), seen->key);
	cert_wipe(&b);
	seen->is_key_open = is_open_to_others(z);
	seen->key_place = arena_copy(l->arena, str_of(z));
	return seen->key_place.p != NULL ? OK : ERR(CEILING);
}

static err read_certificates(struct look *l, str text, struct check_seen *seen)
{
	if (find(text, begin_certificate) != NULL) {
		TRY(cert_pem_read(text, l->arena, &seen->chain, NULL));
		seen->is_ordered = seen->chain.n > 1;
		return OK;
	}
	err e = read_der(text, l->arena, &seen->chain);
	return failed(e) ? read_heap(text, l->arena, &seen->chain) : OK;
}

/* Whether a file of a directory is worth a word if there is no certificate in it. */
static bool is_meant(str path, str text)
{
	return find(text, begin_certificate) != NULL || is_ending(path, ".cer") || is_ending(path, ".crt") || is_ending(path, ".p7b") || is_ending(path, ".der");
}

static err add_file(struct look *l, const char *path, str text, bool is_named)
{
	struct check_seen seen = { .place = arena_copy(l->arena, str_of(path)) };
	ENSURE(seen.place.p != NULL, CEILING);
	err e = read_certificates(l, text, &seen);
	if (failed(e)) {
		if (!is_named && !is_meant(seen.place, text))
			return OK;
		seen.chain.n = 0;
		seen.failure = is_ending(seen.place, ".p12") || is_ending(seen.place, ".pfx") ? STR("PKCS #12 is sealed by a password and not opened here")
											      : STR("there is no certificate in it, or it is broken");
	}
	seen.has_key = find(text, "PRIVATE KEY-----") != NULL && read_key(text, seen.key);
	seen.is_key_open = seen.has_key && is_open_to_others(path);
	seen.key_place = seen.place;
	if (!seen.has_key)
		TRY(add_key(l, &seen, path));
	add_hints(l, &seen);
	return look_add(l, seen);
}

static err read_one(struct look *l, const char *path, bool is_named, struct diag *d)
{
	struct buf b;
	err e = file_read(AT_FDCWD, path, CERT_ANSWER_MAX, &b, d);
	if (failed(e) && !is_named && (err_is(e, ERR_CEILING) || err_is(e, ERR_REFUSED)))
		e = OK; /* no certificate is that large; what is not ours to read is somebody's key */
	else if (!failed(e))
		e = add_file(l, path, buf_str(&b), is_named);
	cert_wipe(&b); /* a key may be in it */
	return e;
}

/* ---- a directory ---- */

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static err read_entry(struct look *l, const char *dir, const char *name, struct diag *d)
{
	char path[4096];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return OK;
	return read_one(l, path, false, d);
}

err look_files(struct look *l, const char *path, struct diag *d)
{
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return read_one(l, path, true, d);
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, is_visible, alphasort);
	if (n < 0)
		return diag_fail(d, ERR(SYSTEM), path, "may you read the directory?", "it cannot be listed");
	err e = n <= LOOK_FILES_MAX ? OK : diag_fail(d, ERR(CEILING), path, "name the files", "there are more than %d files in it", LOOK_FILES_MAX);
	for (int i = 0; i < n; i++) {
		if (!failed(e))
			e = read_entry(l, path, entries[i]->d_name, d);
		free(entries[i]);
	}
	free(entries);
	return e;
}
