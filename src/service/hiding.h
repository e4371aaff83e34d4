/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hiding - what nobody outside needs to know: names and addresses inside, and whatever servers tell each other about people. What a partner must send
 * back (Via, Record-Route, Contact) leaves sealed behind our own name and is opened again when it comes back (docs/adr/0083). No state: all of it is in
 * the messages.
 */
#ifndef WITAN_SERVICE_HIDING_H
#define WITAN_SERVICE_HIDING_H

#include "base/crypt.h"
#include "base/mem.h"
#include "wire/sip.h"

struct hiding_config {
	struct crypt *crypt;                     /* who has the same MAC key can open it */
	str access;                              /* our name outside; must outlive it */
	uint16_t port;
	bool (*is_domain)(void *arg, str host); /* a SIP domain of ours: such a name is no secret */
	void *arg;
};

struct hiding;

err hiding_new(const struct hiding_config *config, struct hiding **out);
void hiding_free(struct hiding *h); /* NULL allowed */

/*
 * o: m as it leaves; in a request our Via, and our Record-Route if we stay in the dialog, stand on top and name `access`. What o refers to is in m or in a.
 * CEILING by the arena.
 */
err hiding_outward(const struct hiding *h, const struct sip_msg *m, struct arena *a, struct sip_out *o);

/* Does a message that has come in have something of ours in it? If not it can stay as it is. */
bool hiding_concerns(const struct hiding *h, const struct sip_msg *m);
/* o: m with what was hidden. MALFORMED: it looks like ours and is not. */
err hiding_inward(const struct hiding *h, const struct sip_msg *m, struct arena *a, struct sip_out *o);

#endif
