/* SPDX-License-Identifier: Apache-2.0 */
/* What the network around the servers needs: the subjects of `witan plan` beside certificates. */
#ifndef WITAN_PROG_WITAN_PLAN_INPUT_H
#define WITAN_PROG_WITAN_PLAN_INPUT_H

#include "model/topo.h"
#include "prog/witan/witan_priv.h"
#include "service/plan_address.h"

#include <jansson.h>

/* Each is a main of its own; argv[0] is "plan", the options follow. */
int plan_dns_main(int argc, char **argv, const char *dir);
int plan_ports_main(int argc, char **argv, const char *dir);
int plan_proxy_main(int argc, char **argv, const char *dir);
int plan_dhcp_main(int argc, char **argv, const char *dir);
int plan_check_main(int argc, char **argv, const char *dir);

/* What all of them read. */
struct plan_input {
	struct arena arena;
	struct topo topo;
	struct plan_addresses known;
	struct diag diag;
	const char *dir, *topology, *format, *addresses;
	struct witan_texts address;
	unsigned format_at; /* place of --format in the words given to plan_input_run */
};

#define PLAN_INPUT_TOPOLOGY(n)                                                                                       \
	{                                                                                                              \
		"--topology", WITAN_TEXT, &(n)->topology, "FILE", "a topology document (default: the deployment's)", 0 \
	}
#define PLAN_INPUT_ADDRESSES(n)                                                                                  \
	{ "--addresses", WITAN_TEXT, &(n)->addresses, "FILE",                                                      \
		"addresses of hosts: lines NAME ADDRESS, or as /etc/hosts", 0 },                                   \
	{                                                                                                          \
		"--address", WITAN_TEXTS, &(n)->address, "NAME=ADDRESS", "one of them; may stand several times", 0 \
	}

/* Reads topology and addresses, looks --format up in `words` ("table|json|zone", the first is the default), lets show
 * print, and answers the exit status. */
int plan_input_run(struct plan_input *n, const char *words, err (*show)(struct plan_input *n));
/* Adds those of a file (NULL: none) and of "NAME=ADDRESS" pairs. ABSENT, MALFORMED, CEILING with d. */
err plan_input_addresses(const char *file, const struct witan_texts *pairs, struct arena *a, struct plan_addresses *out, struct diag *d);
/* Prints an array that is all there is, and takes it. */
err plan_input_json(json_t *all);
json_t *plan_input_str(str s);
/* Prints b and ends it. NO_MEMORY if it is not whole. */
err plan_input_text(struct buf *b);
/* A warning on standard error: about what, and what to do. */
void plan_input_warn(const char *rule, bool is_error, str subject, const char *what, const char *remedy);

#endif
