/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc - typed messages between the processes of one server over a local stream socket. Messages are rows (ipc.def);
 * each row gives a struct, a writer and a strict reader: bytes left over, a field cut off or an unknown type close the
 * channel. What is sent in one turn leaves in one write at its end. A channel whose other side does not read is closed
 * at its ceiling: nobody waits for anybody.
 */
#ifndef WITAN_OS_IPC_H
#define WITAN_OS_IPC_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/loop.h"

/* ---- messages ---- */

#include "os/ipc_fields.def"

enum ipc_type {
#define IPC_MSG(NAME, name) IPC_##NAME,
#include "os/ipc.def"
#undef IPC_MSG
	IPC_N
};

#define IPC_C_U8  uint8_t
#define IPC_C_U16 uint16_t
#define IPC_C_U32 uint32_t
#define IPC_C_U64 uint64_t
#define IPC_C_STR str /* a slice of the frame when read */

/* struct ipc_NAME, one member a field. `unused_` lets a message have no field. */
#define IPC_FIELD(kind, field) IPC_C_##kind field;
#define IPC_MSG(NAME, name)                          \
	struct ipc_##name {                          \
		uint8_t unused_;                     \
		IPC_FIELDS_##NAME(IPC_FIELD)         \
	};
#include "os/ipc.def"
#undef IPC_MSG
#undef IPC_FIELD

/* The body of a message to bytes and back. parse: MALFORMED unless the body is exactly the fields. */
#define IPC_MSG(NAME, name)                                                 \
	void ipc_##name##_print(const struct ipc_##name *m, struct buf *b); \
	err ipc_##name##_parse(struct ipc_##name *m, str body);
#include "os/ipc.def"
#undef IPC_MSG

const char *ipc_type_name(enum ipc_type t);

/* ---- channels ---- */

/* A body, and what may wait for a peer that does not read. Who has more to say paces himself by ipc_queued. */
enum { IPC_BODY_MAX = 1 << 20, IPC_QUEUE_MAX = 64 << 20 };

struct ipc;

struct ipc_door {
	/* One message; body and what was read from it live until the call returns. fd is -1 or a descriptor that the
	 * receiver now owns (CHANNEL, LISTENER and METER_MAP bring one, the others never). An error closes the channel
	 * (on_close follows). */
	err (*on_message)(void *arg, struct ipc *from, enum ipc_type type, str body, int fd);
	/* The other side is gone or broke the rules; `from` is freed after the call returns. */
	void (*on_close)(void *arg, struct ipc *from);
};

/* Takes over fd (a connected AF_UNIX stream socket), whatever it answers. */
err ipc_open(struct loop *l, int fd, const struct ipc_door *door, void *arg, struct ipc **out);
/* No more calls through the door. What is queued is given one try. */
void ipc_close(struct ipc *c);
/* Queues one message; fd (or -1) goes along with it and is closed here, sent or not. CLOSED after an end; CEILING over
 * that of a body or of the queue, which also ends the channel (on_close follows in a later turn). */
err ipc_send(struct ipc *c, enum ipc_type type, str body, int fd);
/* Bytes not sent yet. */
size_t ipc_queued(const struct ipc *c);

/* err ipc_send_user(c, &(struct ipc_user){ .aor = ... }, -1): prints straight into the queue. */
#define IPC_MSG(NAME, name) err ipc_send_##name(struct ipc *c, const struct ipc_##name *m, int fd);
#include "os/ipc.def"
#undef IPC_MSG

#endif
