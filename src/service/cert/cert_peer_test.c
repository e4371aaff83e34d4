/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of others say to our bytes: OpenSSL, GnuTLS and NSS. */
#include "service/cert/cert_world.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static char folder[] = "/tmp/cert_peer_XXXXXX";
static struct world w;

/* ---- files and programs ---- */

static const char *path(const char *name)
{
	static char all[8][sizeof folder + 64];
	static unsigned next;
	char *out = all[next++ % 8];
	(void)snprintf(out, sizeof *all, "%s/%s", folder, name);
	return out;
}

static void put(const char *name, str bytes)
{
	FILE *f = fopen(path(name), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
	assert_int_equal(fclose(f), 0);
}

static void put_pem(const char *name, const struct holder *const *all, size_t n)
{
	struct buf pem;
	buf_init(&pem, CERT_PEM_MAX);
	for (size_t i = 0; i < n; i++)
		cert_pem_print(buf_str(&all[i]->der), &pem);
	put(name, buf_str(&pem));
	buf_fini(&pem);
}

/* What it prints is kept for who reads the failure. */
static int run(const char *const argv[])
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	int status;
	assert_int_equal(posix_spawn_file_actions_init(&files), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(&files, 1, path("output"), O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&files, 1, 2), 0);
	int error = posix_spawnp(&pid, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	if (error != 0)
		fail_msg("%s: %s; install the packages of tools/packages.check", argv[0], strerror(error));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void output(char out[8192])
{
	FILE *f = fopen(path("output"), "r");
	assert_non_null(f);
	out[fread(out, 1, 8191, f)] = '\0';
	(void)fclose(f);
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static void expect(int got, bool works, const char *words)
{
	char text[8192];
	output(text);
	if ((got == 0) != works || (words != NULL && strstr(text, words) == NULL))
		fail_msg("exit status %d, wanted \"%s\", got:\n%s", got, words != NULL ? words : "", text);
}

#define WORKS(words, ...)  expect(RUN(__VA_ARGS__), true, words)
#define FAILS(words, ...)  expect(RUN(__VA_ARGS__), false, words)

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *at)
{
	return remove(name);
}

/* ---- a deployment's files ---- */

static const enum cert_key kinds[] = { CERT_EC_P256, CERT_EC_P384, CERT_RSA_2048 };
#define KINDS (sizeof kinds / sizeof *kinds)

static void put_world(enum cert_key kind)
{
	world_open(&w, kind, (int64_t)time(NULL)); /* the programs look at the clock */
	put_pem("root.pem", (const struct holder *[]){ &w.root }, 1);
	put_pem("issuing.pem", (const struct holder *[]){ &w.authority }, 1);
	put_pem("server.pem", (const struct holder *[]){ &w.server }, 1);
	put_pem("chain.pem", (const struct holder *[]){ &w.server, &w.authority, &w.root }, 3);
	put("root.der", buf_str(&w.root.der));
	put("issuing.der", buf_str(&w.authority.der));
	put("server.der", buf_str(&w.server.der));
}

static const char *serial_of(const struct holder *h)
{
	static char serial[CERT_SERIAL];
	struct cert_view v;
	assert_ok(cert_view_read(buf_str(&h->der), &arena, &v, &diag));
	memcpy(serial, v.serial, sizeof serial);
	return serial;
}

static void put_crl(const char *name, const struct cert_revoked *p, size_t n)
{
	struct buf der;
	list_of(&w, p, n, &der);
	put(name, buf_str(&der));
	buf_fini(&der);
}

/* ---- certificates ---- */

static void verify_everywhere(const char *chain)
{
	WORKS("OK", "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "sip.example.test", "-CAfile", path("root.pem"), "-untrusted",
		path("issuing.pem"), path("server.pem"));
	WORKS("The certificate is trusted", "certtool", "--verify", "--load-ca-certificate", path("root.pem"), "--infile", path(chain), "--verify-purpose",
		"1.3.6.1.5.5.7.3.1", "--verify-hostname", "sip.example.test");
	WORKS("Chain is good!", "vfychain", "-pp", "-u", "1", path("server.der"), path("issuing.der"), "-t", path("root.der"));
}

static void certificates_are_trusted(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		put_world(kinds[i]);
		verify_everywhere("chain.pem");
		world_close(&w);
	}
}

/* A name outside the issuing authority's domains is good for nobody. */
static void names_are_constrained(void **state)
{
	static str foreign[] = { { "www.example.net", 15 } };
	put_world(CERT_EC_P256);
	struct cert_order order = server_order();
	order.subject.cn = foreign[0];
	order.san = (struct topo_names){ foreign, 1 };
	issue_server(&w, &order, &w.server);
	put("server.der", buf_str(&w.server.der));
	put_pem("server.pem", (const struct holder *[]){ &w.server }, 1);
	put_pem("chain.pem", (const struct holder *[]){ &w.server, &w.authority, &w.root }, 3);
	FAILS("permitted subtree violation", "openssl", "verify", "-CAfile", path("root.pem"), "-untrusted", path("issuing.pem"), path("server.pem"));
	FAILS("violates the signer's constraints", "certtool", "--verify", "--load-ca-certificate", path("root.pem"), "--infile", path("chain.pem"));
	FAILS("Chain is bad!", "vfychain", "-pp", "-u", "1", path("server.der"), path("issuing.der"), "-t", path("root.der"));
	world_close(&w);
}

static void edge_inside_is_trusted(void **state)
{
	put_world(CERT_RSA_2048);
	const struct cert_order order = { .subject = { .cn = STR("edge01.internal.ad") }, .client_auth = true };
	issue_server(&w, &order, &w.server);
	put("server.der", buf_str(&w.server.der));
	put_pem("server.pem", (const struct holder *[]){ &w.server }, 1);
	WORKS("OK", "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", path("root.pem"), "-untrusted", path("issuing.pem"), path("server.pem"));
	WORKS("Chain is good!", "vfychain", "-pp", "-u", "1", path("server.der"), path("issuing.der"), "-t", path("root.der"));
	world_close(&w);
}

static void people_are_trusted(void **state)
{
	struct buf tbs;
	enum cert_alg alg;
	put_world(CERT_RSA_2048);
	buf_init(&tbs, CERT_PEM_MAX);
	const struct cert_client who = person_order();
	assert_ok(cert_tbs_client(&who, buf_str(&w.server.spki), buf_str(&w.authority.der), w.now, &tbs, &alg, &diag));
	seal_by(&w.authority, &tbs, alg, &w.server.der);
	put("person.der", buf_str(&w.server.der));
	put_pem("person.pem", (const struct holder *[]){ &w.server }, 1);
	WORKS("OK", "openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", path("root.pem"), "-untrusted", path("issuing.pem"), path("person.pem"));
	FAILS("", "openssl", "verify", "-purpose", "sslserver", "-CAfile", path("root.pem"), "-untrusted", path("issuing.pem"), path("person.pem"));
	WORKS("Chain is good!", "vfychain", "-pp", "-u", "0", path("person.der"), path("issuing.der"), "-t", path("root.der"));
	buf_fini(&tbs);
	world_close(&w);
}

/* ---- requests and keys ---- */

static void requests_are_read(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct holder h;
		struct buf der, pem;
		struct cert_order order = server_order();
		order.client_auth = true;
		order.template = STR("WebServer");
		holder_new(&h, kinds[i]);
		request_of(&order, &h, &der);
		buf_init(&pem, CERT_PEM_MAX);
		cert_request_print(buf_str(&der), &pem);
		put("request.pem", buf_str(&pem));
		WORKS("DNS:fe01.internal.ad, DNS:sip.example.test, DNS:*.example.test, DNS:meet.example.test", "openssl", "req", "-verify", "-noout", "-text", "-in",
			path("request.pem"));
		WORKS("Self signature: verified", "certtool", "--crq-info", "--infile", path("request.pem"));
		buf_fini(&pem);
		buf_fini(&der);
		holder_fini(&h);
	}
}

static void their_requests_are_read(void **state)
{
	char text[8192];
	struct cert_request_view v;
	WORKS(NULL, "openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", path("their.key"), "-out", path("their.pem"), "-subj", "/O=Example/CN=a.example.test",
		"-addext", "subjectAltName=DNS:a.example.test,DNS:b.example.test,email:x@example.test", "-addext", "extendedKeyUsage=serverAuth,1.2.3.4");
	WORKS(NULL, "cat", path("their.pem"));
	output(text);
	assert_ok(cert_request_read(str_of(text), false, &arena, &v, &diag));
	assert_true(v.san.n == 2 && v.mail.n == 1 && v.usages.n == 2);
	assert_true(str_eq(v.cn, STR("a.example.test")) && str_eq(v.usages.p[1], STR("1.2.3.4")));
}

static void locked_keys_open(void **state)
{
	struct holder h;
	struct buf pem;
	holder_new(&h, CERT_EC_P384);
	buf_init(&pem, CERT_PEM_MAX);
	assert_ok(cert_key_lock(buf_str(&h.key), STR("open sesame"), &pem, &diag));
	put("locked.key", buf_str(&pem));
	WORKS(NULL, "openssl", "pkey", "-in", path("locked.key"), "-passin", "pass:open sesame", "-noout");
	FAILS(NULL, "openssl", "pkey", "-in", path("locked.key"), "-passin", "pass:open", "-noout");
	buf_fini(&pem);
	holder_fini(&h);
}

static void pkcs12_opens(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct buf p12;
		put_world(kinds[i]);
		str chain[] = { buf_str(&w.server.der), buf_str(&w.authority.der), buf_str(&w.root.der) };
		const struct topo_names all = { chain, 3 };
		buf_init(&p12, CERT_PEM_MAX);
		assert_ok(cert_pkcs12_write(buf_str(&w.server.key), &all, "Edge external", "sesame", &p12, &diag));
		put("edge.pfx", buf_str(&p12));
		WORKS("PBES2, PBKDF2, AES-256-CBC, Iteration 200000, PRF hmacWithSHA256", "openssl", "pkcs12", "-in", path("edge.pfx"), "-passin", "pass:sesame", "-info", "-nodes");
		FAILS(NULL, "openssl", "pkcs12", "-in", path("edge.pfx"), "-passin", "pass:wrong", "-noout");
		WORKS("Friendly name: Edge external", "certtool", "--p12-info", "--inder", "--infile", path("edge.pfx"), "--password", "sesame");
		WORKS("Friendly Name: Edge external", "pk12util", "-l", path("edge.pfx"), "-W", "sesame");
		buf_fini(&p12);
		world_close(&w);
	}
}

/* ---- revocation ---- */

static void lists_are_read(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct cert_revoked gone = { .reason = CERT_SUPERSEDED };
		put_world(kinds[i]);
		gone.when = w.now;
		(void)snprintf(gone.serial, sizeof gone.serial, "%s", serial_of(&w.server));
		put_crl("empty.crl", NULL, 0);
		put_crl("full.crl", &gone, 1);
		WORKS("verify OK", "openssl", "crl", "-inform", "DER", "-in", path("full.crl"), "-CAfile", path("issuing.pem"), "-text");
		WORKS("Revoked certificates (1)", "certtool", "--crl-info", "--inder", "--infile", path("full.crl"));
		WORKS(NULL, "openssl", "crl", "-inform", "DER", "-in", path("empty.crl"), "-out", path("empty.pem"));
		WORKS(NULL, "openssl", "crl", "-inform", "DER", "-in", path("full.crl"), "-out", path("full.pem"));
		WORKS("OK", "openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", path("empty.pem"), "-CAfile", path("root.pem"), "-untrusted", path("issuing.pem"),
			path("server.pem"));
		FAILS("certificate revoked", "openssl", "verify", "-crl_check", "-CRLfile", path("full.pem"), "-CAfile", path("root.pem"), "-untrusted", path("issuing.pem"),
			path("server.pem"));
		world_close(&w);
	}
}

static void answer_to_file(const struct cert_ocsp_answer *answer)
{
	char text[8192];
	struct cert_ocsp_request request;
	struct buf tbs, signature, response;
	enum cert_alg alg;
	FILE *f = fopen(path("request.ocsp"), "r");
	assert_non_null(f);
	const size_t n = fread(text, 1, sizeof text, f);
	(void)fclose(f);
	assert_ok(cert_ocsp_read((str){ text, n }, &request, &diag));
	assert_true(request.n == 1 && request.nonce_n == 16);
	assert_true(cert_ocsp_is_of(&request.ids[0], buf_str(&w.authority.der)));
	assert_string_equal(request.ids[0].serial, serial_of(&w.server));
	buf_init(&tbs, CERT_OCSP_MAX);
	buf_init(&response, CERT_OCSP_MAX);
	assert_ok(cert_tbs_ocsp(&request, answer, buf_str(&w.authority.der), w.now, w.now + DAY, &tbs, &alg, &diag));
	sign_by(&w.authority, &tbs, &signature);
	assert_ok(cert_ocsp_seal(buf_str(&tbs), alg, buf_str(&signature), NULL, &response));
	put("response.ocsp", buf_str(&response));
	buf_fini(&tbs);
	buf_fini(&signature);
	buf_fini(&response);
}

static void ask_openssl(const char *hash, const struct cert_ocsp_answer *answer, const char *words)
{
	WORKS(NULL, "openssl", "ocsp", hash, "-issuer", path("issuing.pem"), "-cert", path("server.pem"), "-nonce", "-no_certs", "-reqout", path("request.ocsp"));
	answer_to_file(answer);
	WORKS(words, "openssl", "ocsp", hash, "-issuer", path("issuing.pem"), "-cert", path("server.pem"), "-no_nonce", "-reqin", path("request.ocsp"), "-respin", path("response.ocsp"),
		"-CAfile", path("root.pem"), "-verify_other", path("issuing.pem"));
	char text[8192];
	output(text);
	if (strstr(text, "Response verify OK") == NULL || strstr(text, "WARNING") != NULL)
		fail_msg("%s", text);
}

static void ocsp_is_believed(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		put_world(kinds[i]);
		ask_openssl("-sha1", &(struct cert_ocsp_answer){ .status = CERT_OCSP_GOOD }, "server.pem: good");
		ask_openssl("-sha256", &(struct cert_ocsp_answer){ .status = CERT_OCSP_GOOD }, "server.pem: good");
		ask_openssl("-sha1", &(struct cert_ocsp_answer){ CERT_OCSP_REVOKED, w.now, CERT_KEY_COMPROMISE }, "Reason: keyCompromise");
		ask_openssl("-sha1", &(struct cert_ocsp_answer){ .status = CERT_OCSP_UNKNOWN }, "server.pem: unknown");
		WORKS("Verifying OCSP Response: Success", "ocsptool", "--verify-response", "--load-signer", path("issuing.pem"), "--load-response", path("response.ocsp"), "--inder");
		world_close(&w);
	}
}

static int open_folder(void **state)
{
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(certificates_are_trusted),
		TEST(names_are_constrained),
		TEST(edge_inside_is_trusted),
		TEST(people_are_trusted),
		TEST(requests_are_read),
		TEST(their_requests_are_read),
		TEST(locked_keys_open),
		TEST(pkcs12_opens),
		TEST(lists_are_read),
		TEST(ocsp_is_believed),
	};
	return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
