/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of subscriptions and presence fails once: nothing breaks, nothing leaks, and what is answered 200 is done. */
#include <stdbool.h>
#include <stddef.h>

static bool is_armed;    /* the request that is meant is on its way */
static bool is_counting; /* inside of what is tested */
static long n_left;      /* allocations until the one that fails; 0: none does */
static long n_live;      /* what is allocated at this moment */

#define FAKE_BEGIN() bool was_counting = is_counting; is_counting = false
#define FAKE_END()   is_counting = was_counting

#define TESTED_BEGIN() bool was_tested = is_counting; is_counting = is_armed
#define TESTED_END()   is_counting = was_tested

#include "service/pres/pres_fake.h"

/* The sanitizer has its own; with it the test goes through without a failure. */
#ifndef __SANITIZE_ADDRESS__
#pragma GCC visibility push(default)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *p);

static bool fails(void)
{
	return is_counting && n_left != 0 && --n_left == 0;
}

void *malloc(size_t size)
{
	void *p = fails() ? NULL : __libc_malloc(size);
	n_live += p != NULL;
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);
	n_live += p != NULL;
	return p;
}

void *realloc(void *old, size_t size)
{
	void *p = fails() ? NULL : __libc_realloc(old, size);
	n_live += p != NULL && old == NULL;
	return p;
}

void *__libc_memalign(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size);

void *aligned_alloc(size_t alignment, size_t size)
{
	void *p = __libc_memalign(alignment, size);
	n_live += p != NULL;
	return p;
}

void *reallocarray(void *old, size_t n, size_t size)
{
	return realloc(old, n * size);
}

void free(void *p)
{
	n_live -= p != NULL;
	__libc_free(p);
}
#pragma GCC visibility pop
#endif

#define LIST_OF_TWO "<batchSub><action name=\"subscribe\"><adhocList><resource uri=\"sip:" ANN "\"/><resource uri=\"sip:no@example.test\"/></adhocList></action></batchSub>"
#define TWO_NOTES                                                                                                                                  \
	"<publish><publications>" PUBLICATION("note", 0, 200, 0, "static", NOTE("a")) PUBLICATION("state", 1, 2, 0, "endpoint",                    \
		STATE("machineState", "false", 3500, "<activity token=\"x\"/>")) "</publications></publish>"

static const struct {
	const char *what;
	struct client client;
} requests[] = {
	{ "publications", { .method = "SERVICE", .type = "application/msrtc-category-publish+xml", .body = TWO_NOTES } },
	{ "containers", { .method = "SERVICE", .type = "application/msrtc-setcontainermembers+xml",
		.body = "<setContainerMembers><container id=\"300\" version=\"0\">" MEMBER("add", "user", BOB) "</container><container id=\"500\" version=\"0\"/></setContainerMembers>" } },
	{ "watchers", { .method = "SERVICE", .type = "application/msrtc-presence-setsubscriber+xml",
		.body = "<setSubscribers><subscriber user=\"eve@example.test\" acknowledged=\"true\"/></setSubscribers>" } },
	{ "PIDF", { .method = "PUBLISH", .event = "presence", .type = "application/pidf+xml",
		.body = "<presence><tuple><status><basic>open</basic></status><note>hello</note></tuple></presence>" } },
	{ "a list", { .method = "SUBSCRIBE", .from = BOB, .event = "presence", .extra = QUICK CATEGORIES, .type = "application/msrtc-adrl-categorylist+xml", .body = LIST_OF_TWO, .flow = 2 } },
	{ "one user", { .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .flow = 3 } },
	{ "himself", { .method = "SUBSCRIBE", .event = SELF, .extra = QUICK, .flow = 4 } },
	{ "his watchers", { .method = "SUBSCRIBE", .event = "presence.winfo", .extra = QUICK, .flow = 5 } },
};

/* Answers whether the failure was reached. */
static bool fail_once(const struct client *c, const char *what, long at)
{
	void *state;
	long before = n_live;
	assert_int_equal(set_up(&state), 0);
	struct bench *b = state;
	SEND(b, .method = "SUBSCRIBE", .event = SELF, .extra = QUICK, .flow = 6);
	SEND(b, .method = "SUBSCRIBE", .from = "eve@example.test", .to = ANN, .event = "presence", .extra = QUICK CATEGORIES, .flow = 7);
	n_left = at;
	is_armed = true;
	unsigned status = send_request(b, c);
	bool is_reached = at != 0 && n_left == 0;
	n_left = 0;
	is_armed = false;
	if (status == 0 || (!is_reached && status != 200))
		fail_msg("%s, allocation %ld: %u", what, at, status);
	pass(b, 10000);
	/* whoever has been refused may come again */
	unsigned again = send_request(b, c);
	if (again != 200 && again != 409)
		fail_msg("%s again, allocation %ld: %u after %u", what, at, again, status);
	assert_int_equal(tear_down(&state), 0);
	if (at != 0 && n_live != before)
		fail_msg("%s, allocation %ld: %ld are left", what, at, n_live - before);
	return is_reached;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	(void)fail_once(&requests[0].client, "", 0); /* libraries allocate for good at their first use */
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		long at = 1;
		while (fail_once(&requests[i].client, requests[i].what, at))
			at++;
		print_message("%s: %ld allocations\n", requests[i].what, at - 1);
#ifndef __SANITIZE_ADDRESS__
		assert_true(at > 5);
#endif
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation_may_fail) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
