/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a deployment that the program reads and writes itself. */
#include "prog/witan/witan_priv.h"

#include "base/enc.h"
#include "model/topo.h"
#include "os/file.h"
#include "service/cert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int deploy_open(const char *dir, struct diag *d)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		(void)diag_fail(d, ERR(ABSENT), dir, "name the deployment by --dir, or make one by `witan init`", "%s", strerror(errno));
	return fd;
}

err deploy_read(const char *dir, struct arena *a, struct topo *t, struct topo_host *host, struct diag *d)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/topology.yaml", dir);
	ENSURE(n > 0 && (size_t)n < sizeof path, CEILING);
	err e = topo_read(t, a, path, d);
	if (err_is(e, ERR_ABSENT))
		return diag_fail(d, e, dir, "name the deployment by --dir, or make one by `witan init`", "there is no deployment here");
	TRY(e);
	return topo_find_host(t, STR(""), host, d);
}

err deploy_write_pair(int dirfd, const struct cert_pair *pair, struct diag *d)
{
	struct stat st;
	char hex[16], path[64];
	enc_hex(pair->spki, 8, hex);
	(void)snprintf(path, sizeof path, "keys/default-%.16s.key", hex);
	TRY(file_write(dirfd, path, buf_str(&pair->key_pem), 0400, d));
	if (fstatat(dirfd, "keys", &st, 0) != 0 || (geteuid() == 0 && fchownat(dirfd, path, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0))
		return diag_fail(d, ERR(SYSTEM), path, "", "cannot give the key to its owner: %s", strerror(errno));
	return file_write(dirfd, "certs/default.pem", buf_str(&pair->chain_pem), 0644, d);
}

err deploy_write_crl(int dirfd, const struct cert_ca *ca, struct diag *d)
{
	struct buf der;
	buf_init(&der, CERT_PEM_MAX);
	err e = cert_ca_crl(ca, (int64_t)time(NULL), &der);
	if (failed(e))
		e = diag_fail(d, e, "certs/witan.crl", "", "OpenSSL could not sign the list");
	else
		e = file_write(dirfd, "certs/witan.crl", buf_str(&der), 0644, d);
	buf_fini(&der);
	return e;
}
