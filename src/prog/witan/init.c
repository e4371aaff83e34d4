/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witan init - makes a deployment. Everything is made in DIR.new and renamed at the end, so that DIR is whole or
 * absent; what an interrupted run left is removed by the next.
 */
#include "prog/witan/init_priv.h"

#include "base/crypt.h"
#include "os/file.h"
#include "role/master.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- who owns what ---- */

static err add_user(struct init *in, const char *name)
{
	char *argv[] = { (char[]){ "useradd" }, (char[]){ "--system" }, (char[]){ "--user-group" },
		(char[]){ "--no-create-home" }, (char[]){ "--home-dir" }, (char[]){ "/nonexistent" },
		(char[]){ "--shell" }, (char[]){ "/usr/sbin/nologin" }, strdup(name), NULL };
	char *env[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };
	pid_t pid;
	int status = -1;
	(void)fprintf(stderr, "init: adding the system user %s\n", name);
	int rc = posix_spawn(&pid, "/usr/sbin/useradd", NULL, NULL, argv, env);
	free(argv[8]);
	while (rc == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc != 0 || status != 0)
		return diag_fail(&in->diag, ERR(SYSTEM), name,
			"add the user by hand (useradd --system NAME), or run as an ordinary user",
			"cannot add the system user: %s", rc != 0 ? strerror(rc) : "useradd failed");
	return OK;
}

static err add_users(struct init *in)
{
	if (geteuid() != 0)
		return OK;
	static const char *const users[] = { "witan-keeper", "witan-vault", "witan-front", "witan-web", "witan-edge", "witan-replicator", "witan-fetch", "witan-winbind" };
	for (size_t i = 0; i < sizeof users / sizeof *users; i++)
		if (getpwnam(users[i]) == NULL)
			TRY(add_user(in, users[i]));
	return OK;
}

static err give(struct init *in, const char *path, const char *user)
{
	if (user == NULL || geteuid() != 0)
		return OK;
	const struct passwd *pw = getpwnam(user);
	if (pw == NULL || fchownat(in->dirfd, path, pw->pw_uid, pw->pw_gid, AT_SYMLINK_NOFOLLOW) != 0)
		return diag_fail(
			&in->diag, ERR(SYSTEM), path, "", "cannot give it to %s: %s", user, strerror(errno));
	return OK;
}

/* ---- the directory ---- */

/* in->path without slashes at the end. */
static err take_path(struct init *in)
{
	str s = str_of(in->dir);
	while (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	if (!str_to_z(s, in->path, sizeof in->path))
		return diag_fail(&in->diag, ERR(CEILING), "--dir", "use a shorter path", "the path is too long");
	const char *slash = strrchr(in->path, '/'), *base = slash != NULL ? slash + 1 : in->path;
	if (base[0] == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return diag_fail(&in->diag, ERR(REFUSED), in->path, "name the directory that is to be made",
			"this directory is there already");
	(void)snprintf(in->new_path, sizeof in->new_path, "%s.new", in->path);
	return OK;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;
	for (const struct dirent *e = NULL; dir != NULL && n <= 2 && (e = readdir(dir)) != NULL;)
		n++;
	if (dir != NULL)
		(void)closedir(dir);
	return dir != NULL && n <= 2; /* itself and its parent */
}

static err check_absent(struct init *in)
{
	struct stat st;
	char topology[PATH_OCTETS + 32];
	if (lstat(in->path, &st) != 0)
		return OK;
	(void)snprintf(topology, sizeof topology, "%s/topology.yaml", in->path);
	if (access(topology, F_OK) == 0)
		return diag_fail(&in->diag, ERR(EXISTS), in->path,
			"use it (witand --dir), choose another directory, or remove this one first",
			"there is a deployment already; nothing was changed");
	if (!S_ISDIR(st.st_mode) || !is_empty(in->path))
		return diag_fail(&in->diag, ERR(EXISTS), in->path, "choose another directory, or empty this one first",
			"it is there already and not an empty directory; nothing was changed");
	return OK;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static void remove_new(struct init *in)
{
	(void)nftw(in->new_path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static err fail_dir(struct init *in, const char *what)
{
	int reason = errno;
	return diag_fail(&in->diag, reason == EACCES || reason == EPERM ? ERR(REFUSED) : ERR(SYSTEM), in->new_path,
		reason == ENOENT ? "make the directory above it first"
				 : "check the owner and the mode of the directory above it",
		"cannot %s: %s", what, strerror(reason));
}

/* Makes DIR.new and holds a lock on it, by which a run that is at work is told from one that was interrupted. */
static err open_new(struct init *in)
{
	int old = open(in->new_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (old >= 0 && flock(old, LOCK_EX | LOCK_NB) != 0) {
		(void)close(old);
		return diag_fail(&in->diag, ERR(BUSY), in->new_path, "wait until it is done",
			"another `witan init` is making this deployment");
	}
	if (old >= 0) {
		(void)fprintf(stderr, "init: removing %s, left by an interrupted run\n", in->new_path);
		remove_new(in);
		(void)close(old);
	}
	if (mkdir(in->new_path, 0700) != 0)
		return fail_dir(in, "make the directory");
	in->dirfd = open(in->new_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in->dirfd < 0 || flock(in->dirfd, LOCK_EX | LOCK_NB) != 0)
		return fail_dir(in, "open the directory");
	return OK;
}

/* Which server of the topology this directory is. */
static err write_host(struct init *in)
{
	char line[300];
	int n = snprintf(line, sizeof line, "%.*s\n", STR_FMT(str_cut(in->host.server->fqdn, 0, 255)));
	return file_write(in->dirfd, "host", (str){ line, (size_t)n }, 0644, &in->diag);
}

static err make_places(struct init *in)
{
	size_t n;
	const struct deploy_place *places = deploy_places(&n);
	for (size_t i = 0; i < n; i++) {
		const char *path = places[i].path;
		if (mkdirat(in->dirfd, path, 0700) != 0 || fchmodat(in->dirfd, path, places[i].mode, 0) != 0)
			return diag_fail(
				&in->diag, ERR(SYSTEM), path, "", "cannot make the directory: %s", strerror(errno));
		TRY(give(in, path, places[i].user));
	}
	TRY(file_write(in->dirfd, "topology.yaml", buf_str(&in->text), 0644, &in->diag));
	return in->host_file ? write_host(in) : OK;
}

/* ---- certificates ---- */

static err make_certificates(struct init *in)
{
	TRY(init_certificates(in));
	return give(in, "certs/issued", "witan-vault");
}

/* Everything on the disk, then DIR by one rename. */
static err publish(struct init *in)
{
	if (fchmod(in->dirfd, 0755) != 0 || syncfs(in->dirfd) != 0 || rename(in->new_path, in->path) != 0)
		return fail_dir(in, "finish the directory");
	char *copy = strdup(in->path), *slash = copy != NULL ? strrchr(copy, '/') : NULL;
	if (slash != NULL)
		slash[slash == copy] = '\0';
	int parent = open(slash != NULL ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (parent >= 0) {
		(void)fsync(parent);
		(void)close(parent);
	}
	return OK;
}

static const struct {
	const char *says;
	err (*make)(struct init *in);
} steps[] = {
	{ "reading the topology", init_topology },
	{ "making the directory", open_new }, /* before the users: a place that cannot be written to changes nothing */
	{ "making system users", add_users },
	{ "making what is in it", make_places },
	{ "making the root authority", init_root },
	{ "making the issuing authority", init_issuing },
	{ "issuing the server's certificates", make_certificates },
	{ "finishing", publish },
};

/* ---- a deployment that comes from elsewhere ---- */

static err make_from(struct init *in, err (*fill)(void *arg, int dir, struct diag *d), void *arg)
{
	TRY(take_path(in));
	TRY(check_absent(in));
	TRY(open_new(in));
	TRY(add_users(in));
	TRY(make_places(in));
	TRY(fill(arg, in->dirfd, &in->diag));
	return publish(in);
}

err init_from(const char *dir, err (*fill)(void *arg, int dirfd, struct diag *d), void *arg, struct diag *d)
{
	static struct init in; /* too large for the stack */
	in = (struct init){ .dir = dir, .dirfd = -1 };
	buf_init(&in.text, 1);
	err e = make_from(&in, fill, arg);
	if (failed(e) && in.dirfd >= 0)
		remove_new(&in);
	if (in.dirfd >= 0)
		(void)close(in.dirfd);
	*d = in.diag;
	return e;
}

static void report_listeners(const struct init *in)
{
	const struct topo_pool *pool = in->host.pool;
	str fqdn = in->host.server->fqdn;
	(void)printf("server:           %.*s (%s)", STR_FMT(fqdn), topo_role_word((enum topo_role)pool->role));
	if (pool->role == TOPO_EDGE)
		(void)printf(", SIP over TLS inside at %.*s:%u, outside at %.*s:%s5061", STR_FMT(in->host.server->internal_address),
			pool->ports.sip_tls, STR_FMT(in->host.server->external_address.access), pool->single_address ? "" : "443 and ");
	if (!master_runs("front", pool->role))
		return;
	(void)printf(", SIP over TLS on port %u", pool->ports.sip_tls);
	if (pool->ports.sip_tcp != 0)
		(void)printf(", SIP over TCP on port %u", pool->ports.sip_tcp);
	if (pool->ports.web != 0)
		(void)printf("\nmanagement:       https://%.*s:%u", STR_FMT(fqdn), pool->ports.web);
	if (topo_has_web(pool) && pool->ports.https != 0)
		(void)printf("\nweb services:     https://%.*s:%u", STR_FMT(fqdn), pool->ports.https);
}

static void report(const struct init *in)
{
	const struct topo_pool *pool = in->host.pool;
	(void)printf("deployment:       %s\n", in->path);
	report_listeners(in);
	if (master_missing(pool) != NULL)
		(void)printf("\nnot there yet:    %s", master_missing(pool));
	(void)printf("\nrevocation list:  %.*s%s", STR_FMT(in->plan.crl_url), !topo_has_web(pool) || pool->ports.http != 0 ? "" : " (not served: no --port-http)");
	(void)printf("\nSIP domains:     ");
	TOPO_EACH (domain, in->topo.sip_domains)
		(void)printf(" %.*s", STR_FMT(*domain));
	(void)printf(
		"\ntopology:         %s/topology.yaml\nCA for clients:   %s/ca.pem\n\nnext:\n", in->path, in->path);
	if (in->root_passphrase == NULL)
		(void)printf("  move %s/ca/root.key and %s/ca/root.passphrase to a safe place off this machine: they are needed\n"
			     "  again once a year, and for another domain (witan renew-authority)\n", in->path, in->path);
	else
		(void)printf("  move %s/ca/root.key to a safe place off this machine: it is needed again only to make another\n  issuing authority\n", in->path);
	(void)printf("  witand --dir %s\n", in->path);
	(void)printf("  witan --dir %s New-CsUser -SipAddress sip:ann@%.*s -DisplayName \"Ann\" -PasswordFile -\n",
		in->path, STR_FMT(in->topo.sip_domains.p[0]));
}

static err make(struct init *in)
{
	TRY(take_path(in));
	TRY(check_absent(in));
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (steps[i].make != add_users || geteuid() == 0)
			(void)fprintf(stderr, "init: %s\n", steps[i].says);
		TRY(steps[i].make(in));
	}
	return OK;
}

static int run(struct init *in)
{
	in->dirfd = -1;
	arena_init(&in->arena, 48u << 20);
	buf_init(&in->text, TOPO_SIZE_MAX);
	err e = make(in);
	if (failed(e) && in->dirfd >= 0)
		remove_new(in);
	int status = failed(e) ? witan_fail("init", e, &in->diag) : WITAN_DONE;
	if (status == WITAN_DONE)
		report(in);
	if (in->dirfd >= 0)
		(void)close(in->dirfd);
	init_authority_fini(&in->root);
	init_authority_fini(&in->issuing);
	buf_fini(&in->text);
	arena_fini(&in->arena);
	return status;
}

int init_main(int argc, char **argv, const char *dir)
{
	static struct init in; /* too large for the stack */
	const struct witan_option options[] = {
		{ "--sip-domain", WITAN_TEXTS, &in.sip_domains, "DOMAIN[,...]",
			"what users' addresses end with; the first is the default", 0 },
		{ "--fqdn", WITAN_TEXT, &in.fqdn, "NAME",
			"the server's full name (default: the machine's, else uc01.DOMAIN)", 0 },
		{ "--organization", WITAN_TEXT, &in.organization, "NAME", "for certificates (default: the SIP domain)",
			0 },
		{ "--topology", WITAN_TEXT, &in.topology, "FILE", "a topology document, instead of --sip-domain", 0 },
		{ "--host", WITAN_TEXT, &in.host_name, "NAME", "which server of the topology this is (default: the only one that signs users in)", 0 },
		{ "--port-sip-tls", WITAN_NUMBER, &in.port_sip_tls, "PORT", "SIP over TLS (1 to 65535; default: 5061)",
			65535 },
		{ "--port-sip-tcp", WITAN_NUMBER, &in.port_sip_tcp, "PORT",
			"SIP over TCP too (1 to 65535; default: not at all)", 65535 },
		{ "--port-web", WITAN_NUMBER, &in.port_web, "PORT",
			"HTTPS for administrators (1 to 65535; default: not at all)", 65535 },
		{ "--port-http", WITAN_NUMBER, &in.port_http, "PORT",
			"HTTP for revocation lists and issuers' certificates (1 to 65535; default: not at all)", 65535 },
		{ "--port-https", WITAN_NUMBER, &in.port_https, "PORT",
			"HTTPS for web services inside, as autodiscover (1 to 65535; clients look at 443; default: not at all)", 65535 },
		{ "--front-processes", WITAN_NUMBER, &in.front_processes, "N",
			"processes that handle SIP (1 to 64; default: 1)", 64 },
		{ "--key", WITAN_TEXT, &in.key, "TYPE", "rsa-2048 (default), rsa-3072, rsa-4096, ec-p256 or ec-p384",
			0 },
		{ "--root-passphrase-file", WITAN_TEXT, &in.root_passphrase, "FILE",
			"holds what locks the root's key (default: one is made and kept in ca/root.passphrase)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	int status;
	if (!witan_options(argc, argv,
		    "--dir DIR --sip-domain DOMAIN [OPTION...]\n\nMakes a deployment in DIR, which must not be there "
		    "yet.",
		    options, &status))
		return status;
	if ((in.topology != NULL) == (in.sip_domains.n != 0))
		return witan_usage("init", "give either --sip-domain or --topology");
	if (in.host_name != NULL && in.topology == NULL)
		return witan_usage("init", "--host says which server of a --topology this is; a single server is named by --fqdn");
	in.dir = dir;
	return run(&in);
}
