/* SPDX-License-Identifier: Apache-2.0 */
/* What the statuses of a domain mean, and the messages between vault and this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "role/winbind/winbind_priv.h"

static void statuses_are_guesses_or_accounts_or_nothing(void **state)
{
	static const struct {
		uint32_t status;
		enum err_id error;
	} rows[] = {
		{ 0xC000006A, ERR_REFUSED }, { 0xC000006D, ERR_REFUSED }, { 0xC0000064, ERR_REFUSED }, { 0xC0000072, ERR_SIP_ACCOUNT }, { 0xC0000193, ERR_SIP_ACCOUNT },
		{ 0xC0000234, ERR_SIP_ACCOUNT_LOCKED }, { 0xC0000071, ERR_SIP_PASSWORD }, { 0xC0000224, ERR_SIP_PASSWORD }, { 0xC0000022, ERR_BUSY },
		{ 0xC000005E, ERR_BUSY }, { 0, ERR_BUSY }, { 0xC0000001, ERR_BUSY }, { 0xFFFFFFFF, ERR_BUSY },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct winbind_verdict *v = winbind_verdict_of(rows[i].status);
		if (v->error != rows[i].error || v->why[0] == '\0')
			fail_msg("%08x", (unsigned)rows[i].status);
		/* who runs the server is told what to do about everything that is not the user's fault */
		assert_true(v->error == ERR_REFUSED || v->remedy[0] != '\0');
	}
}

struct taken {
	struct loop *loop;
	unsigned n;
	bool is_ask_right, is_tell_right;
};

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct taken *t = arg;
	struct ipc_winbind_ask a;
	struct ipc_winbind_tell b;
	if (type == IPC_WINBIND_ASK) {
		for (size_t n = 0; n < body.n; n++)
			assert_true(failed(ipc_winbind_ask_parse(&a, str_cut(body, 0, n))));
		TRY(ipc_winbind_ask_parse(&a, body));
		t->is_ask_right = a.id == 7 && str_eq(a.user, STR("ann")) && str_eq(a.domain, STR("EXAMPLE")) && a.workstation.n == 0 && a.challenge.n == 8 && a.response.n == 3000;
	} else {
		for (size_t n = 0; n < body.n; n++)
			assert_true(failed(ipc_winbind_tell_parse(&b, str_cut(body, 0, n))));
		TRY(ipc_winbind_tell_parse(&b, body));
		t->is_tell_right = b.id == 7 && b.error == ERR_SIP_PASSWORD + 1 && b.status == 0xC0000071 && b.key.n == 16;
	}
	if (++t->n == 2)
		loop_stop(t->loop);
	return OK;
}

static void messages_come_as_they_went(void **state)
{
	static const struct ipc_door door = { .on_message = on_message };
	static const char response[3000] = { 1 }, bytes[16] = { 2 };
	int pair[2];
	struct taken t = { 0 };
	struct ipc *from, *to;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	assert_false(failed(loop_new(&t.loop)));
	assert_false(failed(ipc_open(t.loop, pair[0], &door, &t, &from)));
	assert_false(failed(ipc_open(t.loop, pair[1], &door, &t, &to)));
	assert_false(failed(ipc_send_winbind_ask(from, &(struct ipc_winbind_ask){ .id = 7, .user = STR("ann"), .domain = STR("EXAMPLE"), .workstation = STR(""),
		.challenge = { bytes, 8 }, .response = { response, sizeof response } }, -1)));
	assert_false(failed(ipc_send_winbind_tell(from, &(struct ipc_winbind_tell){ .id = 7, .error = ERR_SIP_PASSWORD + 1, .status = 0xC0000071, .why = STR("x"),
		.remedy = STR(""), .key = { bytes, 16 } }, -1)));
	loop_run(t.loop);
	assert_true(t.is_ask_right && t.is_tell_right);
	ipc_close(from);
	ipc_close(to);
	loop_free(t.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(statuses_are_guesses_or_accounts_or_nothing), cmocka_unit_test(messages_come_as_they_went) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
