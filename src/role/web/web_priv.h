/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_WEB_PRIV_H
#define WITAN_ROLE_WEB_PRIV_H

#include "base/crypt.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slot.h"
#include "os/net.h"
#include "os/tls.h"
#include "role/identity.h"
#include "role/web.h"
#include "service/cert.h"
#include "service/plan_web.h"
#include "wire/http.h"
#include "wire/ntlm.h"
#include "wire/soap.h"
#include "wire/spnego.h"
#include "wire/xml_tree.h"

#include <jansson.h>

enum {
	WEB_LISTENERS_MAX = 5,
	WEB_PUBLIC_MAX = 256, /* connections over plain HTTP, not counted above; the oldest gives way */
	WEB_HANDSHAKES_MAX = 64, /* under way, with management and with the web sites each; the oldest gives way */
	WEB_HANDSHAKE_MS = 10000,
	WEB_HEADER_MS = 10000, /* from the first byte of a request to the end of its header; a new connection must begin by then */
	WEB_BODY_MS = 60000,
	WEB_IDLE_MS = 60000, /* between two requests */
	WEB_PUBLIC_IDLE_MS = 10000, /* the same over plain HTTP */
	WEB_PUBLISHED_MAX = 80, /* paths: revocation lists, issuers, and 64 answers to challenges of ACME */
	WEB_FRESH_SECONDS = 300, /* so long what was published may be used without asking again */
	WEB_READER_MS = 30000, /* without a byte taken by a client whose answer waits */
	WEB_ANSWER_MS = 120000, /* without a byte from vault */
	WEB_LINGER_MS = 2000,
	WEB_ALONE_MS = 15000, /* longer than master takes to start vault anew */
	WEB_BODY_MAX = 1 << 20,
	WEB_LARGE = 64 << 10, /* a body over it counts as large; */
	WEB_LARGE_MAX = 64, /* so many are taken in at once */
	WEB_AHEAD_MAX = 64 << 10, /* what is read of later requests while one is answered */
	WEB_PIPELINE = 8, /* requests of one connection that are answered in one turn, before others have theirs */
	WEB_QUEUE_MAX = 256 << 20, /* of an answer, for a client that reads slowly: as long as vault makes any */
	WEB_QUEUES_MAX = 512 << 20, /* of all of them together */
	WEB_OUT_HIGH = 256 << 10, /* more waits: no further request is looked at */
	WEB_ASKS_MAX = 256, /* questions to vault under way */
	WEB_ASK_QUEUE = 16 << 20, /* bytes of them that vault has not read */
	WEB_COLLECT_MAX = 64 << 10, /* an answer of vault that is looked into */
	WEB_SESSION_MAX = 128, /* characters of a session or CSRF token */
	WEB_CSRF = 43,
	WEB_OCSP_MS = 5000, /* without an answer of vault about a certificate */
	WEB_OCSP_ASKS_MAX = 64, /* such questions to vault under way; */
	WEB_OCSP_ADDRESS_MAX = 8, /* of one address */
	WEB_OCSP_PACE_MS = 50, /* between two of one address, for as long as it asks; */
	WEB_OCSP_BURST_MS = 2000, /* so much of it may come at once */
	WEB_OCSP_PACES = 4096,
	WEB_OCSP_KEPT_MAX = 4096, /* answers that are given again; the one that was asked for the longest ago gives way */
	WEB_CERTIFICATE_MAX = 8192, /* bytes of a client's */
	WEB_TARGET = 280, /* "HTTP/" and a name */
	WEB_HOSTS_MAX = 128 << 10, /* bytes of the names of a site */
	WEB_URL_MAX = 300,
	WEB_SIPURI_MAX = 320, /* characters of the address that a client asks for */
	WEB_DOC_MAX = 16 << 10,
	WEB_SEARCHES_MAX = 16, /* in the address book, under way; fewer than vault takes, which has fronts to serve, too; */
	WEB_USER_SEARCHES_MAX = 4, /* of one user */
};

#define WEB_COOKIE "__Host-witan"
#define WEB_ABS    "/abs/handler" /* what clients are told as the place of the address book */
#define WEB_PHOTOS WEB_ABS "/photos/"

struct web;
struct web_book;

/* ---- where connections come in ---- */

enum web_at { WEB_AT_MANAGEMENT, WEB_AT_HTTP, WEB_AT_EXTERNAL_HTTP, WEB_AT_HTTPS, WEB_AT_EXTERNAL_HTTPS, WEB_AT_N };

struct web_entrance {
	const char *transport; /* as master calls the listener */
	const char *usage;     /* of the certificate that it presents; NULL: plain HTTP */
	const char *site;      /* for logs */
	bool outside;          /* what comes there comes through a reverse proxy */
	uint16_t most;         /* connections */
	uint16_t address_most; /* of one address (IPv6: of one /64) */
};

extern const struct web_entrance web_entrances[WEB_AT_N];

/* ---- what a request asks for: web_route.c; knows no connection ---- */

enum web_task { WEB_HEALTH, WEB_OPENAPI, WEB_SIGN_IN, WEB_SIGN_OUT, WEB_SESSION, WEB_CMDLETS, WEB_CMDLET, WEB_PUBLISHED, WEB_OCSP, WEB_VISIT, WEB_SERVICE };

struct web_item;

/* What a web site has: documents of autodiscover, services for clients, pages for people. */
enum web_doc { WEB_DOC_TICKET_MEX, WEB_DOC_TICKET, WEB_DOC_TICKET_CERT, WEB_DOC_CERTIFICATE_MEX, WEB_DOC_CERTIFICATE, WEB_DOC_BOOK_MEX, WEB_DOC_BOOK, WEB_DOC_PHOTO, WEB_DOC_ROOT, WEB_DOC_DOMAIN, WEB_DOC_USER, WEB_DOC_FRONT, WEB_DOC_MEETINGS, WEB_DOC_ADMIN, WEB_DOC_ELSEWHERE, WEB_DOC_N };

/* One of them, as it was asked for. */
struct web_visit {
	bool outside, is_plain; /* which site; over plain HTTP */
	bool is_json;
	enum web_doc doc;
	str host;               /* of the topology, which was asked for; borrowed */
	str path;               /* of the request */
	char sipuri[WEB_SIPURI_MAX + 1]; /* USER@DOMAIN, or empty */
};

struct web_route {
	enum web_task task;
	str cmdlet;       /* of WEB_CMDLET, a slice of the request */
	struct web_item *item; /* of WEB_PUBLISHED; borrowed */
	str session;      /* empty: none is needed */
	bool by_cookie;   /* the session came as one */
	bool wants_cookie;
	struct web_visit visit; /* of WEB_VISIT and WEB_SERVICE */
	char allow[64];   /* the methods there are, with HTTP_METHOD */
};

/*
 * Everything that the header decides: ABSENT, HTTP_METHOD, REFUSED (another origin, no CSRF token), SIGN_IN, HTTP_TYPE, with
 * the reason in d. mac is keyed for web_csrf.
 */
err web_route_find(const struct http_request *q, struct crypt *mac, struct web_route *out, struct diag *d);
/* Whether the management interface has the path, or could have. */
bool web_route_is(str path);
/* The token that goes with a session's cookie. */
void web_csrf(struct crypt *mac, str session, char out[WEB_CSRF]);

/* ---- what everybody may have over plain HTTP: web_public.c; knows no connection ---- */

/* One thing that vault has published. Who sends it holds a reference: it may be replaced meanwhile. */
struct web_item {
	uint32_t n_refs;
	char path[160], type[64], etag[80]; /* path: of an ACME challenge, with a token of 128 */
	bool is_private; /* for who asked, and no cache */
	int64_t since, until; /* seconds since 1970 that it is good from and to */
	size_t n;
	char bytes[];
};

struct web_public {
	struct web_item *items[WEB_PUBLISHED_MAX]; /* NULL: free */
};

/* Takes over what vault says. MALFORMED; CEILING (too many paths); NO_MEMORY. */
err web_public_set(struct web_public *p, const struct ipc_published *m);
/* Forgets what begins so: another vault tells anew what there is of it. */
void web_public_forget(struct web_public *p, str begin);
/* What a header asks for; content: bytes of the body that it announces. ABSENT, HTTP_METHOD, CEILING (any body), with the reason in d. */
err web_public_find(const struct web_public *p, const struct http_request *q, size_t content, struct web_route *out, struct diag *d);
/* The fields of an answer that say what it is and how long it is good, at `now`. */
void web_public_print(const struct web_item *i, int64_t now, struct buf *b);
struct web_item *web_item_ref(struct web_item *i);
void web_item_unref(struct web_item *i); /* NULL allowed */

/* ---- questions about certificates (OCSP): web_ocsp_cache.c; knows no connection ---- */

struct web_ocsp {
	struct map map;   /* answers that may be given again, by the CertID asked about */
	struct list rows; /* of them; the one asked for the longest ago first */
	size_t n, n_asks; /* n_asks: questions to vault under way */
	uint64_t paces[WEB_OCSP_PACES];
};

void web_ocsp_init(struct web_ocsp *o);
bool web_ocsp_is(str path);
/* As web_public_find, for a path that is one. HTTP_METHOD, HTTP_TYPE, CEILING with d. */
err web_ocsp_check(const struct http_request *q, size_t content, struct web_route *out, struct diag *d);
/* The request in DER, of the body or the path; *der may lie in room. MALFORMED. */
err web_ocsp_read(const struct http_request *q, char room[CERT_OCSP_REQUEST_MAX], str *der);
/* Borrowed; NULL: there is none that is good for long enough (seconds since 1970). */
struct web_item *web_ocsp_find(struct web_ocsp *o, str id, int64_t now);
/* NO_MEMORY. */
err web_ocsp_keep(struct web_ocsp *o, str id, struct web_item *item);
void web_ocsp_forget(struct web_ocsp *o);
/* Counts one question to vault of an address; false: it has asked too much. */
bool web_ocsp_may_ask(struct web_ocsp *o, str address, uint64_t now_ms);

/* ---- the web sites: web_site.c; knows no connection ---- */

struct web_site {
	uint16_t port; /* 0: there is none */
	char url[WEB_URL_MAX]; /* of the pool's web services; empty: they have no name on this side */
	struct buf hosts; /* lines "USE NAME", enum plan_web_use */
};

struct web_sites {
	struct web_site inside, outside;
	struct buf domains; /* SIP domains, comma-separated */
	char sip_inside[256], sip_outside[256]; /* empty: nowhere */
	uint16_t sip_inside_port, sip_outside_server, sip_outside_client;
	bool offers_ntlm; /* people may prove themselves so */
	bool asks_people; /* the site inside asks for certificates of people */
	struct buf kerberos; /* names that there are keys of Kerberos for, comma-separated; empty: Negotiate is not offered */
};

void web_sites_init(struct web_sites *s);
void web_sites_fini(struct web_sites *s);
/* Take over what vault says. MALFORMED; CEILING. */
err web_sites_set(struct web_sites *s, const struct ipc_web_site *m);
err web_sites_set_access(struct web_sites *s, const struct ipc_web_access *m);
/* What a header asks for at a site; content: bytes of the body that it announces. HTTP_HOST, HTTP_METHOD, ABSENT, CEILING (any body), MALFORMED
 * (an address that is none), HTTP_ACCEPT, HTTP_TYPE, with the reason in d. */
err web_site_find(const struct web_sites *s, bool outside, bool is_plain, const struct http_request *q, size_t content, struct web_route *out, struct diag *d);

/* Whether an URL is one of HTTPS at a name of one of the sites. */
bool web_site_has(const struct web_sites *s, str url);

/* web_visit.c */
struct web_head;
/* The document, and what the header says of it. */
void web_visit_print(const struct web_sites *s, const struct web_visit *v, struct web_head *h, struct buf *location, struct buf *body);
/* What the links of a visit begin with: "https://web.example.com". */
void web_visit_base(const struct web_sites *s, const struct web_visit *v, struct buf *out);

/* ---- the line for vault: web_line.c ---- */

/* The body's object as a line. has_certificate: a sign-in needs neither user nor password. USAGE: no such object; CEILING: too long for
 * the channel. The caller wipes and frees *out. */
err web_line_make(const struct web_route *r, str body, bool has_certificate, char **out, struct diag *d);
void web_line_free(char *line);
/* {"ok":false,"error":...} as vault writes it */
void web_error_print(struct buf *b, err e, const struct diag *d);

/* ---- connections: web_conn.c, web_accept.c, web_io.c ---- */

/* How somebody proves himself for a web ticket, as WEB_TICKET_ASK has it. */
enum web_scheme { WEB_BASIC, WEB_NTLM, WEB_NEGOTIATE, WEB_CERTIFICATE };

enum web_state { WEB_HANDSHAKE, WEB_UP, WEB_LINGER, WEB_DEAD };
enum web_late { WEB_LATE_HANDSHAKE, WEB_LATE_HEADER, WEB_LATE_BODY, WEB_LATE_IDLE, WEB_LATE_READER, WEB_LATE_ANSWER, WEB_LATE_LINGER };

struct web_address {
	struct map_node node;
	uint8_t key[17]; /* the address, and where it comes in */
	uint32_t n, n_asks; /* connections; questions about certificates under way */
};

/* The request that is being answered. */
struct web_exchange {
	uint64_t id; /* of the question to vault; 0: none is under way */
	enum web_task task;
	uint64_t since; /* loop's milliseconds */
	uint64_t sent;  /* bytes of the body */
	uint16_t status; /* 0: the answer has not begun */
	uint8_t minor;
	bool is_head, keep_alive, by_cookie, wants_cookie, in_chunks;
	bool is_site; /* it is for a web site, not for management */
	bool lacks_kerberos; /* who asks has no ticket of it: he has sent NTLM */
	bool by_certificate; /* of WEB_SERVICE: a ticket for a certificate is asked for */
	char method[16], path[160], host[256], user[160];
	char session[WEB_SESSION_MAX + 1];
	struct buf collected;
	struct web_deed *deed; /* of WEB_SERVICE, while vault is asked; NULL */
	struct web_book *book; /* of a search in the address book; NULL */
};

struct web_conn {
	struct web *web;
	struct tls *tls; /* NULL: plain HTTP, or closed already */
	struct web_address *address;
	struct addr peer;
	int fd;
	uint32_t slot;
	uint8_t state, late; /* enum web_state, enum web_late */
	uint8_t at;          /* enum web_at */
	uint16_t port;       /* of the listener */
	bool is_checked;     /* the header of the request that is coming in was looked at */
	bool is_large;       /* counted in web->n_large */
	bool is_fresh;       /* no byte of the next request was looked at yet */
	bool hungry;         /* more is to be done in the next turn, which no event will announce */
	bool is_dirty;
	bool is_public;      /* plain HTTP, and nothing but what is published */
	struct watch watch;
	struct timer timer;  /* looks at deadline now and then */
	uint64_t deadline;
	struct list node;    /* in web->handshaking, dirty or dead */
	struct buf in, out;
	size_t out_at;       /* bytes of `out` that have left */
	str tail;            /* bytes that follow `out`; of item, or of the process' lifetime */
	struct web_item *item; /* NULL: none is being sent */
	struct list row;     /* in web->public_conns */
	struct http_reader reader;
	struct web_exchange x;
	char user[160];      /* who signed in over this connection, for the access log */
	uint8_t user_mac[32]; /* of the session he got */
	struct web_ntlm *ntlm; /* a proof by NTLM under way; NULL */
};

struct web_listener {
	struct web *web;
	int fd; /* -1: none */
	bool is_listening;
	enum web_at at;
	uint16_t port;
	struct watch watch;
};

struct web {
	struct skel *skel;
	struct identity *identity;
	struct crypt *mac;
	struct ipc *vault;      /* NULL: it is not there now */
	struct tls_server *tls[WEB_AT_N]; /* NULL: nothing to present yet */
	struct web_sites sites;
	struct xml_reader *xml;
	struct buf openapi, cmdlets; /* printed at the start */
	struct web_public public;
	struct web_ocsp ocsp;
	bool knows_public;      /* vault has said what is published */
	bool is_draining;
	struct web_listener listeners[WEB_LISTENERS_MAX];
	unsigned n_listeners;
	struct timer pause, drain_timer;
	struct timer alone;     /* since vault has gone */
	uint64_t drain_until;
	struct slots slots;     /* struct web_conn */
	size_t n, n_public, n_large, n_asks; /* n_public is part of n */
	size_t n_at[WEB_AT_N];
	size_t n_handshaking[2]; /* with management, with the web sites */
	size_t queued;          /* bytes in all `out` */
	uint64_t last_ask;
	struct list handshaking[2], dirty, dead;
	struct list public_conns; /* oldest first */
	struct loop_task flush_task, bury_task;
	struct map addresses;
	char read_buffer[65536];
};

/* web_accept.c */
err web_listen(struct web *w, int fd, enum web_at at, uint16_t port);
void web_stop_listening(struct web *w);
void web_set_tls(struct web *w, enum web_at at, struct tls_server *tls);
/* Vault has said what is published. */
void web_set_public(struct web *w);
void web_address_leave(struct web *w, struct web_address *a);

/* web_conn.c */
err web_conn_open(const struct web_listener *l, int fd, const struct addr *peer, struct web_conn **out);
/* It is no longer among the handshakes under way. */
void web_conn_shaken(struct web_conn *c);
void web_conn_close(struct web_conn *c, const char *why);
void web_conn_deadline(struct web_conn *c, enum web_late late, uint32_t ms);
/* Looks at what has been read, as far as it may: one request after another. */
void web_conn_advance(struct web_conn *c);
/* The answer is complete: the next request may come, or the connection ends. */
void web_conn_done(struct web_conn *c);

/* web_io.c */
void web_on_ready(void *arg, unsigned events);
void web_shake(struct web_conn *c);
/* The next request of a new connection may come. */
void web_up(struct web_conn *c);
void web_mark_dirty(struct web_conn *c);
void web_flush_all(void *arg);
/* Which events are wanted now. */
void web_watch(struct web_conn *c);

/* web_answer.c */
struct web_head {
	unsigned status;
	const char *type;   /* NULL: no body */
	const char *cookie; /* NULL: none is set */
	const char *allow;
	const char *location; /* NULL: none */
	unsigned retry_after; /* seconds; 0: not said */
	str more;           /* further fields, each with its line end */
};
void web_answer_whole(struct web_conn *c, const struct web_head *h, str body);
/* The same with bytes that live as long as the process. */
void web_answer_static(struct web_conn *c, const struct web_head *h, str body);
void web_answer_error(struct web_conn *c, err e, const struct diag *d, const char *allow);
/* What a web site has. */
void web_answer_visit(struct web_conn *c, const struct web_visit *v);
/* q NULL: whatever the client has already. */
void web_answer_item(struct web_conn *c, const struct http_request *q, struct web_item *i);
/* In pieces: begin, any number of pieces, and the last (which is_last says). */
void web_answer_begin(struct web_conn *c, const struct web_head *h);
void web_answer_piece(struct web_conn *c, str bytes, bool is_last);

/* web_ask.c */
err web_vault_open(struct web *w, int fd);
/* Starts on a request whose header was checked: answers it, or asks vault. */
void web_begin(struct web_conn *c, const struct http_request *q, const struct web_route *r);
/* Nobody waits for the answer any more. */
void web_forget(struct web_conn *c);
/* A question gets its id, is found by it, and has ended. */
void web_ask_begin(struct web_conn *c);
/* BUSY: vault is not there, or has enough to do. */
err web_ask_check(const struct web *w, struct diag *d);
struct web_conn *web_ask_find(struct web *w, uint64_t id);
void web_ask_end(struct web_conn *c);

/* web_ocsp.c */
void web_ocsp_begin(struct web_conn *c, const struct http_request *q);
/* Vault does not answer, or is gone. */
void web_ocsp_late(struct web_conn *c);
err web_ocsp_on_tell(struct web *w, str body);

/* web_service.c: web tickets, certificates for them, and where a user is at home */
void web_service_begin(struct web_conn *c, const struct http_request *q, const struct web_visit *v);
err web_service_on_tell(struct web *w, str body);
err web_service_on_seen(struct web *w, str body);
/* Nobody waits for the answer any more. */
void web_service_end(struct web_conn *c);
/* A ticket is shown to vault; a certificate_request is NULL where none is asked for. BUSY: see web_ask_check. */
err web_service_show(struct web_conn *c, const struct web_visit *v, const struct soap_ticket *t, const struct soap_certificate_request *r, struct diag *d);
/* A question with c->x.id was sent (OK) or not. */
err web_service_asked(struct web_conn *c, err e);
/* The error that a number of vault means; of another version: INTERNAL. */
err web_service_error(uint16_t number);
/* What the client is told instead of an answer; it is logged and counted. */
void web_service_refuse(struct web_conn *c, err e, struct diag *d);

/* web_book.c: searches in the address book */
err web_book_begin(struct web_conn *c, const struct http_request *q, const struct web_visit *v, struct diag *d);
/* Its ticket, of aor, was taken: vault is asked for the people. b is the callee's. */
err web_book_ask(struct web_conn *c, struct web_book *b, str aor, struct diag *d);
err web_book_on_tell(struct web *w, str body);
/* The path of a photo: b becomes the caller's. ABSENT: it is none. */
err web_book_photo(str path, struct web_book **b);
/* Somebody's ticket was taken: vault is asked for the photo. b is the callee's. */
err web_book_ask_photo(struct web_conn *c, struct web_book *b, struct diag *d);
err web_book_on_photo(struct web *w, str body);
void web_book_free(struct web_book *b);
/* Counts and logs that somebody gets no ticket, or shows none that is good. */
void web_service_note(struct web_conn *c, str why);

/* web_proof.c: how people prove themselves over HTTP */

/* Whoever asks has to say who he is: 401 with what is offered, and a challenge if there is one. */
void web_proof_demand(struct web_conn *c, str challenge);
/* What Authorization says. OK: it is for vault to judge, and ask is filled; room holds what is decoded, to be wiped. SIGN_IN: it is answered already. */
struct web_proof {
	uint8_t scheme;
	str negotiate, challenge, token;
	struct spnego_message frame; /* NEGOTIATE: what the answer takes up */
	char target[WEB_TARGET];
	uint8_t room[SPNEGO_MOST + 8];
};
err web_proof_read(struct web_conn *c, const struct http_request *q, struct web_proof *out);
void web_proof_end(struct web_conn *c);

/* web_negotiate.c: tickets of Kerberos (RFC 4559) */

/* Whether it is offered at the name that was asked for. */
bool web_negotiate_is_offered(const struct web_conn *c);
/* What stands in p->room is a message of SPNEGO; as web_proof_read. p->challenge becomes the service that it has to be for. */
err web_negotiate_read(struct web_conn *c, struct web_proof *p);
/* The field of an answer to whoever has proven himself so. */
void web_negotiate_print(const struct spnego_message *frame, str token, struct buf *out);

/* web_certificate.c: people who show a certificate in place of a password */

/* The certificate that the client has shown. CERTIFICATE_NEEDED with d: none, or one that proves nothing. */
err web_certificate_read(struct web_conn *c, struct web_proof *p, struct diag *d);

#endif
