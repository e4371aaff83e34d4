/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a deployment that the program reads and writes itself. */
#include "prog/witan/witan_priv.h"

#include "base/crypt.h"
#include "base/enc.h"
#include "model/topo.h"
#include "os/file.h"
#include "prog/witan/issued.h"
#include "service/cert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

err deploy_read_ca(int dirfd, struct cert_ca **out, struct diag *d)
{
	struct buf cert, key;
	err e = file_read(dirfd, "ca/ca.key", CERT_PEM_MAX, &key, d);
	err e2 = file_read(dirfd, "ca.pem", CERT_PEM_MAX, &cert, failed(e) ? NULL : d);
	if (!failed(e))
		e = e2;
	if (!failed(e))
		e = cert_ca_read(buf_str(&cert), buf_str(&key), out, d);
	if (key.p != NULL)
		crypt_wipe(key.p, key.size);
	buf_fini(&key);
	buf_fini(&cert);
	return e;
}

static bool is_dropped(str name, str keep, str keep_too)
{
	if (name.n != sizeof "default-0123456789abcdef.key" - 1 || !str_begins(name, STR("default-")))
		return false;
	str id = str_cut(name, 8, 24);
	return !str_eq(id, keep) && !str_eq(id, keep_too);
}

unsigned deploy_drop_keys(int dirfd, str keep, str keep_too)
{
	int fd = openat(dirfd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned n = 0;
	for (const struct dirent *e = NULL; dir != NULL && (e = readdir(dir)) != NULL;)
		if (is_dropped(str_of(e->d_name), keep, keep_too))
			n += unlinkat(fd, e->d_name, 0) == 0;
	if (dir != NULL)
		(void)closedir(dir);
	else if (fd >= 0)
		(void)close(fd);
	return n;
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

err deploy_write_pair(int dirfd, const struct cert_pair *pair, struct diag *d)
{
	struct stat st;
	char hex[16], path[64];
	enc_hex(pair->spki, 8, hex);
	(void)snprintf(path, sizeof path, "keys/default-%.16s.key", hex);
	TRY(file_write(dirfd, path, buf_str(&pair->key_pem), 0400, d));
	if (fstatat(dirfd, "keys", &st, 0) != 0 ||
		(geteuid() == 0 && fchownat(dirfd, path, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0))
		return diag_fail(d, ERR(SYSTEM), path, "", "cannot give the key to its owner: %s", strerror(errno));
	return file_write(dirfd, "certs/default.pem", buf_str(&pair->chain_pem), 0644, d);
}

err deploy_write_crl(int dirfd, const struct cert_ca *ca, struct diag *d)
{
	struct issued_list issued;
	err e = issued_open(dirfd, &issued, d);
	if (!failed(e))
		e = issued_write_crl(&issued, ca, (int64_t)time(NULL), d);
	issued_close(&issued);
	return e;
}
