/* SPDX-License-Identifier: Apache-2.0 */
/* sdp - session descriptions as slices (RFC 8866). Pure. */
#ifndef WITAN_WIRE_SDP_H
#define WITAN_WIRE_SDP_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define SDP_MEDIA_MAX 64

struct sdp_address {
	str net;  /* "IN" */
	str type; /* "IP4" */
	str host; /* with /ttl and /count where a c= line has them */
};

struct sdp_media {
	str media;                     /* "audio" */
	uint16_t port;                 /* 0: refused or not wanted (RFC 3264 6) */
	uint32_t ports;                /* 1 unless "port/ports" */
	str proto;                     /* "RTP/SAVPF" */
	str formats;                   /* "0 8 101": str_split at the spaces */
	struct sdp_address connection; /* its own first c= line, or that of the session */
	str lines;                     /* what follows the m= line, for sdp_next_attr */
};

struct sdp {
	str user, id, version; /* o= */
	struct sdp_address origin;
	str name;                      /* s= */
	struct sdp_address connection; /* of the session; host empty without */
	str lines;                     /* of the session part, for sdp_next_attr */
	struct sdp_media *media;       /* in the arena */
	uint16_t n_media;
};

/*
 * Reads a whole description: the lines in the order of RFC 8866 9, v= o= s= t= there, a c= line for each medium. Lines
 * may end with LF alone and s= may be empty, as older ones have it. MALFORMED with the reason in d (NULL allowed);
 * CEILING past SDP_MEDIA_MAX or the arena. Slices point into raw.
 */
err sdp_parse(struct sdp *s, str raw, struct arena *a, struct diag *d);

/* One more attribute from *lines; *value is empty for a property attribute (a=sendrecv). false at the end. */
bool sdp_next_attr(str *lines, str *name, str *value);
/* Finds the first attribute of that name (case counts). value may be NULL. */
bool sdp_attr(str lines, str name, str *value);

#endif
