/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look - collects what `witan check certificates` judges: certificates in files, what listeners answer, revocation lists. Everything
 * lives in the arena.
 */
#ifndef WITAN_PROG_LOOK_H
#define WITAN_PROG_LOOK_H

#include "service/check.h"

/* A listener to be asked. */
struct look_target {
	str host, usage; /* as the plan says; may be empty */
	str pool;        /* its sessions are tried at other targets of the pool with the same port and usage; may be empty */
	str dial;        /* name or address */
	str name;        /* that it is asked for (SNI); may be empty */
	uint16_t port;
	bool is_web; /* it may be asked for the time over HTTP */
};

struct look {
	struct arena *arena;
	const struct plan_certificates *plans;
	struct check_evidence *evidence; /* what it adds to */
	size_t seen_room, lists_room;
	struct topo_names addresses; /* "HOST=ADDRESS": where a host is dialled instead */
	bool is_hinted;              /* names of files say who a certificate is for */
	err (*on_list)(struct look *l, struct check_list *list); /* before a list is fetched: it may have it already, or close it; NULL: all are */
	void *arg;                                               /* of on_list */
};

#define LOOK_FILES_MAX 4096 /* of one directory */

/* A file, or all files of a directory that hold certificates. ABSENT, SYSTEM, CEILING with d. */
err look_files(struct look *l, const char *path, struct diag *d);
/* Asks all of them, several at a time, and says on standard error how far it is when that takes long. CEILING, SYSTEM. */
err look_listeners(struct look *l, const struct look_target *targets, size_t n, struct diag *d);
/* Fetches the revocation lists of everything seen. CEILING. */
err look_lists(struct look *l);
/* All certificates of a file in PEM, at most 1000 (a set of roots). ABSENT, MALFORMED, CEILING with d. */
err look_roots(const char *path, struct arena *a, struct topo_names *out, struct diag *d);

/* Adds a place. CEILING. */
err look_add(struct look *l, struct check_seen seen);

/* ---- work done by several threads ---- */

/* Calls fn(arg, i) for all i < n, up to 16 at a time; what is a word for the progress ("listeners"). fn must touch nothing that another i
 * touches. SYSTEM: not even one thread. */
err look_each(size_t n, void (*fn)(void *arg, size_t i), void *arg, const char *what);

/* A connection by libcurl, which resolves the name: the descriptor is open until look_hang_up. ABSENT with d: nobody answers. */
struct look_line;
err look_dial(const struct look *l, const struct look_target *t, struct look_line **out, int *fd, struct diag *d);
void look_hang_up(struct look_line *line);

#endif
