/* SPDX-License-Identifier: Apache-2.0 */
/* plan_web - the two web sites of a server: the names that they answer for, and what they tell clients of the way to sign in. Pure. */
#ifndef WITAN_SERVICE_PLAN_WEB_H
#define WITAN_SERVICE_PLAN_WEB_H

#include "base/mem.h"
#include "model/topo.h"
#include "service/plan_dns.h"

/* What a name is for. Where one is for several things, the first of them counts. */
enum plan_web_use {
	PLAN_WEB_SERVICES,     /* the pool's web services, or a server of it */
	PLAN_WEB_AUTODISCOVER, /* where clients ask for the way */
	PLAN_WEB_MEETINGS,     /* simple URLs: meetings and dial-in */
	PLAN_WEB_ADMIN,        /* simple URL of administration */
	PLAN_WEB_UPDATES,      /* of phones */
	PLAN_WEB_USE_N
};

struct plan_web_name {
	str name;
	enum plan_web_use use;
};

struct plan_web_site {
	uint32_t port; /* where it listens; 0: there is no such site */
	str url;       /* of the web services, as clients reach them: "https://web.example.com"; empty: they have no name there */
	struct {
		struct plan_web_name *p;
		size_t n;
	} names;
};

/* Where SIP is spoken; fqdn empty: nowhere. An Edge counts once this version signs people in there. */
struct plan_web_access {
	str fqdn;
	uint32_t server, client; /* ports */
};

struct plan_web {
	struct plan_web_site sites[PLAN_SIDE_N];
	struct plan_web_access sip[PLAN_SIDE_N];
};

/* Of a host whose pool topo_has_web; of others all is empty. Lives in `a`, borrows from t. REFUSED with d when a name becomes too
 * long; CEILING by the arena. */
err plan_web(const struct topo *t, const struct topo_host *host, struct arena *a, struct plan_web *out, struct diag *d);

#endif
