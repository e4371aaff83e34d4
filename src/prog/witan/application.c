/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of applications and the flat files that they name, which are on the administrator's machine: read and checked here, stored by the server. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/file.h"
#include "prog/witan/application.h"
#include "service/script.h"
#include "wire/mspl_manifest.h"

#define ARENA_MAX (16u << 20)

/* Line ends as the store takes them. */
static void strip(struct buf *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->n; i++)
		if (b->p[i] != '\r')
			b->p[n++] = b->p[i];
	b->n = n;
}

static err read_text(const char *path, size_t most, struct buf *out, struct diag *d)
{
	TRY(file_read(AT_FDCWD, path, most, out, d));
	strip(out);
	return OK;
}

/* Relative to the manifest. */
static void place(const char *manifest, str path, char out[4096])
{
	const char *slash = strrchr(manifest, '/');
	int folder = slash != NULL && path.p[0] != '/' ? (int)(slash + 1 - manifest) : 0;
	(void)snprintf(out, 4096, "%.*s%.*s", folder, manifest, STR_FMT(path));
}

static err read_files(const char *path, const struct mspl_manifest *m, struct buf *files, struct diag *d)
{
	for (size_t i = 0; i < m->script.n_files; i++) {
		struct buf one DEFER(buf_fini) = { 0 };
		char at[4096];
		place(path, m->script.files[i].path, at);
		TRY(read_text(at, SCRIPT_FILES_MAX, &one, d));
		script_file_print(m->script.files[i].path, buf_str(&one), files);
	}
	if (files->failed || files->n > SCRIPT_FILES_MAX)
		return diag_fail(d, ERR(CEILING), path, "make them smaller", "its files have more than %d bytes", SCRIPT_FILES_MAX);
	return OK;
}

static err read_all(const char *path, bool is_lenient, struct arena *a, struct application *out, struct diag *d)
{
	struct xml_reader *x;
	TRY(read_text(path, MSPL_MANIFEST_MAX, &out->manifest, d));
	TRY(xml_reader_new(&x));
	err e = mspl_manifest_read(x, buf_str(&out->manifest), is_lenient, a, &out->read, d);
	xml_reader_free(x);
	TRY(e);
	TRY(read_files(path, &out->read, &out->files, d));
	return script_check(buf_str(&out->manifest), buf_str(&out->files), STR(""), is_lenient, d);
}

err application_read(const char *path, bool is_lenient, struct application *out, struct diag *d)
{
	*d = (struct diag){ 0 };
	buf_init(&out->manifest, MSPL_MANIFEST_MAX);
	buf_init(&out->files, 2 * SCRIPT_FILES_MAX);
	arena_init(&out->arena, ARENA_MAX);
	return read_all(path, is_lenient, &out->arena, out, d);
}

void application_fini(struct application *a)
{
	buf_fini(&a->manifest);
	buf_fini(&a->files);
	arena_fini(&a->arena);
}

void application_complain(const char *path, const struct application *a, const struct diag *d)
{
	struct buf mark DEFER(buf_fini) = { 0 };
	bool is_here = strncmp(d->where, "manifest", 8) == 0 || strncmp(d->where, "script", 6) == 0 || strcmp(d->where, "XML") == 0;
	buf_init(&mark, 1u << 18);
	if (is_here && d->line != 0)
		(void)fprintf(stderr, "%s:%u:%u: %s\n", path, d->line, d->column, d->what);
	else
		(void)fprintf(stderr, "%s: %s\n", d->where[0] != '\0' ? d->where : path, d->what);
	if (is_here)
		mspl_caret(buf_str(&a->manifest), d, &mark);
	(void)fwrite(mark.p != NULL ? mark.p : "", 1, mark.n, stderr);
	if (d->remedy[0] != '\0')
		(void)fprintf(stderr, "  %s\n", d->remedy);
}

/* What is not UTF-8 has no place in JSON. */
static err put(json_t *parameters, const char *name, str text, struct diag *d)
{
	json_t *v = json_stringn(text.n != 0 ? text.p : "", text.n);
	if (v == NULL || json_object_set_new(parameters, name, v) != 0)
		return diag_fail(d, ERR(MALFORMED), name, "write the files as UTF-8", "a file is no UTF-8");
	return OK;
}

/* C:\\... of a published command, which is no path here: the server keeps the name and warns that nothing runs. */
static bool is_elsewhere(const char *path)
{
	return path[0] != '\0' && path[1] == ':' && path[2] == '\\' && access(path, F_OK) != 0;
}

err application_before(const char *cmdlet, json_t *parameters, struct diag *d)
{
	struct application a DEFER(application_fini) = { 0 };
	const char *path = json_string_value(json_object_get(parameters, "ScriptName"));
	bool is = strcmp(cmdlet, "New-CsServerApplication") == 0 || strcmp(cmdlet, "Set-CsServerApplication") == 0;
	if (!is || path == NULL || path[0] == '\0' || is_elsewhere(path) || json_object_get(parameters, "Script") != NULL)
		return OK;
	err e = application_read(path, true, &a, d);
	if (failed(e)) {
		application_complain(path, &a, d);
		return diag_fail(d, e, "ScriptName", "witan script check says the same", "the application cannot be used as it is");
	}
	TRY(put(parameters, "Script", buf_str(&a.manifest), d));
	return put(parameters, "ScriptFiles", buf_str(&a.files), d);
}
