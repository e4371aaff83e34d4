/* SPDX-License-Identifier: Apache-2.0 */
/* Texts to people and from them: Write-Host and its like, Read-Host, secure strings; Write-Output. */
#include <stdlib.h>

#include "service/shell/shell_local.h"

/* ---- Write-Output ---- */

static err pass(struct shell *sh, struct shell_stage *st, json_t *v)
{
	return shell_stage_emit(sh, st, v);
}

static err write_output_end(struct shell *sh, struct shell_stage *st)
{
	json_t *v = shell_parameter(st, "InputObject");
	if (v == NULL)
		return OK;
	return shell_switch(st, "NoEnumerate") || !json_is_array(v) ? shell_stage_emit(sh, st, v)
								    : shell_put_each(sh, v, st->out);
}

const struct shell_stage_ops shell_ops_write_output = { NULL, pass, write_output_end };

/* ---- streams ---- */

static err say_value(struct shell *sh, enum shell_stream stream, json_t *v, str end)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	shell_write_text(sh, v, &b, 0);
	buf_add(&b, end);
	shell_say(sh, stream, buf_str(&b));
	return OK;
}

static str host_end(const struct shell_stage *st)
{
	return shell_switch(st, "NoNewline") ? STR("") : STR("\n");
}

static err write_host_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	return say_value(sh, SHELL_OUTPUT, v, host_end(st));
}

static err write_host_end(struct shell *sh, struct shell_stage *st)
{
	json_t *v = shell_parameter(st, "Object");
	if (v == NULL && st->is_piped)
		return OK;
	return say_value(sh, SHELL_OUTPUT, v != NULL ? v : json_null(), host_end(st));
}

const struct shell_stage_ops shell_ops_write_host = { NULL, write_host_put, write_host_end };

static err write_warning_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	return say_value(sh, SHELL_WARNING, v, STR(""));
}

static err write_warning_end(struct shell *sh, struct shell_stage *st)
{
	json_t *v = shell_parameter(st, "Message");
	return v != NULL ? write_warning_put(sh, st, v) : OK;
}

const struct shell_stage_ops shell_ops_write_warning = { NULL, write_warning_put, write_warning_end };

static err write_verbose_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	return say_value(sh, SHELL_VERBOSE, v, STR(""));
}

static err write_verbose_end(struct shell *sh, struct shell_stage *st)
{
	json_t *v = shell_parameter(st, "Message");
	return v != NULL ? write_verbose_put(sh, st, v) : OK;
}

const struct shell_stage_ops shell_ops_write_verbose = { NULL, write_verbose_put, write_verbose_end };

static err write_error_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	struct buf b DEFER(buf_fini) = { .ceiling = VALUE_TEXT_MAX };
	str s = str_cut(shell_text_of(sh, v, &b), 0, sizeof sh->d.what - 1);
	return shell_stage_refuse(sh, st, shell_fail(sh, ERR(REFUSED), "", "%.*s", STR_FMT(s)));
}

static err write_error_end(struct shell *sh, struct shell_stage *st)
{
	json_t *v = shell_parameter(st, "Message");
	return v != NULL ? write_error_put(sh, st, v) : OK;
}

const struct shell_stage_ops shell_ops_write_error = { NULL, write_error_put, write_error_end };

/* ---- secure strings ---- */

/* The text stays in a table of its own; a value has but its number. */
static err secret_new(struct shell *sh, str s, json_t **out)
{
	char **more = reallocarray(sh->secrets, sh->n_secrets + 1, sizeof *more);
	ENSURE(more != NULL, NO_MEMORY);
	sh->secrets = more;
	more[sh->n_secrets] = strndup(s.n != 0 ? s.p : "", s.n);
	ENSURE(more[sh->n_secrets] != NULL, NO_MEMORY);
	*out = json_pack("{s:I}", KEY_SECRET, (json_int_t)sh->n_secrets);
	sh->n_secrets++;
	return *out != NULL ? OK : ERR(NO_MEMORY);
}

static err secure_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 64 << 10 };
	json_t *secret;
	if (!shell_switch(st, "AsPlainText"))
		return shell_fail(sh, ERR(USAGE), "add -AsPlainText -Force, or use Read-Host -AsSecureString",
			"an encrypted text cannot be read here");
	if (shell_is_secret(v))
		return shell_stage_emit(sh, st, v);
	TRY(secret_new(sh, shell_text_of(sh, v, &b), &secret));
	return shell_stage_emit_new(sh, st, secret);
}

static err secure_end(struct shell *sh, struct shell_stage *st)
{
	json_t *v = shell_parameter(st, "String");
	return v != NULL ? secure_put(sh, st, v) : OK;
}

const struct shell_stage_ops shell_ops_secure = { NULL, secure_put, secure_end };

/* ---- Read-Host ---- */

static err read_host_end(struct shell *sh, struct shell_stage *st)
{
	struct buf prompt DEFER(buf_fini) = { .ceiling = 4096 }, line DEFER(buf_fini) = { .ceiling = 64 << 10 };
	bool hidden = shell_switch(st, "AsSecureString");
	json_t *v;
	if (shell_parameter(st, "Prompt") != NULL) {
		shell_write_text(sh, shell_parameter(st, "Prompt"), &prompt, 0);
		buf_add(&prompt, STR(": "));
	}
	buf_add_char(&prompt, '\0');
	shell_flush_shown(sh);
	if (prompt.failed || sh->door->read_line == NULL || !sh->door->read_line(sh->arg, prompt.p, hidden, &line))
		return shell_fail(sh, ERR(REFUSED), "give it as a parameter", "nobody can be asked here");
	err e = hidden ? secret_new(sh, buf_str(&line), &v) : shell_string_new(sh, buf_str(&line), &v);
	if (hidden && line.p != NULL)
		explicit_bzero(line.p, line.size);
	TRY(e);
	return shell_stage_emit_new(sh, st, v);
}

const struct shell_stage_ops shell_ops_read_host = { NULL, pass, read_host_end };
