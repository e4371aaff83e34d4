/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NTLM by the password of a Windows domain: which domains, whose account a user's is, and the queue before the process that asks winbind
 * (docs/adr/0077). That process does one thing after another, and is asked one thing after another.
 */
#include "role/vault/vault_winbind.h"

#include "role/vault/user_priv.h"
#include "wire/ntlm.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASKS_MAX = 64, WAIT_MS = 12000 };

/* A front that waits for what comes of a proof. */
struct winbind_ask {
	struct list node;
	struct ipc *to; /* NULL: it has gone */
	uint64_t id, since;
	char aor[VAULT_AOR + 1];
	size_t n_challenge, n_token;
	char bytes[]; /* challenge, then token */
};

err vault_winbind_init(struct vault *v)
{
	v->winbind = calloc(1, sizeof *v->winbind);
	ENSURE(v->winbind != NULL, NO_MEMORY);
	list_init(&v->winbind->asks);
	return OK;
}

/* ---- which accounts ---- */

static bool is_declared(struct vault *v, str domain)
{
	size_t i;
	const json_t *one;
	bool is = false;
	json_t *body = effective_body(v, SCHEMA_ID_ProxyConfiguration);
	json_array_foreach(json_object_get(body, "NtlmDomains"), i, one)
		is = is || (domain.n != 0 && str_eq_case(str_of(json_string_value(one)), domain));
	json_decref(body);
	return is;
}

/* "EXAMPLE" and "ann", or nothing and "ann@example.test" */
static str domain_of(const struct ntlm_authenticate *a, str *name)
{
	str domain;
	*name = str_split(str_of(a->user), '@', &domain);
	return a->domain[0] != '\0' ? str_of(a->domain) : domain;
}

static bool has_hash(struct vault *v, const struct ntlm_authenticate *a)
{
	struct proof_named who;
	return proof_find_named(v, str_of(a->user), &who) && proof_has_hash(v, str_of(who.aor));
}

bool vault_winbind_takes(struct vault *v, const struct ntlm_authenticate *a)
{
	str name;
	return is_declared(v, domain_of(a, &name)) && !has_hash(v, a);
}

/*
 * Where the domain finds an account by a name, the user must be found by the same kind of name, or it could be somebody else's: "EXAMPLE\ann" by
 * SamAccountName, in the machine's own domain alone; "ann@example.test" by UserPrincipalName. In the own domain else by an address of that form, of a
 * user who has no other name.
 */
static const char *find_owner(struct vault *v, const struct ntlm_authenticate *a, struct owner *out)
{
	const struct vault_winbind *w = v->winbind;
	char principal[NTLM_NAME_MOST + sizeof w->dns_domain + 2];
	str name, domain = domain_of(a, &name);
	bool by_principal = str_find_char(str_of(a->user), '@') < strlen(a->user);
	bool own = str_eq_case(domain, str_of(w->domain)) || str_eq_case(domain, str_of(w->dns_domain));
	int n = snprintf(principal, sizeof principal, "%.*s@%s", STR_FMT(name), w->dns_domain);
	*out = (struct owner){ .n = 0 };
	if (name.n == 0 || n < 0 || (size_t)n >= sizeof principal || (by_principal && a->domain[0] != '\0'))
		return "the name has no form that is known";
	if (!own && !by_principal)
		return "people of other domains than the machine's own are known by UserPrincipalName only";
	if (failed(store_user_find_by(v->store, by_principal ? STORE_BY_UPN : STORE_BY_SAM, by_principal ? str_of(a->user) : name, owner_keep, out)) || out->n != 0)
		return out->n == 1 ? NULL : "several users have this name";
	return own && owner_find_address(v, str_of(principal), out) ? NULL : "no user has it as UserPrincipalName or SamAccountName";
}

/* ---- the queue ---- */

static void tell(struct winbind_ask *q, const struct ipc_proof_tell *m)
{
	if (q->to != NULL)
		(void)failed(ipc_send_proof_tell(q->to, m, -1)); /* who has gone waits for nothing */
}

static void ask_free(struct vault_winbind *w, struct winbind_ask *q)
{
	list_remove(&q->node);
	w->n_asks--;
	free(q);
}

static void away(struct vault *v, struct winbind_ask *q)
{
	meter_add(v->skel->meter, METER_WINBIND_AWAY, 1);
	tell(q, &(struct ipc_proof_tell){ .id = q->id, .is_away = 1, .aor = STR(""), .key = STR("") });
	ask_free(v->winbind, q);
}

static void away_all(struct vault *v)
{
	v->winbind->is_asking = false;
	LIST_EACH (it, &v->winbind->asks)
		away(v, LIST_OF(it, struct winbind_ask, node));
}

static str challenge_of(const struct winbind_ask *q)
{
	return (str){ q->bytes, q->n_challenge };
}

static str token_of(const struct winbind_ask *q)
{
	return (str){ q->bytes + q->n_challenge, q->n_token };
}

static err send_ask(struct vault *v, const struct winbind_ask *q)
{
	struct ntlm_authenticate a;
	TRY(ntlm_authenticate_parse(token_of(q), &a, NULL));
	meter_add(v->skel->meter, METER_WINBIND_ASKED, 1);
	return ipc_send_winbind_ask(v->winbind->channel, &(struct ipc_winbind_ask){ .id = q->id, .user = str_of(a.user), .domain = str_of(a.domain),
		.workstation = str_of(a.workstation), .challenge = ntlm_random(challenge_of(q)), .response = a.response }, -1);
}

/* Who has waited so long is not there any more, or soon will not be. */
static void ask_next(struct vault *v)
{
	struct vault_winbind *w = v->winbind;
	LIST_EACH (it, &w->asks) {
		struct winbind_ask *q = LIST_OF(it, struct winbind_ask, node);
		if (w->is_asking)
			return;
		w->is_asking = q->to != NULL && loop_now(v->skel->loop) - q->since < WAIT_MS && !failed(send_ask(v, q));
		if (!w->is_asking)
			away(v, q);
	}
}

static void queue(struct vault *v, struct ipc *to, const struct ipc_proof_ask *m, const struct owner *owner)
{
	struct vault_winbind *w = v->winbind;
	struct winbind_ask *q = w->n_asks < ASKS_MAX ? malloc(sizeof *q + m->challenge.n + m->token.n) : NULL;
	if (q == NULL || w->channel == NULL || !w->is_there) {
		free(q);
		meter_add(v->skel->meter, METER_WINBIND_AWAY, 1);
		(void)failed(ipc_send_proof_tell(to, &(struct ipc_proof_tell){ .id = m->id, .is_away = 1, .aor = STR(""), .key = STR("") }, -1));
		return;
	}
	*q = (struct winbind_ask){ .to = to, .id = m->id, .since = loop_now(v->skel->loop), .n_challenge = m->challenge.n, .n_token = m->token.n };
	memcpy(q->aor, owner->aor, sizeof q->aor);
	memcpy(q->bytes, m->challenge.p, m->challenge.n);
	memcpy(q->bytes + m->challenge.n, m->token.p, m->token.n);
	list_add(&w->asks, &q->node);
	w->n_asks++;
	ask_next(v);
}

/* Guesses of strangers, and at those who are locked here, are not carried to the domain, which would lock the account for everything. */
void vault_winbind_ask(struct vault *v, struct ipc *to, const struct ipc_proof_ask *m, const struct ntlm_authenticate *a)
{
	struct owner owner = { .n = 0 };
	bool is_open = v->winbind->is_there && v->store != NULL;
	const char *why = is_open ? find_owner(v, a, &owner) : NULL;
	const struct tally_entry *t = tally_find(&v->tally, str_of(owner.aor));
	bool is_locked = t != NULL && t->until_ms > vault_unix_ms();
	if (why != NULL)
		LOG(&v->skel->log, WINBIND_REFUSED, LOG_Z("user", a->user), LOG_Z("domain", a->domain), LOG_Z("why", why),
			LOG_Z("remedy", "Set-CsUser -SamAccountName or -UserPrincipalName"));
	if (is_open && (why != NULL || !owner.enabled || is_locked))
		(void)failed(ipc_send_proof_tell(to, &(struct ipc_proof_tell){ .id = m->id, .aor = why == NULL ? str_of(owner.aor) : STR(""), .key = STR("") }, -1));
	else
		queue(v, to, m, &owner);
}

/* ---- what came of it ---- */

static void tell_right(struct vault *v, struct winbind_ask *q, str base)
{
	struct ntlm_authenticate a;
	uint8_t key[16];
	bool is_right = base.n == sizeof key && !failed(ntlm_authenticate_parse(token_of(q), &a, NULL)) &&
			!failed(ntlm_check_proven(v->crypt, &a, STR(""), challenge_of(q), (const uint8_t *)base.p, key));
	tell(q, &(struct ipc_proof_tell){ .id = q->id, .is_right = is_right ? 1 : 0, .aor = str_of(q->aor), .key = is_right ? (str){ (const char *)key, sizeof key } : STR("") });
	crypt_wipe(key, sizeof key);
	ask_free(v->winbind, q);
}

static void tell_wrong(struct vault *v, struct winbind_ask *q, const struct ipc_winbind_tell *m)
{
	err e = { &err_defs[m->error - 1] };
	bool is_guess = err_is(e, ERR_REFUSED);
	char status[16];
	(void)snprintf(status, sizeof status, "0x%08x", (unsigned)m->status);
	if (!is_guess) /* a wrong password is told by who counts it */
		LOG(&v->skel->log, WINBIND_REFUSED, LOG_Z("user", q->aor), LOG_Z("status", status), LOG_STR("why", m->why), LOG_STR("remedy", m->remedy));
	if (err_is(e, ERR_BUSY)) {
		away(v, q);
		return;
	}
	tell(q, &(struct ipc_proof_tell){ .id = q->id, .error = is_guess ? 0 : m->error, .aor = str_of(q->aor), .key = STR("") });
	ask_free(v->winbind, q);
}

static err on_tell(struct vault *v, str body)
{
	struct vault_winbind *w = v->winbind;
	struct ipc_winbind_tell m;
	TRY(ipc_winbind_tell_parse(&m, body));
	ENSURE(w->is_asking && m.error <= ERR_N, MALFORMED);
	struct winbind_ask *q = LIST_OF(w->asks.next, struct winbind_ask, node);
	w->is_asking = false;
	if (m.error == 0)
		tell_right(v, q, m.key);
	else
		tell_wrong(v, q, &m);
	ask_next(v);
	return OK;
}

static err on_state(struct vault *v, str body)
{
	struct vault_winbind *w = v->winbind;
	struct ipc_winbind_state m;
	TRY(ipc_winbind_state_parse(&m, body));
	ENSURE(str_to_z(m.domain, w->domain, sizeof w->domain) && str_to_z(m.dns_domain, w->dns_domain, sizeof w->dns_domain), MALFORMED);
	ENSURE(str_to_z(m.computer, w->computer, sizeof w->computer), MALFORMED);
	ENSURE(str_to_z(str_cut(m.why, 0, sizeof w->why - 1), w->why, sizeof w->why), MALFORMED);
	w->is_there = m.is_there != 0;
	vault_tell_ntlm_names(v);
	return OK;
}

/* ---- the process ---- */

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	if (type == IPC_WINBIND_STATE)
		return on_state(arg, body);
	return type == IPC_WINBIND_TELL ? on_tell(arg, body) : ERR(MALFORMED);
}

static void on_close(void *arg, struct ipc *from)
{
	struct vault *v = arg;
	v->winbind->channel = NULL;
	v->winbind->is_there = false;
	(void)snprintf(v->winbind->why, sizeof v->winbind->why, "the process that asks it is starting");
	away_all(v);
}

static const struct ipc_door door = { .on_message = on_message, .on_close = on_close };

void vault_winbind_open(struct vault *v, int fd)
{
	struct ipc *channel;
	if (failed(ipc_open(v->skel->loop, fd, &door, v, &channel)))
		return;
	vault_winbind_close(v);
	v->winbind->channel = channel;
}

void vault_winbind_close(struct vault *v)
{
	if (v->winbind->channel == NULL)
		return;
	ipc_close(v->winbind->channel);
	on_close(v, NULL);
}

void vault_winbind_forget(struct vault *v, const struct ipc *to)
{
	LIST_EACH (it, &v->winbind->asks) {
		struct winbind_ask *q = LIST_OF(it, struct winbind_ask, node);
		if (q->to == to)
			q->to = NULL;
	}
}

void vault_winbind_look(struct vault *v)
{
	struct vault_winbind *w = v->winbind;
	json_t *body = effective_body(v, SCHEMA_ID_ProxyConfiguration);
	bool runs = json_array_size(json_object_get(body, "NtlmDomains")) != 0 && v->skel->n_fronts != 0;
	json_decref(body);
	if (runs == w->is_wanted && w->is_told)
		return;
	w->is_told = true;
	w->is_wanted = runs;
	(void)failed(ipc_send_process_want(v->skel->master, &(struct ipc_process_want){ .role = STR("winbind"), .runs = runs ? 1 : 0 }, -1));
	if (!runs)
		w->domain[0] = w->dns_domain[0] = w->computer[0] = '\0';
	vault_tell_ntlm_names(v);
}
