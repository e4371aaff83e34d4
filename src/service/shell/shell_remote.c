/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's cmdlets in a pipeline. Up to 64 are sent before the first answer is waited for, all pipelines together;
 * answers come in the order of sending, and each waits with its stage until that stage hands it on. So output stays in
 * order, and a stage never runs inside another one's answer.
 */
#include <stdlib.h>
#include <time.h>

#include "service/shell/shell_priv.h"

enum { PROGRESS_FROM = 2000, PROGRESS_EVERY = 500 }; /* ms */

struct shell_send {
	struct shell_send *next;     /* among all that are under way */
	struct shell_send *next_own; /* of the stage */
	struct shell_stage *owner;   /* NULL: nobody waits for it any more */
	bool is_answered;
	err e;
	json_t *answer;
	struct diag d;
};

void shell_flush_shown(struct shell *sh)
{
	if (json_array_size(sh->shown) == 0)
		return;
	json_t *all = sh->shown, *run = json_array();
	sh->shown = json_array();
	size_t i;
	json_t *v, *plain;
	json_array_foreach(all, i, v)
	{
		struct shell_format how;
		json_t *formatted = shell_shown_as(v, &how);
		if (formatted != NULL) {
			if (json_array_size(run) != 0)
				sh->door->show(sh->arg, run, NULL);
			(void)json_array_clear(run);
			if (!failed(shell_plain(sh, formatted, &plain))) {
				sh->door->show(sh->arg, plain, &how);
				json_decref(plain);
			}
		} else if (!json_is_null(v) && !failed(shell_plain(sh, v, &plain))) {
			(void)json_array_append_new(run, plain);
		}
	}
	if (json_array_size(run) != 0)
		sh->door->show(sh->arg, run, NULL);
	json_decref(run);
	json_decref(all);
}

void shell_say(struct shell *sh, enum shell_stream stream, str text)
{
	if (stream == SHELL_OUTPUT) /* in the order in which it came */
		shell_flush_shown(sh);
	sh->door->say(sh->arg, stream, text);
}

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- answers ---- */

/* The oldest answer goes to the stage that asked for it. */
static void receive_one(struct shell *sh)
{
	struct shell_send *s = sh->flight;
	s->d = (struct diag){ 0 };
	s->e = sh->door->receive(sh->arg, &s->answer, &s->d);
	s->is_answered = true;
	sh->flight = s->next;
	sh->n_flight--;
	if (sh->flight == NULL)
		sh->flight_end = &sh->flight;
	if (s->owner == NULL) {
		json_decref(s->answer);
		free(s);
	}
}

static void free_send(struct shell_send *s)
{
	json_decref(s->answer);
	free(s);
}

void shell_forget_sends(struct shell *sh, struct shell_stage *st)
{
	struct shell_send *next;
	for (struct shell_send *s = st->sends; s != NULL; s = next) {
		next = s->next_own;
		s->owner = NULL;
		if (s->is_answered)
			free_send(s);
	}
	st->sends = NULL;
}

void shell_forget_flight(struct shell *sh)
{
	struct shell_send *next;
	for (struct shell_send *s = sh->flight; s != NULL; s = next) {
		next = s->next;
		free_send(s);
	}
	sh->flight = NULL;
}

void shell_drain(struct shell *sh)
{
	char text[80];
	size_t n = sh->n_flight;
	if (n == 0 || sh->interrupted) /* an interrupted shell takes them before its next answer */
		return;
	while (sh->n_flight != 0 && !sh->interrupted)
		receive_one(sh);
	(void)snprintf(text, sizeof text, "%zu command%s had been sent already", n, n == 1 ? "" : "s");
	shell_say(sh, SHELL_WARNING, str_of(text));
}

static void say_all(struct shell *sh, enum shell_stream stream, const json_t *texts)
{
	for (size_t i = 0; i < json_array_size(texts); i++)
		if (json_is_string(json_array_get(texts, i)))
			shell_say(sh, stream, str_of(json_string_value(json_array_get(texts, i))));
}

static void progress(struct shell *sh, struct shell_stage *st)
{
	char text[80];
	int64_t now = now_ms();
	st->n_done++;
	if (!st->is_piped || now - st->began < PROGRESS_FROM || now - st->said < PROGRESS_EVERY)
		return;
	st->said = now;
	if (st->expected >= st->n_done)
		(void)snprintf(text, sizeof text, "%zu of %zu", st->n_done, st->expected);
	else
		(void)snprintf(text, sizeof text, "%zu", st->n_done);
	shell_say(sh, SHELL_PROGRESS, str_of(text));
}

static err hand_on(struct shell *sh, struct shell_stage *st, json_t *answer)
{
	json_t *objects = json_object_get(answer, "objects");
	if (st->next != NULL)
		st->next->expected += json_array_size(objects);
	for (size_t i = 0; i < json_array_size(objects); i++)
		TRY(shell_stage_emit(sh, st, json_array_get(objects, i)));
	return OK;
}

/* The oldest of the stage's own answers. */
static err deliver(struct shell *sh, struct shell_stage *st)
{
	struct shell_send *s = st->sends;
	st->sends = s->next_own;
	if (st->sends == NULL)
		st->sends_end = &st->sends;
	st->n_pending--;
	say_all(sh, SHELL_WARNING, json_object_get(s->answer, "warnings"));
	say_all(sh, SHELL_VERBOSE, json_object_get(s->answer, "verbose"));
	progress(sh, st);
	err e = s->e;
	sh->here = st->node;
	if (failed(e)) {
		sh->d = s->d;
		e = shell_stage_refuse(sh, st, shell_fail_at(sh, e));
	} else {
		e = hand_on(sh, st, s->answer);
	}
	free_send(s);
	return e;
}

static err deliver_ready(struct shell *sh, struct shell_stage *st)
{
	while (st->sends != NULL && st->sends->is_answered)
		TRY(deliver(sh, st));
	return OK;
}

/* ---- sending ---- */

static err input_of(struct shell *sh, json_t *v, json_t **out)
{
	*out = NULL;
	if (v == NULL)
		return OK;
	if (shell_has_secret(v, 0))
		return shell_fail(sh, ERR(REFUSED), "leave it out with Select-Object",
			"an object with a secure string cannot be piped to the server");
	return shell_plain(sh, v, out);
}

static err send_one(struct shell *sh, struct shell_stage *st, json_t *v)
{
	json_t *input;
	TRY(input_of(sh, v, &input));
	struct shell_send *s = calloc(1, sizeof *s);
	if (s == NULL) {
		json_decref(input);
		return ERR(NO_MEMORY);
	}
	s->owner = st;
	s->e = sh->door->send(sh->arg, st->name, st->parameters, input, &s->d);
	json_decref(input);
	*st->sends_end = s;
	st->sends_end = &s->next_own;
	st->n_pending++;
	s->is_answered = failed(s->e);
	if (s->is_answered)
		return OK;
	*sh->flight_end = s;
	sh->flight_end = &s->next;
	sh->n_flight++;
	return OK;
}

static err begin(struct shell *sh, struct shell_stage *st)
{
	st->began = now_ms();
	return OK;
}

static err put(struct shell *sh, struct shell_stage *st, json_t *v)
{
	size_t window = st->action == ACTION_STOP ? 1 : FLIGHT_MAX;
	TRY(shell_step(sh));
	TRY(send_one(sh, st, v));
	while (sh->n_flight >= window || (st->n_pending >= window && st->sends != NULL && !st->sends->is_answered)) {
		receive_one(sh);
		TRY(shell_step(sh));
	}
	return deliver_ready(sh, st);
}

static err end(struct shell *sh, struct shell_stage *st)
{
	if (!st->is_piped)
		TRY(send_one(sh, st, NULL));
	while (st->sends != NULL) {
		while (!st->sends->is_answered) {
			receive_one(sh);
			TRY(shell_step(sh));
		}
		TRY(deliver(sh, st));
	}
	return OK;
}

const struct shell_stage_ops shell_ops_remote = { begin, put, end };
