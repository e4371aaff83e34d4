/* SPDX-License-Identifier: Apache-2.0 */
/* The chain that fronts present, and the keys by which all of them resume each other's TLS sessions. */
#include "os/file.h"
#include "role/vault/vault_priv.h"

enum { CHAIN_MAX = 256 * 1024 };

err vault_read_chain(struct vault *v, struct diag *d)
{
	struct buf fresh;
	err e = file_read(v->certificates, "default.pem", CHAIN_MAX, &fresh, d);
	if (failed(e)) {
		buf_fini(&fresh);
		return e;
	}
	if (memmem(fresh.p != NULL ? fresh.p : "", fresh.n, "-----BEGIN CERTIFICATE-----", 27) == NULL) {
		buf_fini(&fresh);
		return diag_fail(d, ERR(MALFORMED), "certs/default.pem", "put the server's certificate and its issuers there, in PEM",
			"there is no certificate in it");
	}
	buf_fini(&v->chain);
	v->chain = fresh;
	return OK;
}

/* As the expansion of RFC 5869: each block is the MAC of the one before, the purpose, the period and a number. */
void vault_ticket_keys(struct vault *v, uint64_t period, char out[VAULT_TICKET_KEYS])
{
	uint8_t block[32];
	size_t have = 0;
	for (uint8_t number = 1; have < VAULT_TICKET_KEYS; number++) {
		const str parts[] = { { (const char *)block, number == 1 ? 0 : sizeof block }, STR("witan tls tickets"),
			{ (const char *)&period, sizeof period }, { (const char *)&number, 1 } };
		crypt_mac(v->ticket_mac, parts, sizeof parts / sizeof *parts, block);
		size_t n = VAULT_TICKET_KEYS - have < sizeof block ? VAULT_TICKET_KEYS - have : sizeof block;
		memcpy(out + have, block, n);
		have += n;
	}
	crypt_wipe(block, sizeof block);
}
