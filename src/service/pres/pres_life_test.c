/* SPDX-License-Identifier: Apache-2.0 */
/* PUBLISH, who watches whom, and what becomes of it all when vault, users or memory go. */
#include "service/pres/pres_fake.h"

/* ---- PUBLISH (RFC 3903) ---- */

#define PIDF(basic, more)                                                                                                                        \
	"<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" "                                   \
	"xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:" ANN "\"><tuple id=\"a\"><status><basic>" basic "</basic></status></tuple>" more "</presence>"
#define PERSON(activity, note) "<dm:person id=\"p\"><rpid:activities><rpid:" activity "/></rpid:activities><dm:note>" note "</dm:note></dm:person>"

static unsigned send_publish(struct bench *b, const char *etag, const char *expires, const char *type, const char *body)
{
	char extra[128];
	snprintf(extra, sizeof extra, "%s%s%s%s%s%s", etag != NULL ? "SIP-If-Match: " : "", etag != NULL ? etag : "", etag != NULL ? "\n" : "",
		expires != NULL ? "Expires: " : "", expires != NULL ? expires : "", expires != NULL ? "\n" : "");
	return SEND(b, .method = "PUBLISH", .event = "presence", .extra = extra, .type = type, .body = body);
}

static const char *etag(void)
{
	static char tags[4][32];
	static unsigned n;
	char *out = tags[n++ % 4];
	const char *at = strstr(fake.answer, "SIP-ETag: ");
	assert_non_null(at);
	snprintf(out, sizeof tags[0], "%.*s", (int)strcspn(at + 10, "\r"), at + 10);
	return out;
}

static void publish_lives_by_its_tag(void **state)
{
	static const char type[] = "application/pidf+xml";
	struct bench *b = *state;
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	assert_int_equal(send_publish(b, NULL, "120", type, PIDF("open", PERSON("on-the-phone", "calling"))), 200);
	assert_true(has("Expires: 120\r\n"));
	const char *first = etag();
	assert_true(told(b, 2, "<availability>6500</availability>") && told(b, 2, "token=\"on-the-phone\"") && told(b, 2, ">calling<"));
	pass(b, 100000);
	assert_int_equal(send_publish(b, first, "120", NULL, ""), 200); /* a refresh */
	const char *second = etag();
	assert_string_not_equal(first, second);
	assert_int_equal(send_publish(b, first, "120", NULL, ""), 412);
	pass(b, 100000);
	assert_false(told(b, 2, "<availability>3500</availability>"));
	assert_int_equal(send_publish(b, second, "120", type, PIDF("open", PERSON("away", ""))), 200); /* a change */
	const char *third = etag();
	assert_true(told(b, 2, "<availability>15500</availability>") && told(b, 2, "<category name=\"note\"/>"));
	assert_int_equal(send_publish(b, third, "0", NULL, ""), 200);
	assert_true(has("Expires: 0\r\n") && told(b, 2, "<availability>3500</availability>"));
	assert_int_equal(send_publish(b, third, "120", NULL, ""), 412);
	assert_int_equal(send_publish(b, NULL, "120", type, PIDF("closed", "")), 200);
	assert_true(told(b, 2, "<availability>18500</availability>"));
	pass(b, 120000); /* it ends by itself */
	assert_true(told(b, 2, "<availability>3500</availability>"));
}

static void publish_is_refused(void **state)
{
	static const char type[] = "application/pidf+xml";
	struct bench *b = *state;
	assert_int_equal(send_publish(b, NULL, "59", type, PIDF("open", "")), 423);
	assert_true(has("Min-Expires: 60\r\n"));
	assert_int_equal(send_publish(b, NULL, NULL, "text/plain", "hello"), 415);
	assert_int_equal(send_publish(b, NULL, NULL, NULL, ""), 400);
	assert_int_equal(send_publish(b, NULL, NULL, type, "<presence"), 400);
	assert_int_equal(send_publish(b, NULL, NULL, type, "<absence/>"), 400);
	assert_int_equal(send_publish(b, "nonsense", NULL, type, PIDF("open", "")), 412);
	assert_int_equal(send_publish(b, "00000000-00000000", NULL, NULL, ""), 412);
	assert_int_equal(SEND(b, .method = "PUBLISH", .from = BOB, .to = ANN, .event = "presence", .type = type, .body = PIDF("open", "")), 403);
	assert_int_equal(SEND(b, .method = "PUBLISH", .event = "dialog", .type = type, .body = PIDF("open", "")), 489);
	/* the dialect's publications are not to be had by a tag */
	assert_int_equal(PUBLISH(b, PUBLICATION("state", 1073741825, 2, 0, "endpoint", STATE("machineState", "false", 3500, ""))), 200);
	assert_int_equal(send_publish(b, "40000001-00000001", "0", NULL, ""), 412);
	assert_int_equal(send_publish(b, NULL, NULL, type, PIDF("open", "")), 200);
	assert_true(has("Expires: 3600\r\n"));
	assert_int_equal(send_publish(b, NULL, "999999", type, PIDF("open", "")), 200);
	assert_true(has("Expires: 86400\r\n"));
}

/* A long note is cut between characters. */
static void publish_cuts_notes(void **state)
{
	struct bench *b = *state;
	char note[2048] = "", body[4096];
	strcat(note, "x");
	for (unsigned i = 0; i < 600; i++)
		strcat(note, "\xc3\xa9");
	snprintf(body, sizeof body, "<presence><note>%s</note></presence>", note);
	assert_int_equal(send_publish(b, NULL, NULL, "application/pidf+xml", body), 200);
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	const char *at = strstr(fake.answer, ">x\xc3\xa9");
	assert_non_null(at);
	assert_int_equal(strcspn(at + 1, "<"), 1023);
}

/* ---- who watches whom (RFC 3857) ---- */

static void winfo_names_the_watchers(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence.winfo"), 403);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .event = "presence.winfo", .extra = QUICK), 200);
	assert_true(has("Content-Type: application/watcherinfo+xml\r\n") && has(" version=\"0\" state=\"full\"><watcher-list resource=\"sip:" ANN "\" package=\"presence\"></watcher-list>"));
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	assert_true(told(b, 1, " version=\"1\"") && told(b, 1, "<watcher id=\"w1\" event=\"subscribe\" status=\"active\">sip:" BOB "</watcher>"));
	assert_int_equal(WATCH(b, "eve@example.test", 3, RESOURCE(ANN)), 200);
	assert_int_equal(b->n_quick[1], 1); /* not more often than every five seconds */
	notifier_flow_gone(b->notifier, &(struct flow){ .slot = 2, .serial = 1 });
	pass(b, 5000);
	assert_int_equal(b->n_quick[1], 2);
	assert_true(told(b, 1, "<watcher id=\"w2\" event=\"subscribe\" status=\"active\">sip:eve@example.test</watcher>"));
	assert_false(told(b, 1, BOB));
}

/* ---- vault, and users that go ---- */

static void waits_until_he_is_read(void **state)
{
	struct bench *b = *state;
	b->waits = true;
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .extra = QUICK CATEGORIES, .flow = 2), 0);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("x"))), 0);
	assert_int_equal(b->n_questions, 1);
	run_vault(b);
	assert_int_equal(fake.n_answers, 2);
	assert_int_equal(fake.status, 200);
	assert_int_equal(notifier_count(b->notifier), 1);
}

static void without_vault_503(void **state)
{
	struct bench *b = *state;
	b->is_away = true;
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .extra = CATEGORIES, .flow = 2), 503);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("x"))), 503);
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 503);
	b->is_away = false;
	b->waits = true;
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 0); /* bob himself is not read yet */
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("x"))), 0);
	kept_told_nothing(b->kept);
	assert_int_equal(fake.n_answers, 5);
	assert_int_equal(fake.status, 503);
}

/* Whoever began to watch while vault was away is told as soon as it is back. */
static void is_read_when_vault_is_back(void **state)
{
	struct bench *b = *state;
	PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("x")), .from = BOB, .flow = 2);
	b->waits = true;
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	assert_false(has("<displayName>"));
	kept_told_nothing(b->kept);
	b->n_questions = 0;
	pass(b, 5000);
	run_vault(b);
	assert_true(told(b, 2, "<displayName>Ann Other</displayName>") && told(b, 2, "<availability>3500</availability>"));
}

/* A change that the disk has refused does not stay: memory is what is kept. */
static void refused_changes_are_taken_back(void **state)
{
	struct bench *b = *state;
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "static", NOTE("old"))), 200);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .event = SELF, .extra = QUICK), 200);
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	b->refuses = ERR(DISK_FULL);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 1, "static", NOTE("new"))), 500);
	assert_true(told(b, 2, ">old<") && told(b, 1, ">old<"));
	b->refuses = OK;
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 1, "static", NOTE("new"))), 200);
	assert_true(told(b, 2, ">new<"));
	b->is_away = true;
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 2, "static", NOTE("newer"))), 503);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 2, "static", NOTE("newer"))), 503);
	b->is_away = false;
	pass(b, 5000);
	assert_true(told(b, 2, ">new<"));
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 2, "static", NOTE("newer"))), 200);
}

/* Nothing leaks when the process ends in the middle. */
static void ends_with_everything_under_way(void **state)
{
	struct bench *b = *state;
	PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("x")));
	b->waits = true;
	PUBLISH(b, PUBLICATION("note", 0, 300, 0, "static", NOTE("y")));
	WATCH(b, BOB, 2, RESOURCE(ANN));
	SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = "eve@example.test", .event = "presence", .flow = 2);
	assert_int_equal(b->n_questions, 3);
}

static void removed_users_are_gone(void **state)
{
	struct bench *b = *state;
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .extra = QUICK CATEGORIES, .flow = 3), 200);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .event = SELF, .extra = QUICK, .flow = 4), 200);
	users_remove(b->users, STR(ANN));
	pres_user_changed(b->pres, STR(ANN));
	assert_true(told(b, 2, "state=\"terminated\" reason=\"noresource\" statusCode=\"404\""));
	assert_true(told(b, 3, "terminated;reason=noresource"));
	assert_true(told(b, 4, "terminated;reason=noresource"));
	assert_int_equal(notifier_count(b->notifier), 1);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .flow = 3), 404);
	sign_out(b, ANN, "ep1");
	pass(b, 60000);
	assert_null(presentity_find(b->pres, STR(ANN)));
}

static void card_changes_show(void **state)
{
	struct bench *b = *state;
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	run_vault(b);
	forget_told(b);
	pres_user_changed(b->pres, STR(ANN));
	run_vault(b);
	assert_int_equal(b->n_quick[2], 0);
	keep(b, ANN, KEPT_CARD, "Title", "Queen & more");
	pres_user_changed(b->pres, STR(ANN));
	run_vault(b);
	assert_true(told(b, 2, "<title>Queen &amp; more</title>"));
}

static void forgets_whom_nobody_needs(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .extra = CATEGORIES, .flow = 2), 200);
	sign_out(b, ANN, "ep1");
	pass(b, 120000);
	assert_non_null(presentity_find(b->pres, STR(ANN)));
	notifier_flow_gone(b->notifier, &(struct flow){ .slot = 2, .serial = 1 });
	pass(b, 120000);
	assert_null(presentity_find(b->pres, STR(ANN)));
}

/* ---- limits ---- */

/* Whom another process decides about stays where that has put him, whatever changes here. */
static void far_users_are_not_placed_here(void **state)
{
	struct bench *b = *state;
	b->is_far = "eve@example.test";
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE("eve@example.test")), 200);
	run_vault(b);
	assert_int_equal(b->n_watched, 1);
	assert_false(failed(pres_on_news(b->pres, 1, b->watched, STR("note 24\n<category name=\"note\"/>."))));
	assert_true(told(b, 2, "<category name=\"note\"/>"));
	forget_told(b);
	b->config.use_privacy_mode = true;
	pres_config_changed(b->pres);
	pres_contacts_changed(b->pres, STR("eve@example.test"));
	assert_int_equal(b->n_quick[2], 0);
	assert_int_equal(b->n_unwatched, 0);
	assert_false(failed(pres_on_news(b->pres, 1, b->watched, STR("note 24\n<category name=\"note\"/>!"))));
	assert_true(told(b, 2, "<category name=\"note\"/>!"));
}

/* One that is refused takes those before it in the same request with it. */
static void watchers_are_acknowledged_together(void **state)
{
	struct bench *b = *state;
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	assert_int_equal(SEND(b, .method = "SERVICE", .type = "application/msrtc-presence-setsubscriber+xml",
		.body = "<setSubscribers><subscriber user=\"bob@example.test\" acknowledged=\"true\"/><subscriber/></setSubscribers>"), 400);
	assert_string_equal(kept(b, ANN, KEPT_SUBSCRIBER, BOB), "seen");
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .event = SELF, .extra = QUICK), 200);
	assert_true(has("<subscriber user=\"bob@example.test\""));
}

static void limits(void **state)
{
	struct bench *b = *state;
	struct arena a;
	struct presentity *u;
	struct xml_node *root;
	char *body = malloc(20000);
	arena_init(&a, 1 << 24);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("x"))), 200);
	u = presentity_find(b->pres, STR(ANN));
	snprintf(body, 20000, "<x>%01000d</x>", 7);
	assert_false(failed(xml_tree_read(b->xml, str_of(body), NULL, &a, &root, NULL)));
	err e = OK;
	size_t n = 1;
	for (; !failed(e); n++)
		e = pres_publication_set(u, &(struct pres_publish){ .key = { CATEGORY_NOTE, 200, (uint32_t)n }, .version = 1, .epid = STR(""), .body = root }, &a);
	assert_true(err_is(e, ERR_CEILING) && u->n_publications <= PRES_PUBLICATIONS && u->n_bytes <= PRES_BYTES_MAX);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 300, 0, "static", NOTE("x"))), u->n_publications == PRES_PUBLICATIONS ? 513 : 200);
	snprintf(body, 20000, "<x>%017000d</x>", 7);
	assert_false(failed(xml_tree_read(b->xml, str_of(body), NULL, &a, &root, NULL)));
	pres_publications_free(u);
	assert_int_equal(u->n_bytes, 0);
	e = pres_publication_set(u, &(struct pres_publish){ .key = { CATEGORY_NOTE, 200, 1 }, .epid = STR(""), .body = root }, &a);
	assert_true(err_is(e, ERR_CEILING));
	struct pres_container *c = pres_container_find(u, 300);
	for (unsigned i = 0; i < PRES_MEMBERS_MAX - 2; i++) { /* two have been there */
		snprintf(body, 64, "u%u@example.test", i);
		assert_false(failed(pres_member_add(u, c, MEMBER_USER, str_of(body))));
	}
	assert_true(err_is(pres_member_add(u, c, MEMBER_USER, STR("one@more.test")), ERR_CEILING));
	assert_int_equal(MEMBERS(b, "<container id=\"300\" version=\"0\">" MEMBER("add", "user", "one@more.test") "</container>"), 513);
	for (uint16_t i = 1; u->n_containers < PRES_CONTAINERS; i++)
		assert_non_null(pres_container_get(u, i));
	assert_null(pres_container_get(u, 20000));
	assert_int_equal(MEMBERS(b, "<container id=\"20000\" version=\"0\"/>"), 513);
	uint8_t number;
	for (unsigned i = 0; b->pres->categories.n < PRES_CATEGORIES; i++) {
		snprintf(body, 64, "made.up-%u", i);
		assert_false(failed(pres_category_get(&b->pres->categories, str_of(body), &number)));
	}
	assert_true(err_is(pres_category_get(&b->pres->categories, STR("another"), &number), ERR_CEILING));
	assert_false(failed(pres_category_get(&b->pres->categories, STR("routing"), &number))); /* those of clients are known */
	arena_fini(&a);
	free(body);
}

static void many_may_wait_but_not_all(void **state)
{
	struct bench *b = *state;
	b->waits = true;
	for (unsigned i = 0; i < PRES_WAITING_MAX; i++)
		assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("x"))), 0);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("x"))), 503);
	run_vault(b);
	assert_int_equal(fake.n_answers, PRES_WAITING_MAX + 1);
}

/* A list of rows that is not whole must not make somebody who is blocked see everything. */
static void torn_rows_are_not_taken(void **state)
{
	struct bench *b = *state;
	b->waits = true;
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .extra = CATEGORIES, .flow = 2), 0);
	kept_told_rows(b->kept, b->questions[0].id, STR("\x04"), true);
	assert_int_equal(fake.status, 503);
	b->n_questions = 0;
}

int main(void)
{
#define PRES_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PRES_TEST(publish_lives_by_its_tag),
		PRES_TEST(publish_is_refused),
		PRES_TEST(publish_cuts_notes),
		PRES_TEST(winfo_names_the_watchers),
		PRES_TEST(waits_until_he_is_read),
		PRES_TEST(without_vault_503),
		PRES_TEST(is_read_when_vault_is_back),
		PRES_TEST(refused_changes_are_taken_back),
		PRES_TEST(ends_with_everything_under_way),
		PRES_TEST(removed_users_are_gone),
		PRES_TEST(card_changes_show),
		PRES_TEST(forgets_whom_nobody_needs),
		PRES_TEST(far_users_are_not_placed_here),
		PRES_TEST(watchers_are_acknowledged_together),
		PRES_TEST(limits),
		PRES_TEST(many_may_wait_but_not_all),
		PRES_TEST(torn_rows_are_not_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
