/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witan join - makes the deployment of a server that joins, from its bundle: topology and roots, keys of its own, a request for each certificate
 * that the plan has for it, and a certificate signed by itself, which it presents until the central server has connected and given it others.
 */
#include "base/crypt.h"
#include "model/sealed.h"
#include "os/file.h"
#include "prog/witan/bundle.h"
#include "prog/witan/sign_in.h"
#include "prog/witan/witan_priv.h"
#include "role/master.h"
#include "service/certstore.h"
#include "service/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MOST = 1 << 20, SELF_DAYS = 31 };

struct join {
	const char *from, *password_file;
	json_t *made;  /* what New-CsEnrollment answered */
	struct arena arena;
	struct topo topo;
	struct topo_host host;
	int dir;
	struct certstore *store;
	struct diag *diag;
};

/* ---- the bundle ---- */

static err not_a_bundle(const struct join *j, const char *what)
{
	return diag_fail(j->diag, ERR(MALFORMED), j->from, "take the file that `witan bundle` wrote", "%s", what);
}

static err unseal(struct join *j, const json_t *outer, str password)
{
	size_t n = 0;
	struct crypt *key = NULL;
	uint8_t *salt = sealed_bytes_read(json_object_get(outer, "salt"), &n);
	if (salt == NULL || n != SEALED_SALT || json_integer_value(json_object_get(outer, "cost")) != SEALED_COST) {
		free(salt);
		return not_a_bundle(j, "it cannot be read");
	}
	err e = sealed_key(password, salt, &key, j->diag);
	free(salt);
	TRY(e);
	j->made = sealed_json_read(key, json_object_get(outer, "sealed"));
	crypt_free(key);
	return json_is_object(j->made) ? OK : diag_fail(j->diag, ERR(REFUSED), j->from, "give the password by which it was made; if it is right, the file has been changed",
						"the password does not open the bundle");
}

static err check_time(const struct join *j)
{
	int64_t ends = json_integer_value(json_object_get(j->made, "ExpiresAt"));
	const char *shown = json_string_value(json_object_get(j->made, "Expires"));
	if (ends > (int64_t)time(NULL))
		return OK;
	return diag_fail(j->diag, ERR(REFUSED), j->from, "make a new one by `witan bundle`, or set the clock of this machine right", "the bundle was good until %s",
		shown != NULL ? shown : "some time ago");
}

static err read_bundle(struct join *j)
{
	struct buf text DEFER(buf_fini) = { 0 };
	char password[SIGN_IN_SECRET] = "";
	TRY(file_read(AT_FDCWD, j->from, BUNDLE_MAX, &text, j->diag));
	json_t *outer = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	const char *format = json_string_value(json_object_get(outer, "format"));
	err e = format != NULL && strcmp(format, BUNDLE_FORMAT) == 0 ? OK : not_a_bundle(j, "it is no bundle");
	if (!failed(e) && json_integer_value(json_object_get(outer, "formatVersion")) != BUNDLE_VERSION)
		e = not_a_bundle(j, "it was made by another version");
	if (!failed(e))
		e = sign_in_secret(j->password_file, "Password of the bundle", password, j->diag);
	if (!failed(e))
		e = unseal(j, outer, str_of(password));
	crypt_wipe(password, sizeof password);
	json_decref(outer);
	TRY(e);
	return check_time(j);
}

/* ---- the directory ---- */

static err write_file(struct join *j, const char *name, str content, unsigned mode)
{
	return file_write(j->dir, name, content, mode, j->diag);
}

static err write_files(struct join *j)
{
	static const char *const names[] = { "topology.yaml", "ca.pem", "certs/issuing.pem", "certs/witan.crl", "certs/root.crl" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = 0;
		uint8_t *bytes = sealed_bytes_read(json_object_get(json_object_get(j->made, "Files"), names[i]), &n);
		if (bytes == NULL && i < 2)
			return not_a_bundle(j, "the topology or the roots are missing in it");
		err e = bytes != NULL ? write_file(j, names[i], (str){ (const char *)bytes, n }, 0644) : OK;
		free(bytes);
		TRY(e);
	}
	return OK;
}

static err read_topology(struct join *j)
{
	struct buf text DEFER(buf_fini) = { 0 };
	const char *fqdn = json_string_value(json_object_get(j->made, "ReplicaFqdn"));
	char line[300];
	ENSURE(fqdn != NULL && strlen(fqdn) < 256, MALFORMED);
	TRY(file_read(j->dir, "topology.yaml", TOPO_SIZE_MAX, &text, j->diag));
	str copy = arena_copy(&j->arena, buf_str(&text));
	ENSURE(copy.p != NULL, NO_MEMORY);
	TRY(topo_parse(&j->topo, &j->arena, copy, "topology.yaml", j->diag));
	TRY(topo_find_host(&j->topo, str_of(fqdn), &j->host, j->diag));
	int n = snprintf(line, sizeof line, "%s\n", fqdn);
	return write_file(j, "host", (str){ line, (size_t)n }, 0644);
}

/* For vault alone. */
static err write_secret(struct join *j)
{
	struct stat st;
	json_t *o = json_pack("{s:O,s:O}", "secret", json_object_get(j->made, "Secret"), "central", json_object_get(j->made, "Central"));
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (text == NULL)
		return not_a_bundle(j, "the secret is missing in it");
	err e = write_file(j, "store/enrolment", str_of(text), 0600);
	crypt_wipe(text, strlen(text));
	free(text);
	TRY(e);
	if (geteuid() == 0 && (fstatat(j->dir, "store", &st, 0) != 0 || fchownat(j->dir, "store/enrolment", st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0))
		return diag_fail(j->diag, ERR(SYSTEM), "store/enrolment", "", "cannot give it to the vault: %s", strerror(errno));
	return OK;
}

/* ---- keys and requests ---- */

static err make_key(struct join *j, const struct plan_certificate *p, struct keyfile *k)
{
	*k = (struct keyfile){ .purpose = KEYFILE_TLS, .exportable = p->exportable, .made = (int64_t)time(NULL) };
	int keys = openat(j->dir, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err e = keys >= 0 ? keyfile_make(k, str_of(topo_key_type_word(p->key)), j->diag) : ERR(SYSTEM);
	if (!failed(e))
		e = keyfile_write(k, keys, j->diag);
	if (keys >= 0)
		(void)close(keys);
	return e;
}

static err pkcs8_of(const struct keyfile *k, struct buf *out)
{
	unsigned char *der = NULL;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k->pkey);
	int n = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	if (n > 0)
		buf_add(out, (str){ (const char *)der, (size_t)n });
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	PKCS8_PRIV_KEY_INFO_free(info);
	return n > 0 && !out->failed ? OK : ERR(NO_MEMORY);
}

static err make_request(struct join *j, const struct plan_certificate *p, const struct keyfile *k, struct buf *pem)
{
	struct cert_order order;
	enum cert_alg alg;
	struct buf pkcs8 DEFER(cert_wipe) = { 0 }, spki DEFER(buf_fini) = { 0 }, tbs DEFER(buf_fini) = { 0 }, signature DEFER(buf_fini) = { 0 }, der DEFER(buf_fini) = { 0 };
	buf_init(&pkcs8, CERT_KEY_MAX);
	buf_init(&spki, CERT_DER_MAX);
	buf_init(&tbs, CERT_DER_MAX);
	buf_init(&signature, CERT_SIGNATURE_MAX);
	buf_init(&der, CERT_DER_MAX);
	TRY(pkcs8_of(k, &pkcs8));
	TRY(cert_key_spki(buf_str(&pkcs8), &spki, j->diag));
	TRY(cert_order_fill(p, j->topo.organization, &j->arena, &order));
	order.urls = (struct cert_urls){ .crl = STR("") };
	TRY(cert_tbs_request(&order, buf_str(&spki), &tbs, &alg, j->diag));
	TRY(cert_sign_here(buf_str(&pkcs8), buf_str(&tbs), &signature, j->diag));
	TRY(cert_seal(buf_str(&tbs), alg, buf_str(&signature), &der));
	cert_request_print(buf_str(&der), pem);
	return pem->failed ? ERR(NO_MEMORY) : OK;
}

static err keep_request(struct join *j, const struct plan_certificate *p, const struct keyfile *k)
{
	struct certstore_request r = { .exportable = p->exportable, .made = (int64_t)time(NULL) };
	const struct certstore_request *kept;
	buf_init(&r.pem, CERT_PEM_MAX);
	memcpy(r.key, k->id, sizeof r.key);
	certstore_usages_print(p->usages, r.usages);
	(void)snprintf(r.friendly, sizeof r.friendly, "Witan %.100s", r.usages);
	err e = make_request(j, p, k, &r.pem);
	if (!failed(e))
		e = certstore_request_add(j->store, &r, &kept, j->diag);
	buf_fini(&r.pem);
	return e;
}

/* ---- the certificate signed by itself ---- */

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX c;
	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool fill(X509 *x, EVP_PKEY *key, const char *fqdn)
{
	char san[300];
	X509_NAME *name = X509_get_subject_name(x);
	(void)snprintf(san, sizeof san, "DNS:%s", fqdn);
	return X509_set_version(x, X509_VERSION_3) == 1 && ASN1_INTEGER_set_int64(X509_get_serialNumber(x), (int64_t)time(NULL)) == 1 &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)fqdn, -1, -1, 0) == 1 && X509_set_issuer_name(x, name) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL && X509_gmtime_adj(X509_getm_notAfter(x), (long)SELF_DAYS * 86400) != NULL &&
	       X509_set_pubkey(x, key) == 1 && add_extension(x, NID_basic_constraints, "critical,CA:FALSE") && add_extension(x, NID_ext_key_usage, "serverAuth") &&
	       add_extension(x, NID_subject_alt_name, san) && X509_sign(x, key, EVP_sha256()) > 0;
}

static err keep_self(struct join *j, EVP_PKEY *key)
{
	const struct certstore_cert *c;
	struct buf pem DEFER(buf_fini) = { 0 };
	unsigned char *der = NULL;
	char fqdn[256];
	X509 *x = X509_new();
	buf_init(&pem, CERT_PEM_MAX);
	int n = str_to_z(j->host.server->fqdn, fqdn, sizeof fqdn) && x != NULL && fill(x, key, fqdn) ? i2d_X509(x, &der) : 0;
	if (n > 0)
		cert_pem_print((str){ (const char *)der, (size_t)n }, &pem);
	OPENSSL_free(der);
	X509_free(x);
	ENSURE(n > 0 && !pem.failed, NO_MEMORY);
	TRY(certstore_add(j->store, buf_str(&pem), STR("Witan before joining"), false, &c, j->diag));
	return certstore_assign(j->store, 1u << (j->host.pool->role == TOPO_EDGE ? PLAN_INTERNAL : PLAN_DEFAULT), c, j->diag);
}

/* The first key is of the certificate that it shows until then, too: who has proven by it that he has the secret stays the same. */
static err make_one(struct join *j, const struct plan_certificate *p, bool first)
{
	struct keyfile k;
	err e = make_key(j, p, &k);
	if (!failed(e))
		e = keep_request(j, p, &k);
	if (!failed(e) && first)
		e = keep_self(j, k.pkey);
	keyfile_fini(&k);
	return e;
}

static err make_all(struct join *j)
{
	struct plan_certificates plans;
	unsigned n = 0;
	TRY(plan_certificates(&j->topo, &j->arena, &plans, j->diag));
	for (size_t i = 0; i < plans.n; i++)
		if (plan_certificate_is_on(&plans.p[i], j->host.server->fqdn) && !plans.p[i].public_ca && (plans.p[i].usages & 1u << PLAN_OAUTH_TOKEN_ISSUER) == 0)
			TRY(make_one(j, &plans.p[i], n++ == 0));
	return n != 0 ? OK : diag_fail(j->diag, ERR(ABSENT), "topology.yaml", "see `witan plan certificates`", "the plan has no certificate for this server");
}

static err make_certificates(struct join *j)
{
	int certs = openat(j->dir, "certs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ENSURE(certs >= 0, SYSTEM);
	err e = certstore_open(certs, &j->store, NULL, j->diag);
	if (!failed(e))
		e = make_all(j);
	certstore_close(j->store);
	(void)close(certs);
	return e;
}

static err fill_directory(void *arg, int dir, struct diag *d)
{
	struct join *j = arg;
	j->dir = dir;
	j->diag = d;
	TRY(write_files(j));
	TRY(read_topology(j));
	TRY(make_certificates(j));
	return write_secret(j);
}

static void report(const struct join *j, const char *dir)
{
	const char *missing = master_missing(j->host.pool);
	(void)printf("deployment:       %s\nserver:           %.*s (%s)\n", dir, STR_FMT(j->host.server->fqdn), topo_role_word((enum topo_role)j->host.pool->role));
	if (missing != NULL)
		(void)printf("not there yet:    %s\n", missing);
	(void)printf("central server:   %s connects to port %u of this one, and gives it its certificates\n", json_string_value(json_object_get(j->made, "Central")),
		topo_replica_port(j->host.pool));
}

int join_main(int argc, char **argv, const char *dir)
{
	static struct join j; /* too large for the stack */
	struct diag d = { 0 };
	int status;
	const struct witan_option options[] = {
		{ "--from", WITAN_TEXT, &j.from, "FILE", "the bundle that `witan bundle` wrote on the central server (required)", 0 },
		{ "--password-file", WITAN_TEXT, &j.password_file, "FILE", "holds its password (default: asked for; -: standard input)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv, "--from FILE [OPTION...]\n\nMakes the deployment (--dir) of a server that joins. `witand --join FILE` does this and starts it.", options, &status))
		return status;
	if (j.from == NULL)
		return witan_usage(argv[0], "--from is missing");
	j.diag = &d;
	arena_init(&j.arena, 64u << 20);
	err e = read_bundle(&j);
	if (!failed(e))
		e = init_from(dir, fill_directory, &j, &d);
	if (!failed(e))
		report(&j, dir);
	json_decref(j.made);
	arena_fini(&j.arena);
	return failed(e) ? witan_fail(argv[0], e, &d) : WITAN_DONE;
}
