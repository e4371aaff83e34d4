/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mspl_manifest - the manifest of an application (*.am, XML of http://schemas.microsoft.com/lcs/2006/05): what is put before its script, and
 * the script itself. Pure.
 */
#ifndef WITAN_WIRE_MSPL_MANIFEST_H
#define WITAN_WIRE_MSPL_MANIFEST_H

#include "wire/mspl.h"
#include "wire/xml_tree.h"

#define MSPL_MANIFEST_MAX 131072 /* bytes */

struct mspl_manifest {
	str app_uri;
	bool before_user_services; /* allowRegistrationBeforeUserServices */
	uint32_t roles;            /* set of 1 << MSPL_ServerRole_...; all: UINT32_MAX */
	uint32_t methods;          /* set of MSPL_StandardMethod_...; MSPL_METHOD_OTHER stands for all others. 0: no requests */
	bool strict_route;         /* requests with a Route as well */
	bool registrar_generated, domain_supported, phone_uri;
	uint8_t classes;           /* of responses: set of 1 << 1 to 1 << 6. 0: no responses */
	bool proxy_by_default;
	struct mspl_script script; /* source in the arena */
};

#define MSPL_METHOD_OTHER 0x10000u

/*
 * Reads a manifest. MALFORMED, CEILING: d says the place, why, and what to do. is_lenient: what published manifests get wrong is mended, the
 * places stay: a declaration without its second ?, an empty tag written "/ >". Everything in *out lives in the arena.
 */
err mspl_manifest_read(struct xml_reader *x, str text, bool is_lenient, struct arena *a, struct mspl_manifest *out, struct diag *d);

#endif
