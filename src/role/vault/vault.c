/* SPDX-License-Identifier: Apache-2.0 */
#include "role/vault.h"

#include <unistd.h>

static err start(struct skel *s, struct diag *d)
{
	skel_ready(s);
	return OK;
}

static void on_channel(struct skel *s, str role, unsigned index, int fd)
{
	(void)close(fd);
}

static void on_listener(struct skel *s, str transport, unsigned port, int fd)
{
	(void)close(fd);
}

static const struct jail jail = {
	.user = "witan-vault",
	.room = "store",
	.may = JAIL_READ | JAIL_WRITE | JAIL_ACCEPT,
	.n_files = 1024,
};

const struct role role_vault = {
	.name = "vault",
	.jail = &jail,
	.start = start,
	.on_channel = on_channel,
	.on_listener = on_listener,
};
