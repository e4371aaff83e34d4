/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/dialog.h"

#define BEGINNING "Via: SIP/2.0/TLS c;branch=z9hG4bK1\r\nFrom: \"A\" <sip:a@x>;tag=at\r\nTo: <sip:b@x>%s\r\nCall-ID: c1\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n"

static struct inbound *make(const char *start, const char *to_params, unsigned cseq, const char *method, const char *fields)
{
	char text[65536];
	int n = snprintf(text, sizeof text, "%s\r\n" BEGINNING, start, to_params, cseq, method, fields);
	struct inbound *in;
	struct diag d = { 0 };
	if (failed(inbound_new((str){ text, (size_t)n }, NULL, &in, &d)))
		fail_msg("%s", d.what);
	in->flow = (struct flow){ .slot = 7, .serial = 3 };
	return in;
}

static void check(str s, const char *expected)
{
	if (!str_eq(s, str_of(expected)))
		fail_msg("expected \"%s\", was \"%.*s\"", expected, STR_FMT(s));
}

static void print(struct dialog *d, enum sip_method_index method, uint32_t cseq, const char *expected)
{
	struct arena a;
	struct buf b;
	struct sip_out o;
	arena_init(&a, 65536);
	buf_init(&b, 65536);
	assert_false(failed(dialog_request(d, method, cseq, &a, &o)));
	assert_false(failed(sip_out_print(&o, &b)));
	check(buf_str(&b), expected);
	buf_fini(&b);
	arena_fini(&a);
}

#define ROUTES "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nRecord-Route: <sip:p3;lr>\r\n"

static void the_side_that_was_called(void **state)
{
	struct inbound *in = make("INVITE sip:b@x SIP/2.0", "", 5, "INVITE", "Contact: <sip:a@192.0.2.1;transport=tls>\r\n" ROUTES);
	struct dialog *d;
	assert_false(failed(dialog_open_called(in, STR("bt"), &d)));
	inbound_unref(in); /* nothing of it is needed any more */
	assert_int_equal(d->flow.slot, 7);
	print(d, SIP_METHOD_MESSAGE, 0,
		"MESSAGE sip:a@192.0.2.1;transport=tls SIP/2.0\r\nRoute: <sip:p1;lr>, <sip:p2;lr>, <sip:p3;lr>\r\nMax-Forwards: 70\r\nFrom: <sip:b@x>;tag=bt\r\n"
		"To: \"A\" <sip:a@x>;tag=at\r\nCall-ID: c1\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n");
	in = make("MESSAGE sip:b@x SIP/2.0", ";tag=bt", 6, "MESSAGE", "");
	assert_false(failed(dialog_take(d, &in->msg)));
	assert_true(err_is(dialog_take(d, &in->msg), ERR_SIP_ORDER));
	in->msg.from_tag = STR("other");
	assert_true(err_is(dialog_take(d, &in->msg), ERR_SIP_NO_TXN));
	in->msg.from_tag = STR("at");
	in->msg.call_id = STR("c2");
	assert_true(err_is(dialog_take(d, &in->msg), ERR_SIP_NO_TXN));
	inbound_unref(in);
	dialog_close(d);
}

static void the_side_that_called(void **state)
{
	struct inbound *in = make("SIP/2.0 200 OK", ";tag=bt", 5, "INVITE", "Contact: <sip:b@192.0.2.2>;x=y\r\n" ROUTES);
	struct dialog *d;
	assert_false(failed(dialog_open_calling(in, &d)));
	inbound_unref(in);
	print(d, SIP_METHOD_ACK, 5,
		"ACK sip:b@192.0.2.2 SIP/2.0\r\nRoute: <sip:p3;lr>, <sip:p2;lr>, <sip:p1;lr>\r\nMax-Forwards: 70\r\nFrom: \"A\" <sip:a@x>;tag=at\r\n"
		"To: <sip:b@x>;tag=bt\r\nCall-ID: c1\r\nCSeq: 5 ACK\r\nContent-Length: 0\r\n\r\n");
	print(d, SIP_METHOD_BYE, 0,
		"BYE sip:b@192.0.2.2 SIP/2.0\r\nRoute: <sip:p3;lr>, <sip:p2;lr>, <sip:p1;lr>\r\nMax-Forwards: 70\r\nFrom: \"A\" <sip:a@x>;tag=at\r\n"
		"To: <sip:b@x>;tag=bt\r\nCall-ID: c1\r\nCSeq: 6 BYE\r\nContent-Length: 0\r\n\r\n");
	dialog_close(d);
}

static void what_cannot_be_a_dialog(void **state)
{
	static const char *const contacts[] = { "", "Contact: *\r\n", "Contact: <tel:1>\r\n" };
	struct dialog *d;
	for (size_t i = 0; i < sizeof contacts / sizeof contacts[0]; i++) {
		struct inbound *in = make("SIP/2.0 200 OK", ";tag=bt", 5, "INVITE", contacts[i]);
		assert_true(failed(dialog_open_calling(in, &d)));
		inbound_unref(in);
	}
	char many[4096] = "Contact: <sip:b@192.0.2.2>\r\n", *big = calloc(1, DIALOG_TEXT_MAX + 100);
	for (unsigned i = 0; i < 17; i++)
		strcat(many, "Record-Route: <sip:p;lr>\r\n");
	struct inbound *in = make("SIP/2.0 200 OK", ";tag=bt", 5, "INVITE", many);
	assert_true(err_is(dialog_open_calling(in, &d), ERR_CEILING));
	inbound_unref(in);
	strcpy(big, "Contact: <sip:");
	memset(big + strlen(big), 'b', DIALOG_TEXT_MAX);
	strcat(big, "@x>\r\n");
	in = make("SIP/2.0 200 OK", ";tag=bt", 5, "INVITE", big);
	assert_true(err_is(dialog_open_calling(in, &d), ERR_CEILING));
	inbound_unref(in);
	free(big);
	dialog_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_side_that_was_called),
		cmocka_unit_test(the_side_that_called),
		cmocka_unit_test(what_cannot_be_a_dialog),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
