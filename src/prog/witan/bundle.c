/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witan bundle - what another server of the topology needs to join: topology, roots, the name of the central server, and a secret for once.
 * Made by the central server, sealed here by a password, carried over by a person.
 */
#include "base/crypt.h"
#include "model/sealed.h"
#include "os/file.h"
#include "prog/witan/bundle.h"
#include "prog/witan/cmdlet_priv.h"
#include "prog/witan/link.h"
#include "prog/witan/sign_in.h"
#include "prog/witan/witan_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bundle {
	const char *dir, *host, *out, *password_file, *revoke;
	uint32_t days;
	bool list;
	struct diag diag;
};

/* All objects that the cmdlet answers; the caller drops them. parameters are taken over. */
static err ask(struct bundle *b, const char *cmdlet, json_t *parameters, json_t **objects)
{
	struct link *link = NULL;
	json_t *answer = NULL;
	err e = parameters != NULL ? link_open_local(b->dir, &link, &b->diag) : ERR(NO_MEMORY);
	if (!failed(e))
		e = link_send(link, cmdlet, parameters, NULL, &b->diag);
	if (!failed(e))
		e = link_receive(link, &answer, &b->diag);
	if (!failed(e))
		e = control_result(answer, &b->diag);
	if (!failed(e))
		*objects = json_incref(json_object_get(answer, "objects"));
	json_decref(parameters);
	json_decref(answer);
	link_close(link);
	return failed(e) || *objects != NULL ? e : ERR(INTERNAL);
}

static err ask_password(struct bundle *b, char out[SIGN_IN_SECRET])
{
	char again[SIGN_IN_SECRET];
	TRY(sign_in_secret(b->password_file, "Password that seals the bundle (at least 12 bytes)", out, &b->diag));
	if (b->password_file != NULL)
		return OK;
	err e = sign_in_secret(NULL, "The same once more", again, &b->diag);
	if (!failed(e) && strcmp(out, again) != 0)
		e = diag_fail(&b->diag, ERR(USAGE), "bundle", "", "the two are not the same");
	crypt_wipe(again, sizeof again);
	return e;
}

static err write_sealed(struct bundle *b, struct crypt *key, const uint8_t salt[SEALED_SALT], json_t *made)
{
	json_t *outer = json_pack("{s:s,s:i,s:O,s:O,s:O,s:o,s:i,s:o}", "format", BUNDLE_FORMAT, "formatVersion", BUNDLE_VERSION, "host", json_object_get(made, "ReplicaFqdn"), "central",
		json_object_get(made, "Central"), "expires", json_object_get(made, "Expires"), "salt", sealed_bytes(salt, SEALED_SALT), "cost", SEALED_COST, "sealed", sealed_json(key, made));
	char *text = outer != NULL ? json_dumps(outer, JSON_INDENT(1)) : NULL;
	json_decref(outer);
	ENSURE(text != NULL, NO_MEMORY);
	err e = file_write(AT_FDCWD, b->out, str_of(text), 0600, &b->diag);
	free(text);
	return e;
}

static err seal(struct bundle *b, str password, json_t *made)
{
	uint8_t salt[SEALED_SALT];
	struct crypt *key = NULL;
	crypt_random(salt, sizeof salt);
	TRY(sealed_key(password, salt, &key, &b->diag));
	err e = write_sealed(b, key, salt, made);
	crypt_free(key);
	return e;
}

static err check_password(struct bundle *b, const char *password)
{
	if (strlen(password) >= SEALED_PASSWORD_LEAST)
		return OK;
	return diag_fail(&b->diag, ERR(USAGE), "password", "choose a longer one", "it has fewer than %d bytes", SEALED_PASSWORD_LEAST);
}

static err make(struct bundle *b)
{
	char password[SIGN_IN_SECRET] = "";
	json_t *objects = NULL;
	if (access(b->out, F_OK) == 0)
		return diag_fail(&b->diag, ERR(EXISTS), b->out, "choose another name", "there is a file already");
	err e = ask_password(b, password);
	if (!failed(e))
		e = check_password(b, password); /* before a secret is made: the one before goes on */
	if (!failed(e))
		e = ask(b, "New-CsEnrollment", json_pack("{s:s,s:i}", "ReplicaFqdn", b->host, "Days", (int)b->days), &objects);
	json_t *made = json_array_get(objects, 0);
	if (!failed(e))
		e = made != NULL ? seal(b, str_of(password), made) : ERR(INTERNAL);
	crypt_wipe(password, sizeof password);
	if (!failed(e))
		(void)printf("wrote %s: for %s, once, until %s\nnext, on that machine:\n  witand --join %s --dir /var/lib/witan\n", b->out, b->host,
			json_string_value(json_object_get(made, "Expires")), b->out);
	json_decref(objects);
	return e;
}

static err list(struct bundle *b)
{
	json_t *objects = NULL, *one;
	size_t i;
	TRY(ask(b, "Get-CsEnrollment", json_object(), &objects));
	json_array_foreach(objects, i, one)
		(void)printf("%-40s %-10s %s\n", json_string_value(json_object_get(one, "ReplicaFqdn")), json_string_value(json_object_get(one, "State")),
			json_string_value(json_object_get(one, "Expires")));
	if (json_array_size(objects) == 0)
		(void)fprintf(stderr, "no server may join\n");
	json_decref(objects);
	return OK;
}

static err take_back(struct bundle *b)
{
	json_t *objects = NULL;
	TRY(ask(b, "Remove-CsEnrollment", json_pack("{s:s}", "ReplicaFqdn", b->revoke), &objects));
	json_decref(objects);
	(void)printf("the bundle of %s is good for nothing any more\n", b->revoke);
	return OK;
}

int bundle_main(int argc, char **argv, const char *dir)
{
	struct bundle b = { .dir = dir, .days = 7 };
	int status;
	const struct witan_option options[] = {
		{ "--host", WITAN_TEXT, &b.host, "NAME", "the server that is to join, as in topology.yaml", 0 },
		{ "--out", WITAN_TEXT, &b.out, "FILE", "where the bundle is written to", 0 },
		{ "--days", WITAN_NUMBER, &b.days, "N", "how long it is good (1 to 30; default: 7)", 30 },
		{ "--password-file", WITAN_TEXT, &b.password_file, "FILE", "holds the password that seals it (default: asked for; -: standard input)", 0 },
		{ "--list", WITAN_FLAG, &b.list, NULL, "shows which servers may join, and which have", 0 },
		{ "--revoke", WITAN_TEXT, &b.revoke, "NAME", "takes the bundle of a server back", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv, "--host NAME --out FILE [OPTION...] | --list | --revoke NAME\n\nMakes a sealed file by which another server of the topology joins this one. The server must run.",
		    options, &status))
		return status;
	if (!b.list && b.revoke == NULL && (b.host == NULL || b.out == NULL))
		return witan_usage(argv[0], "give --host and --out, or --list, or --revoke");
	err e = b.list ? list(&b) : b.revoke != NULL ? take_back(&b) : make(&b);
	return failed(e) ? witan_fail(argv[0], e, &b.diag) : WITAN_DONE;
}
