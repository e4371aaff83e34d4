/* SPDX-License-Identifier: Apache-2.0 */
/* load_proc - processor time and memory of a tree of processes, from /proc and the kernel's per-process clocks. */
#include "load.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TREE_MAX = 512 };

/* The parent of a process; 0: gone. The name in parentheses may hold anything, so its end is looked for from the right.
 */
static pid_t parent_of(const char *pid)
{
	char path[64], line[512];
	snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return 0;
	size_t n = fread(line, 1, sizeof line - 1, f);
	fclose(f);
	line[n] = '\0';
	const char *end = strrchr(line, ')');
	return end != NULL && strlen(end) > 4 ? (pid_t)strtol(end + 4, NULL, 10) : 0;
}

/* Every process and its parent. */
static size_t list_processes(pid_t pids[][2], size_t max)
{
	size_t n = 0;
	DIR *dir = opendir("/proc");
	for (struct dirent *d; dir != NULL && n < max && (d = readdir(dir)) != NULL;) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		pids[n][0] = (pid_t)strtol(d->d_name, NULL, 10);
		pids[n][1] = parent_of(d->d_name);
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

static size_t tree_of(pid_t root, pid_t out[TREE_MAX])
{
	static pid_t pids[8192][2];
	size_t n_all = list_processes(pids, 8192), n = 0;
	out[n++] = root;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n_all && n < TREE_MAX; k++)
			if (pids[k][1] == out[i])
				out[n++] = pids[k][0];
	return n;
}

static uint64_t cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec t;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t pss_kb(pid_t pid)
{
	char path[64], line[256];
	unsigned long long kb = 0;
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "Pss: %llu", &kb) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kb;
}

/* What stands after --role in the command line of a process. */
static void role_of(pid_t pid, char out[16])
{
	char path[64], line[1024];
	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	FILE *f = fopen(path, "re");
	size_t n = f != NULL ? fread(line, 1, sizeof line - 1, f) : 0;
	if (f != NULL)
		fclose(f);
	line[n] = '\0';
	const char *at = memmem(line, n, "--role", 7);
	snprintf(out, 16, "%s", at != NULL ? at + 7 : "-");
}

static void add_role(struct cost *out, const char *name, uint64_t cpu, uint64_t pss)
{
	size_t i = 0;
	while (i < COST_ROLES - 1 && out->role[i].name[0] != '\0' && strcmp(out->role[i].name, name) != 0)
		i++;
	memcpy(out->role[i].name, name, 16);
	out->role[i].cpu_ns += cpu;
	out->role[i].pss_kb += pss;
}

pid_t cost_find(pid_t root, const char *role)
{
	pid_t tree[TREE_MAX];
	char name[16];
	size_t n = tree_of(root, tree);
	for (size_t i = 0; i < n; i++) {
		role_of(tree[i], name);
		if (strcmp(name, role) == 0)
			return tree[i];
	}
	return 0;
}

void cost_read(pid_t root, bool pss, struct cost *out)
{
	pid_t tree[TREE_MAX];
	*out = (struct cost){ 0 };
	if (root <= 0)
		return;
	size_t n = tree_of(root, tree);
	out->processes = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		char name[16];
		uint64_t cpu = cpu_ns(tree[i]), memory = pss ? pss_kb(tree[i]) : 0;
		role_of(tree[i], name);
		add_role(out, name, cpu, memory);
		out->cpu_ns += cpu;
		out->pss_kb += memory;
	}
}
