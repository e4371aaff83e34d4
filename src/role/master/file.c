/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the deployment, between master, which alone may write them and open them by name, and vault. On a copy of the central store they
 * come from there: as they were declared, for this machine to keep.
 */
#include "role/master/master_priv.h"

#include "os/file.h"

#include <fcntl.h>

enum { FILE_MOST = 1 << 20, PIECE = 512 << 10, TOPO_ROOM = 16 << 20 };

/* What may come; each is public. told: vault is told of it at a reload. */
struct row {
	const char *name;
	bool told;
	err (*check)(str content, struct diag *d);
};

/* A topology in which this server does not stand is not one that it can run by. */
static err check_topology(str content, struct diag *d)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct topo t;
	struct topo_host host;
	arena_init(&a, TOPO_ROOM);
	TRY(topo_parse(&t, &a, content, "topology.yaml", d));
	return topo_read_host(&t, "host", &host, d);
}

static err check_roots(str content, struct diag *d)
{
	if (memmem(content.p, content.n, "-----BEGIN CERTIFICATE-----", 27) != NULL)
		return OK;
	return diag_fail(d, ERR(MALFORMED), "file of certificates", "", "there is no certificate in it");
}

static const struct row rows[] = {
	{ "topology.yaml", true, check_topology },
	{ "ca.pem", true, check_roots },
	{ "certs/witan.crl", false, NULL },
	{ "certs/root.crl", false, NULL },
	{ "certs/issuing.pem", false, check_roots },
};

static void tell_file(struct ipc *vault, const char *name)
{
	struct buf text DEFER(buf_fini) = { 0 };
	if (failed(file_read(AT_FDCWD, name, FILE_MOST, &text, NULL)))
		return; /* vault goes on with what it knows */
	size_t at = 0;
	do {
		str piece = str_cut(buf_str(&text), at, at + PIECE);
		at += piece.n;
		if (failed(ipc_send_file_piece(vault, &(struct ipc_file_piece){ .name = str_of(name), .is_last = at == text.n ? 1 : 0, .bytes = piece }, -1)))
			return;
	} while (at < text.n);
}

void files_tell(struct ipc *vault)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].told)
			tell_file(vault, rows[i].name);
}

static err keep(const struct row *row, str content, struct diag *d)
{
	if (row->check != NULL)
		TRY(row->check(content, d));
	return file_write(AT_FDCWD, row->name, content, 0644, d);
}

static void take_whole(struct master *m, const struct row *row)
{
	struct diag d = { 0 };
	err e = keep(row, buf_str(&m->incoming), &d);
	if (failed(e)) {
		LOG(&m->log, COPY_REFUSED, LOG_Z("file", row->name), LOG_ERR(e), LOG_Z("where", d.where), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy));
		return;
	}
	LOG(&m->log, COPY_FILE, LOG_Z("file", row->name), LOG_INT("bytes", m->incoming.n));
	loop_defer(m->loop, &m->reload, master_reload, m); /* once for all that came in this turn */
}

err files_take(struct master *m, const struct ipc_file_piece *p)
{
	const struct row *row = NULL;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq(p->name, str_of(rows[i].name)))
			row = &rows[i];
	ENSURE(row != NULL && m->plan.is_copy, MALFORMED);
	if (m->incoming.ceiling == 0)
		buf_init(&m->incoming, FILE_MOST + PIECE);
	buf_add(&m->incoming, p->bytes);
	ENSURE(!m->incoming.failed && m->incoming.n <= FILE_MOST, CEILING);
	if (p->is_last == 0)
		return OK;
	take_whole(m, row);
	buf_reset(&m->incoming);
	return OK;
}
