/* SPDX-License-Identifier: Apache-2.0 */
#include "role/master/master_priv.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const variables[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID" };

static unsigned watchdog(void)
{
	const char *span = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us = 0, wanted = 0;
	if (span == NULL || !str_to_u64(str_of(span), &us))
		return 0;
	if (pid != NULL && (!str_to_u64(str_of(pid), &wanted) || wanted != (uint64_t)getpid()))
		return 0;
	/* twice as often as asked */
	uint64_t ms = us / 2000;
	return ms > 3600000 ? 3600000 : (unsigned)ms;
}

void notify_init(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");
	*n = (struct notify){ .watchdog_ms = watchdog() };
	if (path != NULL && (path[0] == '/' || path[0] == '@') && strlen(path) < sizeof n->path)
		memcpy(n->path, path, strlen(path) + 1);
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		(void)unsetenv(variables[i]);
}

/* Nobody waits for the answer: a service manager that is gone is no reason to stop. */
void notify_tell(const struct notify *n, const char *state)
{
	size_t length = strlen(n->path);
	if (length == 0)
		return;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	memcpy(a.sun_path, n->path, length);
	if (a.sun_path[0] == '@')
		a.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	(void)close(fd);
}
