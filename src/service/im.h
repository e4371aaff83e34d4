/* SPDX-License-Identifier: Apache-2.0 */
/*
 * im - messages between clients of the Lync dialect, who write in sessions (INVITE, then MESSAGE and INFO in its dialog), and standard clients, who send
 * single ones (RFC 3428, RFC 3994). Where both sides speak alike nothing is done here: the requests go on to route as they came. Where they differ
 * this server is a user agent on both sides (docs/adr/0070). Conversations live in the memory of the process where the called user is at home, and
 * end when nobody writes, when either side ends them, and with the connection of a session.
 */
#ifndef WITAN_SERVICE_IM_H
#define WITAN_SERVICE_IM_H

#include "base/log.h"
#include "base/meter.h"
#include "base/timer.h"
#include "engine/stage.h"
#include "engine/txn.h"
#include "model/policy.h"
#include "service/reg.h"
#include "service/user.h"
#include "wire/xml_tree.h"

struct im;

struct im_config {
	struct timers *timers;
	struct txns *txns;
	struct reg *reg;
	const struct users *users;
	const struct policies *policies;
	struct xml_reader *xml;
	str fqdn; /* must outlive im */
	/* Sends a whole message that nobody answers (ACK). */
	err (*send)(void *arg, const struct flow *to, uint64_t request, str bytes);
	/* A flow over which a request of ours reaches the process where aor is at home, as if a client had sent it. */
	struct flow (*home_flow)(void *arg, str aor);
	void *arg;
	struct log *log;
	struct meter *meter;
	uint32_t most; /* conversations of the process */
};

err im_new(const struct im_config *config, struct im **out);
/* Ends all without a word. */
void im_free(struct im *s);

/* MESSAGE and INVITE for a user at home here, everything in dialogs of ours, ACK included; what both sides speak alike is NEXT. state: the im. */
err im_stage(void *state, struct request *r, enum stage_verdict *v);

/* The connection has gone; all connections of another front process have: sessions over them are over. */
void im_flow_gone(struct im *s, const struct flow *f);
void im_front_gone(struct im *s, uint16_t front);

size_t im_count(const struct im *s); /* conversations */

#endif
