/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a server answers to the first message of a TLS client. */
#include <stdlib.h>

#include "wire/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hello_answer a;
	err e = hello_parse((str){ (const char *)data, size }, &a);
	CHECK(!failed(e) || (a.version == 0 && a.suite == 0));
	CHECK(failed(e) || a.version == 0 || (a.version >= HELLO_SSL_3 && a.version <= HELLO_TLS_1_3));
	return 0;
}
