/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_WALL_WALL_PRIV_H
#define WITAN_SERVICE_WALL_WALL_PRIV_H

#include "base/map.h"
#include "service/wall.h"
#include "wire/pattern.h"

#define WALL_WORDS   (WALL_RULES_MAX / 64)
#define WALL_CONTENT_MAX 64
#define WALL_KEY_MAX 320  /* bytes of a selector's key */
#define WALL_TOLD    1024 /* pairs of which is remembered that they were told */
#define WALL_TOLD_S  600  /* seconds until one is told again */
#define WALL_BURST   200  /* incidents of a second that are passed on */
#define WALL_TEXT    4096 /* bytes of a message that are kept */

struct wall_set {
	uint64_t w[WALL_WORDS];
};

/* What a selector stands for, and on which side of which walls. */
struct wall_key {
	struct map_node node;
	struct wall_set from, to, except;
	uint64_t content; /* rules for content that do not hold for him */
	size_t n;
	char key[];
};

struct wall_rule {
	str name;
	const struct cs_EthicalWall *row;
	enum wall_action action;
	bool both;
	uint8_t days;         /* bit 0: Monday; 0: all */
	uint32_t begin, end;  /* seconds of the day; equal: all of it */
};

struct wall_content {
	str name;
	const struct cs_MessageContentRule *row;
	enum wall_action action;
	struct pattern *pattern;
};

struct wall_told {
	uint64_t hash, until;
};

struct wall {
	struct wall_config c;
	struct map keys;
	struct wall_rule rules[WALL_RULES_MAX];
	size_t n_rules;
	struct wall_content contents[WALL_CONTENT_MAX];
	size_t n_contents;
	struct wall_set about[WALL_MODALITIES], active;
	struct wall_set both;
	uint64_t version, minute; /* of the policies it was compiled from; of active */
	bool is_compiled, has_changed;
	struct wall_told told[WALL_TOLD];
	uint64_t burst_second;
	unsigned burst;
};

uint64_t wall_now(const struct wall *w);
/* Brings rules and hours up to date. */
void wall_refresh(struct wall *w);
/* Everything that is known of a person, as sets. */
struct wall_sides {
	struct wall_set from, to, except;
	uint64_t content;
};
void wall_sides(const struct wall *w, const struct wall_person *p, struct wall_sides *out);
/* Does a selector fit him? */
bool wall_fits(const struct wall_person *p, str selector);
struct wall_person wall_person_of(const struct wall *w, str aor);

/* ---- selectors (wall_key.c) ---- */

/* The key of a selector, lower case. */
str wall_key_of(str selector, char room[WALL_KEY_MAX]);
/* Each key that a person has. */
void wall_keys_each(const struct wall_person *p, void (*fn)(void *arg, str key), void *arg);

/* ---- content (wall_content.c) ---- */

/* Which rules find something in a body: bits of w->contents. SIP_MEDIA_TYPE: it cannot be read, and a rule would refuse it. */
err wall_content_find(const struct wall *w, str type, str body, struct arena *a, uint64_t rules, uint64_t *found);
bool wall_content_new(struct wall *w, str name, const struct cs_MessageContentRule *row);

/* ---- what comes of it (wall_report.c) ---- */

void wall_report(struct wall *w, const struct wall_incident *i);
/* Tells who has begun it, once in a while. */
void wall_warn(struct wall *w, str rule, str from, str to, str text);

#endif
