/* SPDX-License-Identifier: Apache-2.0 */
/* What a process has of a client that proved himself: a context that signs and verifies. */
#include "service/kerberos.h"

#include <gssapi/gssapi.h>
#include <stdlib.h>
#include <string.h>

struct kerberos_session {
	gss_ctx_id_t gss;
};

err kerberos_session_open(str bytes, struct kerberos_session **out)
{
	OM_uint32 minor;
	gss_buffer_desc in = { bytes.n, (char *)(uintptr_t)bytes.p };
	ENSURE(bytes.n != 0 && bytes.n <= KERBEROS_CONTEXT_MAX, MALFORMED);
	struct kerberos_session *c = calloc(1, sizeof *c);
	ENSURE(c != NULL, NO_MEMORY);
	if (gss_import_sec_context(&minor, &in, &c->gss) == GSS_S_COMPLETE) {
		*out = c;
		return OK;
	}
	free(c);
	return ERR(MALFORMED);
}

void kerberos_session_close(struct kerberos_session *c)
{
	OM_uint32 minor;
	if (c == NULL)
		return;
	(void)gss_delete_sec_context(&minor, &c->gss, NULL);
	free(c);
}

uint32_t kerberos_session_seconds(const struct kerberos_session *c)
{
	OM_uint32 minor, seconds = 0;
	return gss_context_time(&minor, c->gss, &seconds) == GSS_S_COMPLETE ? seconds : 0;
}

size_t kerberos_session_sign(struct kerberos_session *c, str text, uint8_t out[KERBEROS_MIC_MAX])
{
	OM_uint32 minor;
	gss_buffer_desc in = { text.n, (char *)(uintptr_t)text.p }, mic = GSS_C_EMPTY_BUFFER;
	if (gss_get_mic(&minor, c->gss, GSS_C_QOP_DEFAULT, &in, &mic) != GSS_S_COMPLETE)
		return 0;
	size_t n = mic.length <= KERBEROS_MIC_MAX ? mic.length : 0;
	memcpy(out, mic.value, n);
	(void)gss_release_buffer(&minor, &mic);
	return n;
}

bool kerberos_session_verify(struct kerberos_session *c, str text, str mic)
{
	OM_uint32 minor;
	gss_buffer_desc in = { text.n, (char *)(uintptr_t)text.p }, token = { mic.n, (char *)(uintptr_t)mic.p };
	return mic.n != 0 && mic.n <= KERBEROS_MIC_MAX && !GSS_ERROR(gss_verify_mic(&minor, c->gss, &in, &token, NULL));
}
