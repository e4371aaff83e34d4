/* SPDX-License-Identifier: Apache-2.0 */
/* A request as the line that vault reads. Texts hold passwords: nothing of them stays in freed memory (see web.c). */
#include "role/web/web_priv.h"

#include "os/ipc.h"

#include <stdlib.h>

/* What a channel's message holds besides the line. */
#define LINE_MOST (IPC_BODY_MAX - WEB_CERTIFICATE_MAX - 256)

void web_line_free(char *line)
{
	if (line != NULL)
		crypt_wipe(line, strlen(line));
	free(line);
}

static err no_object(struct diag *d, const char *why)
{
	err e = diag_fail(d, ERR(USAGE), "body", "send one JSON object in UTF-8", "%s", why);
	diag_clean(d);
	return e;
}

static err load(str body, json_t **out, struct diag *d)
{
	json_error_t at;
	*out = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, &at);
	if (*out == NULL)
		return no_object(d, "the body is no well-formed JSON"); /* the library's reason quotes what may be a password */
	if (json_is_object(*out))
		return OK;
	json_decref(*out);
	return no_object(d, "the body is no JSON object");
}

/* Only what the description names: a misspelt word is told, not passed over. */
static err check_words(const json_t *o, const char *const *words, struct diag *d)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)o, key, value) {
		size_t i = 0;
		while (words[i] != NULL && strcmp(words[i], key) != 0)
			i++;
		if (words[i] == NULL)
			return no_object(d, "the body has a member that means nothing here");
	}
	return OK;
}

static err add_cmdlet(json_t *line, const json_t *o, struct diag *d)
{
	static const char *const words[] = { "parameters", "input", NULL };
	json_t *parameters = json_object_get(o, "parameters"), *input = json_object_get(o, "input");
	TRY(check_words(o, words, d));
	if (parameters != NULL && !json_is_object(parameters))
		return no_object(d, "\"parameters\" is no JSON object");
	int rc = parameters != NULL ? json_object_set(line, "parameters", parameters)
				    : json_object_set_new(line, "parameters", json_object());
	if (rc == 0 && input != NULL)
		rc = json_object_set(line, "input", input);
	return rc == 0 ? OK : ERR(NO_MEMORY);
}

/* Who shows a certificate is known by it. */
static err add_sign_in(json_t *line, json_t *o, bool has_certificate, struct diag *d)
{
	static const char *const words[] = { "User", "Password", "Code", NULL };
	TRY(check_words(o, words, d));
	for (size_t i = 0; words[i] != NULL; i++) {
		const json_t *v = json_object_get(o, words[i]);
		if (v == NULL ? i < 2 && !has_certificate : !json_is_string(v))
			return no_object(d, "\"User\" and \"Password\" are needed, as text, without a client certificate; \"Code\" may be");
	}
	return json_object_set(line, "parameters", o) == 0 ? OK : ERR(NO_MEMORY);
}

static err add_body(json_t *line, const struct web_route *r, str body, bool has_certificate, struct diag *d)
{
	json_t *o;
	if (r->task != WEB_CMDLET && r->task != WEB_SIGN_IN)
		return OK;
	TRY(load(body, &o, d));
	err e = r->task == WEB_SIGN_IN ? add_sign_in(line, o, has_certificate, d) : add_cmdlet(line, o, d);
	json_decref(o);
	return e;
}

static err print_line(const json_t *line, char **out, struct diag *d)
{
	*out = json_dumps(line, JSON_COMPACT);
	ENSURE(*out != NULL, NO_MEMORY);
	if (strlen(*out) <= LINE_MOST)
		return OK;
	web_line_free(*out);
	*out = NULL;
	return diag_fail(d, ERR(CEILING), "body", "send less", "the body is longer than %d bytes", LINE_MOST);
}

err web_line_make(const struct web_route *r, str body, bool has_certificate, char **out, struct diag *d)
{
	static const char *const names[] = { [WEB_SIGN_IN] = "sign-in", [WEB_SIGN_OUT] = "sign-out", [WEB_SESSION] = "session",
		[WEB_CMDLETS] = "session", [WEB_CMDLET] = NULL };
	const char *name = names[r->task];
	*out = NULL;
	json_t *line = json_object();
	ENSURE(line != NULL, NO_MEMORY);
	int rc = json_object_set_new(line, "command", name != NULL ? json_string(name) : json_stringn(r->cmdlet.p, r->cmdlet.n));
	err e = rc == 0 ? add_body(line, r, body, has_certificate, d) : ERR(NO_MEMORY);
	if (!failed(e) && r->session.n != 0 && json_object_set_new(line, "session", json_stringn(r->session.p, r->session.n)) != 0)
		e = ERR(NO_MEMORY);
	if (!failed(e))
		e = print_line(line, out, d);
	json_decref(line);
	return e;
}

void web_error_print(struct buf *b, err e, const struct diag *d)
{
	bool told = d != NULL && d->what[0] != '\0';
	json_t *o = json_pack("{s:b,s:s,s:s,s:s,s:s}", "ok", 0, "error", e.def->name, "what", told ? d->what : e.def->text, "where",
		told ? d->where : "", "remedy", told ? d->remedy : "");
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	buf_add(b, text != NULL ? str_of(text) : STR("{\"ok\":false,\"error\":\"NO_MEMORY\"}"));
	buf_add_char(b, '\n');
	free(text);
	json_decref(o);
}
