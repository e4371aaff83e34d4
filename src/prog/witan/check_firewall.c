/* SPDX-License-Identifier: Apache-2.0 */
/* The packet filter of this machine against the planned one. nft itself brings both into the same form: the planned rules are loaded into a network
 * namespace of their own and listed there. */
#include "prog/witan/check_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NFT       "/usr/sbin/nft"
#define TABLE     "list table inet witan\n"
#define TEXT_MOST (16u << 20)

static void be_nft(int in, int out)
{
	char *const argv[] = { (char[]){ "nft" }, (char[]){ "-f" }, (char[]){ "-" }, NULL };
	char *const env[] = { (char[]){ "PATH=/usr/sbin:/usr/bin" }, NULL };
	if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2)
		(void)execve(NFT, argv, env);
	_exit(127);
}

/* Gives text to nft and takes what it says. What is written is read whole before it answers, so that nobody waits for the other. */
static bool run_nft(str text, struct buf *out)
{
	int answer[2], status = -1;
	FILE *in = tmpfile();
	if (in == NULL || fwrite(text.p, 1, text.n, in) != text.n || fflush(in) != 0 || fseek(in, 0, SEEK_SET) != 0 || pipe(answer) != 0) {
		if (in != NULL)
			(void)fclose(in);
		return false;
	}
	pid_t pid = fork();
	if (pid == 0)
		be_nft(fileno(in), answer[1]);
	(void)close(answer[1]);
	(void)fclose(in);
	char room[4096];
	for (ssize_t n; (n = read(answer[0], room, sizeof room)) > 0 || (n < 0 && errno == EINTR);)
		if (n > 0)
			buf_add(out, (str){ room, (size_t)n });
	(void)close(answer[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && !out->failed;
}

/* Loads the rules where no packet passes, and lists them. Namespaces are those of the thread, so nobody else notices. */
static bool list_planned(str rules, struct buf *out)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	bool ok = home >= 0 && unshare(CLONE_NEWNET) == 0;
	if (ok) {
		ok = run_nft(rules, out);
		out->n = ok ? 0 : out->n;
		ok = ok && run_nft(STR(TABLE), out);
		ok = setns(home, CLONE_NEWNET) == 0 && ok;
	}
	if (home >= 0)
		(void)close(home);
	return ok;
}

/* The first line in which they differ. */
static void first_difference(str planned, str loaded, str *p, str *l)
{
	do {
		*p = str_trim(str_split(planned, '\n', &planned));
		*l = str_trim(str_split(loaded, '\n', &loaded));
	} while (str_eq(*p, *l) && (planned.n > 0 || loaded.n > 0));
}

static err read_networks(struct checking *k, struct plan_nft *nft)
{
	for (size_t i = 0; i < k->ask->clients.n; i++)
		TRY(plan_networks_add(&nft->clients, &k->arena, k->ask->clients.p[i], &k->diag));
	for (size_t i = 0; i < k->ask->admins.n; i++)
		TRY(plan_networks_add(&nft->admins, &k->arena, k->ask->admins.p[i], &k->diag));
	return OK;
}

static err compare(struct checking *k, const struct buf *plan)
{
	struct buf planned DEFER(buf_fini) = { 0 }, loaded DEFER(buf_fini) = { 0 };
	str p, l;
	buf_init(&planned, TEXT_MOST);
	buf_init(&loaded, TEXT_MOST);
	if (!run_nft(STR("list ruleset\n"), &loaded))
		return check_fact_add(k, CHECK_FACT_WALL_UNSEEN, k->here, "nft does not show the rules that are loaded");
	loaded.n = 0;
	if (!run_nft(STR(TABLE), &loaded))
		return check_fact_add(k, CHECK_FACT_WALL_NONE, k->here, "the table inet witan is not loaded");
	if (!list_planned(buf_str(plan), &planned))
		return check_fact_add(k, CHECK_FACT_WALL_UNSEEN, k->here, "the planned rules could not be loaded for comparison");
	if (str_eq(buf_str(&planned), buf_str(&loaded)))
		return OK;
	first_difference(buf_str(&planned), buf_str(&loaded), &p, &l);
	return check_fact_add(k, CHECK_FACT_WALL_OTHER, k->here, "planned is \"%.*s\", loaded is \"%.*s\"", STR_FMT(str_cut(p, 0, 300)), STR_FMT(str_cut(l, 0, 300)));
}

err check_firewall(struct checking *k)
{
	struct plan_nft nft = { .topo = &k->topo, .ports = &k->ports, .known = &k->known };
	struct topo_names missing;
	struct buf plan DEFER(buf_fini) = { 0 };
	struct diag d = { 0 };
	if (k->here.n == 0 || !check_is_asked(k, k->here))
		return OK;
	TRY(read_networks(k, &nft));
	if (geteuid() != 0 || access(NFT, X_OK) != 0)
		return check_fact_add(k, CHECK_FACT_WALL_UNSEEN, k->here, geteuid() != 0 ? "it is shown to root alone" : "nft is not installed");
	buf_init(&plan, TEXT_MOST);
	err e = plan_nft_print(&nft, k->here, &k->arena, &plan, &missing, &d);
	if (failed(e))
		return check_fact_add(k, CHECK_FACT_WALL_UNSEEN, k->here, "what is planned is not known: %s (%s)", d.what, d.remedy);
	return compare(k, &plan);
}
