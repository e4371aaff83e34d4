/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of messages, generated from the rows: each field by its kind, strings as {u32 length, bytes}. */
#include "os/ipc/ipc_priv.h"

#include "base/scan.h"

#include <endian.h>

static const char *const names[IPC_N] = {
#define IPC_MSG(NAME, name) #NAME,
#include "os/ipc.def"
#undef IPC_MSG
};

const char *ipc_type_name(enum ipc_type t)
{
	return (unsigned)t < IPC_N ? names[t] : "?";
}

bool ipc_type_carries_fd(enum ipc_type t)
{
	return t == IPC_CHANNEL || t == IPC_LISTENER || t == IPC_METER_MAP;
}

/* ---- one field of each kind: its size, its writer, its reader ---- */

#define SIZE_U8(v)  (sizeof(uint8_t))
#define SIZE_U16(v) (sizeof(uint16_t))
#define SIZE_U32(v) (sizeof(uint32_t))
#define SIZE_U64(v) (sizeof(uint64_t))
#define SIZE_STR(v) (sizeof(uint32_t) + (v).n)

static inline char *put(char *p, const void *v, size_t n)
{
	memcpy(p, v, n);
	return p + n;
}

static inline char *put_U8(char *p, uint8_t v)
{
	return put(p, &v, sizeof v);
}

static inline char *put_U16(char *p, uint16_t v)
{
	v = htole16(v);
	return put(p, &v, sizeof v);
}

static inline char *put_U32(char *p, uint32_t v)
{
	v = htole32(v);
	return put(p, &v, sizeof v);
}

static inline char *put_U64(char *p, uint64_t v)
{
	v = htole64(v);
	return put(p, &v, sizeof v);
}

/* A string longer than its length can say is longer than a frame: ipc_frame has refused it before. */
static inline char *put_STR(char *p, str v)
{
	p = put_U32(p, (uint32_t)v.n);
	return v.n != 0 ? put(p, v.p, v.n) : p;
}

static inline bool get(struct scan *s, void *v, size_t n)
{
	if (scan_left(s) < n)
		return false;
	memcpy(v, s->p, n);
	s->p += n;
	return true;
}

static inline bool get_U8(struct scan *s, uint8_t *v)
{
	return get(s, v, sizeof *v);
}

static inline bool get_U16(struct scan *s, uint16_t *v)
{
	bool ok = get(s, v, sizeof *v);
	*v = le16toh(*v);
	return ok;
}

static inline bool get_U32(struct scan *s, uint32_t *v)
{
	bool ok = get(s, v, sizeof *v);
	*v = le32toh(*v);
	return ok;
}

static inline bool get_U64(struct scan *s, uint64_t *v)
{
	bool ok = get(s, v, sizeof *v);
	*v = le64toh(*v);
	return ok;
}

static inline bool get_STR(struct scan *s, str *v)
{
	uint32_t n = 0;
	if (!get_U32(s, &n) || scan_left(s) < n)
		return false;
	*v = (str){ s->p, n };
	s->p += n;
	return true;
}

/* ---- every message ---- */

#define SIZE_FIELD(kind, field) +SIZE_##kind(m->field)
#define PUT_FIELD(kind, field)  p = put_##kind(p, m->field);
#define GET_FIELD(kind, field)  ENSURE(get_##kind(&s, &m->field), MALFORMED);

#define IPC_MSG(NAME, name)                                                      \
	static inline size_t size_##name(const struct ipc_##name *m)             \
	{                                                                        \
		(void)m;                                                         \
		return 0 IPC_FIELDS_##NAME(SIZE_FIELD);                          \
	}                                                                        \
	static inline char *put_##name(char *p, const struct ipc_##name *m)      \
	{                                                                        \
		(void)m;                                                         \
		IPC_FIELDS_##NAME(PUT_FIELD) return p;                           \
	}                                                                        \
	void ipc_##name##_print(const struct ipc_##name *m, struct buf *b)       \
	{                                                                        \
		size_t n = size_##name(m);                                       \
		if (n == 0 || !buf_reserve(b, n))                                \
			return;                                                  \
		(void)put_##name(b->p + b->n, m);                                \
		b->n += n;                                                       \
	}                                                                        \
	err ipc_##name##_parse(struct ipc_##name *m, str body)                   \
	{                                                                        \
		struct scan s = scan_of(body);                                   \
		*m = (struct ipc_##name){ 0 };                                   \
		IPC_FIELDS_##NAME(GET_FIELD) ENSURE(scan_at_end(&s), MALFORMED); \
		return OK;                                                       \
	}                                                                        \
	err ipc_send_##name(struct ipc *c, const struct ipc_##name *m, int fd)   \
	{                                                                        \
		char *p;                                                         \
		TRY(ipc_frame(c, IPC_##NAME, size_##name(m), fd, &p));           \
		(void)put_##name(p, m);                                          \
		return OK;                                                       \
	}
#include "os/ipc.def"
#undef IPC_MSG
