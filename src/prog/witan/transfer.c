/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deployment as one file: what vault exports, and - where this program may read them - the files beside it: topology, certificates, keys, the
 * authority's key. The files are sealed by a key from the same password; all of it is signed by the deployment's authority, so that a file can be
 * told from a forged one without the password, too. `witan restore` makes a deployment's directory of it on another machine.
 */
#include "base/crypt.h"
#include "model/sealed.h"
#include "os/file.h"
#include "prog/witan/console.h"
#include "prog/witan/witan_priv.h"
#include "service/cert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 1 << 20, FILES_MOST = 256 };

/* What belongs to a deployment besides its store. */
static const char *const places[] = { ".", "ca", "certs", "keys" };

static bool is_wanted(const char *place, const char *name)
{
	if (name[0] == '.')
		return false;
	return strcmp(place, ".") != 0 || strcmp(name, "topology.yaml") == 0 || strcmp(name, "ca.pem") == 0 || strcmp(name, "host") == 0;
}

/* ---- reading the files ---- */

static err add_file(json_t *files, int dir, const char *path, struct diag *d)
{
	struct buf text DEFER(buf_fini) = { 0 };
	TRY(file_read(dir, path, FILE_MOST, &text, d));
	ENSURE(json_object_size(files) < FILES_MOST, CEILING);
	err e = json_object_set_new(files, path, sealed_bytes(text.p != NULL ? text.p : "", text.n)) == 0 ? OK : ERR(NO_MEMORY);
	if (text.p != NULL)
		crypt_wipe(text.p, text.size);
	return e;
}

static err add_place(json_t *files, int dir, const char *place, struct diag *d)
{
	int fd = openat(dir, place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	if (list == NULL)
		return diag_fail(d, errno == EACCES ? ERR(REFUSED) : ERR(SYSTEM), place, "be root or the owner of the deployment", "cannot read the directory: %s", strerror(errno));
	err e = OK;
	for (const struct dirent *one; !failed(e) && (one = readdir(list)) != NULL;) {
		char path[320];
		if (!is_wanted(place, one->d_name))
			continue;
		(void)snprintf(path, sizeof path, "%s%s%s", strcmp(place, ".") == 0 ? "" : place, strcmp(place, ".") == 0 ? "" : "/", one->d_name);
		e = add_file(files, dir, path, d);
	}
	(void)closedir(list);
	return e;
}

static err read_files(const char *path, json_t **out, struct diag *d)
{
	int dir = deploy_open(path, d);
	json_t *files = json_object();
	ENSURE(dir >= 0, ABSENT);
	err e = files != NULL ? OK : ERR(NO_MEMORY);
	for (size_t i = 0; i < sizeof places / sizeof *places && !failed(e); i++)
		e = add_place(files, dir, places[i], d);
	(void)close(dir);
	if (failed(e))
		json_decref(files);
	else
		*out = files;
	return e;
}

static err seal_files(const json_t *files, str password, json_t *into, struct diag *d)
{
	uint8_t salt[SEALED_SALT];
	struct crypt *key = NULL;
	crypt_random(salt, sizeof salt);
	TRY(sealed_key(password, salt, &key, d));
	bool good = json_object_set_new(into, "filesSalt", sealed_bytes(salt, sizeof salt)) == 0 && json_object_set_new(into, "files", sealed_json(key, files)) == 0;
	crypt_free(key);
	return good ? OK : ERR(NO_MEMORY);
}

static err unseal_files(const json_t *document, str password, json_t **files, struct diag *d)
{
	size_t n = 0;
	struct crypt *key = NULL;
	uint8_t *salt = sealed_bytes_read(json_object_get(document, "filesSalt"), &n);
	err e = salt != NULL && n == SEALED_SALT ? sealed_key(password, salt, &key, d) : ERR(MALFORMED);
	*files = !failed(e) ? sealed_json_read(key, json_object_get(document, "files")) : NULL;
	if (!failed(e) && *files == NULL)
		e = diag_fail(d, ERR(REFUSED), "Password", "give the password by which the file was sealed", "the password does not open this file");
	crypt_free(key);
	free(salt);
	return e;
}

/* ---- the signature ---- */

static err sign(const char *dir, json_t *document, struct diag *d)
{
	struct buf pem DEFER(buf_fini) = { 0 }, pkcs8 DEFER(cert_wipe) = { 0 }, signature DEFER(buf_fini) = { 0 };
	int fd = deploy_open(dir, d);
	ENSURE(fd >= 0, ABSENT);
	buf_init(&pkcs8, CERT_KEY_MAX);
	buf_init(&signature, CERT_SIGNATURE_MAX);
	err e = deploy_read_issuer(fd, &pem, &pkcs8, d);
	(void)close(fd);
	TRY(e);
	(void)json_object_set_new(document, "authority", json_stringn(pem.p, pem.n));
	char *text = sealed_text(document, "signature");
	e = text != NULL ? cert_sign_here(buf_str(&pkcs8), str_of(text), &signature, d) : ERR(NO_MEMORY);
	free(text);
	TRY(e);
	return json_object_set_new(document, "signature", sealed_bytes(signature.p, signature.n)) == 0 ? OK : ERR(NO_MEMORY);
}

/* By the first certificate of the text, of which nothing else is asked. */
static bool is_signed_by(str pem, str text, str signature)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct buf spki DEFER(buf_fini) = { 0 };
	struct topo_names certs;
	arena_init(&a, 2 * CERT_ANSWER_MAX);
	buf_init(&spki, CERT_DER_MAX);
	return !failed(cert_pem_read(pem, &a, &certs, NULL)) && !failed(cert_spki_read(certs.p[0], &spki)) && cert_is_signature(signature, text, buf_str(&spki));
}

static err check_signature(const json_t *document, struct diag *d)
{
	size_t n = 0;
	const json_t *authority = json_object_get(document, "authority");
	uint8_t *signature = sealed_bytes_read(json_object_get(document, "signature"), &n);
	char *text = sealed_text(document, "signature");
	bool is = signature != NULL && text != NULL && json_is_string(authority) &&
		  is_signed_by((str){ json_string_value(authority), json_string_length(authority) }, str_of(text), (str){ (const char *)signature, n });
	free(text);
	free(signature);
	return is ? OK : diag_fail(d, ERR(REFUSED), "FileName", "export it again", "the signature does not fit: the file was changed since it was written");
}

/* ---- Export- and Import- ---- */

static err write_document(const char *name, const json_t *document, struct diag *d)
{
	char *text = json_dumps(document, JSON_INDENT(1));
	ENSURE(text != NULL, NO_MEMORY);
	FILE *to = NULL;
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		to = fdopen(fd, "w");
	bool good = to != NULL && fputs(text, to) >= 0 && fputc('\n', to) >= 0 && fflush(to) == 0 && fsync(fd) == 0;
	int reason = errno;
	if (to != NULL)
		(void)fclose(to);
	free(text);
	return good ? OK : diag_fail(d, reason == EEXIST ? ERR(EXISTS) : ERR(SYSTEM), name, "name a file that is not there yet, in a directory of yours", "cannot write the file: %s", strerror(reason));
}

static err read_document(const char *name, json_t **out, struct diag *d)
{
	json_error_t at;
	*out = json_load_file(name, JSON_REJECT_DUPLICATES, &at);
	if (*out == NULL)
		return diag_fail(d, ERR(MALFORMED), name, "name a file that Export-CsConfiguration has written", "line %d: %s", at.line, at.text);
	return OK;
}

/* The signature alone says that the file is whole; whose it is, the authority of the deployment at hand can tell. */
static void tell_stranger(const struct console *c, const json_t *document)
{
	static const char *const files[] = { "certs/issuing.pem", "ca.pem" }; /* the second: before there were two authorities */
	const json_t *authority = json_object_get(document, "authority");
	bool is_known = !json_is_string(authority), any = false;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[4096];
		struct buf pem DEFER(buf_fini) = { 0 };
		(void)snprintf(path, sizeof path, "%.4000s/%s", c->where.dir, files[i]);
		if (failed(file_read(AT_FDCWD, path, CERT_PEM_MAX, &pem, NULL)))
			continue;
		any = true;
		is_known = is_known || str_eq(buf_str(&pem), (str){ json_string_value(authority), json_string_length(authority) });
	}
	if (any && !is_known)
		(void)fprintf(stderr, "WARNING: the file was signed by the authority of another deployment than %s\n", c->where.dir);
}

err transfer_before(const struct console *c, const char *cmdlet, json_t *parameters, str *name, struct diag *d)
{
	const json_t *file = json_object_get(parameters, "FileName");
	json_t *document = NULL;
	if (!json_is_string(file))
		return OK;
	if (strcmp(cmdlet, "Export-CsConfiguration") == 0) {
		*name = (str){ json_string_value(file), json_string_length(file) };
		return access(json_string_value(file), F_OK) != 0 ? OK : diag_fail(d, ERR(EXISTS), "FileName", "choose another name", "there is a file %.100s already", json_string_value(file));
	}
	if (strcmp(cmdlet, "Import-CsConfiguration") != 0)
		return OK;
	TRY(read_document(json_string_value(file), &document, d));
	err e = json_object_get(document, "signature") != NULL ? check_signature(document, d) : OK;
	tell_stranger(c, document);
	json_t *inner = json_object_get(document, "document");
	if (!failed(e))
		e = json_object_set(parameters, "Document", inner != NULL ? inner : document) == 0 ? OK : ERR(NO_MEMORY);
	json_decref(document);
	return e;
}

err transfer_after(const struct console *c, str name, str password, json_t *answer, struct diag *d)
{
	char path[4096];
	json_t *object = json_array_get(json_object_get(answer, "objects"), 0), *files = NULL;
	json_t *outer = json_pack("{s:s,s:i,s:O*}", "format", "witan-export", "formatVersion", 1, "document", json_object_get(object, "Document"));
	ENSURE(outer != NULL && str_to_z(name, path, sizeof path), CEILING);
	bool is_here = c->where.url == NULL && !failed(read_files(c->where.dir, &files, NULL));
	err e = is_here ? seal_files(files, password, outer, d) : OK;
	if (is_here && !failed(e))
		e = sign(c->where.dir, outer, d);
	if (!failed(e))
		e = write_document(path, outer, d);
	if (!failed(e) && object != NULL) {
		(void)json_object_del(object, "Document");
		(void)json_object_set_new(object, "File", json_string(path));
		(void)json_object_set_new(object, "WithKeysAndTopology", json_boolean(is_here));
	}
	json_decref(files);
	json_decref(outer);
	return e;
}

/* ---- witan restore ---- */

static err write_one(int dir, const char *path, const json_t *content, const struct stat *keys, struct diag *d)
{
	size_t n = 0;
	static const char *const heads[] = { "ca/", "certs/", "keys/", "topology.yaml", "ca.pem", "host" };
	bool known = strstr(path, "..") == NULL;
	bool placed = false;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		placed = placed || str_begins(str_of(path), str_of(heads[i]));
	uint8_t *bytes = known && placed ? sealed_bytes_read(content, &n) : NULL;
	if (bytes == NULL)
		return diag_fail(d, ERR(MALFORMED), "files", "", "%.100s does not belong into a deployment", path);
	bool is_key = str_begins(str_of(path), STR("keys/"));
	mode_t mode = is_key ? 0400 : strncmp(path, "ca/", 3) == 0 ? 0600 : 0644;
	err e = file_write(dir, path, (str){ (const char *)bytes, n }, mode, d);
	if (!failed(e) && is_key && geteuid() == 0 && fchownat(dir, path, keys->st_uid, keys->st_gid, AT_SYMLINK_NOFOLLOW) != 0)
		e = diag_fail(d, ERR(SYSTEM), path, "", "cannot give the key to the keeper: %s", strerror(errno));
	crypt_wipe(bytes, n);
	free(bytes);
	return e;
}

static err write_files(void *arg, int dir, struct diag *d)
{
	const char *name;
	json_t *content;
	struct stat keys;
	err e = fstatat(dir, "keys", &keys, 0) == 0 ? OK : ERR(SYSTEM);
	json_object_foreach((json_t *)arg, name, content)
		if (!failed(e))
			e = write_one(dir, name, content, &keys, d);
	return e;
}

static err read_password(const char *path, struct buf *out, struct diag *d)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	if (fd > STDIN_FILENO)
		(void)close(fd);
	if (n <= 0)
		return diag_fail(d, ERR(ABSENT), path, "name a file that holds the password, or - for standard input", "there is no password");
	buf_add(out, str_trim((str){ text, (size_t)n }));
	crypt_wipe(text, sizeof text);
	return OK;
}

static err restore(const char *file, const char *dir, const char *password_file, struct diag *d)
{
	struct buf password DEFER(buf_fini) = { 0 };
	json_t *document = NULL, *files = NULL;
	buf_init(&password, 2048);
	TRY(read_password(password_file, &password, d));
	TRY(read_document(file, &document, d));
	err e = check_signature(document, d);
	if (!failed(e) && json_object_get(document, "files") == NULL)
		e = diag_fail(d, ERR(ABSENT), file, "export on the server itself, as root or the owner of the deployment", "the file has no keys and no topology");
	if (!failed(e))
		e = unseal_files(document, buf_str(&password), &files, d);
	if (!failed(e))
		e = init_from(dir, write_files, files, d);
	crypt_wipe(password.p, password.size);
	json_decref(files);
	json_decref(document);
	return e;
}

int restore_main(int argc, char **argv, const char *dir)
{
	struct diag d = { 0 };
	const char *file = NULL, *password = "-";
	int status;
	const struct witan_option options[] = {
		{ "--from", WITAN_TEXT, &file, "FILE", "what Export-CsConfiguration has written (required)", 0 },
		{ "--password-file", WITAN_TEXT, &password, "FILE", "holds the password by which it was sealed (default: -, standard input)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv, "--from FILE [OPTION...]\n\nMakes the directory of an exported deployment (--dir) on this machine: topology, certificates, keys.", options, &status))
		return status;
	if (file == NULL)
		return witan_usage(argv[0], "--from is missing");
	err e = restore(file, dir, password, &d);
	if (failed(e))
		return witan_fail(argv[0], e, &d);
	(void)printf("restored %s; now start the server, and give it what it knew:\n  witand --dir %s\n  witan --dir %s Import-CsConfiguration -FileName %s -PasswordFile -\n", dir, dir, dir, file);
	return WITAN_DONE;
}
