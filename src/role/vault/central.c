/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The central store and its copies: each copy is told what has changed since the moment that it has, piece by piece, as the store is when
 * the piece is read. Nothing is queued: a copy that is slow or away costs the room of this struct.
 */
#include "os/file.h"
#include "role/vault/vault_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 256 << 10, CREDENTIALS_ROOM = 16 << 10 };

#define ROLE(name) (1u << TOPO_##name)

bool vault_role_has_people(uint32_t role)
{
	return (1u << role & (ROLE(STANDARD_EDITION) | ROLE(FRONT_END) | ROLE(DIRECTOR) | ROLE(SURVIVABLE_BRANCH))) != 0;
}

/* A moment as it is told: with people in it, it is another one than without. So a server that has got another role is told everything again, and what
 * it may not have any more goes, whoever was restarted in between. */
static struct store_moment moment_for(uint32_t role, struct store_moment m)
{
	static const uint64_t without = 0x77697468206e6f6e; /* marks are random */
	if (!vault_role_has_people(role))
		m.mark ^= without;
	return m;
}

/* A channel that does not take a message is broken and closes by itself (on_close). */
static void sent(err e)
{
	(void)failed(e);
}

/* ---- who has copies ---- */

struct vault_copy *vault_copy_find(struct vault *v, str fqdn)
{
	LIST_EACH (n, &v->copies) {
		struct vault_copy *c = LIST_OF(n, struct vault_copy, node);
		if (str_eq_case(str_of(c->fqdn), fqdn))
			return c;
	}
	return NULL;
}

static bool is_other(const struct vault *v, const struct topo_server *s)
{
	return !str_eq_case(s->fqdn, str_of(v->skel->fqdn));
}

static void drop_gone(struct vault *v)
{
	LIST_EACH (n, &v->copies) {
		struct vault_copy *c = LIST_OF(n, struct vault_copy, node);
		struct topo_host host;
		if (!failed(topo_find_host(&v->topo, str_of(c->fqdn), &host, NULL)) && v->central[0] != '\0' && !v->is_copy && is_other(v, host.server))
			continue;
		list_remove(&c->node);
		free(c);
	}
}

static void know(struct vault *v, const struct topo_pool *pool, const struct topo_server *server)
{
	struct vault_copy *c = vault_copy_find(v, server->fqdn);
	if (c == NULL)
		c = calloc(1, sizeof *c);
	if (c == NULL)
		return;
	if (c->vault == NULL) {
		c->vault = v;
		list_add(&v->copies, &c->node);
		(void)snprintf(c->why, sizeof c->why, "not connected yet");
	}
	else if (vault_role_has_people(c->role) != vault_role_has_people(pool->role))
		c->wants_whole = true;
	(void)str_to_z(server->fqdn, c->fqdn, sizeof c->fqdn);
	c->role = pool->role;
}

static void know_all(struct vault *v)
{
	TOPO_EACH (site, v->topo.sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (server, pool->servers)
				if (is_other(v, server))
					know(v, pool, server);
}

static void tell_hosts(struct vault *v)
{
	struct store_moment m = { 0, 0 };
	TOPO_EACH (site, v->topo.sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (server, pool->servers)
				if (!v->is_copy && is_other(v, server))
					sent(ipc_send_replica_host(v->replicator, &(struct ipc_replica_host){ .fqdn = server->fqdn, .pool = pool->pool, .address = server->internal_address,
						.port = topo_replica_port(pool), .is_awaited = vault_enrol_is_awaited(v, server->fqdn) }, -1));
	if (v->is_copy)
		(void)failed(store_copy_get(v->store, &m));
	sent(ipc_send_replica_self(v->replicator, &(struct ipc_replica_self){ .is_central = v->is_copy ? 0 : 1, .joins = v->joins ? 1 : 0, .central = str_of(v->central), .version = m.version,
		.mark = m.mark }, -1));
}

void vault_know_copies(struct vault *v)
{
	struct topo_host central;
	if (v->store == NULL)
		return; /* again when it is open */
	v->central[0] = '\0';
	if (topo_count_servers(&v->topo) > 1 && !failed(topo_find_central(&v->topo, &central)))
		(void)str_to_z(central.server->fqdn, v->central, sizeof v->central);
	v->is_copy = v->central[0] != '\0' && !str_eq_case(str_of(v->central), str_of(v->skel->fqdn));
	drop_gone(v);
	if (v->central[0] != '\0' && !v->is_copy) {
		know_all(v);
		vault_note_files(v);
	}
	if (v->is_copy && !v->joins)
		vault_read_enrolment(v);
	if (v->replicator != NULL && v->central[0] != '\0')
		tell_hosts(v);
}

/* ---- files that go along ---- */

static err note_file(struct vault *v, int dir, const char *path, const char *name)
{
	struct buf content DEFER(buf_fini) = { 0 };
	if (failed(file_read(dir, path, REPLICA_BODY_MAX - 4096, &content, NULL)))
		return OK; /* there is none, or it cannot be told */
	return store_file_set(v->store, str_of(name), buf_str(&content));
}

static err note_all(struct vault *v)
{
	static char text[TOPO_SIZE_MAX + 1];
	str topology = buf_str(&v->topology_text);
	if (topology.n == 0) {
		ssize_t n = pread(v->topology, text, sizeof text, 0);
		topology = (str){ text, n > 0 ? (size_t)n : 0 };
	}
	if (topology.n != 0 && topology.n < REPLICA_BODY_MAX - 4096)
		TRY(store_file_set(v->store, STR("topology.yaml"), topology));
	TRY(store_file_set(v->store, STR("ca.pem"), buf_str(&v->ca)));
	TRY(note_file(v, v->certificates, "witan.crl", "certs/witan.crl"));
	TRY(note_file(v, v->certificates, "root.crl", "certs/root.crl"));
	return note_file(v, v->certificates, "issuing.pem", "certs/issuing.pem");
}

void vault_note_files(struct vault *v)
{
	if (v->store == NULL || v->central[0] == '\0' || v->is_copy || failed(store_begin(v->store)))
		return;
	err e = note_all(v);
	e = store_end(v->store, !failed(e));
	if (!failed(e))
		vault_turn(v);
}

/* ---- what a server may know ---- */

/* Who holds which rights is nothing for a server that nobody signs in at, and secrets are not either. */
bool vault_object_for(uint32_t role, const struct replica_row *r, struct buf *out)
{
	const struct schema_kind *k = schema_find(r->field[0]);
	buf_init(out, STORE_BODY_MAX);
	if (vault_role_has_people(role)) {
		buf_add(out, r->field[2]);
		return !out->failed;
	}
	if (k == NULL || k->id == SCHEMA_ID_Group || k->id == SCHEMA_ID_AdminRole || k->id == SCHEMA_ID_User)
		return false;
	json_t *body = json_loadb(r->field[2].p, r->field[2].n, 0, NULL);
	for (size_t i = 0; i < k->n_props; i++)
		if (k->props[i].type == SCHEMA_SECRET)
			(void)json_object_del(body, k->props[i].name);
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (text != NULL)
		buf_add(out, str_of(text));
	free(text);
	return out->n != 0 && !out->failed;
}

/* ---- pieces ---- */

struct filling {
	struct vault_copy *copy;
	struct buf *piece;
	bool is_empty; /* one row fits always, however long */
};

static bool has_room(const struct filling *f, const struct replica_row *r)
{
	size_t n = f->piece->n + replica_row_size(r);
	if (r->type == REPLICA_CREDENTIAL)
		return n <= REPLICA_BODY_MAX; /* it goes with its user, for whom the room was kept */
	return f->is_empty ? n + CREDENTIALS_ROOM <= REPLICA_BODY_MAX : n <= PIECE;
}

static bool fill_row(void *arg, const struct replica_row *r)
{
	struct filling *f = arg;
	struct replica_row row = *r;
	struct buf body DEFER(buf_fini) = { 0 };
	bool is_person = row.type == REPLICA_USER || row.type == REPLICA_CREDENTIAL || row.type == REPLICA_USER_GONE;
	if (is_person && !vault_role_has_people(f->copy->role))
		return true; /* its role has changed since the walk began */
	if (row.type == REPLICA_OBJECT) {
		if (str_eq(row.field[0], STR("Enrollment")))
			return true; /* the central server's own */
		if (!vault_object_for(f->copy->role, r, &body))
			return true; /* passed over */
		row.field[2] = buf_str(&body);
	}
	if (!has_room(f, &row))
		return false;
	replica_row_print(f->piece, &row);
	f->is_empty = false;
	return true;
}

static err fill(struct vault_copy *c, struct buf *piece, bool *end)
{
	struct filling f = { c, piece, true };
	struct store_moment now;
	str empty = STR("");
	TRY(store_moment_get(c->vault->store, &now));
	const struct store_moment told = moment_for(c->role, now);
	replica_piece_print(piece, &(struct replica_piece){ .flags = c->flags, .version = told.version, .mark = told.mark, .rows = empty });
	TRY(store_walk_next(c->vault->store, &c->walk, fill_row, &f, end));
	ENSURE(!piece->failed, NO_MEMORY);
	if (*end)
		piece->p[0] = (char)(c->flags | REPLICA_END);
	c->sending = now;
	return OK;
}

/* In a turn of the store that is on the disk: what is told is what holds. */
static void send_piece(struct vault_copy *c)
{
	struct buf piece DEFER(buf_fini) = { 0 };
	bool end = false;
	buf_init(&piece, REPLICA_BODY_MAX);
	if (failed(fill(c, &piece, &end)))
		return; /* tried again with the store */
	c->flags = 0;
	c->is_waiting = true;
	c->is_walking = !end;
	if (end)
		c->update_ms = vault_unix_ms();
	sent(ipc_send_replica_data(c->vault->replicator, &(struct ipc_replica_data){ .fqdn = str_of(c->fqdn), .bytes = buf_str(&piece) }, -1));
}

static void begin_walk(struct vault_copy *c)
{
	bool known = false;
	if (!c->wants_whole && failed(store_moment_is_known(c->vault->store, &c->have, &known)))
		return;
	store_walk_init(&c->walk, known ? c->have.version : 0, vault_role_has_people(c->role));
	c->flags = (uint8_t)(REPLICA_BEGIN | (known ? 0 : REPLICA_WHOLE));
	c->wants_whole = false;
	c->is_walking = true;
}

static void pump(struct vault_copy *c)
{
	struct vault *v = c->vault;
	struct store_moment now;
	if (!c->is_up || c->is_waiting || v->replicator == NULL || v->store == NULL || store_is_failed(v->store))
		return;
	if (!c->is_walking) {
		if (failed(store_moment_get(v->store, &now)) || (now.version == c->have.version && now.mark == c->have.mark && !c->wants_whole))
			return;
		begin_walk(c);
	}
	if (c->is_walking)
		send_piece(c);
}

static void tell_due(struct vault *v, err e)
{
	const struct vault_due due = v->due;
	v->due = (struct vault_due){ .taken = false };
	if (v->replicator == NULL || !due.taken)
		return;
	e = failed(due.e) ? due.e : e;
	if (failed(e)) {
		sent(ipc_send_replica_refused(v->replicator, &(struct ipc_replica_refused){ .why = str_of(e.def->text) }, -1));
		return;
	}
	if (!due.applied) {
		sent(ipc_send_replica_taken(v->replicator, &(struct ipc_replica_taken){ .fqdn = STR("") }, -1));
		return;
	}
	meter_add(v->skel->meter, METER_COPY_APPLIED, 1);
	LOG(&v->skel->log, COPY_APPLIED, LOG_INT("version", due.version));
	v->heard_ms = vault_unix_ms();
	tell_hosts(v); /* the moment that a later connection begins with */
	sent(ipc_send_replica_applied(v->replicator, &(struct ipc_replica_applied){ .fqdn = STR(""), .version = due.version }, -1));
	vault_give_files(v);
}

void vault_tell_copies(struct vault *v, err e)
{
	tell_due(v, e);
	if (v->awaits_changed) {
		v->awaits_changed = false;
		if (!v->is_copy && v->central[0] != '\0' && v->replicator != NULL)
			tell_hosts(v);
	}
	if (v->files_changed) {
		v->files_changed = false;
		vault_note_files(v);
	}
	LIST_EACH (n, &v->copies)
		pump(LIST_OF(n, struct vault_copy, node));
}

err vault_copies_again(struct vault *v, str fqdn)
{
	unsigned n = 0;
	LIST_EACH (node, &v->copies) {
		struct vault_copy *c = LIST_OF(node, struct vault_copy, node);
		if (fqdn.n != 0 && !str_eq_case(fqdn, str_of(c->fqdn)))
			continue;
		c->wants_whole = true;
		n++;
	}
	return n != 0 || fqdn.n == 0 ? OK : ERR(ABSENT);
}

/* ---- what the replicator says ---- */

static err on_up(struct vault *v, str body)
{
	struct ipc_replica_up m;
	TRY(ipc_replica_up_parse(&m, body));
	if (v->is_copy) {
		v->central_is_there = true;
		vault_live(v);
		return OK;
	}
	struct vault_copy *c = vault_copy_find(v, m.fqdn);
	if (c == NULL)
		return OK;
	c->is_up = true;
	c->is_walking = c->is_waiting = false;
	c->have = moment_for(c->role, (struct store_moment){ m.version, m.mark });
	c->report_ms = vault_unix_ms();
	c->why[0] = '\0';
	vault_enrol_done(v, m.fqdn);
	(void)str_to_z(m.product, c->product, sizeof c->product);
	vault_turn(v);
	return OK;
}

static err on_down(struct vault *v, str body)
{
	struct ipc_replica_down m;
	TRY(ipc_replica_down_parse(&m, body));
	if (v->is_copy) {
		v->central_is_there = false;
		return OK;
	}
	struct vault_copy *c = vault_copy_find(v, m.fqdn);
	if (c == NULL)
		return OK;
	c->is_up = c->is_walking = c->is_waiting = false;
	(void)str_to_z(m.why, c->why, sizeof c->why);
	return OK;
}

static err on_taken(struct vault *v, str body)
{
	struct ipc_replica_taken m;
	TRY(ipc_replica_taken_parse(&m, body));
	struct vault_copy *c = vault_copy_find(v, m.fqdn);
	if (c == NULL || !c->is_waiting || !c->is_walking)
		return OK;
	c->is_waiting = false;
	vault_turn(v);
	return OK;
}

static err on_applied(struct vault *v, str body)
{
	struct ipc_replica_applied m;
	TRY(ipc_replica_applied_parse(&m, body));
	struct vault_copy *c = vault_copy_find(v, m.fqdn);
	if (c == NULL || !c->is_waiting || c->is_walking || m.version != c->sending.version)
		return OK;
	c->is_waiting = false;
	c->report_ms = vault_unix_ms();
	meter_add(v->skel->meter, METER_COPY_APPLIED, 1);
	c->have = c->sending;
	vault_turn(v);
	return OK;
}

static err on_data(struct vault *v, str body)
{
	struct ipc_replica_data m;
	TRY(ipc_replica_data_parse(&m, body));
	vault_take_piece(v, m.bytes);
	return OK;
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	static err (*const readers[IPC_N])(struct vault *v, str body) = {
		[IPC_REPLICA_UP] = on_up,
		[IPC_REPLICA_DOWN] = on_down,
		[IPC_REPLICA_TAKEN] = on_taken,
		[IPC_REPLICA_APPLIED] = on_applied,
		[IPC_REPLICA_DATA] = on_data,
		[IPC_LIST_MISSING] = vault_on_list_missing,
		[IPC_ENROL] = vault_on_enrol,
		[IPC_ENROL_ASK] = vault_on_enrol_ask,
		[IPC_ENROLLED] = vault_on_enrolled,
	};
	ENSURE(readers[type] != NULL, MALFORMED);
	return readers[type](arg, body);
}

static void forget_connections(struct vault *v)
{
	v->central_is_there = false;
	LIST_EACH (n, &v->copies) {
		struct vault_copy *c = LIST_OF(n, struct vault_copy, node);
		c->is_up = c->is_walking = c->is_waiting = false;
	}
}

static void on_close(void *arg, struct ipc *from)
{
	struct vault *v = arg;
	if (v->replicator != from)
		return;
	v->replicator = NULL;
	forget_connections(v);
}

static const struct ipc_door door = { .on_message = on_message, .on_close = on_close };

void vault_replicator_open(struct vault *v, int fd)
{
	vault_replicator_close(v);
	if (failed(ipc_open(v->skel->loop, fd, &door, v, &v->replicator))) {
		v->replicator = NULL;
		return;
	}
	sent(vault_send_revocations(v, v->replicator));
	sent(vault_send_certificate(v, v->replicator, VAULT_REPLICA));
	if (v->store != NULL && v->central[0] != '\0')
		tell_hosts(v);
}

void vault_replicator_close(struct vault *v)
{
	if (v->replicator == NULL)
		return;
	ipc_close(v->replicator);
	v->replicator = NULL;
	forget_connections(v);
}
