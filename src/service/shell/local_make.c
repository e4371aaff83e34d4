/* SPDX-License-Identifier: Apache-2.0 */
/* Get-Date, New-Object, Start-Sleep; Format-List, Format-Table, Format-Wide. */
#include <time.h>

#include "service/shell/shell_local.h"

enum { SLEEP_MOST = 60000, SLICE = 100 }; /* ms */

/* ---- Get-Date ---- */

static err get_date_end(struct shell *sh, struct shell_stage *st)
{
	struct buf scratch DEFER(buf_fini) = { .ceiling = 4096 }, format DEFER(buf_fini) = { .ceiling = 4096 },
			   text DEFER(buf_fini) = { .ceiling = 4096 };
	struct shell_date d = shell_date_now();
	json_t *given = shell_parameter(st, "Date"), *how = shell_parameter(st, "Format"), *v;
	str s = given != NULL ? str_trim(shell_text_of(sh, given, &scratch)) : (str){ "", 0 };
	if (given != NULL && !shell_date_read(s, true, &d))
		return shell_fail(sh, ERR(USAGE), "write 2026-11-24 or 2026-11-24T12:00:00Z", "\"%.*s\" is no date",
			STR_FMT(str_cut(s, 0, 60)));
	if (given == NULL)
		d.ms -= d.ms % 1000;
	if (how != NULL)
		shell_date_write_as(d, shell_text_of(sh, how, &format), &text);
	else
		shell_date_write(d, &text);
	TRY(shell_string_new(sh, buf_str(&text), &v));
	return shell_stage_emit_new(sh, st, v);
}

const struct shell_stage_ops shell_ops_get_date = { NULL, shell_keep, get_date_end };

/* ---- New-Object ---- */

static err new_object_end(struct shell *sh, struct shell_stage *st)
{
	struct buf b DEFER(buf_fini) = { .ceiling = 4096 };
	json_t *property = shell_parameter(st, "Property"), *v;
	str type;
	TRY(shell_parameter_text(sh, st, "TypeName", &b, &type));
	if (!str_eq_case(type, STR("PSObject")) && !str_eq_case(type, STR("PSCustomObject")) &&
		!str_eq_case(type, STR("System.Object")))
		return shell_not_part(
			sh, "New-Object ", type, "use New-Object PSObject -Property @{ }, or [pscustomobject]@{ }");
	if (property == NULL)
		return shell_stage_emit_new(sh, st, json_object());
	TRY(shell_cast(sh, STR("pscustomobject"), property, &v));
	return shell_stage_emit_new(sh, st, v);
}

const struct shell_stage_ops shell_ops_new_object = { NULL, shell_keep, new_object_end };

/* ---- Start-Sleep ---- */

static err sleep_end(struct shell *sh, struct shell_stage *st)
{
	struct shell_num n;
	json_t *seconds = shell_parameter(st, "Seconds");
	int64_t ms;
	TRY(shell_parameter_count(sh, st, "Milliseconds", 0, SLEEP_MOST, &ms));
	if (seconds != NULL && (!shell_num_of(seconds, &n) || n.d < 0 || n.d * 1000 > SLEEP_MOST))
		return shell_fail(sh, ERR(USAGE), "sleep several times", "Start-Sleep waits for at most 60 seconds");
	ms = seconds != NULL ? (int64_t)(n.d * 1000) : ms;
	for (; ms > 0; ms -= SLICE) {
		TRY(shell_step(sh)); /* an interruption is seen soon */
		struct timespec t = { .tv_nsec = (ms < SLICE ? ms : SLICE) * 1000000 };
		(void)nanosleep(&t, NULL);
	}
	return shell_step(sh);
}

const struct shell_stage_ops shell_ops_sleep = { NULL, shell_keep, sleep_end };

/* ---- Format-List and its like ---- */

/* {KEY_FORMAT: "list", "wrap": ..., "objects": [...]}: what is shown, but stays together in the pipeline. */
json_t *shell_shown_as(const json_t *v, struct shell_format *how)
{
	const json_t *as = json_is_object(v) ? json_object_get(v, KEY_FORMAT) : NULL;
	*how = (struct shell_format){ 0 };
	if (as == NULL)
		return NULL;
	how->as = (enum shell_as)json_integer_value(as);
	how->wrap = json_is_true(json_object_get(v, "wrap"));
	how->no_headers = json_is_true(json_object_get(v, "no_headers"));
	how->across = (unsigned)json_integer_value(json_object_get(v, "across"));
	return json_object_get(v, "objects");
}

static err format_put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	json_t *property = shell_parameter(st, "Property"), *shaped;
	TRY(shell_step(sh));
	if (property == NULL || !json_is_object(v) || shell_is_special(v))
		return shell_keep(sh, st, v);
	TRY(shell_project(sh, v, property, NULL, &shaped));
	err e = shell_keep(sh, st, shaped);
	json_decref(shaped);
	return e;
}

static err format_end(struct shell *sh, struct shell_stage *st, enum shell_as as)
{
	int64_t across;
	TRY(shell_parameter_count(sh, st, "Column", 2, 20, &across));
	if (st->kept == NULL)
		return OK;
	return shell_stage_emit_new(sh, st,
		json_pack("{s:i,s:b,s:b,s:I,s:O}", KEY_FORMAT, (int)as, "wrap", (int)shell_switch(st, "Wrap"),
			"no_headers", (int)shell_switch(st, "HideTableHeaders"), "across", (json_int_t)across,
			"objects", st->kept));
}

static err format_list_end(struct shell *sh, struct shell_stage *st)
{
	return format_end(sh, st, SHELL_AS_LIST);
}

const struct shell_stage_ops shell_ops_format_list = { NULL, format_put, format_list_end };

static err format_table_end(struct shell *sh, struct shell_stage *st)
{
	return format_end(sh, st, SHELL_AS_TABLE);
}

const struct shell_stage_ops shell_ops_format_table = { NULL, format_put, format_table_end };

static err format_wide_end(struct shell *sh, struct shell_stage *st)
{
	return format_end(sh, st, SHELL_AS_WIDE);
}

const struct shell_stage_ops shell_ops_format_wide = { NULL, format_put, format_wide_end };
