/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the service for Kerberos (keys/sip.keytab): read, brought in, and tickets judged by them. */
#include "role/keeper/keeper_priv.h"

#include "base/crypt.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PROOF_MAX = KERBEROS_NAME_MAX + 1 + KERBEROS_CONTEXT_MAX };

static void wipe(struct buf *b)
{
	if (b->p != NULL)
		crypt_wipe(b->p, b->size);
	buf_fini(b);
}

/* Puts the keys into use; nothing has changed on an error. No bytes: there are none from now on. */
static err use(struct keeper *k, str bytes, struct diag *d)
{
	struct kerberos_key keys[KERBEROS_KEYS_MAX];
	struct kerberos_acceptor *acceptor = NULL;
	size_t n = 0;
	struct buf rows;
	buf_init(&rows, KERBEROS_ROWS_MAX);
	if (bytes.n != 0) {
		TRY(kerberos_keytab_read(bytes, keys, &n, d));
		TRY(kerberos_acceptor_open(keys, n, &acceptor, d));
	}
	kerberos_rows_print(keys, n, &rows);
	crypt_wipe(keys, sizeof keys);
	kerberos_acceptor_close(k->acceptor);
	buf_fini(&k->keytab_rows);
	k->acceptor = acceptor;
	k->keytab_rows = rows;
	LOG(&k->skel->log, KERBEROS_KEYS, LOG_INT("keys", n));
	return OK;
}

err keeper_kerberos_read(struct keeper *k)
{
	struct buf file;
	struct diag d = { 0 };
	err e = file_read(k->dir, KERBEROS_KEYTAB, KERBEROS_KEYTAB_MAX, &file, &d);
	bool is_absent = err_is(e, ERR_ABSENT);
	if (is_absent)
		e = k->acceptor != NULL ? use(k, STR(""), &d) : OK;
	else if (!failed(e))
		e = use(k, buf_str(&file), &d);
	wipe(&file);
	if (failed(e))
		LOG(&k->skel->log, KERBEROS_KEYS_FAILED, LOG_ERR(e), LOG_Z("where", "keys/" KERBEROS_KEYTAB), LOG_Z("reason", d.what), LOG_Z("remedy", d.remedy));
	return e;
}

err keeper_kerberos_open(struct keeper *k)
{
	kerberos_init();
	buf_init(&k->keytab_rows, KERBEROS_ROWS_MAX);
	TRY(kerberos_replays_new(&k->replays));
	(void)failed(keeper_kerberos_read(k)); /* told; everything but Kerberos goes on */
	return OK;
}

/* ---- messages of vault ---- */

static err write_keytab(struct keeper *k, str bytes, struct diag *d)
{
	struct kerberos_key keys[KERBEROS_KEYS_MAX];
	struct buf file;
	size_t n;
	TRY(kerberos_keytab_read(bytes, keys, &n, d));
	buf_init(&file, KERBEROS_KEYTAB_MAX);
	kerberos_keytab_print(keys, n, &file); /* keys that are not taken are not kept either */
	err e = use(k, bytes, d);
	if (!failed(e))
		e = file_write(k->dir, KERBEROS_KEYTAB, buf_str(&file), 0400, d);
	wipe(&file);
	crypt_wipe(keys, sizeof keys);
	if (failed(e))
		(void)failed(keeper_kerberos_read(k)); /* what is on the disk holds */
	return e;
}

static err remove_keytab(struct keeper *k, struct diag *d)
{
	if (unlinkat(k->dir, KERBEROS_KEYTAB, 0) != 0)
		return errno == ENOENT ? diag_fail(d, ERR(ABSENT), "keytab", "Get-CsKerberosKeytab shows what there is", "this server has none")
				       : diag_fail(d, ERR(SYSTEM), "keys/" KERBEROS_KEYTAB, "see that keys/ belongs to witan-keeper", "cannot remove it: %s", strerror(errno));
	return use(k, STR(""), d);
}

err keeper_on_keytab_set(struct keeper *k, struct ipc *from, str body)
{
	struct ipc_keytab_set m;
	struct diag d = { 0 };
	TRY(ipc_keytab_set_parse(&m, body));
	err e = m.bytes.n != 0 ? write_keytab(k, m.bytes, &d) : remove_keytab(k, &d);
	return keeper_done(from, m.id, e, &d, buf_str(&k->keytab_rows));
}

/* Read again: who asks has been told to read everything again, maybe before us. */
err keeper_on_keytab_get(struct keeper *k, struct ipc *from, str body)
{
	struct ipc_keytab_get m;
	struct diag d = { 0 };
	TRY(ipc_keytab_get_parse(&m, body));
	(void)failed(keeper_kerberos_read(k));
	return keeper_done(from, m.id, OK, &d, buf_str(&k->keytab_rows));
}

err keeper_on_ticket_ask(struct keeper *k, struct ipc *from, str body)
{
	struct ipc_ticket_ask m;
	struct diag d = { 0 };
	struct kerberos_proof proof = { .principal = "" };
	struct buf answer;
	TRY(ipc_ticket_ask_parse(&m, body));
	buf_init(&answer, PROOF_MAX);
	err e = k->acceptor != NULL ? kerberos_accept(k->acceptor, k->replays, &(struct kerberos_shown){ m.target, m.token, m.can_answer != 0 }, loop_now(k->skel->loop), &proof, &d)
				    : diag_fail(&d, ERR(REFUSED), "token", "bring one in: Import-CsKerberosKeytab", "this server has no keytab");
	if (failed(e)) {
		meter_add(k->skel->meter, METER_KERBEROS_REFUSED, 1);
		LOG(&k->skel->log, KERBEROS_REFUSED, LOG_STR("service", m.target), LOG_Z("principal", proof.principal), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy));
	} else {
		meter_add(k->skel->meter, METER_KERBEROS_OK, 1);
		buf_add(&answer, str_of(proof.principal));
		buf_add_char(&answer, '\0');
		buf_add(&answer, m.can_answer != 0 ? buf_str(&proof.answer) : buf_str(&proof.context)); /* over HTTP nothing is signed: no context leaves */
		e = answer.failed ? ERR(NO_MEMORY) : OK;
	}
	err sent = keeper_done(from, m.id, e, &d, buf_str(&answer));
	wipe(&answer);
	kerberos_proof_fini(&proof);
	return sent;
}
