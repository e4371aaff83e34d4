/* SPDX-License-Identifier: Apache-2.0 */
/* What would keep the server from starting, each thing by itself, so that one run names all of it. */
#include "role/master/master_priv.h"

#include "os/file.h"
#include "os/net.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERTIFICATE "certs/default.pem"
#define ASSIGNED    "certs/assigned"
#define KEYS        "keys/"
#define STORE       "store/witan.db"

enum { PEM_FILE_MAX = 1 << 20 };

struct check {
	const struct role *const *roles;
	struct plan plan;
	bool has_plan;
	char certificate[64]; /* the file of what is presented */
};

/* ---- the document ---- */

static err check_topology(struct check *c, struct diag *d)
{
	TRY(plan_read(&c->plan, d));
	c->has_plan = true;
	return OK;
}

/* ---- certificate and key ---- */

static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	return -1;
}

/* The thumbprint that is assigned to Default: the first word after it in certs/assigned. False: there is none. */
static bool find_assigned(char out[41])
{
	struct buf b DEFER(buf_fini) = { 0 };
	if (failed(file_read(AT_FDCWD, ASSIGNED, PEM_FILE_MAX, &b, NULL)))
		return false;
	for (str rest = buf_str(&b); rest.n != 0;) {
		str words, line = str_split(rest, '\n', &rest);
		if (str_eq(str_split(line, ' ', &words), STR("Default")) && str_to_z(str_split(words, ' ', &words), out, 41) && strlen(out) == 40)
			return true;
	}
	return false;
}

/* A file that somebody has put there by the former name comes before what is assigned, as it does when the server starts. */
static void find_certificate(struct check *c)
{
	char thumbprint[41];
	(void)snprintf(c->certificate, sizeof c->certificate, CERTIFICATE);
	if (access(CERTIFICATE, F_OK) != 0 && find_assigned(thumbprint))
		(void)snprintf(c->certificate, sizeof c->certificate, "certs/%s.pem", thumbprint);
}

static err read_certificate(struct check *c, X509 **out, struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	find_certificate(c);
	TRY(file_read(AT_FDCWD, c->certificate, PEM_FILE_MAX, &b, d));
	BIO *bio = BIO_new_mem_buf(b.p, (int)b.n);
	*out = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	if (*out == NULL)
		return diag_fail(d, ERR(MALFORMED), c->certificate,
			"put the server's certificate into " CERTIFICATE ", the issuers after it, as PEM",
			"there is no certificate in the file");
	return OK;
}

/* NULL if the file is not a private key. */
static EVP_PKEY *read_key(int dir, const char *name, struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	if (failed(file_read(dir, name, PEM_FILE_MAX, &b, d)))
		return NULL;
	BIO *bio = BIO_new_mem_buf(b.p, (int)b.n);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	OPENSSL_cleanse(b.p, b.size);
	return key;
}

static err judge_certificate(const struct check *c, X509 *x, struct diag *d)
{
	if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
		return diag_fail(d, ERR(REFUSED), c->certificate, "renew it", "the certificate has expired");
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
		return diag_fail(d, ERR(REFUSED), c->certificate, "set the clock of this machine right",
			"the certificate is not valid yet");
	if (c->has_plan && X509_check_host(x, c->plan.fqdn, 0, 0, NULL) != 1)
		return diag_fail(d, ERR(REFUSED), c->certificate,
			"have a certificate issued for the names in topology.yaml",
			"the certificate does not name %.200s", c->plan.fqdn);
	return OK;
}

static err check_certificate(struct check *c, struct diag *d)
{
	X509 *x = NULL;
	TRY(read_certificate(c, &x, d));
	err e = judge_certificate(c, x, d);
	X509_free(x);
	return e;
}

static bool is_key_file(const char *name)
{
	size_t n = strlen(name);
	return name[0] != '.' && n > 4 && strcmp(name + n - 4, ".key") == 0;
}

/* One of them must be the certificate's, none may be read by others. */
static err look_through_keys(DIR *keys, X509 *x, const char *certificate, struct diag *d)
{
	bool is_there = false;
	for (struct dirent *file = readdir(keys); file != NULL; file = readdir(keys)) {
		char where[64];
		struct stat s;
		if (!is_key_file(file->d_name) || fstatat(dirfd(keys), file->d_name, &s, 0) != 0)
			continue;
		(void)snprintf(where, sizeof where, KEYS "%.50s", file->d_name);
		if ((s.st_mode & 077) != 0)
			return diag_fail(d, ERR(REFUSED), where, "chmod 0400 it",
				"others than its owner may read the key (mode %04o)", (unsigned)s.st_mode & 07777);
		EVP_PKEY *key = read_key(dirfd(keys), file->d_name, d);
		is_there = is_there || (key != NULL && X509_check_private_key(x, key) == 1);
		EVP_PKEY_free(key);
		if (key == NULL)
			return diag_fail(d, ERR(MALFORMED), where,
				"write the key as PEM without a passphrase: openssl pkey -in OLD -out NEW",
				"the file is not a private key that can be read");
	}
	ERR_clear_error();
	if (is_there)
		return OK;
	return diag_fail(d, ERR(ABSENT), KEYS, "put the certificate and its key (*.key) there together",
		"none of the keys is that of %s", certificate);
}

static err check_key(struct check *c, struct diag *d)
{
	X509 *x = NULL;
	TRY(read_certificate(c, &x, d));
	DIR *keys = opendir(KEYS);
	err e = keys != NULL ? look_through_keys(keys, x, c->certificate, d)
			     : diag_fail(d, ERR(SYSTEM), KEYS, "start as root or as the owner of the directory",
				       "cannot read the directory: %s", strerror(errno));
	if (keys != NULL)
		(void)closedir(keys);
	X509_free(x);
	return e;
}

/* ---- store, users, ports ---- */

static err check_store(struct check *c, struct diag *d)
{
	static const char magic[] = "SQLite format 3"; /* and its NUL: the first 16 bytes of every such file */
	char head[sizeof magic] = { 0 };
	if (access("store", R_OK | W_OK | X_OK) != 0)
		return diag_fail(d, ERR(SYSTEM), "store/", "start as root or as the owner of the directory",
			"the directory cannot be used: %s", strerror(errno));
	int fd = open(STORE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return OK; /* made at the first start */
	if (fd < 0)
		return diag_fail(d, ERR(SYSTEM), STORE, "start as root or as the owner of the directory",
			"cannot open the file: %s", strerror(errno));
	ssize_t n = read(fd, head, sizeof head);
	(void)close(fd);
	if (n != 0 && (n != (ssize_t)sizeof head || memcmp(head, magic, sizeof magic) != 0))
		return diag_fail(d, ERR(CORRUPT), STORE, "put back the last backup", "the file is not a store");
	return OK;
}

static err check_users(struct check *c, struct diag *d)
{
	for (const struct role *const *r = c->roles; geteuid() == 0 && *r != NULL; r++) {
		const char *user = (*r)->jail->user;
		if (c->has_plan && children_of(&c->plan, *r) == 0)
			continue;
		if (user != NULL && getpwnam(user) == NULL)
			return diag_fail(d, ERR(ABSENT), "users",
				"create it: useradd --system --no-create-home --shell /usr/sbin/nologin NAME",
				"there is no system user %s", user);
	}
	return OK;
}

/* A server that runs in this directory has its ports by right. */
static err check_ports(struct check *c, struct diag *d)
{
	if (!c->has_plan || lock_owner() != 0)
		return OK;
	for (unsigned port = 0; port < PORT_N; port++) {
		struct addr at = port_addr(&c->plan, port);
		int fd;
		if (at.port == 0)
			continue;
		TRY(net_listen(&at, 1, &fd, d));
		net_close(fd);
	}
	return OK;
}

/* ---- all of it ---- */

static const struct {
	const char *name;
	err (*fn)(struct check *c, struct diag *d);
} checks[] = {
	{ "topology", check_topology },
	{ "certificate", check_certificate },
	{ "key", check_key },
	{ "store", check_store },
	{ "users", check_users },
	{ "ports", check_ports },
};

static void tell(const char *name, err e, const struct diag *d)
{
	if (!failed(e)) {
		(void)printf("%-12s ok\n", name);
		return;
	}
	(void)printf("%-12s refused\n", name);
	(void)fflush(stdout);
	(void)fprintf(stderr, "witand: %s: %s\n", d->where[0] != '\0' ? d->where : name,
		d->what[0] != '\0' ? d->what : e.def->text);
	if (d->remedy[0] != '\0')
		(void)fprintf(stderr, "  remedy: %s\n", d->remedy);
}

int master_check(const char *dir, const struct role *const *roles)
{
	static struct check c;
	int status = 0;
	c.roles = roles;
	if (chdir(dir) != 0) {
		(void)fprintf(stderr,
			"witand: %s: cannot enter the directory: %s\n  remedy: make it with `witan init --dir %s`\n",
			dir, strerror(errno), dir);
		return 1;
	}
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		struct diag d = { 0 };
		err e = checks[i].fn(&c, &d);
		tell(checks[i].name, e, &d);
		status |= failed(e) ? 1 : 0;
	}
	return status;
}
