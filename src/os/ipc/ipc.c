/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames over a local stream socket. A descriptor travels with the first byte of its frame: the write that carries it
 * begins there, and the kernel ends a read after it, so that at most one descriptor waits for its frame at any time.
 */
#include "os/ipc/ipc_priv.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_ROOM = 65536,    /* bytes of room before each read */
	READS_A_TURN = 8,     /* so that one busy peer does not keep the others waiting */
	KEEP_QUEUE = 1 << 20, /* a queue that grew past it gives its memory back when it is empty */
	FDS_MAX = 256,        /* descriptors not sent yet */
};

struct ipc {
	struct loop *loop;
	struct watch watch;
	struct loop_task task; /* writes at the end of the turn, or tells of the end */
	const struct ipc_door *door;
	void *arg;
	int fd, fd_in; /* fd_in: a descriptor whose frame is not whole yet, or -1 */
	bool closing;  /* ipc_close was called */
	bool broken;   /* nothing is taken or sent any more; on_close is on its way */
	struct buf in, out;
	size_t out_at; /* bytes of out already written */
	uint64_t sent; /* bytes written since the channel was opened */
	struct {
		uint64_t at; /* the first byte of the frame it goes with, counted as `sent` */
		int fd;
	} fds[FDS_MAX];
	unsigned fds_from, fds_n;
};

/* ---- the end ---- */

static void on_closed(void *arg)
{
	struct ipc *c = arg;
	if (c->fd_in >= 0)
		(void)close(c->fd_in);
	for (; c->fds_n != 0; c->fds_n--, c->fds_from++)
		(void)close(c->fds[c->fds_from % FDS_MAX].fd);
	(void)close(c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
}

static void flush(struct ipc *c);

void ipc_close(struct ipc *c)
{
	if (c == NULL || c->closing)
		return;
	flush(c);
	c->closing = true;
	loop_undefer(&c->task);
	watch_close(&c->watch, on_closed);
}

static void tell_end(void *arg)
{
	struct ipc *c = arg;
	if (c->closing)
		return;
	c->door->on_close(c->arg, c);
	ipc_close(c);
}

/* The door is told at the end of the turn, never from inside a call of its owner. */
static void fail(struct ipc *c)
{
	if (c->broken || c->closing)
		return;
	c->broken = true;
	watch_set(&c->watch, 0);
	loop_undefer(&c->task);
	loop_defer(c->loop, &c->task, tell_end, c);
}

/* ---- writing ---- */

/* One write: up to the next descriptor's frame, or from it with the descriptor. False: nothing more can be sent now. */
static bool write_some(struct ipc *c)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec v = { c->out.p + c->out_at, c->out.n - c->out_at };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	unsigned next = 0;
	bool has_fd = c->fds_n != 0 && c->fds[c->fds_from % FDS_MAX].at == c->sent;
	if (has_fd) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof control.room;
		control.h = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
		};
		memcpy(CMSG_DATA(&control.h), &c->fds[c->fds_from % FDS_MAX].fd, sizeof(int));
		next = 1;
	}
	if (c->fds_n > next)
		v.iov_len = (size_t)(c->fds[(c->fds_from + next) % FDS_MAX].at - c->sent);
	ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0) {
		bool again = errno == EINTR;
		if (!again && errno != EAGAIN && errno != ENOBUFS)
			fail(c);
		return again;
	}
	if (has_fd) {
		(void)close(c->fds[c->fds_from % FDS_MAX].fd);
		c->fds_from++;
		c->fds_n--;
	}
	c->sent += (uint64_t)n;
	c->out_at += (size_t)n;
	return (size_t)n == v.iov_len;
}

static void flush(struct ipc *c)
{
	if (c->broken || c->closing)
		return;
	while (c->out_at < c->out.n && write_some(c))
		;
	if (c->broken)
		return;
	if (c->out_at == c->out.n) {
		c->out_at = 0;
		buf_reset(&c->out);
		if (c->out.size > KEEP_QUEUE)
			buf_fini(&c->out);
		watch_set(&c->watch, WATCH_READ);
		return;
	}
	/* moving once half is sent costs each byte one move at most */
	if (c->out_at >= c->out.n / 2) {
		buf_drop(&c->out, c->out_at);
		c->out_at = 0;
	}
	watch_set(&c->watch, WATCH_READ | WATCH_WRITE);
}

static void on_turn_end(void *arg)
{
	flush(arg);
}

static err refuse(struct ipc *c, int fd, err e)
{
	if (fd >= 0)
		(void)close(fd);
	if (err_is(e, ERR_CEILING) || err_is(e, ERR_NO_MEMORY))
		fail(c);
	return e;
}

err ipc_frame(struct ipc *c, enum ipc_type type, size_t size, int fd, char **body)
{
	ASSERT((unsigned)type < IPC_N && ipc_type_carries_fd(type) == (fd >= 0));
	if (c->closing || c->broken)
		return refuse(c, fd, ERR(CLOSED));
	if (size > IPC_BODY_MAX || c->out.n - c->out_at + size + IPC_HEAD > IPC_QUEUE_MAX ||
		(fd >= 0 && c->fds_n == FDS_MAX))
		return refuse(c, fd, ERR(CEILING));
	if (!buf_reserve(&c->out, size + IPC_HEAD))
		return refuse(c, fd, ERR(NO_MEMORY));
	if (fd >= 0) {
		unsigned slot = (c->fds_from + c->fds_n++) % FDS_MAX;
		c->fds[slot].at = c->sent + (c->out.n - c->out_at);
		c->fds[slot].fd = fd;
	}
	uint32_t n = htole32((uint32_t)size);
	uint16_t t = htole16((uint16_t)type);
	char *p = c->out.p + c->out.n;
	memcpy(p, &n, sizeof n);
	memcpy(p + sizeof n, &t, sizeof t);
	*body = p + IPC_HEAD;
	c->out.n += size + IPC_HEAD;
	loop_defer(c->loop, &c->task, on_turn_end, c);
	return OK;
}

err ipc_send(struct ipc *c, enum ipc_type type, str body, int fd)
{
	char *p;
	TRY(ipc_frame(c, type, body.n, fd, &p));
	if (body.n != 0)
		memcpy(p, body.p, body.n);
	return OK;
}

size_t ipc_queued(const struct ipc *c)
{
	return c->out.n - c->out_at;
}

/* ---- reading ---- */

/* The descriptor of one read, if it brought one. More than one, or one more while one waits, is against the rules. */
static err take_fd(struct ipc *c, struct msghdr *m)
{
	bool extra = (m->msg_flags & MSG_CTRUNC) != 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (c->fd_in < 0)
				c->fd_in = fd;
			else if (close(fd) == 0 || fd >= 0)
				extra = true;
		}
	}
	return extra ? ERR(MALFORMED) : OK;
}

/* Frames that are whole go through the door as slices of the buffer; what is left of it moves to the front. */
static err deliver(struct ipc *c)
{
	size_t at = 0;
	err e = OK;
	while (c->in.n - at >= IPC_HEAD && !c->closing && !c->broken && !failed(e)) {
		uint32_t n;
		uint16_t t;
		memcpy(&n, c->in.p + at, sizeof n);
		memcpy(&t, c->in.p + at + sizeof n, sizeof t);
		n = le32toh(n);
		t = le16toh(t);
		ENSURE(t < IPC_N && n <= IPC_BODY_MAX, MALFORMED);
		if (c->in.n - at - IPC_HEAD < n)
			break;
		int fd = ipc_type_carries_fd(t) ? c->fd_in : -1;
		ENSURE(ipc_type_carries_fd(t) == (fd >= 0), MALFORMED);
		if (fd >= 0)
			c->fd_in = -1;
		e = c->door->on_message(c->arg, c, t, (str){ c->in.p + at + IPC_HEAD, n }, fd);
		at += IPC_HEAD + n;
	}
	buf_drop(&c->in, at);
	TRY(e);
	ENSURE(c->fd_in < 0 || c->in.n != 0 || c->closing, MALFORMED);
	return OK;
}

/* ABSENT: nothing more now. */
static err read_some(struct ipc *c)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	ENSURE(buf_reserve(&c->in, READ_ROOM), NO_MEMORY);
	struct iovec v = { c->in.p + c->in.n, c->in.size - c->in.n };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room
	};
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? ERR(ABSENT) : ERR(CLOSED);
	TRY(take_fd(c, &m));
	ENSURE(n != 0, CLOSED);
	c->in.n += (size_t)n;
	TRY(deliver(c));
	return (size_t)n < v.iov_len && c->fd_in < 0 && m.msg_controllen == 0 ? ERR(ABSENT) : OK;
}

static void on_ready(void *arg, unsigned events)
{
	struct ipc *c = arg;
	if (c->closing || c->broken)
		return;
	if ((events & WATCH_WRITE) != 0)
		flush(c);
	if ((events & WATCH_READ) == 0)
		return;
	err e = OK;
	for (int i = 0; i < READS_A_TURN && !failed(e) && !c->closing && !c->broken; i++)
		e = read_some(c);
	if (failed(e) && !err_is(e, ERR_ABSENT))
		fail(c);
}

err ipc_open(struct loop *l, int fd, const struct ipc_door *door, void *arg, struct ipc **out)
{
	struct ipc *c = calloc(1, sizeof *c);
	if (c == NULL) {
		(void)close(fd);
		return ERR(NO_MEMORY);
	}
	c->loop = l;
	c->door = door;
	c->arg = arg;
	c->fd = fd;
	c->fd_in = -1;
	buf_init(&c->in, IPC_HEAD + IPC_BODY_MAX + READ_ROOM);
	buf_init(&c->out, 2 * (size_t)IPC_QUEUE_MAX);
	err e = watch_open(l, &c->watch, fd, on_ready, c);
	if (failed(e)) {
		(void)close(fd);
		free(c);
		return e;
	}
	watch_set(&c->watch, WATCH_READ);
	*out = c;
	return OK;
}
