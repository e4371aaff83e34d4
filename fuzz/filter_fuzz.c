/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a filter that an administrator sends to the server, matched against an object. */
#include <stdlib.h>

#include "service/shell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static const char object[] =
	"{\"Identity\":\"Site:Redmond\",\"DisplayName\":\"Ann\",\"Enabled\":true,\"Age\":30,\"Share\":0.5,\"Groups\":["
	"\"a\",\"b\",[1]],"
	"\"Line\":null,\"Since\":\"2026-01-05T00:00:00Z\",\"Every\":\"1.00:00:00\",\"Owner\":{\"Name\":\"x\"}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shell_filter *f = NULL;
	struct diag d = { 0 };
	json_t *v = json_loads(object, 0, NULL);
	if (!failed(shell_filter_new((str){ (const char *)data, size }, &f, &d)))
		(void)shell_filter_match(f, v);
	else
		CHECK(d.what[0] != '\0');
	shell_filter_free(f);
	json_decref(v);
	return 0;
}
