/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern - regular expressions (PCRE2) that administrators write: number patterns, -match, -replace. Compiling and matching are bounded,
 * so that no expression can hold a process up: a match that takes too many steps does not match.
 */
#ifndef WITAN_WIRE_PATTERN_H
#define WITAN_WIRE_PATTERN_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum { PATTERN_TEXT_MAX = 4096, PATTERN_GROUPS_MAX = 32 };

struct pattern;

enum pattern_flag { PATTERN_CASELESS = 1 << 0 };

/* text in UTF-8; not kept. MALFORMED: d says where and why; CEILING: over PATTERN_TEXT_MAX or too complex. */
err pattern_new(str text, unsigned flags, struct pattern **out, struct diag *d);
void pattern_free(struct pattern *p); /* NULL is allowed */

/* Whether it matches anywhere in s. groups (NULL allowed) become slices of s: [0] the whole match, then the groups; those that did not
 * take part are empty. */
bool pattern_match(const struct pattern *p, str s, str groups[PATTERN_GROUPS_MAX], size_t *n_groups);

/* Appends s with every match (or the first only) replaced: $0 to $9 stand for groups, $$ for a dollar sign. Answers
 * whether there was a match. */
bool pattern_replace(const struct pattern *p, str s, str with, bool every, struct buf *out);

/* Appends `with`, its $1 taken from groups. */
void pattern_expand(str with, const str *groups, size_t n_groups, struct buf *out);

#endif
