/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witan renew-authority - what the root's key is kept for: its revocation list, which ends after a year, and the certificate of the
 * issuing authority, which ends after five and knows the domains that the topology had when it was made. Its key stays, so that every
 * certificate that it has issued goes on to hold.
 */
#include "prog/witan/init_priv.h"

#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PASSPHRASE_MOST = 1026 };

struct renewal {
	struct init in;
	const char *key, *passphrase; /* files; NULL: in ca/ */
};

/* ---- the root ---- */

static err read_first(struct init *in, const char *path, struct buf *der)
{
	struct buf pem DEFER(buf_fini) = { 0 };
	struct topo_names certs;
	TRY(file_read(in->dirfd, path, CERT_PEM_MAX, &pem, &in->diag));
	TRY(cert_pem_read(buf_str(&pem), &in->arena, &certs, &in->diag));
	buf_init(der, CERT_DER_MAX);
	buf_add(der, certs.p[0]);
	return der->failed ? ERR(CEILING) : OK;
}

static err read_secret(struct init *in, const char *given, const char *usual, struct buf *out)
{
	err e = file_read(given != NULL ? AT_FDCWD : in->dirfd, given != NULL ? given : usual, CERT_PEM_MAX, out, &in->diag);
	if (err_is(e, ERR_ABSENT) && given == NULL)
		return diag_fail(&in->diag, e, usual, "bring it from where it is kept: --root-key FILE, --root-passphrase-file FILE", "it is not on this machine any more, as it should be");
	return e;
}

static err open_root(struct renewal *r)
{
	struct init *in = &r->in;
	struct buf pem DEFER(buf_fini) = { 0 }, secret DEFER(cert_wipe) = { 0 }, own DEFER(buf_fini) = { 0 }, its DEFER(buf_fini) = { 0 };
	TRY(read_first(in, "ca.pem", &in->root.der));
	TRY(read_secret(in, r->key, "ca/root.key", &pem));
	TRY(read_secret(in, r->passphrase, "ca/root.passphrase", &secret));
	str passphrase = str_trim(buf_str(&secret));
	if (passphrase.n == 0 || passphrase.n > PASSPHRASE_MOST)
		return diag_fail(&in->diag, ERR(USAGE), "--root-passphrase-file", "give the file with the root's passphrase", "there is no passphrase in it");
	buf_init(&in->root.pkcs8, CERT_KEY_MAX);
	TRY(cert_key_unlock(buf_str(&pem), passphrase, &in->root.pkcs8, &in->diag));
	buf_init(&own, CERT_DER_MAX);
	buf_init(&its, CERT_DER_MAX);
	TRY(cert_key_spki(buf_str(&in->root.pkcs8), &own, &in->diag));
	TRY(cert_spki_read(buf_str(&in->root.der), &its));
	if (str_eq(buf_str(&own), buf_str(&its)))
		return OK;
	return diag_fail(&in->diag, ERR(REFUSED), "--root-key", "give the key of the root whose certificate is the first in ca.pem", "this is the key of another authority");
}

/* ---- the issuing authority ---- */

static err read_issuing(struct init *in, struct buf *spki)
{
	struct buf der DEFER(buf_fini) = { 0 };
	err e = read_first(in, "certs/issuing.pem", &der);
	if (err_is(e, ERR_ABSENT))
		return diag_fail(&in->diag, ERR(REFUSED), "certs/issuing.pem", "", "this deployment has no issuing authority below a root: there is nothing to renew");
	TRY(e);
	buf_init(spki, CERT_DER_MAX);
	return cert_spki_read(buf_str(&der), spki);
}

static err renew(struct renewal *r)
{
	struct init *in = &r->in;
	struct buf spki DEFER(buf_fini) = { 0 };
	TRY(deploy_read(in->dir, &in->arena, &in->topo, &in->host, &in->diag));
	TRY(plan_certificate_host(&in->topo, &in->host, PLAN_DEFAULT, &in->arena, &in->plan, &in->diag));
	TRY(read_issuing(in, &spki));
	TRY(open_root(r));
	TRY(init_renew(in, buf_str(&spki)));
	(void)printf("wrote certs/issuing.pem and certs/root.crl\n");
	err told = deploy_reload(in->dirfd, &in->diag);
	if (failed(told) && !err_is(told, ERR_ABSENT))
		return told;
	(void)printf(failed(told) ? "the server is not running; it will use them when it starts\n" : "told the server to read them\n");
	if (r->key == NULL)
		(void)printf("next: move ca/root.key and ca/root.passphrase to two safe places off this machine\n");
	return OK;
}

int renew_authority_main(int argc, char **argv, const char *dir)
{
	static struct renewal r; /* too large for the stack */
	const struct witan_option options[] = {
		{ "--root-key", WITAN_TEXT, &r.key, "FILE", "the root's key, locked (default: DIR/ca/root.key)", 0 },
		{ "--root-passphrase-file", WITAN_TEXT, &r.passphrase, "FILE", "what unlocks it (default: DIR/ca/root.passphrase)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	r = (struct renewal){ .in = { .dir = dir, .dirfd = -1 } };
	if (!witan_options(argc, argv, "[OPTION...]\n\nMakes the root's revocation list anew, which holds for a year, and the certificate of the issuing authority, which\n"
				       "holds for five years and for the domains of the topology. Certificates that were issued go on to hold. Run it on the\n"
				       "server with the central store, once a year and after the topology has got another domain.",
		    options, &status))
		return status;
	r.in.dirfd = deploy_open(dir, &r.in.diag);
	if (r.in.dirfd < 0)
		return witan_fail(argv[0], ERR(ABSENT), &r.in.diag);
	arena_init(&r.in.arena, 64u << 20);
	err e = renew(&r);
	init_authority_fini(&r.in.root);
	init_authority_fini(&r.in.issuing);
	arena_fini(&r.in.arena);
	(void)close(r.in.dirfd);
	return failed(e) ? witan_fail(argv[0], e, &r.in.diag) : WITAN_DONE;
}
