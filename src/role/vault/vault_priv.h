/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_VAULT_PRIV_H
#define WITAN_ROLE_VAULT_PRIV_H

#include "base/crypt.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/audit.h"
#include "model/cmd.h"
#include "model/config.h"
#include "model/rbac.h"
#include "model/schema.h"
#include "model/store_replica.h"
#include "model/topo.h"
#include "role/vault.h"
#include "service/cert.h"
#include "service/issued.h"
#include "service/plan_web.h"

#include <jansson.h>
#include <sys/types.h>

enum { VAULT_FRONTS_MAX = 256, VAULT_HISTORY_MOST = 1000000 };

/* ---- wrong passwords: tally.c ---- */

/* Names that exist are kept as long as they have failures; of other names the ones that failed last, so that a flood of
 * invented names costs a bounded room and can push out nobody who exists. */
struct tally {
	struct map map;
	struct list strangers; /* oldest first */
	size_t n_strangers, most_strangers;
};

struct tally_entry {
	struct map_node node;
	struct list place; /* among the strangers; a circle of its own for users */
	uint64_t until_ms, last_ms; /* milliseconds since 1970 */
	uint32_t failures;
	bool is_user;
	uint16_t n;
	char aor[];
};

void tally_init(struct tally *t, size_t most_strangers);
void tally_fini(struct tally *t);
/* NULL: nothing is counted. */
struct tally_entry *tally_find(const struct tally *t, str aor);
/* Counts a wrong password. *locked: the name is locked from now until entry->until_ms. While a lock runs nothing is counted.
 * NULL without memory. Good until the next call. */
struct tally_entry *tally_add(struct tally *t, str aor, bool is_user, uint64_t now_ms, const struct config *config, bool *locked);
/* As it was stored. */
err tally_put(struct tally *t, str aor, uint32_t failures, uint64_t until_ms);
/* Answers whether there was anything. */
bool tally_remove(struct tally *t, str aor);
/* fn must not change t. */
void tally_each(struct tally *t, void (*fn)(void *arg, const struct tally_entry *e), void *arg);

/* ---- the process: vault.c ---- */

struct author; /* vault_command.h */
struct call;

struct vault_front {
	struct vault *vault;
	struct ipc *channel;
	unsigned index;
	bool wants_all; /* the whole state is to be sent */
};

/* What the replicator is told once a turn is on the disk. */
struct vault_due {
	err e; /* what came could not be taken */
	bool taken, applied;
	uint64_t version; /* applied */
};

/* Questions about certificates that were issued. */
struct vault_ocsp {
	struct list questions; /* oldest first */
	unsigned n, n_at_keeper;
	uint32_t generation; /* grows when an answer may have become another */
	uint64_t second; /* the one in which so many have come */
	unsigned n_in_second;
};

struct vault {
	json_t *wall_groups;    /* that walls name: selector to the set of its members, or to null for a property of users; NULL: not read yet */
	uint64_t n_incidents;   /* written down since the start */
	struct skel *skel;
	struct store *store; /* NULL: not opened yet */
	struct crypt *crypt;
	struct crypt *ticket_mac; /* keyed with the shared key */
	struct config config;     /* as committed */
	struct config next;       /* with the changes of this turn's commands */
	struct tally tally;
	struct vault_front *fronts[VAULT_FRONTS_MAX];
	char sts[513]; /* where people get certificates to sign in with; empty: nowhere */
	char sites[PLAN_SIDE_N][300]; /* "https://web.example.com" of the web services, for clients inside and outside; empty: none there */
	char trusted[4096]; /* TrustModelData: further names that their clients are to trust */
	struct list admins;
	struct list changes; /* to be told once they are committed */
	struct list answers; /* to be given then */
	struct list kept;    /* to be acknowledged then: what people keep (kept.c) */
	struct list searches; /* for people, under way: struct vault_search */
	unsigned n_searches;
	struct loop_task search_task;
	struct list held;    /* answers of commands that are not done yet */
	struct list asked;   /* of the process of an Edge: struct asked */
	uint64_t last_asked;
	struct list works;   /* what is under way with keeper: struct work */
	struct list tickets; /* that keeper judges (kerberos.c) */
	size_t n_tickets, n_web_orders; /* n_web_orders: of web tickets (ticket_kerberos.c) */
	struct buf keytab;   /* rows of the keys for Kerberos; empty: there are none */
	struct vault_keys *keys; /* the channel to keeper; NULL: it has not come yet */
	struct loop_task turn;
	struct timer retry, rotate;
	struct arena topo_room;
	struct topo topo; /* as read at the start or at the last reload */
	int topology;     /* topology.yaml, opened before the jail */
	struct sessions *sessions; /* NULL: nobody has signed in yet */
	struct vault_web *web; /* NULL: no channel to it */
	uint64_t web_lives;    /* how many there were: what one has asked, the next is not told */
	struct crypt *seals;   /* for web tickets alone: its key is each user's own */
	bool has_ntlm;         /* somebody may prove himself by NTLM */
	bool has_smartcards, knows_smartcards; /* somebody has to prove himself by a certificate; whether was looked up */
	struct vault_edge *edge; /* the same */
	struct list bans;        /* command_ban.c */
	size_t n_bans;
	struct ipc *replicator; /* the same */
	char central[256];   /* the server of the central store; empty: this server is alone */
	bool is_copy;        /* that is another one: what is declared comes from there */
	struct list enrolments; /* of other servers, under way */
	struct list copies;  /* struct vault_copy: where it is this one, the others */
	struct vault_due due;
	bool joins;          /* its certificates are still to come from there */
	char join_secret[80];
	bool awaits_changed; /* a bundle was made, used or taken back: who dials is told */
	bool files_changed;  /* that go along with the store */
	bool has_stage, stage_is_whole; /* a copy is laid aside by this process; what it does not name goes */
	bool central_is_there; /* it is connected with this copy */
	uint64_t heard_ms;   /* of the central server, on a copy: when the last version came */
	struct buf topology_text; /* what master has told since the start; empty: nothing */
	struct buf incoming; /* a file that master tells */
	int certificates; /* certs/, opened before the jail */
	struct certstore *certstore;
	struct cert_crl *crl; /* certs/witan.crl; NULL: none that can be used, so nobody signs in by a certificate */
	uint64_t crl_number; /* the highest that a list was begun with */
	struct buf ca;    /* ca.pem: the roots that are trusted; read once, before the jail */
	struct buf trust; /* the issuing authority, then ca.pem: what the processes judge certificates by */
	struct authority *authority; /* the built-in one; NULL: there is none */
	struct issued_list issued;   /* what it has issued */
	struct vault_ocsp ocsp;
	struct timer live;
	unsigned warned; /* of the marks before the end of a certificate that were told */
	struct vault_challenge *challenges; /* VAULT_CHALLENGES_MAX places; NULL: there were none yet */
	struct vault_winbind *winbind; /* accounts of a Windows domain */
	struct vault_fetches *fetches; /* lists of other authorities */
	struct vault_revocations *revocations; /* what fronts and web are told of them; NULL: not looked yet */
	uid_t owner;      /* of the deployment directory */
	int listener;
	struct watch listener_watch;
	bool listener_is_open;
	unsigned n_admins, n_guests; /* guests: who must sign in */
	uint32_t last_trace;
	uint64_t audit_number; /* of the newest line of the audit, and its hash */
	uint8_t audit_hash[AUDIT_HASH];
	bool audit_is_known;
	uint64_t audit_logged; /* the newest line that the log knows */
	uint64_t told; /* the version that the processes know */
	uint8_t stopped[VAULT_FRONTS_MAX + 2]; /* processes that administrators have stopped; the last ones are web and edge */
};

uint64_t vault_unix_ms(void);
/* At the end of this turn: commit, tell the fronts, answer the administrators. */
void vault_turn(struct vault *v);
/* OK when the store is open, else why it is not. */
err vault_store(struct vault *v, struct diag *d);

/* ---- telling the fronts: fronts.c ---- */

enum vault_change { VAULT_USER, VAULT_UNLOCK, VAULT_OBJECT };

/* Notes that the processes are to be told of aor (or of an object: "Kind\nIdentity") once this turn is committed. */
err vault_note(struct vault *v, enum vault_change kind, str aor);
void vault_forget_changes(struct vault *v);
/* Forgets what was noted since call began: it was taken back. */
void vault_forget_last_changes(struct vault *v, const struct call *call);
void vault_tell_changes(struct vault *v);
/* The whole state to each front that wants it. */
void vault_tell_all(struct vault *v);
void vault_want_all(struct vault *v);
void vault_tell_certificate(struct vault *v);
/* To master: the ports that services have. */
void vault_tell_ports(struct vault *v);
void vault_tell_lock(struct vault *v, str aor, uint32_t failures, uint64_t until_ms);
void vault_tell_trace(struct vault *v, uint32_t id, str filter, bool on);
void vault_on_channel(struct skel *s, str role, unsigned index, int fd);
/* What a front asks about, and changes of, what people keep (kept.c). */
err vault_kept_ask(struct vault_front *f, str body);
err vault_kept_set(struct vault_front *f, str body);
/* The turn is on the disk, or (e) not: whoever waits for that is told. */
void vault_kept_answer(struct vault *v, err e);
void vault_kept_forget(struct vault_front *f);
/* Searches for people (directory.c), of a front or of web; the answer goes to who asked. */
err vault_directory_ask(struct vault *v, struct ipc *from, str body);
void vault_directory_forget(struct vault *v, const struct ipc *from);
/* Photos (command_photo.c): rows of the kind KEPT_CARD with what somebody's photo is called, if he has one; and the photo itself. */
void vault_photo_add(struct vault *v, str aor, struct buf *rows);
err vault_photo_ask(struct vault *v, struct ipc *from, str body);
/* A proof of the Lync dialect that a process cannot judge itself (proof.c); the answer goes to `to`. */
err vault_judge_proof(struct vault *v, struct ipc *to, str body);
/* The same for a ticket of Kerberos, by keeper (kerberos.c). */
void vault_judge_ticket(struct vault *v, struct ipc *to, const struct ipc_proof_ask *m);
/* The front at the other end has gone. */
void vault_tickets_forget(struct vault *v, const struct ipc *to);
/* Asks keeper which keys for Kerberos there are. */
void vault_kerberos_read(struct vault *v);
/* They are these (service/kerberos: rows); fronts are told whether there are any. */
void vault_kerberos_take(struct vault *v, str rows);
/* The same of a certificate (person.c). */
void vault_judge_certificate(struct vault *v, struct ipc *to, const struct ipc_proof_ask *m);
/* Finds out where people get certificates (v->sts), where web services are (v->sites), and which names their clients are to trust (v->trusted): is it
 * other than before? And tells fronts if it is. */
bool vault_find_sts(struct vault *v);
void vault_tell_sts(struct vault *v);
bool vault_front_is_there(const struct vault *v, unsigned index);

/* A wrong password of somebody who signed in elsewhere than at a front: counted and told like all others. */
void vault_count_failure(struct vault *v, str aor, const char *address, bool exists);
void vault_count_success(struct vault *v, str aor);

/* ---- what a front presents: certificate.c ---- */

#define VAULT_TICKET_KEYS 80
enum { VAULT_TICKET_SECONDS = 12 * 3600 };

/* Reads the revocation list again; one that cannot be used is logged, and nobody signs in by a certificate any more. */
void vault_read_revocations(struct vault *v);
/* Whether it says something now; that it does not is logged. */
bool vault_knows_revocations(struct vault *v);
/* The same for every process and start of the vault within one start of the server and one period. */
void vault_ticket_keys(struct vault *v, uint64_t period, char out[VAULT_TICKET_KEYS]);

/* ---- what everybody may have over HTTP: publish.c ---- */

/* Tells the web process, if it is there, what the revocation lists and issuers' certificates are now. To be called whenever one has changed. */
void vault_publish(struct vault *v);

struct vault_publish {
	struct buf der;
	uint64_t since, until; /* seconds since 1970 */
};

/* A list in DER; the first certificate of a PEM text. MALFORMED with d. out->der is initialised by the caller. */
err vault_publish_list(str file, struct vault_publish *out, struct diag *d);
err vault_publish_certificate(str file, struct vault_publish *out, struct diag *d);

/* ---- what an ACME authority is answered over HTTP: command_challenge.c ---- */

enum { VAULT_CHALLENGES_MAX = 64 };

/* Tells a web process that has just come what is shown. */
void vault_challenges_tell(struct vault *v);
/* Takes away what is older than an hour. */
void vault_challenges_tick(struct vault *v);
/* Whether text is what RFC 8555 section 8.1 makes of a token and a key. */
bool vault_challenge_is_answer(str token, str text);

/* ---- what fronts and web know of revocations: revocation.c ---- */

/* Reads the lists in certs/, and again whenever they change. */
err vault_watch_revocations(struct vault *v);
/* Now, instead of in a moment. */
void vault_look_at_revocations(struct vault *v);
err vault_send_revocations(struct vault *v, struct ipc *to);
/* To all of them. fronts.c */
void vault_tell_revocations(struct vault *v);

/* How many of the first certificates of v->trust are the deployment's own authorities. */
unsigned vault_own_roots(const struct vault *v);

/* ---- lists of other authorities, which the process `fetch` gets: fetch.c ---- */

err vault_fetch_init(struct vault *v);
/* Which lists are there to be fetched may have changed. tells: what is skipped is told, and what has failed is tried at once. */
void vault_fetch_look(struct vault *v, bool tells);
void vault_fetch_open(struct vault *v, int fd);
void vault_fetch_close(struct vault *v);
/* A LIST_MISSING message: what the chain of a peer names is fetched too, if an authority that is known here has issued it. fetch_peer.c */
err vault_on_list_missing(struct vault *v, str body);
bool vault_fetch_is_there(const struct vault *v);
struct fetch_list;
void vault_fetch_each(const struct vault *v, void (*fn)(void *arg, const struct fetch_list *l), void *arg);

/* ---- administrators: control.c ---- */

struct admin;

void vault_on_listener(struct skel *s, str transport, unsigned port, int fd);
void vault_close_admins(struct vault *v);
/* A message that a front traced. */
struct ipc_trace;
void vault_on_trace(struct vault *v, const struct ipc_trace *m);
/* Every trace there is, to a front that has come anew. */
void vault_tell_traces(struct vault *v, struct vault_front *f);

/* ---- session.c: administrators who signed in with a password or a certificate ---- */

struct session_ask {
	const char *name;     /* "sign-in", "sign-out", "session" */
	const json_t *given;  /* NULL: no parameters */
	const char *session;  /* NULL: none is presented */
	const char *address;  /* where it comes from */
	str certificate;      /* DER; whoever asks has its key. Empty: none was shown */
	struct cert_client_view by; /* set: what the certificate says that was used instead of a password; without serial: none was */
};

/* *object is what is answered. SIGN_IN, CODE_NEEDED, LOCKED, REFUSED (no role). */
err session_command(struct vault *v, struct session_ask *ask, json_t **object, struct diag *d);
/* The author of a session, with the roles that he holds now. SIGN_IN: there is none, or it has ended. */
err session_author(struct vault *v, const char *session, const char *address, struct author *out, struct diag *d);
/* Wrong one-time codes of somebody count no more. */
void session_forget_codes(struct vault *v, str aor);
/* Whether `name` is one of the three. */
bool session_is_command(const char *name);
void sessions_fini(struct vault *v);
/* Where wrong passwords came from: LOCKED while too many did; address empty (a proxy's, behind which everybody may be): never. */
err session_place_check(struct vault *v, str address, struct diag *d);
void session_place_count(struct vault *v, str address);
/* The one-time code of a step of 30 seconds since 1970 (RFC 6238: HMAC-SHA-1, 6 digits). */
uint32_t session_code(str secret, uint64_t step);

/* ---- command_application.c ---- */

/* All applications of this server's service of that role ("Registrar", "EdgeServer"), to the process that runs them. */
err vault_send_applications(struct vault *v, struct ipc *to, const char *role);

/* ---- command_pin.c ---- */

/* 1234, 4321, 1111, 2222: each digit as far from the one before as the second from the first, or part of the user's number. */
bool pin_is_common(str pin, str line);

/* ---- web.c: lines that come through the web process ---- */

void vault_web_open(struct vault *v, int fd);
void vault_web_close(struct vault *v);
bool vault_web_is_there(const struct vault *v);
struct ipc *vault_web_channel(const struct vault *v); /* NULL: it is not there */
void vault_web_revocations(struct vault *v);
void vault_web_certificate(struct vault *v);
/* The topology is another: which names the web sites answer for, and what they tell. */
void vault_web_sites(struct vault *v);
/* ---- web tickets: ticket.c, ticket_kerberos.c, ticket_factor.c, ticket_certificate.c ---- */

struct ipc_web_ticket_ask;
struct ipc_web_ticket_show;
/* What web asks; answered now or in a later turn. */
void vault_web_ticket_ask(struct vault *v, const struct ipc_web_ticket_ask *m);
/* The user whose name a principal is, who is enabled: his address in aor, VAULT_AOR + 1 characters. false: nobody, which is logged. */
bool vault_kerberos_owner(struct vault *v, str principal, char *aor);
/* The names that there are keys of HTTP for ("HTTP/uc.example.test@REALM"), with commas between them. */
void vault_kerberos_names(const struct vault *v, struct buf *out);
/* Whether the configuration lets people use Kerberos for a web ticket. */
bool vault_takes_negotiate(struct vault *v);
/* Whether web sites ask for certificates of people: somebody has to show one. */
bool vault_asks_people(struct vault *v);
/* A user has changed: he may be the first who has to show one. */
void vault_note_smartcard(struct vault *v, const struct store_user *u);
void vault_web_ticket_show(struct vault *v, const struct ipc_web_ticket_show *m);

/* ---- questions of strangers about certificates: ocsp.c ---- */

/* Answers a request that came through web, now or in a later turn: a response in any case, if only that it is to be asked again. */
void vault_ocsp_ask(struct vault *v, uint64_t id, str der);
/* What was asked so far is of a web process that is gone. */
void vault_ocsp_forget(struct vault *v);
/* Something was revoked, or the authority is another: from now on no earlier answer is given. */
void vault_ocsp_changed(struct vault *v);

/* Listeners that present certificates of their own. */
enum vault_listener { VAULT_SIP, VAULT_WEB, VAULT_WEB_INSIDE, VAULT_WEB_OUTSIDE, VAULT_REPLICA, VAULT_EDGE_INSIDE, VAULT_EDGE_OUTSIDE, VAULT_LISTENER_N };
/* To the process that has it: what it presents. ABSENT: nothing is assigned. */
err vault_send_certificate(struct vault *v, struct ipc *to, enum vault_listener of);

/* ---- edge.c: the process of an Edge ---- */

void vault_edge_open(struct vault *v, int fd);
void vault_edge_close(struct vault *v);
void vault_edge_settings(struct vault *v);
/* Asks the process of the Edge; BUSY: it is not there. */
err vault_edge_ask(struct vault *v, uint64_t id, str domain, str target);
/* command_federation.c: what it tells, and its end */
err vault_on_fed_tell(struct vault *v, str body);
void vault_edge_lost(struct vault *v);
/* Tells the lists of partners, if that kind concerns them. */
void vault_edge_partners(struct vault *v, enum schema_id changed);
void vault_edge_certificate(struct vault *v);
void vault_edge_applications(struct vault *v);
void vault_edge_revocations(struct vault *v);

/* ---- central.c: this store and its copies on other servers ---- */

/* Another server of the topology, and what is known of its copy. */
struct vault_copy {
	struct list node;
	struct vault *vault;
	char fqdn[256], product[65], why[128];
	uint32_t role; /* enum topo_role */
	bool is_up, is_walking, is_waiting, wants_whole; /* is_waiting: for its word on the last piece */
	struct store_walk walk;
	uint8_t flags;       /* of the next piece */
	struct store_moment have; /* what is on its disk */
	struct store_moment sending; /* what the last piece makes hold */
	uint64_t report_ms;  /* its last word, and when the version that it has last was made */
	uint64_t update_ms;
	uint64_t renewals_ms; /* when the day began of which n_renewed counts its new certificates */
	unsigned n_renewed;
};

/* Where the central store is: another server, by its name. NULL: it has no copy. */
struct vault_copy *vault_copy_find(struct vault *v, str fqdn);
/* Finds out by the topology whether this is the central store, and who has copies; tells the replicator. */
void vault_know_copies(struct vault *v);
void vault_replicator_open(struct vault *v, int fd);
void vault_replicator_close(struct vault *v);
/* After each turn: e is what its commit came to. */
void vault_tell_copies(struct vault *v, err e);
/* Sends a copy everything again, or all copies (fqdn empty). ABSENT. */
err vault_copies_again(struct vault *v, str fqdn);
/* Which files go along with the store: as they are now. Where the store is central. */
void vault_note_files(struct vault *v);
/* What a server whose role has no use for people and secrets is told of an object; false: nothing. out is initialised here. */
bool vault_object_for(uint32_t role, const struct replica_row *r, struct buf *out);
/* Whether servers of this role have people signing in, and so a copy of them. */
bool vault_role_has_people(uint32_t role);

/* ---- enrol.c: other servers join ---- */

/* It is here, as a server of ours: its bundle is used up. */
void vault_enrol_done(struct vault *v, str fqdn);
/* There is a bundle by which it may join at any moment. */
bool vault_enrol_is_awaited(struct vault *v, str fqdn);
err vault_on_enrol(struct vault *v, str body);
/* At the end of a turn: gives what became of those that are over; e: whether it is on the disk. */
void vault_enrol_settle(struct vault *v, err e);
/* The key of the proof, of a secret in text; and the proof. */
void vault_enrol_key(struct vault *v, str secret, uint8_t out[32]);
err vault_enrol_proof(const uint8_t key[32], str fqdn, str binding, str orders, uint8_t out[32]);

/* ---- join.c: this server joins ---- */

/* Whether it still has to; where only the end of it is missing, it is done now. */
void vault_read_enrolment(struct vault *v);
err vault_on_enrol_ask(struct vault *v, str body);
err vault_on_enrolled(struct vault *v, str body);

/* ---- copy.c: a copy of the central store ---- */

/* What the central server sends. */
void vault_take_piece(struct vault *v, str bytes);
/* The files of the copy that differ from those on the disk, to master. */
void vault_give_files(struct vault *v);
/* REFUSED on a copy, for a command that changes what is declared. */
err vault_copy_check(struct call *call, bool is_local);
void vault_on_file(struct skel *s, str name, bool is_last, str bytes);

/* ---- line.c: lines of administrators, whichever way they come ---- */

struct line_door {
	/* The answer, a line of JSON with its line feed, once this turn is committed; e is what it came to. */
	void (*done)(void *arg, uint64_t id, err e, str text);
	void *arg;
};

/* Whose line it is. */
struct line_from {
	const struct author *console; /* who stands at the machine, without a session; NULL: only a session counts */
	const char *address;
	str certificate; /* shown over TLS, in DER; empty: none */
};

/* text: JSON. */
void vault_line(struct vault *v, const struct line_from *from, str text, const struct line_door *door, uint64_t id);
/* Nobody waits any more: for answer `id`, or with every = true for any answer of this door. Answers how many were awaited. */
unsigned vault_line_forget(struct vault *v, const void *arg, uint64_t id, bool every);
/* Gives the answers that waited for the commit; e is what it came to. Those that are held stay. */
void vault_answer(struct vault *v, err e);

/* ---- bans of an Edge: command_ban.c ---- */

err vault_on_ban(struct vault *v, str body);
/* To a process of an Edge that begins: what its predecessors have banned. */
void vault_tell_bans(struct vault *v, struct ipc *edge);
/* Forgets those that end until then. */
void vault_bans_drop(struct vault *v, uint64_t until_ms);
/* edge.c; NULL: there is no such process now */
struct ipc *vault_edge_channel(const struct vault *v);

/* ---- walls (wall.c) ---- */

/* Reads again which groups walls name, and who is in them; has it changed? */
bool vault_walls_refresh(struct vault *v);
/* "Groups=MARK,MARK\n" of those that he is in, or nothing. */
void vault_print_groups(const struct vault *v, const struct store_user *u, const json_t *body, struct buf *out);
err vault_on_incident(struct vault *v, str body);

#include "role/vault/vault_command.h"

#endif
