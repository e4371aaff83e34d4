/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/hiding.h"

struct world {
	struct crypt *crypt;
	struct hiding *hiding;
	struct arena arena;
	struct buf out; /* the last message that was written */
	struct sip_msg in;
	char *copies[32]; /* what messages point into */
	size_t n_copies;
};

static bool is_domain(void *arg, str host)
{
	return str_eq_case(host, STR("alpha.test"));
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	assert_false(failed(crypt_new(&w->crypt)));
	assert_false(failed(hiding_new(&(struct hiding_config){ .crypt = w->crypt, .access = STR("sip.alpha.test"), .port = 5061, .is_domain = is_domain }, &w->hiding)));
	arena_init(&w->arena, 1 << 22);
	buf_init(&w->out, 1 << 20);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < w->n_copies; i++)
		free(w->copies[i]);
	arena_fini(&w->arena);
	buf_fini(&w->out);
	hiding_free(w->hiding);
	crypt_free(w->crypt);
	free(w);
	return 0;
}

static const struct sip_msg *read(struct world *w, const char *text)
{
	char *copy = strdup(text);
	struct diag d = { 0 };
	assert_non_null(copy);
	assert_true(w->n_copies < sizeof w->copies / sizeof *w->copies);
	w->copies[w->n_copies++] = copy;
	err e = sip_msg_parse(&w->in, str_of(copy), &w->arena, &(struct sip_limits){ 0 }, &d);
	if (failed(e))
		fail_msg("%s: %s\n%s", d.where, d.what, text);
	return &w->in;
}

/* NUL-ended, good until the next. */
static const char *written(struct world *w, const struct sip_out *o)
{
	buf_fini(&w->out);
	buf_init(&w->out, 1 << 20);
	assert_false(failed(sip_out_print(o, &w->out)));
	buf_add_char(&w->out, '\0');
	assert_false(w->out.failed);
	return w->out.p;
}

static const char *outward(struct world *w, const char *text)
{
	struct sip_out o;
	assert_false(failed(hiding_outward(w->hiding, read(w, text), &w->arena, &o)));
	return written(w, &o);
}

static const char *inward(struct world *w, const char *text)
{
	struct sip_out o;
	assert_false(failed(hiding_inward(w->hiding, read(w, text), &w->arena, &o)));
	return written(w, &o);
}

#define FROM_TO "From: <sip:ann@alpha.test>;tag=a\r\nTo: <sip:bob@beta.test>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
static const char request[] = "INVITE sip:bob@beta.test SIP/2.0\r\nVia: SIP/2.0/TLS sip.alpha.test:5061;branch=z9hG4bKe\r\n"
	"Via: SIP/2.0/TLS fe.alpha.internal:5061;branch=z9hG4bKf, SIP/2.0/TLS 10.78.1.40:5061;branch=z9hG4bKc\r\n"
	"Record-Route: <sip:tok@sip.alpha.test:5061;transport=tls;lr>\r\nRecord-Route: <sip:tok@edge.alpha.internal:5061;transport=tls;lr>\r\n"
	"Record-Route: <sip:t2@fe.alpha.internal:5061;transport=tls;lr>\r\n" FROM_TO "Max-Forwards: 68\r\nContact: \"Ann\" <sip:d1@10.78.1.40:4000;transport=tls>;+sip.instance=\"<urn:uuid:1>\"\r\n"
	"ms-diagnostics: 1003;reason=\"User does not exist\";source=\"fe.alpha.internal\"\r\nWarning: 304 fe.alpha.internal \"x\"\r\nms-edge-proxy-message-trust: ms-source-type=InternetUser\r\n"
	"Content-Length: 0\r\n\r\n";

static void assert_nothing_inside(const char *text)
{
	assert_null(strstr(text, "internal:"));
	assert_null(strstr(text, ".internal"));
	assert_null(strstr(text, "10.78."));
}

/* The value after a name, up to the end of its line; on the heap. */
static char *field(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	assert_non_null(at);
	at += strlen(name);
	return strndup(at, strcspn(at, "\r"));
}

static void a_request_and_its_answer(void **state)
{
	struct world *w = *state;
	const char *out = outward(w, request);
	assert_nothing_inside(out);
	assert_non_null(strstr(out, "ms-diagnostics-public: 1003;reason=\"User does not exist\"\r\n"));
	assert_null(strstr(out, "ms-diagnostics:"));
	assert_null(strstr(out, "Warning"));
	assert_null(strstr(out, "ms-edge-proxy"));
	assert_non_null(strstr(out, "+sip.instance"));
	char *via = field(out, "Via: "), *route = field(out, "Record-Route: "), answer[4096];
	(void)snprintf(answer, sizeof answer, "SIP/2.0 200 OK\r\nVia: %s\r\nRecord-Route: <sip:p@sip.beta.test;lr>, %s\r\n" FROM_TO "Contact: <sip:b@192.0.2.7>\r\nContent-Length: 0\r\n\r\n", via, route);
	assert_true(hiding_concerns(w->hiding, read(w, answer)));
	const char *in = inward(w, answer);
	assert_non_null(strstr(in, "Via: SIP/2.0/TLS sip.alpha.test:5061;branch=z9hG4bKe\r\nVia: SIP/2.0/TLS fe.alpha.internal:5061;branch=z9hG4bKf, SIP/2.0/TLS 10.78.1.40:5061;branch=z9hG4bKc\r\n"));
	assert_non_null(strstr(in, "Record-Route: <sip:p@sip.beta.test;lr>\r\nRecord-Route: <sip:tok@sip.alpha.test:5061;transport=tls;lr>\r\n"
				   "Record-Route: <sip:tok@edge.alpha.internal:5061;transport=tls;lr>, <sip:t2@fe.alpha.internal:5061;transport=tls;lr>\r\n"));
	free(via);
	free(route);
}

static void a_request_of_the_other_side_later(void **state)
{
	struct world *w = *state;
	const char *out = outward(w, request);
	char *contact = field(out, "Contact: <"), *route = field(out, "Record-Route: "), later[4096];
	contact[strcspn(contact, ">")] = '\0';
	(void)snprintf(later, sizeof later, "BYE %s SIP/2.0\r\nVia: SIP/2.0/TLS sip.beta.test;branch=z9hG4bKp\r\nRoute: %s\r\nFrom: <sip:bob@beta.test>;tag=b\r\nTo: <sip:ann@alpha.test>;tag=a\r\n"
		"Call-ID: x\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", contact, route);
	assert_true(hiding_concerns(w->hiding, read(w, later)));
	const char *in = inward(w, later);
	assert_int_equal(strncmp(in, "BYE sip:d1@10.78.1.40:4000;transport=tls SIP/2.0\r\n", 50), 0);
	assert_non_null(strstr(in, "Route: <sip:tok@sip.alpha.test:5061;transport=tls;lr>\r\nRoute: <sip:tok@edge.alpha.internal:5061;transport=tls;lr>, <sip:t2@fe.alpha.internal:5061;transport=tls;lr>\r\n"));
	free(contact);
	free(route);
}

/* The answer to a partner: what stands above ours comes back in the other order, as his Route. */
static void an_answer_to_a_partner(void **state)
{
	struct world *w = *state;
	const char *out = outward(w, "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS sip.beta.test;branch=z9hG4bKp\r\nRecord-Route: <sip:t2@fe.alpha.internal;lr>, <sip:tok@edge.alpha.internal;lr>\r\n"
		"Record-Route: <sip:tok@sip.alpha.test:5061;lr>, <sip:p@sip.beta.test;lr>\r\n" FROM_TO "Contact: <sip:d1@10.78.1.40>\r\nContent-Length: 0\r\n\r\n");
	assert_nothing_inside(out);
	assert_non_null(strstr(out, "Record-Route: <sip:p@sip.beta.test;lr>\r\n"));
	char *route = field(out, "Record-Route: "), later[4096];
	(void)snprintf(later, sizeof later, "BYE sip:ann@alpha.test SIP/2.0\r\nVia: SIP/2.0/TLS sip.beta.test;branch=z9hG4bKp\r\nRoute: %s\r\nFrom: <sip:b@beta.test>;tag=b\r\nTo: <sip:ann@alpha.test>;tag=a\r\n"
		"Call-ID: x\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", route);
	assert_non_null(strstr(inward(w, later), "Route: <sip:tok@sip.alpha.test:5061;lr>\r\nRoute: <sip:tok@edge.alpha.internal;lr>, <sip:t2@fe.alpha.internal;lr>\r\n"));
	free(route);
}

static void what_is_left_alone(void **state)
{
	struct world *w = *state;
	const char *gruu = "MESSAGE sip:bob@beta.test SIP/2.0\r\nVia: SIP/2.0/TLS sip.alpha.test:5061;branch=z9hG4bKe\r\nFrom: <sip:ann@alpha.test>;tag=a\r\nTo: <sip:bob@beta.test>\r\nCall-ID: x\r\n"
			   "CSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContact: <sip:ann@alpha.test;opaque=user:epid:x;gruu>\r\nContent-Length: 0\r\n\r\n";
	assert_non_null(strstr(outward(w, gruu), "Contact: <sip:ann@alpha.test;opaque=user:epid:x;gruu>\r\n"));
	assert_false(hiding_concerns(w->hiding, read(w, gruu)));
}

/* Whoever writes something that looks like ours gets nothing for it. */
static void what_others_have_written(void **state)
{
	struct world *w = *state;
	static const char *const rows[] = { "sip:hidden-AAAA@sip.alpha.test", "sip:hidden-@sip.alpha.test",
		"sip:hidden-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@sip.alpha.test" };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[1024];
		struct sip_out o;
		(void)snprintf(text, sizeof text, "BYE %s SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bKp\r\nFrom: <sip:b@beta.test>;tag=b\r\nTo: <sip:ann@alpha.test>;tag=a\r\nCall-ID: x\r\nCSeq: 2 BYE\r\n"
			"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n", rows[i]);
		assert_true(hiding_concerns(w->hiding, read(w, text)));
		assert_true(err_is(hiding_inward(w->hiding, &w->in, &w->arena, &o), ERR_MALFORMED));
	}
	/* sealed by somebody else's key */
	struct world *other = *state;
	const char *out = outward(w, request);
	char *contact = field(out, "Contact: <"), text[2048];
	contact[strcspn(contact, ">")] = '\0';
	crypt_mac_key(other->crypt, STR("another key"));
	(void)snprintf(text, sizeof text, "BYE %s SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bKp\r\nFrom: <sip:b@beta.test>;tag=b\r\nTo: <sip:ann@alpha.test>;tag=a\r\nCall-ID: x\r\nCSeq: 2 BYE\r\n"
		"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n", contact);
	struct sip_out o;
	assert_true(err_is(hiding_inward(w->hiding, read(w, text), &w->arena, &o), ERR_MALFORMED));
	free(contact);
}

/* With ever more memory: an error, or the whole message; nothing between. */
static void without_memory(void **state)
{
	struct world *w = *state;
	const struct sip_msg *m = read(w, request);
	bool done = false;
	for (size_t ceiling = 64; ceiling < 64 << 10 && !done; ceiling += 64) {
		struct arena a;
		struct sip_out o;
		arena_init(&a, ceiling);
		done = !failed(hiding_outward(w->hiding, m, &a, &o));
		if (done)
			assert_nothing_inside(written(w, &o));
		arena_fini(&a);
	}
	assert_true(done);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_and_its_answer), TEST(a_request_of_the_other_side_later), TEST(an_answer_to_a_partner), TEST(what_is_left_alone), TEST(what_others_have_written),
		TEST(without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
