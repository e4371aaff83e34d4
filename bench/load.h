/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - what the parts of sipload share. It uses the base floor only, so that it judges any SIP server by the
 * standards and not by the server's own reading of them.
 */
#ifndef WITAN_BENCH_LOAD_H
#define WITAN_BENCH_LOAD_H

#include "base/crypt.h"
#include "base/mem.h"
#include "base/str.h"

#include <openssl/ssl.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- messages (load_sip.c) ---- */

enum { SIP_LINES = 16 };

/* One message as it came; slices of the input. */
struct msg {
	unsigned status; /* 0: a request */
	str method;      /* of the request line, or of CSeq */
	str from, to, call_id, contact, etag, expires, info, body; /* info: Authentication-Info */
	uint32_t cseq;
	str via[SIP_LINES], route[SIP_LINES]; /* values; route: Record-Route, one element each */
	size_t n_via, n_route;
	str challenge[SIP_LINES]; /* WWW-Authenticate and Proxy-Authenticate in their order */
	size_t n_challenge;
	bool proxy; /* the challenges are a proxy's */
};

/* The bytes of the first whole message; 0: not whole yet; SIZE_MAX: not SIP. Keep-alives are counted as messages of
 * their own. */
size_t msg_frame(str in);
bool msg_parse(struct msg *m, str bytes);

/* The value of one parameter of a challenge, unquoted; empty: not there. */
str msg_parameter(str challenge, str name);

/* What is needed to answer a challenge (RFC 7616, RFC 8760); text is a copy of the challenge. */
struct auth {
	char *text;
	str realm, nonce, opaque;
	bool sha256, qop;
	uint32_t nc;
};

/* Takes the first challenge of m that it can answer (only_md5: the first MD5 one); false: there is none. */
bool auth_take(struct auth *a, const struct msg *m, bool only_md5);
void auth_drop(struct auth *a);
/* Appends the Authorization or Proxy-Authorization field. */
void auth_print(
	struct auth *a, struct buf *b, struct crypt *c, bool proxy, str user, str password, str method, str uri);

/* ---- NTLM of the Lync dialect (load_ntlm.c) ---- */

/* A sign-in as far as it has come: nothing, the server's name (it was asked for a token), the answer to its token. */
struct ntlm {
	char target[128], opaque[64];
	char *token; /* base64 */
	uint8_t sign[2][16], seal[2][16];
};

/* What of a REGISTER or its answer is signed; status 0: the request. */
struct ntlm_fields {
	str call_id, cseq, from, from_tag, to, to_tag, expires;
	unsigned status;
};

/* Goes one step on by a 401. False: NTLM is not offered, or the proof was refused. */
bool ntlm_take(struct ntlm *n, struct crypt *c, const struct msg *m, str user, str password);
void ntlm_drop(struct ntlm *n);
/* Appends the Authorization field of the next step, if there is one yet. */
bool ntlm_print(struct ntlm *n, struct crypt *c, const struct ntlm_fields *f, struct buf *out);
/* Has the server signed this answer for us? */
bool ntlm_is_signed(struct ntlm *n, struct crypt *c, str info, const struct ntlm_fields *f);

/* ---- the server's cost (load_proc.c) ---- */

enum { COST_ROLES = 16 };

struct cost {
	uint64_t cpu_ns; /* of the process and all its descendants */
	struct {
		char name[16]; /* "front": what stands after --role in its command line; else "-" */
		uint64_t cpu_ns, pss_kb;
	} role[COST_ROLES];
	uint64_t pss_kb;
	unsigned processes;
};

/* pss: memory is read too (slow). A process that ends while measuring takes its time along. */
void cost_read(pid_t root, bool pss, struct cost *out);
/* A descendant of this role; 0: there is none. */
pid_t cost_find(pid_t root, const char *role);

/* ---- connections (load_net.c) ---- */

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_SHAKING, LINK_UP };

struct link {
	enum link_state state;
	int fd;
	SSL *ssl;
	struct buf in, out;
	unsigned wanted; /* epoll events */
	char ip[16];
	uint16_t port;
};

struct net {
	int epoll;
	SSL_CTX *tls;
	const char *host;
	uint16_t port;
	unsigned addresses; /* local ones to rotate over, from 127.1.0.1 on; 0: the system's choice */
	unsigned next_address;
	uint64_t opened;
};

bool net_init(struct net *n, const char *host, uint16_t port, unsigned addresses, const char *ca, bool tls12);
/* Begins to connect. arg comes back from epoll. */
bool link_open(struct net *n, struct link *l, void *arg);
void link_close(struct net *n, struct link *l);
/* Goes on with what is ready: handshake, output, input into l->in. False: the connection is gone (l->in may still hold
 * messages). */
bool link_work(struct net *n, struct link *l, void *arg);
/* Writes what is in l->out as far as it goes. */
bool link_flush(struct net *n, struct link *l, void *arg);

/* ---- the users and what they do (load_peer.c) ---- */

enum step { STEP_DOWN, STEP_REGISTER, STEP_SUBSCRIBE, STEP_READY, STEP_MESSAGE, STEP_INVITE, STEP_BYE, STEP_PUBLISH };

/* One user on one connection, and the request that he waits for. */
struct peer {
	struct link link;
	unsigned user;
	unsigned turn;      /* register: which of his users comes next */
	struct peer *other; /* whom he writes to or calls; NULL: he is the called one, or there are no pairs */
	enum step step;
	struct auth www, proxy;
	struct ntlm ntlm;
	uint32_t reg_cseq, cseq;
	unsigned tries;
	uint64_t began_ns;          /* of the operation under way; 0: none */
	bool setting_up;            /* connects and registers before (or again between) operations */
	uint64_t serial;            /* makes Call-ID, tag and branch of the operation */
	char *to, *target, *routes; /* of the dialog: To value, remote target, Route fields */
	char etag[64];              /* of what he has published; "": nothing */
};

enum mode { MODE_REGISTER, MODE_REFRESH, MODE_CONNREG, MODE_MESSAGE, MODE_CALL, MODE_IDLE, MODE_PRESENCE, MODE_NTLM, MODE_LISTS, MODE_N };

struct tally {
	uint64_t ops, errors, timeouts, lost, cut /* connections that were signed in */, challenges, acks, longest_ns;
	uint64_t histogram[64 * 32]; /* microseconds, 32 steps an octave */
};

struct load {
	struct net net;
	struct crypt *crypt;
	enum mode mode;
	const char *domain, *prefix, *password;
	unsigned n, users; /* connections, users to rotate over */
	unsigned spread;   /* register: users that take turns on one connection */
	unsigned contacts; /* lists: people in each subscription */
	unsigned body;     /* bytes of a MESSAGE */
	bool only_md5, outbound, verbose;
	struct peer *peers;
	size_t n_peers;
	unsigned next_user, ready, connecting;
	size_t next_start; /* peers from here on may be down */
	uint64_t serial, now_ns;
	bool running, measuring; /* operations are begun; they are counted */
	unsigned state, untold;  /* presence: what was published last, and how many watchers have not heard of it */
	struct tally tally;
};

uint64_t load_clock(void);
/* Connects and registers those who are down, some at a time. */
void load_ramp(struct load *l);
/* Begins the operation of the mode. */
void peer_begin(struct load *l, struct peer *p);
/* The connection has something to do. */
void peer_work(struct load *l, struct peer *p);
/* The operation under way took too long: counted, and the peer starts anew. */
void peer_expire(struct load *l, struct peer *p);

#endif
