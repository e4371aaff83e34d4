/* SPDX-License-Identifier: Apache-2.0 */
/* What may be sent to whom: a stranger who wants to join hears nothing of the store. */
#include "role/replicator/replicator_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct room {
	struct loop *loop;
	struct skel skel;
	struct replicator replicator;
	struct pipe pipe;
};

static int set_up(void **state)
{
	static struct room r;
	r = (struct room){ .replicator = { .skel = &r.skel } };
	assert_false(failed(loop_new(&r.loop)));
	r.skel.loop = r.loop;
	r.pipe = (struct pipe){ .r = &r.replicator, .fd = -1, .state = PIPE_UP, .is_proven = true };
	buf_init(&r.pipe.out, 4096);
	*state = &r;
	return 0;
}

static int tear_down(void **state)
{
	struct room *r = *state;
	loop_undefer(&r->pipe.work);
	buf_fini(&r->pipe.out);
	loop_free(r->loop);
	return 0;
}

static size_t sent(struct room *r, enum replica_frame type)
{
	size_t before = r->pipe.out.n;
	pipe_send(&r->pipe, type, STR("body"));
	return r->pipe.out.n - before;
}

static void a_copy_is_told_everything(void **state)
{
	struct room *r = *state;
	for (unsigned type = 0; type < REPLICA_FRAME_N; type++)
		assert_int_equal(sent(r, (enum replica_frame)type), REPLICA_FRAME_HEAD + 4);
}

/* Vault may go on sending for a moment to the server that was connected before: its rows must not reach who sits at its address now. */
static void who_is_enrolling_hears_nothing_of_the_store(void **state)
{
	struct room *r = *state;
	r->pipe.is_enrolling = true;
	for (unsigned type = 0; type < REPLICA_FRAME_N; type++) {
		bool may = type == REPLICA_ENROLLED || type == REPLICA_REFUSED || type == REPLICA_PING;
		assert_int_equal(sent(r, (enum replica_frame)type), may ? REPLICA_FRAME_HEAD + 4 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_copy_is_told_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_is_enrolling_hears_nothing_of_the_store, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("replicator pipe", tests, NULL, NULL);
}
