/* SPDX-License-Identifier: Apache-2.0 */
/* What the web process gives to everybody: the revocation lists and the certificates of those who issue. Read anew each time, so that
 * it is what the files say; whoever gets it checks the signatures. */
#include "base/enc.h"
#include "os/file.h"
#include "role/vault/vault_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

/* One message to web holds all of it, with what is said of it. */
#define PUBLISH_MAX (IPC_BODY_MAX - 4096)

static const struct row {
	const char *path, *file; /* file: in certs/; NULL: ca.pem, which was read before the jail */
	err (*read)(str file, struct vault_publish *out, struct diag *d);
	const char *type;
} rows[] = {
	{ "/witan.crl", "witan.crl", vault_publish_list, "application/pkix-crl" },
	{ "/root.crl", "root.crl", vault_publish_list, "application/pkix-crl" },
	{ "/ca.crt", NULL, vault_publish_certificate, "application/pkix-cert" },
	{ "/issuing.crt", "issuing.pem", vault_publish_certificate, "application/pkix-cert" },
};

/* ---- files ---- */

static bool read_time(const ASN1_TIME *t, uint64_t *out)
{
	struct tm at;
	if (t == NULL || ASN1_TIME_to_tm(t, &at) != 1)
		return false;
	time_t seconds = timegm(&at);
	*out = seconds > 0 ? (uint64_t)seconds : 0;
	return true;
}

static err fail(struct diag *d, const char *remedy, const char *what)
{
	ERR_clear_error();
	return diag_fail(d, ERR(MALFORMED), "", remedy, "%s", what);
}

err vault_publish_list(str file, struct vault_publish *out, struct diag *d)
{
	const unsigned char *p = (const unsigned char *)file.p;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)file.n);
	bool is_list = crl != NULL && p == (const unsigned char *)file.p + file.n && read_time(X509_CRL_get0_lastUpdate(crl), &out->since) &&
		       read_time(X509_CRL_get0_nextUpdate(crl), &out->until);
	X509_CRL_free(crl);
	if (!is_list)
		return fail(d, "`witan Request-CsCertificate -New` writes a new one", "it is no revocation list in DER with the time of the next one");
	buf_add(&out->der, file);
	return OK;
}

static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	return -1;
}

err vault_publish_certificate(str file, struct vault_publish *out, struct diag *d)
{
	BIO *bio = BIO_new_mem_buf(file.p, (int)file.n);
	X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
	unsigned char *der = NULL;
	int n = x != NULL ? i2d_X509(x, &der) : -1;
	bool is_certificate = n > 0 && read_time(X509_get0_notBefore(x), &out->since) && read_time(X509_get0_notAfter(x), &out->until);
	if (is_certificate)
		buf_add(&out->der, (str){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	X509_free(x);
	BIO_free(bio);
	return is_certificate ? OK : fail(d, "put the issuer's certificate there, in PEM", "it does not begin with a certificate in PEM");
}

/* ABSENT: there is no such file, which may be so. */
static err read_row(struct vault *v, const struct row *row, struct vault_publish *out, struct diag *d)
{
	struct buf file DEFER(buf_fini) = { 0 };
	if (row->file != NULL)
		TRY(file_read(v->certificates, row->file, PUBLISH_MAX, &file, d));
	TRY(row->read(row->file != NULL ? buf_str(&file) : buf_str(&v->ca), out, d));
	return out->der.failed ? ERR(NO_MEMORY) : OK;
}

/* ---- telling ---- */

/* A strong entity tag: other bytes, another tag. */
static void print_tag(struct vault *v, str bytes, char out[40])
{
	uint8_t hash[CRYPT_HASH_MAX];
	crypt_hash(v->crypt, CRYPT_SHA256, &bytes, 1, hash);
	out[0] = '"';
	enc_hex(hash, 16, out + 1);
	out[33] = '"';
	out[34] = '\0';
}

static void send_item(struct vault *v, struct ipc *to, const struct row *row, const struct vault_publish *p)
{
	char tag[40];
	print_tag(v, buf_str(&p->der), tag);
	(void)failed(ipc_send_published(to, &(struct ipc_published){ .path = str_of(row->path), .type = str_of(row->type), .etag = str_of(tag),
		.since = p->since, .until = p->until, .bytes = buf_str(&p->der) }, -1));
}

static void publish_row(struct vault *v, struct ipc *to, const struct row *row)
{
	struct vault_publish p = { 0 };
	struct diag d = { 0 };
	buf_init(&p.der, PUBLISH_MAX);
	err e = read_row(v, row, &p, &d);
	if (!failed(e) || err_is(e, ERR_ABSENT))
		send_item(v, to, row, &p);
	else /* what was published before stays */
		LOG(&v->skel->log, PUBLISH_FAILED, LOG_ERR(e), LOG_Z("where", row->file != NULL ? row->file : "ca.pem"), LOG_Z("why", d.what),
			LOG_Z("remedy", d.remedy));
	buf_fini(&p.der);
}

void vault_publish(struct vault *v)
{
	struct ipc *to = vault_web_channel(v);
	for (size_t i = 0; to != NULL && i < sizeof rows / sizeof *rows; i++)
		publish_row(v, to, &rows[i]);
}
