/* SPDX-License-Identifier: Apache-2.0 */
/* Any message of a partner, opened; and any message of ours, hidden: what is written can be read again. */
#include <stdlib.h>

#include "service/hiding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static const struct sip_limits wide = { .message = 1u << 21, .header = 1u << 20, .body = 1u << 21, .fields = 4096 };
static struct crypt *crypt;
static struct hiding *hiding;

static bool is_domain(void *arg, str host)
{
	return str_eq_case(host, STR("alpha.test"));
}

static void open_once(void)
{
	if (hiding != NULL)
		return;
	CHECK(!failed(crypt_new(&crypt)));
	crypt_mac_key(crypt, STR("the key of the corpus"));
	CHECK(!failed(hiding_new(&(struct hiding_config){ .crypt = crypt, .access = STR("sip.alpha.test"), .port = 5061, .is_domain = is_domain }, &hiding)));
}

static void read_again(const struct sip_out *o, struct arena *a)
{
	struct buf b;
	struct sip_msg m;
	buf_init(&b, 1u << 21);
	if (!failed(sip_out_print(o, &b)) && !failed(sip_msg_parse(&m, buf_str(&b), a, &wide, NULL)) && hiding_concerns(hiding, &m)) {
		struct sip_out back;
		(void)failed(hiding_inward(hiding, &m, a, &back));
	}
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct sip_msg m;
	struct sip_out o;
	open_once();
	arena_init(&a, 8u << 20);
	if (!failed(sip_msg_parse(&m, (str){ (const char *)data, size }, &a, &wide, NULL))) {
		if (hiding_concerns(hiding, &m))
			(void)failed(hiding_inward(hiding, &m, &a, &o));
		if (!failed(hiding_outward(hiding, &m, &a, &o)))
			read_again(&o, &a);
	}
	arena_fini(&a);
	return 0;
}
