/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script - administrators' applications (wire/mspl) in the way of messages: by ascending priority, each sees the requests and
 * responses that its manifest selects, and may answer, drop, change or send them elsewhere. For any role whose requests walk a stage
 * table: what differs between a Front End and an Edge comes through the door.
 *
 * What a script changes is written into a new message in the arena of the old one, which all later stages then see. An application that fails
 * ten times is not run any more until it is loaded anew; where it is Critical, what it would have seen is answered 503.
 */
#ifndef WITAN_SERVICE_SCRIPT_H
#define WITAN_SERVICE_SCRIPT_H

#include "base/log.h"
#include "base/meter.h"
#include "engine/stage.h"
#include "wire/mspl.h"

#define SCRIPT_FAILURES_MAX 10
#define SCRIPT_APPS_MAX 64
#define SCRIPT_FILES_MAX 262144 /* bytes of all files of an application */

struct scripts;

/* Where a message comes from, as the role knows it. Begins as unknown. */
struct script_source {
	int64_t origin, type, network; /* numbers of MessageOrigin, ExternalSourceType, ExternalSourceNetwork */
	bool is_authenticated;
	str tls_peer; /* name in the peer's certificate; empty: none */
};

struct script_door {
	/* r NULL: of a response. */
	void (*source)(void *arg, const struct inbound *in, const struct request *r, struct script_source *out);
	bool (*is_domain)(void *arg, str domain);
	/* As in struct mspl_world; NULL: nothing is known of users here. */
	bool (*home)(void *arg, str user, struct arena *a, str *fqdn);
	bool (*endpoint)(void *arg, str user, size_t at, struct arena *a, struct mspl_endpoint *e, bool *is_there);
	bool (*option)(void *arg, str user, int64_t option);
};

struct script_config {
	str fqdn, pool; /* must outlive scripts */
	int64_t role;   /* number of ServerRole */
	struct script_door door;
	void *arg;
	struct log *log;
	struct meter *meter;
};

/* An application as vault tells it. */
struct script_row {
	str identity; /* "EdgeServer:edge.example.test/Simple" */
	uint32_t priority;
	bool is_critical;
	str manifest;
	str files; /* "LENGTH NAME\n" and LENGTH bytes, one file after another */
};

err scripts_new(const struct script_config *config, struct scripts **out);
void scripts_free(struct scripts *s);
/* All applications anew: begin, put for each, end. Until end those before go on; one whose text is the same keeps its count of failures. */
void scripts_begin(struct scripts *s);
/* Whatever is wrong with it is logged; a critical one that cannot be loaded refuses the messages that it would see. */
err scripts_put(struct scripts *s, const struct script_row *row);
void scripts_end(struct scripts *s);
size_t scripts_count(const struct scripts *s);

/* Checks an application as it would be loaded: manifest, script, that uri is its appUri (empty: not looked at), every file there and well-formed. What
 * scripts_put would log is in d; a place in d is one of the manifest, or (d->where begins with another name) of a file. */
err script_check(str manifest, str files, str uri, bool is_lenient, struct diag *d);
/* One file more for script_row.files. */
void script_file_print(str name, str content, struct buf *out);
/* The content of a file by its name in the manifest; false: it is not there. */
bool script_file_find(str files, str path, str *content);

/* The stage. Sets r->forks for whoever routes; r->target follows a new target. */
err script_stage(void *state, struct request *r, enum stage_verdict *v);
/* The door for responses, before they are relayed: in->msg is what goes on; false: it does not. */
bool script_response(struct scripts *s, struct inbound *in);

/* For people who look on (witan script trace). */
struct script_watch {
	void (*step)(void *arg, str application, uint32_t line, const char *what, const char *result);
	void *arg;
};
void scripts_watch(struct scripts *s, const struct script_watch *watch);

#endif
