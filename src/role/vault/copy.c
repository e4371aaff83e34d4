/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the central store: what comes is laid aside until it is whole, then holds at once, on the disk first. */
#include "os/file.h"
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <unistd.h>

enum { FILE_PIECE = 512 << 10 };

err vault_copy_check(struct call *call, bool is_local)
{
	const struct vault *v = call->vault;
	if (!v->is_copy || is_local)
		return OK;
	return diag_fail(&call->diag, ERR(REFUSED), call->cmd->name, "run it on that server, or reach it by `witan --server`",
		"this server has a copy: what is declared is changed on %s", v->central);
}

/* ---- what has come ---- */

struct noting {
	struct vault *vault;
	err e;
};

/* The processes of this server are told once it is on the disk. */
static void note(void *arg, const struct replica_row *r)
{
	struct noting *n = arg;
	char key[SCHEMA_IDENTITY_MAX + 80];
	if (failed(n->e) || r->type == REPLICA_FILE)
		return;
	if (r->type == REPLICA_USER || r->type == REPLICA_USER_GONE) {
		n->e = vault_note(n->vault, VAULT_USER, r->field[0]);
		return;
	}
	int size = snprintf(key, sizeof key, "%.*s\n%.*s", STR_FMT(r->field[0]), STR_FMT(r->field[1]));
	n->e = vault_note(n->vault, VAULT_OBJECT, str_cut((str){ key, (size_t)size }, 0, sizeof key - 1));
}

static err stage_rows(struct vault *v, str rows)
{
	struct replica_row r;
	err e;
	while (!failed(e = replica_row_read(&rows, &r)))
		TRY(store_stage_add(v->store, &r));
	return err_is(e, ERR_ABSENT) ? OK : e;
}

static err apply(struct vault *v, const struct replica_piece *p)
{
	struct noting n = { v, OK };
	TRY(store_stage_apply(v->store, &(struct store_moment){ p->version, p->mark }, v->stage_is_whole, note, &n));
	TRY(n.e);
	return effective_config(v, &v->next, NULL);
}

static err take(struct vault *v, const struct replica_piece *p)
{
	if ((p->flags & REPLICA_BEGIN) != 0) {
		v->stage_is_whole = (p->flags & REPLICA_WHOLE) != 0;
		v->has_stage = true;
		TRY(store_stage_begin(v->store));
	}
	ENSURE(v->has_stage, MALFORMED); /* the middle of something whose beginning another vault has seen */
	TRY(stage_rows(v, p->rows));
	if ((p->flags & REPLICA_END) == 0)
		return OK;
	v->has_stage = false;
	return apply(v, p);
}

static err take_in_group(struct vault *v, str bytes, struct replica_piece *p)
{
	TRY(replica_piece_parse(p, bytes));
	ENSURE(v->is_copy, REFUSED);
	TRY(vault_store(v, NULL));
	TRY(store_begin(v->store));
	err e = take(v, p);
	err end = store_end(v->store, !failed(e));
	return failed(e) ? e : end;
}

/* Whatever is wrong with it is told the other side: the channel to the replicator goes on. */
void vault_take_piece(struct vault *v, str bytes)
{
	struct config before = v->next;
	struct replica_piece p = { .flags = 0 };
	err e = take_in_group(v, bytes, &p);
	if (failed(e)) {
		v->next = before;
		v->has_stage = false;
		LOG(&v->skel->log, COPY_REFUSED, LOG_Z("central", v->central), LOG_ERR(e));
	}
	v->due = (struct vault_due){ .e = e, .taken = true, .applied = (p.flags & REPLICA_END) != 0, .version = p.version };
	vault_turn(v);
}

/* ---- files ---- */

struct giving {
	struct vault *vault;
	const char *name;
};

static bool is_on_disk(struct vault *v, const char *name, str content)
{
	struct buf now DEFER(buf_fini) = { 0 };
	static char text[TOPO_SIZE_MAX + 1];
	if (strcmp(name, "ca.pem") == 0)
		return str_eq(buf_str(&v->ca), content);
	if (strcmp(name, "topology.yaml") != 0)
		return !failed(file_read(v->certificates, name + sizeof "certs/" - 1, REPLICA_BODY_MAX, &now, NULL)) && str_eq(buf_str(&now), content);
	if (v->topology_text.n != 0)
		return str_eq(buf_str(&v->topology_text), content);
	ssize_t n = pread(v->topology, text, sizeof text, 0);
	return n >= 0 && str_eq((str){ text, (size_t)n }, content);
}

static void give(void *arg, str content)
{
	const struct giving *g = arg;
	size_t at = 0;
	if (is_on_disk(g->vault, g->name, content))
		return;
	do {
		str piece = str_cut(content, at, at + FILE_PIECE);
		at += piece.n;
		if (failed(ipc_send_file_piece(g->vault->skel->master, &(struct ipc_file_piece){ .name = str_of(g->name), .is_last = at == content.n ? 1 : 0, .bytes = piece }, -1)))
			return;
	} while (at < content.n);
}

void vault_give_files(struct vault *v)
{
	static const char *const names[] = { "topology.yaml", "ca.pem", "certs/witan.crl", "certs/root.crl", "certs/issuing.pem" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)failed(store_file_find(v->store, str_of(names[i]), give, &(struct giving){ v, names[i] }));
}

/* Master says what the files are now that this process cannot open by name. */
void vault_on_file(struct skel *s, str name, bool is_last, str bytes)
{
	struct vault *v = s->state;
	struct buf *to = str_eq(name, STR("topology.yaml")) ? &v->topology_text : str_eq(name, STR("ca.pem")) ? &v->ca : NULL;
	buf_add(&v->incoming, bytes);
	if (!is_last)
		return;
	if (to != NULL && !v->incoming.failed && v->incoming.n <= to->ceiling) {
		buf_reset(to);
		buf_add(to, buf_str(&v->incoming));
	}
	buf_fini(&v->incoming);
	buf_init(&v->incoming, TOPO_SIZE_MAX + 1);
}
