/* SPDX-License-Identifier: Apache-2.0 */
/* witan sign-in, sign-out: over HTTPS (--server) or the control socket of a deployment on this machine. */
#include "prog/witan/sign_in.h"

#include "prog/witan/cmdlet_priv.h"
#include "prog/witan/console.h"
#include "prog/witan/remote.h"
#include "prog/witan/witan_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { SECRET_MOST = SIGN_IN_SECRET };

/* ---- asking a person ---- */

/* One line from the terminal, without its end; what is hidden is not shown while it is typed. */
static err ask(const char *prompt, bool hidden, char out[SECRET_MOST], struct diag *d)
{
	struct termios shown, quiet;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (fd < 0 || tcgetattr(fd, &shown) != 0) {
		if (fd >= 0)
			(void)close(fd);
		return diag_fail(d, ERR(USAGE), "sign-in", "give --user and --password-file FILE", "there is no terminal to ask for it: %s", prompt);
	}
	quiet = shown;
	quiet.c_lflag &= ~(tcflag_t)(hidden ? ECHO : 0);
	(void)tcsetattr(fd, TCSAFLUSH, &quiet); /* before it is asked: who types quickly is not shown either */
	(void)dprintf(fd, "%s: ", prompt);
	ssize_t n = read(fd, out, SECRET_MOST - 1);
	(void)tcsetattr(fd, TCSAFLUSH, &shown);
	if (hidden)
		(void)dprintf(fd, "\n");
	(void)close(fd);
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r'))
		n--;
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? OK : diag_fail(d, ERR(USAGE), "sign-in", "", "nothing was typed");
}

static err read_file(const char *path, char out[SECRET_MOST], struct diag *d)
{
	bool is_input = strcmp(path, "-") == 0;
	int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0, got = fd >= 0 ? 1 : -1;
	while (got > 0 && n < SECRET_MOST - 1) {
		got = read(fd, out + n, (size_t)(SECRET_MOST - 1 - n));
		n += got > 0 ? got : 0;
	}
	if (!is_input && fd >= 0)
		(void)close(fd);
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r'))
		n--;
	out[n] = '\0';
	return got == 0 && n > 0 ? OK : diag_fail(d, ERR(ABSENT), path, "name a file that holds one line, or - for standard input", "cannot read the password");
}

err sign_in_secret(const char *file, const char *prompt, char out[SECRET_MOST], struct diag *d)
{
	return file != NULL ? read_file(file, out, d) : ask(prompt, true, out, d);
}

/* ---- signing in ---- */

static err exchange(struct link *l, const char *command, json_t *parameters, json_t **answer, struct diag *d)
{
	TRY(link_send(l, command, parameters, NULL, d));
	return link_receive(l, answer, d);
}

static bool wants_code(const json_t *answer)
{
	const char *name = json_string_value(json_object_get(answer, "error"));
	return name != NULL && strcmp(name, "CODE_NEEDED") == 0;
}

static err fill(const struct sign_in *s, json_t *parameters, struct diag *d)
{
	char text[SECRET_MOST];
	const char *user = s->user != NULL ? s->user : getenv("WITAN_USER");
	if (user == NULL || user[0] == '\0') {
		TRY(ask("User (SIP address)", false, text, d));
		(void)json_object_set_new(parameters, "User", json_string(text));
	} else {
		(void)json_object_set_new(parameters, "User", json_string(user));
	}
	err e = sign_in_secret(s->password_file, "Password", text, d);
	if (!failed(e))
		(void)json_object_set_new(parameters, "Password", json_string(text));
	explicit_bzero(text, sizeof text);
	TRY(e);
	bool is_text = json_object_size(parameters) == 2;
	return is_text ? OK : diag_fail(d, ERR(USAGE), "sign-in", "write them in UTF-8", "the user or the password is no text");
}

/* The certificate says who it is; if a user is named, too, it must be the same. */
static err show_certificate(struct link *l, const struct sign_in *s, json_t *parameters, struct diag *d)
{
	char secret[SECRET_MOST] = "";
	bool file_is_sealed = false, key_is_sealed = false;
	TRY(remote_look_at(s->cert, NULL, &file_is_sealed, d));
	if (s->key != NULL)
		TRY(remote_look_at(s->key, NULL, &key_is_sealed, d));
	err e = OK;
	if (file_is_sealed || key_is_sealed)
		e = sign_in_secret(s->password_file, "Password of the certificate's file", secret, d);
	if (!failed(e))
		e = link_present(l, &(const struct link_certificate){ .file = s->cert, .key = s->key, .secret = secret }, d);
	explicit_bzero(secret, sizeof secret);
	if (!failed(e) && s->user != NULL)
		(void)json_object_set_new(parameters, "User", json_string(s->user));
	return e;
}

static err add_code(json_t *parameters, struct diag *d)
{
	char text[SECRET_MOST];
	TRY(ask("Code of your authenticator", true, text, d));
	int rc = json_object_set_new(parameters, "Code", json_string(text));
	explicit_bzero(text, sizeof text);
	return rc == 0 ? OK : diag_fail(d, ERR(USAGE), "sign-in", "type the six digits", "this is no code");
}

static err take_session(struct link *l, const json_t *answer, struct diag *d)
{
	TRY(control_result(answer, d));
	const json_t *object = json_array_get(json_object_get(answer, "objects"), 0);
	const char *session = json_string_value(json_object_get(object, "Session"));
	if (session == NULL || !str_to_z(str_of(session), l->session, sizeof l->session))
		return diag_fail(d, ERR(MALFORMED), "sign-in", "", "the server's answer holds no session");
	return OK;
}

err sign_in(struct link *l, const struct sign_in *s, struct diag *d)
{
	json_t *parameters = json_object(), *answer = NULL;
	ENSURE(parameters != NULL, NO_MEMORY);
	l->session[0] = '\0'; /* an old one is no way to get a new one */
	err e = s->cert != NULL ? show_certificate(l, s, parameters, d) : fill(s, parameters, d);
	if (!failed(e))
		e = exchange(l, "sign-in", parameters, &answer, d);
	if (!failed(e) && wants_code(answer)) {
		json_decref(answer);
		answer = NULL;
		e = add_code(parameters, d);
		if (!failed(e))
			e = exchange(l, "sign-in", parameters, &answer, d);
	}
	if (!failed(e))
		e = take_session(l, answer, d);
	json_decref(answer);
	json_decref(parameters);
	TRY(e);
	e = session_keep(l, d);
	if (!failed(e) || s->must_keep)
		return e;
	/* the session is good without that, too: only the next command asks again */
	(void)fprintf(stderr, "note: the session ends with this command: %s\n", d->what);
	*d = (struct diag){ 0 };
	return OK;
}

err sign_out(struct link *l, struct diag *d)
{
	json_t *answer = NULL, *none = json_object();
	TRY(session_recall(l, d));
	err e = exchange(l, "sign-out", none, &answer, d);
	if (!failed(e) && !link_wants_sign_in(answer)) /* over already: so much the better */
		e = control_result(answer, d);
	json_decref(answer);
	json_decref(none);
	if (!failed(e))
		session_forget(l);
	l->session[0] = '\0';
	return e;
}

/* ---- the commands ---- */

static err open_link(const struct console_where *w, struct link **out, struct diag *d)
{
	const char *server = w->url != NULL ? w->url : getenv("WITAN_SERVER");
	if (server == NULL || server[0] == '\0')
		return link_open_local(w->dir, out, d);
	return remote_open(server, &(const struct remote_options){ .ca = w->ca, .dir = w->dir, .cert = w->who.cert }, out, d);
}

#define SERVER_OPTIONS(w)                                                                                                        \
	{ "--server", WITAN_TEXT, &(w).url, "URL", "https://NAME:PORT (default: $WITAN_SERVER, else the server of --dir)", 0 }, \
	{ "--ca", WITAN_TEXT, &(w).ca, "FILE", "whom to trust (default: ca.pem of --dir if it is there, else the system's)", 0 }, \
	{ "--cert", WITAN_TEXT, &(w).who.cert, "FILE", "a certificate of yours instead of a password: PEM or PKCS #12", 0 }

int sign_in_main(int argc, char **argv, const struct console_where *where)
{
	struct console_where w = *where;
	struct diag d = { 0 };
	struct link *l = NULL;
	int status;
	const struct witan_option options[] = {
		SERVER_OPTIONS(w),
		{ "--user", WITAN_TEXT, &w.who.user, "ADDRESS", "who you are (default: $WITAN_USER, else asked; a certificate says it by itself)", 0 },
		{ "--key", WITAN_TEXT, &w.who.key, "FILE", "the certificate's key (default: it is in the same file)", 0 },
		{ "--password-file", WITAN_TEXT, &w.who.password_file, "FILE", "holds your password, or that of the certificate's file; - is standard input (default: asked)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv, "[OPTION...]\n\nStarts a session as an administrator, which later commands use.", options, &status))
		return status;
	err e = open_link(&w, &l, &d);
	w.who.must_keep = true;
	if (!failed(e))
		e = sign_in(l, &w.who, &d);
	if (!failed(e))
		(void)fprintf(stderr, "sign-in: done, at %s\n", l->name);
	link_close(l);
	return failed(e) ? witan_fail("sign-in", e, &d) : WITAN_DONE;
}

int sign_out_main(int argc, char **argv, const struct console_where *where)
{
	struct console_where w = *where;
	struct diag d = { 0 };
	struct link *l = NULL;
	int status;
	const struct witan_option options[] = {
		SERVER_OPTIONS(w),
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv, "[OPTION...]\n\nEnds the session that `witan sign-in` started.", options, &status))
		return status;
	err e = open_link(&w, &l, &d);
	if (!failed(e))
		e = sign_out(l, &d);
	if (err_is(e, ERR_ABSENT) && d.what[0] == '\0')
		(void)failed(diag_fail(&d, e, "session", "", "there is none"));
	link_close(l);
	return failed(e) ? witan_fail("sign-out", e, &d) : WITAN_DONE;
}
