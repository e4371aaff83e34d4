/* SPDX-License-Identifier: Apache-2.0 */
/* Applications as they are loaded: manifest, script and flat files. */
#include <stdio.h>
#include <stdlib.h>

#include "service/script/script_priv.h"

#define APP_MEMORY (32u << 20)

/* ---- files that come along ---- */

void script_file_print(str name, str content, struct buf *out)
{
	buf_printf(out, "%zu %.*s\n", content.n, STR_FMT(name));
	buf_add(out, content);
}

static bool next_file(str *rest, str *name, str *content)
{
	uint32_t n;
	str body, head = str_split(*rest, '\n', &body);
	str length = str_split(head, ' ', name);
	if (rest->n == 0 || head.n == rest->n || !str_to_u32(length, &n) || n > body.n)
		return false;
	*content = str_cut(body, 0, n);
	*rest = str_cut(body, n, body.n);
	return true;
}

bool script_file_find(str files, str path, str *content)
{
	str name;
	while (next_file(&files, &name, content))
		if (str_eq(name, path))
			return true;
	return false;
}

static err load_files(struct app *a, struct diag *d)
{
	for (size_t i = 0; i < a->manifest.script.n_files; i++) {
		const struct mspl_file_row *f = &a->manifest.script.files[i];
		str content;
		char path[100];
		(void)str_to_z(str_cut(f->path, 0, sizeof path - 1), path, sizeof path);
		if (!script_file_find(a->files_text, f->path, &content))
			return diag_fail(d, ERR(ABSENT), path, "put it where the manifest says, as seen from the manifest", "the file of %.*s is not there", STR_FMT(f->name));
		TRY(mspl_table_read(f, content, &a->arena, &a->tables[i], d));
	}
	return OK;
}

/* ---- the whole ---- */

static err load(struct app *a, struct xml_reader *x, bool is_lenient, struct diag *d)
{
	TRY(mspl_manifest_read(x, a->manifest_text, is_lenient, &a->arena, &a->manifest, d));
	TRY(mspl_compile(&a->manifest.script, &a->arena, &a->program, d));
	return load_files(a, d);
}

static err keep(struct app *a, const struct script_row *row)
{
	a->identity = arena_copy(&a->arena, row->identity);
	a->manifest_text = arena_copy(&a->arena, row->manifest);
	a->files_text = arena_copy(&a->arena, row->files);
	a->priority = row->priority;
	a->is_critical = row->is_critical;
	return a->identity.p != NULL && a->manifest_text.p != NULL && a->files_text.p != NULL ? OK : ERR(CEILING);
}

static const struct mspl_manifest unread = { .roles = UINT32_MAX, .methods = UINT32_MAX, .strict_route = true, .classes = 0x7e, .proxy_by_default = true, .phone_uri = true };

/* An application that cannot be loaded comes without a program. What was published with small mistakes was mended when it was brought in, and
 * is here as well. */
err app_load(struct xml_reader *x, const struct script_row *row, struct app **out, struct diag *d)
{
	struct app *a = calloc(1, sizeof *a);
	*out = NULL;
	ENSURE(a != NULL, NO_MEMORY);
	arena_init(&a->arena, APP_MEMORY);
	a->manifest = unread;
	err e = keep(a, row);
	if (failed(e)) {
		app_free(a);
		return e;
	}
	*out = a;
	e = load(a, x, true, d);
	if (failed(e))
		a->program = NULL;
	return e;
}

void app_free(struct app *a)
{
	if (a == NULL)
		return;
	arena_fini(&a->arena);
	free(a);
}

static err check(struct app *a, struct xml_reader *x, str uri, bool is_lenient, struct diag *d)
{
	TRY(load(a, x, is_lenient, d));
	if (uri.n == 0 || str_eq(uri, a->manifest.app_uri))
		return OK;
	return diag_fail(d, ERR(MALFORMED), "Uri", "write both alike, letter by letter", "the manifest says appUri=\"%.*s\"", STR_FMT(str_cut(a->manifest.app_uri, 0, 120)));
}

err script_check(str manifest, str files, str uri, bool is_lenient, struct diag *d)
{
	struct app a = { .manifest_text = manifest, .files_text = files };
	struct xml_reader *x;
	if (files.n > SCRIPT_FILES_MAX)
		return diag_fail(d, ERR(CEILING), "files", "make them smaller", "the files of an application have at most %d bytes", SCRIPT_FILES_MAX);
	TRY(xml_reader_new(&x));
	arena_init(&a.arena, APP_MEMORY);
	err e = check(&a, x, uri, is_lenient, d);
	arena_fini(&a.arena);
	xml_reader_free(x);
	return e;
}
