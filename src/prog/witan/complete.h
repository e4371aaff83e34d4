/* SPDX-License-Identifier: Apache-2.0 */
/* complete - what may stand at the cursor of the shell: cmdlets, parameters, words of an enumeration, identities. */
#ifndef WITAN_PROG_COMPLETE_H
#define WITAN_PROG_COMPLETE_H

#include "prog/witan/console.h"

enum { COMPLETE_MOST = 600 };

struct completion {
	size_t from;       /* where the word begins that is completed */
	json_t *words;     /* candidates, in order */
	str shared;        /* what all of them begin with; slice of the first */
};

/* For line[0..at). The caller drops out->words. */
void complete(struct console *c, str line, size_t at, struct completion *out);

#endif
