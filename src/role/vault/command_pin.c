/* SPDX-License-Identifier: Apache-2.0 */
/* PINs of users for desk phones and dial-in: kept as salted scrypt hashes, with as many former ones as the policy remembers. */
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { SALT = 16, HASH = 32, HEAD = 1 + 8 + 1 + SALT, PINS_MOST = 21, PIN_MOST = 24, COST = 12, MADE_UP_LEAST = 6 };

/* The stored bytes: locked, seconds since 1970 in big-endian order, how many hashes, salt, hashes from the newest. */
struct pin {
	uint8_t bytes[HEAD + PINS_MOST * HASH];
	size_t n; /* 0: none */
};

static void keep(void *arg, str value)
{
	struct pin *p = arg;
	p->n = value.n <= sizeof p->bytes && value.n >= HEAD ? value.n : 0;
	memcpy(p->bytes, value.p, p->n);
}

static unsigned n_hashes(const struct pin *p)
{
	return p->n >= HEAD ? (unsigned)((p->n - HEAD) / HASH) : 0;
}

static uint64_t set_at(const struct pin *p)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | p->bytes[1 + i];
	return p->n != 0 ? v : 0;
}

static err load(struct call *call, str aor, struct pin *p)
{
	*p = (struct pin){ 0 };
	err e = store_credential_find(call->vault->store, aor, STR("pin"), keep, p);
	return err_is(e, ERR_ABSENT) ? OK : e;
}

static err store(struct call *call, str aor, const struct pin *p)
{
	return store_credential_set(call->vault->store, aor, STR("pin"), (str){ (const char *)p->bytes, p->n });
}

static err user(struct call *call, bool writes, char room[VAULT_AOR], str *aor, json_t **body)
{
	str given = STR("");
	(void)command_text(call, "Identity", &given);
	TRY(command_user_identity(call, given, room, aor));
	TRY(command_user_body(call, *aor, body));
	err e = command_reach_user(call, *aor, *body, writes);
	if (failed(e)) {
		json_decref(*body);
		*body = NULL;
	}
	return e;
}

/* ---- the policy ---- */

struct rules {
	json_int_t least, history, days;
	bool common;
};

static err rules_of(struct call *call, const json_t *body, struct rules *r)
{
	struct identity i;
	const char *why;
	json_t *policy = NULL;
	TRY(effective_policy(call, &schema_kinds[SCHEMA_ID_PinPolicy], body, &i, &why));
	TRY(object_load(call, &i, &policy));
	json_t *shown = schema_show(i.kind, identity_str(&i), policy);
	*r = (struct rules){ json_integer_value(json_object_get(shown, "MinPasswordLength")), json_integer_value(json_object_get(shown, "PINHistoryCount")),
		json_integer_value(json_object_get(shown, "PINLifetime")), json_is_true(json_object_get(shown, "AllowCommonPatterns")) };
	json_decref(shown);
	json_decref(policy);
	return OK;
}

bool pin_is_common(str pin, str line)
{
	bool run = true;
	if (pin.n < 2)
		return true;
	for (size_t i = 2; i < pin.n; i++)
		run = run && pin.p[i] - pin.p[i - 1] == pin.p[1] - pin.p[0];
	int step = pin.p[1] - pin.p[0];
	return (run && step >= -1 && step <= 1) || (line.n != 0 && memmem(line.p, line.n, pin.p, pin.n) != NULL);
}

static bool is_common(str pin, const json_t *body)
{
	return pin_is_common(pin, str_of(json_string_value(json_object_get(body, "LineURI"))));
}

static err check(struct call *call, str pin, const struct rules *r, const json_t *body)
{
	bool digits = pin.n != 0;
	for (size_t i = 0; i < pin.n; i++)
		digits = digits && pin.p[i] >= '0' && pin.p[i] <= '9';
	if (!digits || (json_int_t)pin.n < r->least || pin.n > PIN_MOST)
		return diag_fail(&call->diag, ERR(MALFORMED), "Pin", "Get-CsEffectivePolicy -PolicyType PinPolicy shows which policy says so", "a PIN has %d to %d digits and nothing else",
			(int)r->least, PIN_MOST);
	if (!r->common && is_common(pin, body))
		return diag_fail(&call->diag, ERR(MALFORMED), "Pin", "choose one that is no row, no repeated digit, and not part of his number", "this PIN is easily guessed");
	return OK;
}

/* ---- setting ---- */

static err hash_pin(const struct pin *p, str pin, uint8_t out[HASH])
{
	return crypt_stretch(pin, (str){ (const char *)p->bytes + HEAD - SALT, SALT }, COST, out);
}

static err check_history(struct call *call, const struct pin *p, const uint8_t hash[HASH], json_int_t history)
{
	for (unsigned i = 0; i < n_hashes(p) && (json_int_t)i < history; i++)
		if (crypt_equal(p->bytes + HEAD + i * HASH, hash, HASH))
			return diag_fail(&call->diag, ERR(REFUSED), "Pin", "choose one that he has not had", "his last %d PINs may not be used again", (int)history);
	return OK;
}

/* The salt stays, so that former PINs can be compared. */
static void put(struct pin *p, const uint8_t hash[HASH], json_int_t history)
{
	uint64_t now = vault_unix_ms() / 1000;
	unsigned kept = n_hashes(p);
	if ((json_int_t)kept > history)
		kept = (unsigned)history;
	if (kept > PINS_MOST - 1)
		kept = PINS_MOST - 1;
	memmove(p->bytes + HEAD + HASH, p->bytes + HEAD, (size_t)kept * HASH);
	memcpy(p->bytes + HEAD, hash, HASH);
	p->bytes[0] = 0;
	for (int i = 0; i < 8; i++)
		p->bytes[1 + i] = (uint8_t)(now >> (8 * (7 - i)));
	p->bytes[9] = (uint8_t)(kept + 1);
	p->n = HEAD + (kept + 1) * (size_t)HASH;
}

static str make_up(char room[PIN_MOST], const struct rules *r, const json_t *body)
{
	size_t n = r->least > MADE_UP_LEAST ? (size_t)r->least : MADE_UP_LEAST;
	do {
		for (size_t i = 0; i < n; i++) {
			uint8_t b;
			do
				crypt_random(&b, 1);
			while (b >= 250);
			room[i] = (char)('0' + b % 10);
		}
	} while (is_common((str){ room, n }, body));
	return (str){ room, n };
}

static err set_pin(struct call *call, str aor, const json_t *body)
{
	struct rules r;
	struct pin p;
	uint8_t hash[HASH];
	char room[PIN_MOST];
	str pin;
	TRY(rules_of(call, body, &r));
	bool given = command_text(call, "Pin", &pin);
	if (!given)
		pin = make_up(room, &r, body);
	TRY(check(call, pin, &r, body));
	TRY(load(call, aor, &p));
	if (p.n == 0)
		crypt_random(p.bytes + HEAD - SALT, SALT);
	TRY(hash_pin(&p, pin, hash));
	TRY(check_history(call, &p, hash, r.history));
	put(&p, hash, r.history);
	TRY(store(call, aor, &p));
	err e = command_add_object(call, json_pack("{s:o,s:o}", "Identity", command_uri(aor), "Pin", given ? json_string("***") : json_stringn(pin.p, pin.n)));
	crypt_wipe(room, sizeof room);
	crypt_wipe(hash, sizeof hash);
	return e;
}

err command_pin_set(struct call *call)
{
	char room[VAULT_AOR];
	str aor;
	json_t *body = NULL;
	TRY(user(call, true, room, &aor, &body));
	err e = set_pin(call, aor, body);
	json_decref(body);
	return e;
}

/* ---- locking, showing ---- */

static err lock(struct call *call, bool locked)
{
	char room[VAULT_AOR];
	str aor;
	json_t *body = NULL;
	struct pin p;
	TRY(user(call, true, room, &aor, &body));
	json_decref(body);
	TRY(load(call, aor, &p));
	if (p.n == 0)
		return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Set-CsClientPin gives him one", "sip:%.*s has no PIN", STR_FMT(aor));
	p.bytes[0] = locked ? 1 : 0;
	return store(call, aor, &p);
}

err command_pin_lock(struct call *call)
{
	return lock(call, true);
}

err command_pin_unlock(struct call *call)
{
	return lock(call, false);
}

err command_pin_get(struct call *call)
{
	char room[VAULT_AOR];
	str aor;
	json_t *body = NULL;
	struct rules r;
	struct pin p;
	TRY(user(call, false, room, &aor, &body));
	err e = rules_of(call, body, &r);
	json_decref(body);
	TRY(e);
	TRY(load(call, aor, &p));
	uint64_t end = p.n != 0 && r.days > 0 ? set_at(&p) + (uint64_t)r.days * 86400 : 0;
	return command_add_object(call, json_pack("{s:o,s:b,s:b,s:o,s:o}", "Identity", command_uri(aor), "IsPinSet", p.n != 0, "IsLockedOut", p.n != 0 && p.bytes[0] != 0,
		"LastPinChange", command_moment(set_at(&p)), "PinExpirationTime", command_moment(end)));
}
