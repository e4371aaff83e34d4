/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/sdp.h"

#define assert_str(s, z) assert_true(str_eq((s), STR(z)))

static const char call[] = "v=0\r\n"
			   "o=ann 2890844526 2890842807 IN IP6 2001:db8::1\r\n"
			   "s=-\r\n"
			   "i=a call\r\n"
			   "u=http://www.example.com/\r\n"
			   "e=ann@example.com\r\n"
			   "c=IN IP4 192.0.2.1\r\n"
			   "b=AS:128\r\n"
			   "t=0 0\r\n"
			   "r=7d 1h 0 25h\r\n"
			   "t=1 2\r\n"
			   "a=group:BUNDLE 0 1\r\n"
			   "a=ice-lite\r\n"
			   "m=audio 49170/2 RTP/SAVPF 0 8 101\r\n"
			   "i=speech\r\n"
			   "a=rtpmap:101 telephone-event/8000\r\n"
			   "a=sendrecv\r\n"
			   "m=video 0 UDP/TLS/RTP/SAVPF 31\r\n"
			   "c=IN IP4 192.0.2.2/127\r\n"
			   "c=IN IP4 192.0.2.3\r\n"
			   "b=AS:1000\r\n"
			   "a=inactive\r\n";

static void test_whole(void **state)
{
	(void)state;
	struct sdp s;
	struct arena a;
	str lines, name, value;
	arena_init(&a, 8192);
	assert_false(failed(sdp_parse(&s, str_of(call), &a, NULL)));
	assert_str(s.user, "ann");
	assert_str(s.id, "2890844526");
	assert_str(s.version, "2890842807");
	assert_str(s.origin.type, "IP6");
	assert_str(s.origin.host, "2001:db8::1");
	assert_str(s.name, "-");
	assert_str(s.connection.host, "192.0.2.1");
	assert_int_equal(s.n_media, 2);
	assert_str(s.media[0].media, "audio");
	assert_int_equal(s.media[0].port, 49170);
	assert_int_equal(s.media[0].ports, 2);
	assert_str(s.media[0].proto, "RTP/SAVPF");
	assert_str(s.media[0].formats, "0 8 101");
	assert_str(s.media[0].connection.host, "192.0.2.1");
	assert_int_equal(s.media[1].port, 0);
	assert_int_equal(s.media[1].ports, 1);
	assert_str(s.media[1].connection.host, "192.0.2.2/127");
	lines = s.lines;
	assert_true(sdp_next_attr(&lines, &name, &value));
	assert_str(name, "group");
	assert_str(value, "BUNDLE 0 1");
	assert_true(sdp_next_attr(&lines, &name, &value));
	assert_str(name, "ice-lite");
	assert_int_equal(value.n, 0);
	assert_false(sdp_next_attr(&lines, &name, &value));
	assert_true(sdp_attr(s.media[0].lines, STR("rtpmap"), &value));
	assert_str(value, "101 telephone-event/8000");
	assert_true(sdp_attr(s.media[0].lines, STR("sendrecv"), NULL));
	assert_false(sdp_attr(s.media[0].lines, STR("inactive"), NULL));
	assert_true(sdp_attr(s.media[1].lines, STR("inactive"), NULL));
	arena_fini(&a);
}

static err parse(str in)
{
	struct sdp s;
	struct arena a;
	struct diag d = { 0 };
	char *exact = malloc(in.n != 0 ? in.n : 1);
	assert_non_null(exact);
	memcpy(exact, in.p, in.n);
	arena_init(&a, 8192);
	err e = sdp_parse(&s, (str){ exact, in.n }, &a, &d);
	assert_true(!failed(e) || d.what[0] != '\0');
	arena_fini(&a);
	free(exact);
	return e;
}

#define HEAD "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\n"
#define BASE HEAD "c=IN IP4 h\r\nt=0 0\r\n"

static void test_grammar(void **state)
{
	(void)state;
	static const char *const good[] = { BASE, HEAD "t=0 0\r\n", BASE "m=audio 1 RTP/AVP 0\r\n",
		BASE "m=audio 1 RTP/AVP 0", "v=0\no=- 1 1 IN IP4 h\ns=\nt=0 0\nm=x 1 y z\nc=IN IP4 h\n",
		BASE "a=x:y z\r\na=q\r\n", BASE "m=message 7 TCP/TLS/MSRP *\r\na=path:msrps://x\r\n" };
	static const char *const bad[] = { "", "\r\n", "v=0\r\n", "v=1\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\n", HEAD,
		HEAD "t=0\r\n", HEAD "t=0 x\r\n", HEAD "m=audio 1 RTP/AVP 0\r\n",
		HEAD "t=0 0\r\nm=audio 1 RTP/AVP 0\r\n", BASE "m =video 1 RTP/AVP 0\r\n", BASE "m=audio\r\n",
		BASE "m=audio 1\r\n", BASE "m=audio 1 RTP/AVP\r\n", BASE "m=audio 1 RTP/AVP \r\n",
		BASE "m=audio 65536 RTP/AVP 0\r\n", BASE "m=audio 1/ RTP/AVP 0\r\n", BASE "m=audio 1/0 RTP/AVP 0\r\n",
		BASE "m=audio -1 RTP/AVP 0\r\n", BASE "m=audio 1 RTP/ 0\r\n", BASE "m=audio 1 RTP//AVP 0\r\n",
		BASE "m=audio  1 RTP/AVP 0\r\n", BASE "m=audio 1 RTP/AVP 0  8\r\n", BASE "a=\r\n", BASE "a=:x\r\n",
		BASE "a=x:\r\n", BASE "b=AS\r\n", BASE "v=0\r\n", BASE "s=-\r\n", BASE "x=y\r\n", BASE "\r\n",
		BASE "a=x\r\n\r\n", BASE "a=x\ry\r\n", BASE "a=x\r\nc=IN IP4 h\r\n",
		"v=0\r\ns=-\r\no=- 1 1 IN IP4 h\r\nt=0 0\r\n", "v=0\r\no=- 1 IN IP4 h\r\ns=-\r\nt=0 0\r\n",
		"v=0\r\no=- 1 1 IN IP4 h x\r\ns=-\r\nt=0 0\r\n", "v=0\r\no=- a 1 IN IP4 h\r\ns=-\r\nt=0 0\r\n",
		HEAD "c=IN IP4\r\nt=0 0\r\n", HEAD "r=7d\r\nt=0 0\r\n", BASE "m=audio 1 RTP/AVP 0\r\nt=0 0\r\n",
		"v=0 \r\n", "a" };
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (failed(parse(str_of(good[i]))))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (!err_is(parse(str_of(bad[i])), ERR_MALFORMED))
			fail_msg("%s is accepted", bad[i]);
	assert_true(err_is(parse((str){ BASE "a=x\0\r\n", sizeof BASE + 5 }), ERR_MALFORMED));
}

/* Cut at every length: what is left is refused, or a description that ends at a line. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof call - 1; n++) {
		err e = parse((str){ call, n });
		if (n < 140)
			assert_true(err_is(e, ERR_MALFORMED));
		else
			assert_true(!failed(e) || err_is(e, ERR_MALFORMED));
	}
}

static void test_ceilings(void **state)
{
	(void)state;
	struct buf b DEFER(buf_fini) = { 0 };
	struct sdp s;
	struct arena a;
	buf_init(&b, 65536);
	buf_add(&b, STR(BASE));
	for (unsigned i = 0; i < SDP_MEDIA_MAX; i++)
		buf_add(&b, STR("m=audio 1 RTP/AVP 0\r\n"));
	arena_init(&a, 65536);
	assert_false(failed(sdp_parse(&s, buf_str(&b), &a, NULL)));
	assert_int_equal(s.n_media, SDP_MEDIA_MAX);
	a.fail_after = 1;
	assert_true(err_is(sdp_parse(&s, buf_str(&b), &a, NULL), ERR_CEILING));
	buf_add(&b, STR("m=audio 1 RTP/AVP 0\r\n"));
	assert_true(err_is(sdp_parse(&s, buf_str(&b), &a, NULL), ERR_CEILING));
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_ceilings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
