/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_FILTER_FILTER_PRIV_H
#define WITAN_SERVICE_FILTER_FILTER_PRIV_H

#include "service/filter.h"
#include "wire/link.h"

#define FILTER_DEPTH_MAX 4          /* of bodies of several parts */
#define FILTER_LINKS_MAX 4096       /* of one text */
#define FILTER_WORK      (4u << 20) /* bytes that looking at one text may take */

/* One request that is looked at. */
struct filter_look {
	const struct filter *filter;
	const struct cs_ImFilterConfiguration *im;
	const struct cs_FileTransferFilterConfiguration *file;
	struct arena *arena; /* of the request: what is changed lives there */
	unsigned links;      /* that were found and not let pass */
};

/* ---- links (filter_text.c) ---- */

/* A text: *out is the changed one, or p is NULL when it stays. FILTER_LINK, FILTER_FILE: it is refused; SIP_MEDIA_TYPE: it cannot be read. */
err filter_text(struct filter_look *l, enum link_form form, str text, str *out);

/* ---- bodies (filter_body.c) ---- */

/* A body of a type, one of several parts too: as filter_text. A part with another encoding than *encoding says it in its own header. */
err filter_body(struct filter_look *l, str type, str body, unsigned depth, str *out);

/* ---- files (filter_file.c) ---- */

/* A body that invites to take a file, by its type; others are passed over. FILTER_FILE. */
err filter_invitation(const struct filter_look *l, str type, str body);

#endif
