/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/permit.h"

static void media_are_found(void **state)
{
	static const struct {
		const char *body;
		unsigned media;
	} rows[] = {
		{ "", 0 },
		{ "v=0\r\nm=audio 4000 RTP/SAVP 0\r\n", PERMIT_AUDIO },
		{ "v=0\nm=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96", PERMIT_AUDIO | PERMIT_VIDEO },
		{ "v=0\r\nm=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n", PERMIT_AUDIO },
		{ "--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=VIDEO 9 RTP/AVP 96\r\n--x--\r\n", PERMIT_VIDEO },
		{ "s=m=video 1\r\nm=application 9 UDP/TLS 1\r\nm=video", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(permit_media(str_of(rows[i].body)), rows[i].media);
}

struct world {
	struct users *users;
	struct policies *policies;
	struct permit permit;
};

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_false(failed(users_new(&w->users)));
	assert_false(failed(policies_new(&w->policies)));
	w->permit = (struct permit){ w->users, w->policies };
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	users_free(w->users);
	policies_free(w->policies);
	free(w);
	return 0;
}

static void put_user(struct world *w, const char *aor, const char *grants)
{
	static const char hash[32] = { 1 };
	assert_false(failed(users_put(w->users, &(const struct user_row){ .version = 1, .aor = str_of(aor), .enabled = true, .ha1_sha256 = { hash, sizeof hash },
		.grants = str_of(grants) })));
}

static err call(struct world *w, const char *from, const char *to, const char *body)
{
	struct inbound *in = calloc(1, sizeof *in);
	struct request r = { .in = in, .aor = str_of(from), .target = str_of(to) };
	enum stage_verdict v = STAGE_DONE;
	in->msg.body = str_of(body);
	err e = permit_stage(&w->permit, &r, &v);
	assert_int_equal(v, STAGE_NEXT);
	free(in);
	return e;
}

#define SOUND   "m=audio 4000 RTP/SAVP 0\r\n"
#define PICTURE SOUND "m=video 4002 RTP/SAVP 96\r\n"

static void both_sides_count(void **state)
{
	struct world *w = *state;
	put_user(w, "ann@example.test", "");
	put_user(w, "bob@example.test", "ConferencingPolicy=Plain");
	put_user(w, "cyd@example.test", "AudioVideoDisabled=True");
	assert_false(failed(call(w, "ann@example.test", "bob@example.test", PICTURE)));
	assert_false(failed(policies_put(w->policies, STR("ConferencingPolicy"), STR("Tag:Plain"), STR("{\"EnableP2PVideo\":false}"))));
	assert_true(err_is(call(w, "ann@example.test", "bob@example.test", PICTURE), ERR_SIP_MEDIA));
	assert_true(err_is(call(w, "bob@example.test", "ann@example.test", PICTURE), ERR_SIP_MEDIA));
	assert_false(failed(call(w, "ann@example.test", "bob@example.test", SOUND)));
	assert_true(err_is(call(w, "cyd@example.test", "ann@example.test", SOUND), ERR_SIP_FORBIDDEN));
	assert_true(err_is(call(w, "ann@example.test", "cyd@example.test", SOUND), ERR_SIP_FORBIDDEN));
	assert_false(failed(call(w, "ann@example.test", "cyd@example.test", "")));
	assert_false(failed(call(w, "", "ann@example.test", PICTURE)));
	/* The global instance holds for all who have no other. */
	assert_false(failed(policies_put(w->policies, STR("ConferencingPolicy"), STR("Global"), STR("{\"EnableP2PVideo\":false}"))));
	assert_true(err_is(call(w, "", "ann@example.test", PICTURE), ERR_SIP_MEDIA));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(media_are_found),
		cmocka_unit_test_setup_teardown(both_sides_count, open_world, close_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
