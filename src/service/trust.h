/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - is a chain of certificates what it is shown for? The one place that judges, for handshakes and for who asks by hand;
 * and what a client asks itself before it trusts a server's name. Pure: bytes and a time in, a verdict out. Paths are built and
 * verified by OpenSSL.
 */
#ifndef WITAN_SERVICE_TRUST_H
#define WITAN_SERVICE_TRUST_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/topo.h"

/* ---- what is trusted ---- */

#define TRUST_CHAIN_MAX   8           /* certificates that are shown, and of a path below its root */
#define TRUST_CHAIN_BYTES (32 * 1024) /* in DER */
#define TRUST_TEXT_MAX    (64 * 1024) /* of a chain in PEM */
#define TRUST_LIST_MAX    ((1 << 20) - 4096) /* bytes of a revocation list; it fits a message between processes */
#define TRUST_LISTS_MAX   64
#define TRUST_NAME        254         /* a name with its NUL */

/* What becomes of a certificate whose issuer's revocation list is not at hand, or has ended. */
enum trust_policy { TRUST_HARD, /* refused */ TRUST_SOFT /* let through, with a doubt */ };

struct trust_config {
	str roots_pem;
	size_t n_own; /* so many of the first roots are the deployment's own */
	enum trust_policy own, others;
};

/* Roots and lists; does not change once it is filled, so that a new list means a new one. */
struct trust;

/* MALFORMED with d: the roots cannot be read, or there are none. */
err trust_new(const struct trust_config *config, struct trust **out, struct diag *d);
void trust_free(struct trust *t); /* NULL allowed */
/* A revocation list in DER or PEM, whoever signed it: it counts for what its issuer has issued. `where` names it in d.
 * MALFORMED, CEILING. */
err trust_add_list(struct trust *t, str list, const char *where, struct diag *d);

/* Does a list of that issuer (SHA-256 of its name in DER) name that serial number (big-endian)? For what was judged before. */
bool trust_is_revoked(const struct trust *t, const uint8_t issuer[32], str serial);

/* ---- judging ---- */

enum trust_role {
	TRUST_PEER,   /* a server of ours that connects to us, or shows itself by the same rules */
	TRUST_CLIENT, /* a person who signs in */
	TRUST_SERVER, /* what we have dialled */
	TRUST_ROLE_N
};

enum trust_reason {
	TRUST_FINE,
	TRUST_MALFORMED,
	TRUST_TOO_LONG,
	TRUST_UNTRUSTED,
	TRUST_NOT_AUTHORITY,
	TRUST_PATH_LENGTH,
	TRUST_NAME_CONSTRAINTS,
	TRUST_CRITICAL_EXTENSION,
	TRUST_EXPIRED,
	TRUST_NOT_YET_VALID,
	TRUST_REVOKED,
	TRUST_CRL_MISSING,
	TRUST_CRL_STALE,
	TRUST_WRONG_PURPOSE,
	TRUST_WEAK_KEY,
	TRUST_WEAK_HASH,
	TRUST_WRONG_NAME,
	TRUST_WILDCARD,
	TRUST_REASON_N
};

/* "not-yet-valid": stays the same for ever, for logs and programs. */
const char *trust_word(enum trust_reason reason);
/* "peer", "client", "server"; false if there is no such role. */
bool trust_role_find(str word, enum trust_role *out);

struct trust_case {
	enum trust_role role;
	/* server: the host or address that was dialled. client: the SIP address without scheme; empty: whoever he is. peer: the one
	 * name that is expected; empty: whatever is_known says. */
	str name;
	bool (*is_known)(void *arg, str name); /* may the server of this name use this listener? */
	void *arg;
	int64_t now; /* seconds since 1970 */
};

struct trust_verdict {
	enum trust_reason reason;
	enum trust_reason doubt; /* TRUST_CRL_MISSING or _STALE where the policy lets that through */
	char name[TRUST_NAME];   /* by which it was accepted */
};

/*
 * chain: certificates one after another in DER or PEM, the leaf first, the rest in any order (of two certificates
 * of one authority the first counts); the root need not be there.
 * REFUSED with the reason in *out and, for people, in d. Servers need serverAuth and one of the names asked for among their SIP
 * identities (RFC 5922 7.1): URIs of SIP domains, else dNSNames, and the common name only where there is no subjectAltName at all;
 * never by a wildcard. People need clientAuth alone.
 */
err trust_judge(const struct trust *t, const struct trust_case *c, str chain, struct trust_verdict *out, struct diag *d);

/* ---- what clients trust ---- */

/* A server's name that a client of a SIP domain meets. */
struct trust_sight {
	str domain, host;
	const char *where; /* "sign-in", "web services" */
	bool is_listed;    /* not below the domain: the client asks its user, unless it is told to trust the name */
};

struct trust_model {
	struct {
		struct trust_sight *p;
		size_t n;
	} sights;    /* by domains, in the topology's order */
	str value;   /* TrustModelData: names with commas between them; empty: nothing need be listed */
};

/* Lives in a. CEILING by the arena. */
err trust_model(const struct topo *t, struct arena *a, struct trust_model *out);
/* Whether a client that trusts `listed` trusts more than one organisation by it: a name of one label, or a public suffix. */
bool trust_is_wide(str listed);

#endif
