/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_fake - a name server on loopback for unit tests, in the test's own loop. Its zone is a table of rows; a name that has
 * no row does not exist. Include it in one file of a test program.
 */
#ifndef WITAN_OS_DNS_FAKE_H
#define WITAN_OS_DNS_FAKE_H

#include "os/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* text: A, AAAA: the address; CNAME: the name; SRV: "priority weight port target"; NAPTR: "order preference flags service
 * replacement" ("-" for an empty one). type "SILENT": no answer; "SERVFAIL": a failure. */
struct fake_row {
	const char *name, *type;
	uint32_t ttl;
	const char *text;
};

struct fake_dns {
	const struct fake_row *rows;
	struct watch watch;
	int fd;
	char servers[32]; /* for dns_config */
	unsigned n_asked; /* questions received */
	char last[256];   /* the name of the last one */
};

struct fake_out {
	uint8_t p[4096];
	size_t n;
};

static inline void fake_u16(struct fake_out *o, unsigned v)
{
	o->p[o->n++] = (uint8_t)(v >> 8);
	o->p[o->n++] = (uint8_t)v;
}

static inline void fake_name(struct fake_out *o, const char *name)
{
	str rest = str_of(strcmp(name, ".") == 0 ? "" : name);
	while (rest.n != 0) {
		str label = str_split(rest, '.', &rest);
		o->p[o->n++] = (uint8_t)label.n;
		memcpy(o->p + o->n, label.p, label.n);
		o->n += label.n;
	}
	o->p[o->n++] = 0;
}

static inline void fake_text(struct fake_out *o, const char *text)
{
	size_t n = strcmp(text, "-") == 0 ? 0 : strlen(text);
	o->p[o->n++] = (uint8_t)n;
	memcpy(o->p + o->n, text, n);
	o->n += n;
}

static inline unsigned fake_code(const char *type)
{
	static const struct {
		const char *type;
		unsigned code;
	} rows[] = { { "A", 1 }, { "CNAME", 5 }, { "SOA", 6 }, { "AAAA", 28 }, { "SRV", 33 }, { "NAPTR", 35 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].type, type) == 0)
			return rows[i].code;
	return 0;
}

static inline void fake_data(struct fake_out *o, const struct fake_row *r)
{
	unsigned a, b, c;
	char x[64], y[64], z[256];
	switch (fake_code(r->type)) {
	case 1:
		inet_pton(AF_INET, r->text, o->p + o->n);
		o->n += 4;
		break;
	case 28:
		inet_pton(AF_INET6, r->text, o->p + o->n);
		o->n += 16;
		break;
	case 5:
		fake_name(o, r->text);
		break;
	case 33:
		if (sscanf(r->text, "%u %u %u %255s", &a, &b, &c, z) != 4)
			abort();
		fake_u16(o, a);
		fake_u16(o, b);
		fake_u16(o, c);
		fake_name(o, z);
		break;
	default:
		if (sscanf(r->text, "%u %u %63s %63s %255s", &a, &b, x, y, z) != 5)
			abort();
		fake_u16(o, a);
		fake_u16(o, b);
		fake_text(o, x);
		fake_text(o, y);
		fake_text(o, "-");
		fake_name(o, z);
	}
}

static inline void fake_rr(struct fake_out *o, const struct fake_row *r)
{
	fake_name(o, r->name);
	fake_u16(o, fake_code(r->type));
	fake_u16(o, 1);
	fake_u16(o, r->ttl >> 16);
	fake_u16(o, r->ttl & 0xffff);
	size_t at = o->n;
	fake_u16(o, 0);
	fake_data(o, r);
	o->p[at] = (uint8_t)((o->n - at - 2) >> 8);
	o->p[at + 1] = (uint8_t)(o->n - at - 2);
}

/* An SOA that allows to believe in absence for 7 seconds. */
static inline void fake_soa(struct fake_out *o)
{
	fake_name(o, "example");
	fake_u16(o, 6);
	fake_u16(o, 1);
	fake_u16(o, 0);
	fake_u16(o, 600);
	fake_u16(o, 22);
	o->p[o->n++] = 0;
	o->p[o->n++] = 0;
	for (int i = 0; i < 8; i++)
		fake_u16(o, 1);
	fake_u16(o, 0);
	fake_u16(o, 7);
}

/* The whole answer to one question; 0 bytes: none. */
static inline void fake_answer(struct fake_dns *f, const uint8_t *q, size_t n, struct fake_out *o)
{
	char name[256] = "";
	size_t at = 12, length = 0;
	while (at < n && q[at] != 0 && at + q[at] < n && length + q[at] + 2 < sizeof(name)) {
		for (size_t i = 0; i < q[at]; i++)
			name[length++] = char_lower((char)q[at + 1 + i]);
		name[length++] = '.';
		at += 1u + q[at];
	}
	name[length != 0 ? length - 1 : 0] = '\0';
	unsigned type = (unsigned)(q[at + 1] << 8 | q[at + 2]), answers = 0, rcode = 3;
	f->n_asked++;
	snprintf(f->last, sizeof(f->last), "%s", name);
	memcpy(o->p, q, at + 5);
	o->n = at + 5;
	const char *want = name;
	for (const struct fake_row *r = f->rows; r->name != NULL; r++) {
		if (strcmp(r->name, want) != 0)
			continue;
		if (strcmp(r->type, "SILENT") == 0) {
			o->n = 0;
			return;
		}
		rcode = strcmp(r->type, "SERVFAIL") == 0 ? 2 : 0;
		if (fake_code(r->type) != type && strcmp(r->type, "CNAME") != 0)
			continue;
		fake_rr(o, r);
		answers++;
		if (strcmp(r->type, "CNAME") == 0)
			want = r->text; /* whose rows come later in the table */
	}
	if (answers == 0)
		fake_soa(o);
	uint8_t *h = o->p;
	h[2] = 0x84;
	h[3] = (uint8_t)(0x80 | rcode);
	h[6] = 0;
	h[7] = (uint8_t)answers;
	h[8] = 0;
	h[9] = answers == 0;
	h[10] = h[11] = 0; /* and no EDNS */
}

static inline void fake_on_ready(void *arg, unsigned events)
{
	struct fake_dns *f = arg;
	uint8_t q[2048];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	struct fake_out o = { 0 };
	ssize_t n = recvfrom(f->fd, q, sizeof(q), 0, (struct sockaddr *)&from, &size);
	if (n < 17)
		return;
	fake_answer(f, q, (size_t)n, &o);
	if (o.n != 0)
		(void)!sendto(f->fd, o.p, o.n, 0, (struct sockaddr *)&from, size);
}

/* rows end with a zeroed one. */
static inline void fake_open(struct fake_dns *f, struct loop *l, const struct fake_row *rows)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	*f = (struct fake_dns){ .rows = rows };
	f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&at, size) != 0 || getsockname(f->fd, (struct sockaddr *)&at, &size) != 0)
		abort();
	snprintf(f->servers, sizeof(f->servers), "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
	if (failed(watch_open(l, &f->watch, f->fd, fake_on_ready, f)))
		abort();
	watch_set(&f->watch, WATCH_READ);
}

static inline void fake_on_closed(void *arg)
{
	struct fake_dns *f = arg;
	close(f->fd);
}

/* f must live until the loop has turned once more. */
static inline void fake_close(struct fake_dns *f)
{
	watch_close(&f->watch, fake_on_closed);
}

#endif
