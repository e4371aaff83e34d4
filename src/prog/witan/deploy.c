/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a deployment that the program reads and writes itself. */
#include "prog/witan/witan_priv.h"

#include "model/topo.h"
#include "os/file.h"
#include "service/cert.h"
#include "service/keyfile.h"

#include <string.h>
#include <signal.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

const struct deploy_place *deploy_places(size_t *n)
{
	static const struct deploy_place places[] = {
		{ "ca", 0700, NULL },             /* the root's key: for those alone who make an issuing authority */
		{ "certs", 0755, "witan-vault" }, /* certificates and revocation lists: public */
		{ "keys", 0700, "witan-keeper" }, /* private keys of the server */
		{ "store", 0700, "witan-vault" }, /* the database */
		{ "run", 0755, NULL },            /* process number and control socket */
	};
	*n = sizeof places / sizeof *places;
	return places;
}

int deploy_open(const char *dir, struct diag *d)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		(void)diag_fail(d, ERR(ABSENT), dir, "name the deployment by --dir, or make one by `witan init`", "%s",
			strerror(errno));
	return fd;
}

err deploy_read(const char *dir, struct arena *a, struct topo *t, struct topo_host *host, struct diag *d)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/topology.yaml", dir);
	ENSURE(n > 0 && (size_t)n < sizeof path, CEILING);
	err e = topo_read(t, a, path, d);
	if (err_is(e, ERR_ABSENT))
		return diag_fail(d, e, dir, "name the deployment by --dir, or make one by `witan init`",
			"there is no deployment here");
	TRY(e);
	n = snprintf(path, sizeof path, "%s/host", dir);
	ENSURE(n > 0 && (size_t)n < sizeof path, CEILING);
	return topo_read_host(t, path, host, d);
}

void witan_warn(const struct topo *t)
{
	for (const struct topo_warning *w = t->warnings; w != NULL; w = w->next)
		(void)fprintf(stderr, "warning: %s: %s\n  remedy: %s\n", w->diag.where, w->diag.what, w->diag.remedy);
}

/* The key has its name from the certificate. */
static err read_issuing_key(int dirfd, str spki, struct buf *pkcs8, struct diag *d)
{
	struct buf pem DEFER(cert_wipe) = { 0 };
	uint8_t id[32];
	char name[KEYFILE_NAME], path[KEYFILE_NAME + 8];
	cert_spki_hash(spki, id);
	keyfile_name(id, name);
	(void)snprintf(path, sizeof path, "keys/%s", name);
	TRY(file_read(dirfd, path, CERT_PEM_MAX, &pem, d));
	return cert_key_read(buf_str(&pem), pkcs8, d);
}

/* Before there were two authorities, the root issued. */
static err read_issuer(int dirfd, struct buf *pem, struct diag *d)
{
	err e = file_read(dirfd, "certs/issuing.pem", CERT_PEM_MAX, pem, d);
	if (!err_is(e, ERR_ABSENT))
		return e;
	buf_fini(pem);
	return file_read(dirfd, "ca.pem", CERT_PEM_MAX, pem, d);
}

err deploy_read_issuer(int dirfd, struct buf *cert_pem, struct buf *pkcs8, struct diag *d)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct buf spki DEFER(buf_fini) = { 0 };
	struct topo_names certs;
	arena_init(&a, 2 * CERT_ANSWER_MAX);
	buf_init(&spki, CERT_DER_MAX);
	TRY(read_issuer(dirfd, cert_pem, d));
	TRY(cert_pem_read(buf_str(cert_pem), &a, &certs, d));
	TRY(cert_spki_read(certs.p[0], &spki));
	return read_issuing_key(dirfd, buf_str(&spki), pkcs8, d);
}

/* Whether the process is ours to signal: a stale number may belong to another program by now. */
static bool is_witand(uint32_t pid)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%u/comm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char z[32] = "";
	ssize_t n = fd >= 0 ? read(fd, z, sizeof z - 1) : 0;
	if (fd >= 0)
		(void)close(fd);
	return n > 0 && str_eq(str_trim(str_of(z)), STR("witand"));
}

err deploy_reload(int dirfd, struct diag *d)
{
	struct buf text;
	uint32_t pid = 0;
	err e = file_read(dirfd, "run/witand.pid", 64, &text, NULL);
	bool runs = !failed(e) && str_to_u32(str_trim(buf_str(&text)), &pid) && pid > 1 && is_witand(pid);
	buf_fini(&text);
	if (!runs)
		return diag_fail(d, ERR(ABSENT), "run/witand.pid", "", "the server is not running");
	if (kill((pid_t)pid, SIGHUP) != 0)
		return diag_fail(d, ERR(REFUSED), "run/witand.pid", "run this as the user that runs witand",
			"cannot signal process %u: %s", pid, strerror(errno));
	return OK;
}
