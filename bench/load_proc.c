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

void cost_read(pid_t root, bool pss, struct cost *out)
{
	pid_t tree[TREE_MAX];
	*out = (struct cost){ 0 };
	if (root <= 0)
		return;
	size_t n = tree_of(root, tree);
	out->processes = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		out->cpu_ns += cpu_ns(tree[i]);
		if (pss)
			out->pss_kb += pss_kb(tree[i]);
	}
}
