/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_OS_IPC_PRIV_H
#define WITAN_OS_IPC_PRIV_H

#include "os/ipc.h"

/* A frame is {u32 length of the body, u16 type, body}, little-endian. */
enum { IPC_HEAD = 6 };

/* Room in the queue for one frame, its head written: *body has size bytes to be filled by the caller at once. fd as in
 * ipc_send. */
err ipc_frame(struct ipc *c, enum ipc_type type, size_t size, int fd, char **body);

/* Whether messages of the type carry a descriptor: those do always, the others never. */
bool ipc_type_carries_fd(enum ipc_type t);

#endif
