/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_KEEPER_PRIV_H
#define WITAN_ROLE_KEEPER_PRIV_H

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/str.h"
#include "os/tls.h"
#include "role/skel.h"
#include "service/kerberos.h"
#include "service/keyfile.h"

#include <limits.h>
#include <openssl/evp.h>

enum { KEYS_MAX = 64, SIGNATURE_MAX = 1024, SEALED_MAX = 256 * 1024 };

/* ---- the keys: key.c ---- */

struct key {
	struct keyfile file;
	char name[NAME_MAX + 1]; /* of its file */
};

struct keys {
	struct key keys[KEYS_MAX];
	unsigned n;
};

/* Reads every *.key (PEM without a passphrase) of the directory; there may be none. On error k is empty and d says which file. */
err keys_read(struct keys *k, int dir, struct diag *d);
void keys_fini(struct keys *k);
/* NULL if there is none. */
const struct key *keys_find(const struct keys *k, str id);
/* Takes over file: writes it into the directory and adds it. *out is the one of this id from now on, also when it was there already. CEILING
 * (KEYS_MAX), REFUSED (it is there with another purpose), what keyfile_write answers; then nothing has changed. */
err keys_add(struct keys *k, int dir, struct keyfile *file, const struct key **out, struct diag *d);
/* Removes its file. ABSENT; REFUSED: it is that of an authority. */
err keys_remove(struct keys *k, int dir, str id, struct diag *d);

/* ---- signing: sign.c, sign_tbs.c ---- */

/*
 * Signs what is a well-formed input of the kind, and nothing else, so that the key cannot be used to decrypt: a SHA-2
 * digest, its DigestInfo (RFC 8017 9.2), a block of EMSA-PSS with a salt as long as the digest (RFC 8017 9.1.1).
 * REFUSED: another input, a key that is not of the kind, or the key of an authority. *n bytes are written.
 */
err key_sign(const struct key *k, enum tls_sign_kind kind, str input, uint8_t out[SIGNATURE_MAX], size_t *n);
/*
 * Signs a CertificationRequestInfo (RFC 2986) of the key's own SubjectPublicKeyInfo with the key of a server, and a TBSCertificate, a TBSCertList
 * (RFC 5280) or a ResponseData (RFC 6960) with that of an authority; REFUSED with d: anything else.
 */
err key_sign_tbs(const struct key *k, str tbs, uint8_t out[SIGNATURE_MAX], size_t *n, struct diag *d);

/* ---- in and out: key_transfer.c ---- */

/* From PKCS #8 in DER. MALFORMED, REFUSED. */
err key_read_pkcs8(str der, struct keyfile *out, struct diag *d);
/* Key and certificates (PEM, its own first) as PKCS #12 sealed by the password. REFUSED: it is not exportable, or the first certificate is not
 * that of the key. out is initialised by the caller. */
err key_export(const struct key *k, str name, str password, str chain_pem, struct buf *out, struct diag *d);

/* ---- the deployment as it was before: former.c ---- */

/* Takes ca/ca.key of a deployment without keys of purpose authority into keys/, where it belongs to the authority that signs certificates, and
 * removes it from ca/. Called before the jail; dir is the deployment, keys its keys/. There may be nothing to do. */
err former_take(int dir, int keys, struct log *log, struct diag *d);

/* ---- messages of vault: keeper_vault.c ---- */

struct keeper {
	struct skel *skel;
	struct keys keys;
	struct list peers;
	int dir;            /* keys/, opened before the jail */
	struct kerberos_acceptor *acceptor; /* NULL: no keys for Kerberos */
	struct kerberos_replays *replays;
	struct buf keytab_rows; /* what may be told of them */
	uint64_t sought_at; /* when an unknown key last made us read the files again */
};

/* MALFORMED: it is none of vault's. */
err keeper_on_vault(struct keeper *k, struct ipc *from, enum ipc_type type, str body);

/* The answer to vault: what came of it, and bytes where it is OK. */
err keeper_done(struct ipc *to, uint64_t id, err e, const struct diag *d, str bytes);

/* ---- Kerberos: kerberos.c ---- */

/* Reads keys/sip.keytab, if there is one. What is wrong with it is logged: the rest of keeper goes on. */
err keeper_kerberos_open(struct keeper *k);
/* The same again; what cannot be used changes nothing. */
err keeper_kerberos_read(struct keeper *k);
/* Messages of vault. */
err keeper_on_keytab_set(struct keeper *k, struct ipc *from, str body);
err keeper_on_keytab_get(struct keeper *k, struct ipc *from, str body);
err keeper_on_ticket_ask(struct keeper *k, struct ipc *from, str body);

#endif
