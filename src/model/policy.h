/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - the policies that hold for users, and the configurations that are more than numbers (those are in model/config), in the memory of a process
 * that obeys them: vault tells it every instance in its reach, decoded here once. A look-up is by the user's grants, else the service's, the site's, the global instance, used whole; it allocates nothing.
 */
#ifndef WITAN_MODEL_POLICY_H
#define WITAN_MODEL_POLICY_H

#include "model/schema_struct.h"

struct policies;

err policies_new(struct policies **out);
void policies_free(struct policies *p); /* NULL is allowed */

/* A snapshot: begin, put for each instance, end; what the snapshot did not name is dropped at its end. */
void policies_begin(struct policies *p);
void policies_end(struct policies *p);
/* Adds or changes; body is JSON as stored. A kind that this version does not know, or that is neither policy, configuration nor list, is passed over. MALFORMED: no JSON object. */
err policies_put(struct policies *p, str kind, str identity, str body);
void policies_remove(struct policies *p, str kind, str identity);
size_t policies_count(const struct policies *p);

/*
 * The struct cs_KIND that holds for a user with these grants ("ConferencingPolicy=Sales\nVoicePolicy=..."; empty: none). Never NULL; good until
 * the next message of vault.
 */
const void *policies_find(const struct policies *p, enum schema_id kind, str grants);

/* Instances of a list (walls, rules): each with its name as given and its struct cs_KIND, in no order. */
void policies_each(struct policies *p, enum schema_id kind, void (*fn)(void *arg, str identity, const void *value), void *arg);
/* Grows with every change: whoever has made something of the instances sees that it is old. */
uint64_t policies_version(const struct policies *p);

/* The value of a name in the text of grants; empty: not there. */
str policy_grant(str grants, str name);

#endif
