/* SPDX-License-Identifier: Apache-2.0 */
/* A door for tests: some cmdlets of a server that is but a table, files that are a table too, and a transcript of all that passes. */
#ifndef WITAN_SERVICE_SHELL_FAKE_H
#define WITAN_SERVICE_SHELL_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <time.h>

#include "base/near.h"
#include "service/shell.h"

struct fake_cmdlet {
	const char *name;
	const char *parameters; /* "Identity Force! Extensions[] Password*": switch, list, secret; the first one is positional */
	const char *objects;    /* what it answers; NULL: nothing */
};

struct fake {
	struct shell *sh;
	struct buf log;      /* "send NAME PARAMETERS < INPUT", "show ...", "warning: ..." */
	json_t *waiting;     /* sends without answer: {name, parameters, input} */
	size_t most_waiting; /* at once */
	json_t *files;
	const char *typed;   /* what Read-Host reads */
	size_t interrupt_after; /* receives; 0: never */
	bool quiet_sends;
	bool is_slow; /* 100 ms for each answer */
};

static const struct fake_cmdlet fake_cmdlets[] = {
	{ "Get-CsUser", "Identity Filter", "[{\"Identity\":\"sip:ann@example.test\",\"DisplayName\":\"Ann\",\"Enabled\":true,\"Age\":30},{\"Identity\":\"sip:bob@example.test\",\"DisplayName\":\"Bob\",\"Enabled\":false,\"Age\":9},{\"Identity\":\"sip:cy@example.test\",\"DisplayName\":\"Cy\",\"Enabled\":true,\"Age\":41}]" },
	{ "Set-CsUser", "Identity Enabled LineURI PassThru! Confirm!", NULL },
	{ "Enable-CsUser", "Identity SipAddress", NULL },
	{ "New-CsUser", "Identity Password* DisplayName", NULL },
	{ "Get-CsService", "Identity Registrar!", "[{\"Identity\":\"Registrar:pool01.domain.local\",\"SipServerTcpPort\":5060}]" },
	{ "Set-CsRegistrar", "Identity SipServerTcpPort", NULL },
	{ "Get-CsRegistrarConfiguration", "Identity", "[{\"Identity\":\"Global\"}]" },
	{ "Set-CsRegistrarConfiguration", "Identity", NULL },
	{ "Set-CsManagementServer", "Identity", NULL },
	{ "Set-CsEdgeServer", "Identity", NULL },
	{ "New-CsAdminRole", "Identity Template Cmdlets[]", NULL },
	{ "Get-CsAdminRole", "Identity", "[{\"Identity\":\"CsUserModifier\",\"Cmdlets\":[\"Name=Get-CsUser\",\"Name=Set-CsUser\"]}]" },
	{ "Set-CsAdminRole", "Identity Cmdlets[]", NULL },
	{ "Get-CsMeetingConfiguration", "Identity", "[{\"Identity\":\"Global\",\"PstnCallersBypassLobby\":true}]" },
	{ "Set-CsMeetingConfiguration", "Identity PstnCallersBypassLobby AssignedConferenceTypeByDefault EnableAssignedConferenceType", NULL },
	{ "Get-CsConferencingConfiguration", "Identity", "[{\"Identity\":\"Global\"},{\"Identity\":\"Site:Redmond\"}]" },
	{ "Set-CsConferencingConfiguration", "Identity ClientMediaPortRangeEnabled", NULL },
	{ "New-CsWebTrustedCACertificate", "Thumbprint CAStore", "[{\"Thumbprint\":\"7a06d92\",\"CAStore\":\"TrustedRootCA\"}]" },
	{ "Set-CsWebServiceConfiguration", "Identity TrustedCACerts[]", NULL },
	{ "Get-CsWebServiceConfiguration", "Identity", "[{\"Identity\":\"Global\",\"TrustedCACerts\":[{\"Thumbprint\":\"7a06d92\",\"CAStore\":\"TrustedRootCA\"}]}]" },
	{ "Get-CsServerApplication", "Identity", "[{\"Identity\":\"Service:Registrar:pool01.domain.local/UserServices\",\"Priority\":0}]" },
	{ "New-CsServerApplication", "Identity Uri ScriptName Enabled Critical", NULL },
	{ "Stop-CsWindowsService", "Name", "[{\"Name\":\"RTCSRV\",\"Status\":\"Stopped\"},{\"Name\":\"RTCCLSAGT\",\"Status\":\"Stopped\"}]" },
	{ "Start-CsWindowsService", "Name", NULL },
	{ "Get-CsWindowsService", "Name", "[{\"Name\":\"RTCSRV\",\"Status\":\"Running\"}]" },
	{ "Set-CsFileTransferFilterConfiguration", "Identity Extensions[]", NULL },
	{ "Get-CsFileTransferFilterConfiguration", "Identity", "[{\"Identity\":\"Global\",\"Extensions\":[\".exe\",\".jpg\"]}]" },
	{ "New-CsFileTransferFilterConfiguration", "Identity BlockFileExtension Action Enabled", NULL },
	{ "New-CsImFilterConfiguration", "Identity BlockFileExtension Action Enabled", NULL },
	{ "Set-CsClientPolicy", "Identity DisableRTFIm", NULL },
	{ "Enable-CsComputer", "Report", NULL },
	{ "Get-CsConferencingPolicy", "Identity", "[{\"Identity\":\"Global\",\"Description\":null,\"MaxMeetingSize\":250,\"AllowIPAudio\":true,\"BlockedUris\":[\"a\",\"b\"]}]" },
	{ "New-CsConferencingPolicy", "Identity Description MaxMeetingSize AllowIPAudio BlockedUris[]", "[{\"Identity\":\"Tag:DefaultConferencing\"}]" },
	{ "Get-CsEmptyPolicy", "Identity", "[]" },
	{ "New-CsEmptyPolicy", "Identity", NULL },
};

static const struct fake_cmdlet *fake_cmdlet(str name)
{
	for (size_t i = 0; i < sizeof fake_cmdlets / sizeof *fake_cmdlets; i++)
		if (str_eq_case(str_of(fake_cmdlets[i].name), name))
			return &fake_cmdlets[i];
	return NULL;
}

static const char *fake_find(void *arg, str name, str *near)
{
	const struct fake_cmdlet *c = fake_cmdlet(name);
	struct near n = { .want = name };
	for (size_t i = 0; i < sizeof fake_cmdlets / sizeof *fake_cmdlets; i++)
		near_offer(&n, str_of(fake_cmdlets[i].name));
	*near = near_best(&n);
	return c != NULL ? c->name : NULL;
}

/* The parameters of a cmdlet as C strings that live on, one for each name in all tables. */
static const char *fake_intern(str s)
{
	static char names[200][48];
	for (size_t i = 0; i < 200; i++) {
		if (names[i][0] == '\0')
			(void)str_to_z(s, names[i], sizeof names[i]);
		if (str_eq(str_of(names[i]), s))
			return names[i];
	}
	return NULL;
}

static enum shell_param fake_kind(str *word)
{
	char last = word->n != 0 ? word->p[word->n - 1] : '\0';
	if (last == '!' || last == '*')
		word->n--;
	if (last == ']')
		word->n -= 2;
	return last == '!' ? SHELL_PARAM_SWITCH : last == '*' ? SHELL_PARAM_SECRET : last == ']' ? SHELL_PARAM_LIST : SHELL_PARAM_VALUE;
}

static enum shell_param fake_param(void *arg, const char *cmdlet, str name, const char **canonical, str *near)
{
	str rest = str_of(fake_cmdlet(str_of(cmdlet))->parameters);
	struct near n = { .want = name };
	enum shell_param found = SHELL_PARAM_NONE;
	while (rest.n != 0) {
		str word = str_split(rest, ' ', &rest);
		enum shell_param kind = fake_kind(&word);
		bool file = kind == SHELL_PARAM_SECRET && name.n == word.n + 4 && str_begins_case(name, word) && str_eq_case(str_cut(name, word.n, name.n), STR("File"));
		near_offer(&n, word);
		if (file) {
			*canonical = fake_intern(name);
			return kind;
		}
		if (str_begins_case(word, name)) {
			*canonical = fake_intern(word);
			found = found == SHELL_PARAM_NONE || word.n == name.n ? kind : found;
		}
	}
	*near = near_best(&n);
	return found;
}

static const char *fake_positional(void *arg, const char *cmdlet, size_t i)
{
	str rest, word = str_split(str_of(fake_cmdlet(str_of(cmdlet))->parameters), ' ', &rest);
	return i == 0 ? fake_intern(word) : NULL;
}

static void fake_log_json(struct fake *f, const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	buf_add(&f->log, str_of(text));
	free(text);
}

static err fake_send(void *arg, const char *cmdlet, json_t *parameters, json_t *input, struct diag *d)
{
	struct fake *f = arg;
	if (!f->quiet_sends) {
		buf_printf(&f->log, "send %s ", cmdlet);
		fake_log_json(f, parameters);
		if (input != NULL) {
			buf_add(&f->log, STR(" < "));
			fake_log_json(f, input);
		}
		buf_add_char(&f->log, '\n');
	}
	const char *identity = json_string_value(json_object_get(parameters, "Identity"));
	if (identity != NULL && strcmp(identity, "unsendable") == 0)
		return diag_fail(d, ERR(CLOSED), "", "connect again", "the connection is gone");
	assert_int_equal(json_array_append_new(f->waiting, json_pack("{s:s,s:O,s:O?}", "name", cmdlet, "parameters", parameters, "input", input)), 0);
	size_t n = json_array_size(f->waiting);
	f->most_waiting = n > f->most_waiting ? n : f->most_waiting;
	return OK;
}

static bool fake_names(const json_t *object, const char *want)
{
	const char *s = json_string_value(json_object_get(object, "Identity"));
	return s != NULL && strcmp(s, want) == 0;
}

/* Objects of the table; with an Identity only that one. */
static json_t *fake_objects(const struct fake_cmdlet *c, json_t *parameters, json_t *input)
{
	const char *identity = json_string_value(json_object_get(parameters, "Identity"));
	json_t *all = c->objects != NULL ? json_loads(c->objects, 0, NULL) : json_array();
	if (json_is_true(json_object_get(parameters, "PassThru")) && input != NULL)
		(void)json_array_append(all, input);
	for (size_t i = json_array_size(all); identity != NULL && strncmp(c->name, "Get-CsUser", 10) == 0 && i-- != 0;)
		if (!fake_names(json_array_get(all, i), identity))
			(void)json_array_remove(all, i);
	return all;
}

static err fake_receive(void *arg, json_t **answer, struct diag *d)
{
	struct fake *f = arg;
	assert_true(json_array_size(f->waiting) != 0);
	json_t *asked = json_incref(json_array_get(f->waiting, 0)), *parameters = json_object_get(asked, "parameters"), *input = json_object_get(asked, "input");
	(void)json_array_remove(f->waiting, 0);
	const struct fake_cmdlet *c = fake_cmdlet(str_of(json_string_value(json_object_get(asked, "name"))));
	*answer = json_pack("{s:b,s:o}", "ok", 1, "objects", fake_objects(c, parameters, input));
	err e = OK;
	if (fake_names(parameters, "nobody") || fake_names(input, "nobody"))
		e = diag_fail(d, ERR(ABSENT), "", "look at Get-CsUser", "there is no user nobody");
	if (fake_names(parameters, "warned"))
		(void)json_object_set_new(*answer, "warnings", json_pack("[s]", "a warning"));
	json_decref(asked);
	if (f->is_slow)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	if (f->interrupt_after != 0 && --f->interrupt_after == 0)
		shell_interrupt(f->sh);
	return e;
}

static void fake_show(void *arg, json_t *objects, const struct shell_format *how)
{
	struct fake *f = arg;
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	shell_print(to, objects, how, 0);
	(void)fclose(to);
	buf_add(&f->log, (str){ text, n });
	free(text);
}

static void fake_say(void *arg, enum shell_stream stream, str text)
{
	static const char *const names[] = { "", "warning: ", "verbose: ", "error: ", "progress: " };
	struct fake *f = arg;
	buf_printf(&f->log, "%s%.*s%s", names[stream], STR_FMT(text), stream == SHELL_OUTPUT ? "" : "\n");
}

static bool fake_read_line(void *arg, const char *prompt, bool hidden, struct buf *out)
{
	struct fake *f = arg;
	buf_printf(&f->log, "ask %s%s\n", prompt, hidden ? "(hidden)" : "");
	if (f->typed == NULL)
		return false;
	buf_add(out, str_of(f->typed));
	return true;
}

static err fake_read_file(void *arg, str path, struct buf *out, struct diag *d)
{
	struct fake *f = arg;
	char name[128];
	(void)str_to_z(path, name, sizeof name);
	json_t *text = json_object_get(f->files, name);
	if (text == NULL)
		return diag_fail(d, ERR(ABSENT), name, "name a file that you can read", "there is no file %s", name);
	buf_add(out, (str){ json_string_value(text), json_string_length(text) });
	return OK;
}

static err fake_write_file(void *arg, str path, bool append, str text, struct diag *d)
{
	struct fake *f = arg;
	char name[128];
	(void)str_to_z(path, name, sizeof name);
	if (strcmp(name, "forbidden") == 0)
		return diag_fail(d, ERR(REFUSED), name, "choose another file", "forbidden cannot be written");
	const char *before = append ? json_string_value(json_object_get(f->files, name)) : NULL;
	(void)json_object_set_new(f->files, name, json_sprintf("%s%.*s", before != NULL ? before : "", STR_FMT(text)));
	return OK;
}

static err fake_find_script(void *arg, str name, struct buf *text, struct diag *d)
{
	if (str_begins(name, STR(".\\")) || str_begins(name, STR("./")))
		name = str_cut(name, 2, name.n);
	if (!str_eq(name, STR("New-CsClonedPolicy.ps1")))
		return fake_read_file(arg, name, text, d);
	char line[512];
	FILE *in = fopen("scripts/New-CsClonedPolicy.ps1", "r");
	if (in == NULL)
		return ERR(SYSTEM);
	while (fgets(line, sizeof line, in) != NULL)
		buf_add(text, str_of(line));
	(void)fclose(in);
	return OK;
}

static json_t *fake_commands(void *arg)
{
	json_t *all = json_array();
	for (size_t i = 0; i < 3; i++)
		(void)json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s}", "CommandType", "Cmdlet", "Name", fake_cmdlets[i].name, "Version", "1", "Source", "Lync"));
	return all;
}

static err fake_help(void *arg, str topic, unsigned what, struct buf *out)
{
	if (topic.n != 0 && !str_begins_case(topic, STR("Get-CsUser")))
		return ERR(ABSENT);
	buf_printf(out, "help of \"%.*s\" %u\n", STR_FMT(topic), what);
	return OK;
}

static const struct shell_door fake_door = { fake_find, fake_param, fake_positional, fake_send, fake_receive, fake_show, fake_say, fake_read_line,
	fake_read_file, fake_write_file, fake_find_script, fake_commands, fake_help };

static inline void fake_open(struct fake *f)
{
	*f = (struct fake){ .waiting = json_array(), .files = json_object() };
	buf_init(&f->log, 1 << 24);
	assert_false(failed(shell_new(&fake_door, f, &f->sh)));
}

static inline void fake_close(struct fake *f)
{
	shell_free(f->sh);
	json_decref(f->waiting);
	json_decref(f->files);
	buf_fini(&f->log);
}

/* What running the text leaves in the transcript. */
static inline const char *fake_run(struct fake *f, const char *text, err *e, struct diag *d)
{
	buf_reset(&f->log);
	*d = (struct diag){ 0 };
	*e = shell_run(f->sh, str_of(text), d);
	buf_add_char(&f->log, '\0');
	assert_false(f->log.failed);
	return f->log.p;
}

static inline void fake_is(struct fake *f, const char *text, const char *want)
{
	err e;
	struct diag d;
	const char *found = fake_run(f, text, &e, &d);
	if (failed(e))
		fail_msg("%s\n%s: %s, %s (%s)\n%s", text, e.def->name, d.where, d.what, d.remedy, found);
	if (strcmp(found, want) != 0)
		fail_msg("%s\nis\n%s\nwanted\n%s", text, found, want);
}

/* The text in a session of its own. */
static inline void gives(const char *text, const char *want)
{
	struct fake f;
	fake_open(&f);
	fake_is(&f, text, want);
	fake_close(&f);
}

static inline void refused(const char *text, enum err_id id, uint32_t line, uint32_t column, const char *what)
{
	struct fake f;
	struct diag d;
	err e;
	fake_open(&f);
	const char *found = fake_run(&f, text, &e, &d);
	if (!err_is(e, id) || d.line != line || d.column != column || strstr(d.what, what) == NULL)
		fail_msg("%s\nis %s at %u:%u (%s): %s\n%s", text, failed(e) ? e.def->name : "OK", d.line, d.column, d.where, d.what, found);
	fake_close(&f);
}

#endif
