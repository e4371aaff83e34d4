/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What 10,000 users cost who come with requests: each is read, its key's proof checked, a certificate built, signed and sealed.
 * usage: bench_certificates [USERS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "service/cert.h"

#define REQUESTS 50 /* different ones, in turn: making a key costs more than all the rest */
#define NOW      INT64_C(1800000000)

struct holder {
	struct buf key, spki, der;
};

static struct diag diag;

static void must(err e)
{
	if (!failed(e))
		return;
	(void)fprintf(stderr, "%s: %s\n", diag.where, diag.what);
	exit(1);
}

static double now(clockid_t clock)
{
	struct timespec t;
	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void holder_new(struct holder *h, enum cert_key kind)
{
	buf_init(&h->key, CERT_KEY_MAX);
	buf_init(&h->spki, CERT_DER_MAX);
	buf_init(&h->der, CERT_DER_MAX);
	must(cert_key_new(kind, &h->key, &diag));
	must(cert_key_spki(buf_str(&h->key), &h->spki, &diag));
}

static void holder_fini(struct holder *h)
{
	cert_wipe(&h->key);
	buf_fini(&h->spki);
	buf_fini(&h->der);
}

static void seal(const struct holder *by, struct buf *tbs, enum cert_alg alg, struct buf *der)
{
	struct buf signature;
	buf_init(&signature, CERT_SIGNATURE_MAX);
	must(cert_sign_here(buf_str(&by->key), buf_str(tbs), &signature, &diag));
	buf_reset(der);
	must(cert_seal(buf_str(tbs), alg, buf_str(&signature), der));
	buf_fini(&signature);
	buf_reset(tbs);
}

static void make_authority(enum cert_key kind, struct holder *root, struct holder *authority)
{
	str domains[] = { STR("example.test") };
	const struct cert_subject subject = { .o = STR("Example"), .cn = STR("Example root CA") };
	const struct cert_authority below = { .subject = { .o = STR("Example"), .cn = STR("Example issuing CA") }, .dns = { domains, 1 }, .mail = { domains, 1 } };
	struct buf tbs;
	enum cert_alg alg;
	buf_init(&tbs, CERT_DER_MAX);
	holder_new(root, kind);
	holder_new(authority, kind);
	must(cert_tbs_root(&subject, buf_str(&root->spki), NOW, &tbs, &alg, &diag));
	seal(root, &tbs, alg, &root->der);
	must(cert_tbs_authority(&below, buf_str(&authority->spki), buf_str(&root->der), NOW, &tbs, &alg, &diag));
	seal(root, &tbs, alg, &authority->der);
	buf_fini(&tbs);
}

static void make_request(struct holder *user)
{
	const struct cert_order order = { .subject = { .cn = STR("user") }, .client_auth = true };
	struct buf tbs;
	enum cert_alg alg;
	holder_new(user, CERT_RSA_2048);
	buf_init(&tbs, CERT_DER_MAX);
	must(cert_tbs_request(&order, buf_str(&user->spki), &tbs, &alg, &diag));
	seal(user, &tbs, alg, &user->der);
	buf_fini(&tbs);
}

static void issue(const struct holder *authority, const struct holder *user, unsigned long n, struct buf *tbs, struct buf *der)
{
	char address[32];
	struct arena a;
	struct cert_request_view request;
	enum cert_alg alg;
	(void)snprintf(address, sizeof address, "user%lu@example.test", n);
	const struct cert_client who = { .address = str_of(address), .organization = STR("Example"), .crl_url = STR("http://a.example.test/witan.crl"), .days = 180 };
	arena_init(&a, 1 << 16);
	must(cert_request_read(buf_str(&user->der), false, &a, &request, &diag));
	must(cert_tbs_client(&who, request.spki, buf_str(&authority->der), NOW, tbs, &alg, &diag));
	seal(authority, tbs, alg, der);
	arena_fini(&a);
}

static void measure(enum cert_key kind, const struct holder *users, unsigned long n)
{
	struct holder root, authority;
	struct buf tbs, der;
	buf_init(&tbs, CERT_DER_MAX);
	buf_init(&der, CERT_DER_MAX);
	make_authority(kind, &root, &authority);
	double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
	for (unsigned long i = 0; i < n; i++)
		issue(&authority, &users[i % REQUESTS], i, &tbs, &der);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now(CLOCK_MONOTONIC) - wall;
	(void)printf("%s: %lu certificates in %.1f s (%.1f s of CPU), %.2f ms each\n", cert_key_word(kind), n, wall, cpu, cpu * 1000 / (double)n);
	buf_fini(&tbs);
	buf_fini(&der);
	holder_fini(&root);
	holder_fini(&authority);
}

int main(int argc, char **argv)
{
	static struct holder users[REQUESTS];
	uint32_t n = 10000;
	if (argc > 2 || (argc == 2 && (!str_to_u32(str_of(argv[1]), &n) || n == 0))) {
		(void)fprintf(stderr, "usage: bench_certificates [USERS]\n");
		return 2;
	}
	for (size_t i = 0; i < REQUESTS; i++)
		make_request(&users[i]);
	measure(CERT_RSA_3072, users, n);
	measure(CERT_EC_P384, users, n);
	for (size_t i = 0; i < REQUESTS; i++)
		holder_fini(&users[i]);
	return 0;
}
