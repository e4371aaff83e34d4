/* SPDX-License-Identifier: Apache-2.0 */
/* An end to what OpenSSL reads: it passes over messages without meaning (RFC 5246 7.4.1.1) as long as there are more, so that a server that never
 * stops sending them would hold it for ever. */
#include "prog/witan/look_probe.h"

#include <openssl/bio.h>

static long on_read(BIO *bio, int what, const char *bytes, size_t n, int argi, long argl, int rc, size_t *processed)
{
	const int64_t *until = (const int64_t *)(void *)BIO_get_callback_arg(bio);
	if (what != BIO_CB_READ || probe_clock() < *until)
		return rc;
	BIO_clear_retry_flags(bio);
	return -1;
}

/* Called when a handshake begins: only then is there something to read from. */
static void on_info(const SSL *ssl, int where, int value)
{
	BIO *bio = SSL_get_rbio(ssl);
	if ((where & SSL_CB_HANDSHAKE_START) == 0 || bio == NULL)
		return;
	BIO_set_callback_arg(bio, SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
	BIO_set_callback_ex(bio, on_read);
}

void probe_limit(SSL_CTX *ctx, int64_t *until)
{
	SSL_CTX_set_app_data(ctx, until);
	SSL_CTX_set_info_callback(ctx, on_info);
}

static CURLcode on_context(CURL *curl, void *ctx, void *until)
{
	probe_limit(ctx, until);
	return CURLE_OK;
}

void probe_limit_curl(CURL *curl, long ms, int64_t *until)
{
	*until = probe_clock() + ms;
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ms);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_context);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, until);
}
