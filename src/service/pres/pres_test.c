/* SPDX-License-Identifier: Apache-2.0 */
/* What people publish, and what each of those who watch sees of it. */
#include "service/pres/pres_fake.h"

static void versions_grow_and_conflict(void **state)
{
	struct bench *b = *state;
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "static", NOTE("one"))), 200);
	assert_true(has("<category name=\"note\" instance=\"0\"") && has("container=\"200\" version=\"1\" expireType=\"static\">") && has("one</body>"));
	assert_string_equal(kept(b, ANN, KEPT_PUBLICATION, "note 0 200"), "1 1700000000000\n" NOTE("one"));
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 300, 0, "static", NOTE("x")) PUBLICATION("note", 0, 200, 0, "static", NOTE("two"))), 409);
	assert_true(has("Content-Type: application/msrtc-fault+xml\r\n") && has("<Faultcode>Client.BadCall.WrongDelta</Faultcode>"));
	assert_true(has("<operation index=\"2\" curVersion=\"1\"/>") && !has("index=\"1\""));
	assert_null(kept(b, ANN, KEPT_PUBLICATION, "note 0 300"));
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 1, "static", NOTE("two"))), 200);
	assert_true(has("version=\"2\""));
	assert_int_equal(PUBLISH(b, "<publication categoryName=\"note\" instance=\"0\" container=\"200\" version=\"2\" expireType=\"static\" expires=\"0\"/>"), 200);
	assert_true(has("<category name=\"note\"/>"));
	assert_null(kept(b, ANN, KEPT_PUBLICATION, "note 0 200"));
}

/* What was for good and is not any more leaves the disk, too. */
static void static_ones_are_kept_and_others_not(void **state)
{
	struct bench *b = *state;
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "static", NOTE("a")) PUBLICATION("note", 1, 200, 0, "endpoint", NOTE("b"))), 200);
	assert_non_null(kept(b, ANN, KEPT_PUBLICATION, "note 0 200"));
	assert_null(kept(b, ANN, KEPT_PUBLICATION, "note 1 200"));
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 1, "user", NOTE("c"))), 200);
	assert_null(kept(b, ANN, KEPT_PUBLICATION, "note 0 200"));
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 2, "static", NOTE("d"))), 200);
	close_pres(b);
	open_pres(b);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "static", NOTE("e"))), 409);
	assert_true(has("curVersion=\"3\""));
}

/* All of a request is done, or nothing. */
static void nothing_is_done_by_halves(void **state)
{
	static const char *const bad[] = {
		"<publication categoryName=\"note\" instance=\"0\" container=\"200\" version=\"0\" expireType=\"never\"/>",
		"<publication categoryName=\"note\" instance=\"0\" container=\"32768\" version=\"0\" expireType=\"static\"/>",
		"<publication categoryName=\"note\" instance=\"-1\" container=\"200\" version=\"0\" expireType=\"static\"/>",
		"<publication categoryName=\"note\" instance=\"0\" container=\"200\" expireType=\"static\"/>",
		"<publication categoryName=\"n o\" instance=\"0\" container=\"200\" version=\"0\" expireType=\"static\"/>",
		"<publication categoryName=\"note\" instance=\"0\" container=\"200\" version=\"0\" expireType=\"time\"/>",
	};
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char body[1024];
		snprintf(body, sizeof body, "<publish><publications>%s%s</publications></publish>", PUBLICATION("note", 7, 200, 0, "static", NOTE("x")), bad[i]);
		assert_int_equal(SEND(b, .method = "SERVICE", .type = "application/msrtc-category-publish+xml", .body = body), 400);
		assert_int_equal(PUBLISH(b, PUBLICATION("note", 7, 200, 1, "static", NOTE("x"))), 409);
		assert_true(has("curVersion=\"0\""));
	}
	assert_int_equal(SEND(b, .method = "SERVICE", .type = "application/msrtc-category-publish+xml", .body = "<publish/>"), 400);
	assert_int_equal(SEND(b, .method = "SERVICE", .type = "application/msrtc-category-publish+xml", .body = "<other/>"), 400);
	assert_int_equal(SEND(b, .method = "SERVICE", .type = "application/msrtc-category-publish+xml", .body = "<publish>"), 400);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "static", ""), .from = BOB, .to = ANN), 403);
	assert_int_equal(b->n_rows, 0);
}

static void expire_types(void **state)
{
	struct bench *b = *state;
	sign_in(b, ANN, "ep2");
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 1, 200, 0, "endpoint", NOTE("endpoint")) PUBLICATION("note", 2, 200, 0, "user", NOTE("user"))
			PUBLICATION("note", 3, 200, 0, "static", NOTE("static"))
			"<publication categoryName=\"note\" instance=\"4\" container=\"200\" version=\"0\" expireType=\"time\" expires=\"20\">" NOTE("time") "</publication>"), 200);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .event = SELF, .extra = QUICK, .flow = 2), 200);
	assert_true(has("endpointId=\"ep1\"") && has(" expires=\"20\""));
	pass(b, 20000);
	assert_false(told(b, 2, ">time<"));
	assert_true(told(b, 2, ">endpoint<") && told(b, 2, ">user<") && told(b, 2, ">static<"));
	sign_out(b, ANN, "ep1");
	assert_false(told(b, 2, ">endpoint<"));
	assert_true(told(b, 2, ">user<"));
	sign_out(b, ANN, "ep2");
	assert_false(told(b, 2, ">user<"));
	assert_true(told(b, 2, ">static<"));
}

/* ---- what it comes to taken together ---- */

struct device_state {
	const char *type;
	bool manual;
	uint32_t availability;
};

static void aggregates(void **state)
{
	static const struct {
		const char *what;
		struct device_state states[4];
		uint32_t expected;
	} rows[] = {
		{ "a device that tells nothing", { { NULL } }, 3500 },
		{ "at the machine", { { "machineState", false, 3500 } }, 3500 },
		{ "idle", { { "machineState", false, 5000 } }, 5000 },
		{ "the machine that is used most counts", { { "machineState", false, 15500 }, { "machineState", false, 3500 } }, 3500 },
		{ "away at both", { { "machineState", false, 15500 }, { "machineState", false, 15500 } }, 15500 },
		{ "on the telephone", { { "machineState", false, 3500 }, { "phoneState", false, 6500 } }, 6500 },
		{ "on the telephone, machine unknown", { { "phoneState", false, 6500 } }, 6500 },
		{ "in a meeting", { { "machineState", false, 5000 }, { "calendarState", false, 6500 } }, 6500 },
		{ "in a meeting, but away", { { "machineState", false, 15500 }, { "calendarState", false, 6500 } }, 15500 },
		{ "a free calendar says nothing", { { "machineState", false, 3500 }, { "calendarState", false, 3500 } }, 3500 },
		{ "chosen: do not disturb", { { "machineState", false, 3500 }, { "userState", true, 9500 } }, 9500 },
		{ "chosen: busy, over the telephone", { { "machineState", false, 3500 }, { "phoneState", false, 9500 }, { "userState", true, 6500 } }, 6500 },
		{ "chosen: available, over the calendar", { { "machineState", false, 3500 }, { "calendarState", false, 6500 }, { "userState", true, 3500 } }, 3500 },
		{ "chosen: available, a machine that says do not disturb", { { "machineState", false, 9500 }, { "userState", true, 3500 } }, 3500 },
		{ "chosen: available, but idle", { { "machineState", false, 5000 }, { "userState", true, 3500 } }, 5000 },
		{ "chosen: appear offline", { { "machineState", false, 3500 }, { "userState", true, 18500 } }, 18500 },
		{ "not chosen", { { "machineState", false, 3500 }, { "userState", false, 9500 } }, 3500 },
		{ "a state that nobody knows", { { "machineState", false, 3500 }, { "moodState", true, 9500 } }, 3500 },
	};
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char body[4096] = "<publish><publications>", one[1024];
		for (size_t k = 0; k < 4 && rows[i].states[k].type != NULL; k++) {
			const struct device_state *s = &rows[i].states[k];
			snprintf(one, sizeof one,
				"<publication categoryName=\"state\" instance=\"%zu\" container=\"2\" version=\"0\" expireType=\"user\"><state xmlns:xsi=\"x\" xsi:type=\"%s\" "
				"manual=\"%s\"><availability>%u</availability></state></publication>",
				k, s->type, s->manual ? "true" : "false", s->availability);
			strcat(body, one);
		}
		strcat(body, "<publication categoryName=\"note\" instance=\"0\" container=\"2\" version=\"0\" expireType=\"user\"/></publications></publish>");
		assert_int_equal(SEND(b, .method = "SERVICE", .type = "application/msrtc-category-publish+xml", .body = body), 200);
		assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .extra = QUICK CATEGORIES "Expires: 0\n", .flow = 2), 200);
		snprintf(one, sizeof one, "<availability>%u</availability>", rows[i].expected);
		if (!has(one))
			fail_msg("%s: not %u in %s", rows[i].what, rows[i].expected, fake.answer);
		sign_out(b, ANN, "ep1");
		assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .extra = QUICK CATEGORIES "Expires: 0\n", .flow = 2), 200);
		assert_true(has("<availability>18500</availability>"));
		sign_in(b, ANN, "ep1");
	}
}

/* ---- what each relationship sees ---- */

enum { BLOCKED = 1, EXTERNAL = 2, COLLEAGUES = 4, WORKGROUP = 8, FRIENDS = 16, STRANGER = 32, INSIDE = COLLEAGUES | WORKGROUP | FRIENDS, KNOWN = EXTERNAL | INSIDE,
	EVERYBODY = KNOWN | BLOCKED | STRANGER };

static const struct {
	int who;
	const char *aor;
} relationships[] = { { BLOCKED, "eve@example.test" }, { EXTERNAL, "out@partner.test" }, { COLLEAGUES, BOB }, { WORKGROUP, "work@example.test" }, { FRIENDS, "fam@home.test" },
	{ STRANGER, "nobody@void.test" } };

/* The whole table of privacy relationships: an item, how it shows, and who sees it. */
static const struct {
	const char *item, *text;
	int who;
} table[] = {
	{ "name", "<displayName>Ann Other</displayName>", EVERYBODY },
	{ "mail", "<email>ann.other@mail.test</email>", EVERYBODY },
	{ "title", "<title>Engineer</title>", KNOWN },
	{ "company", "<company>Witan</company>", KNOWN },
	{ "availability", "<availability>6500</availability>", KNOWN },
	{ "offline", "<availability>18500</availability>", BLOCKED },
	{ "no state at all", "<category name=\"state\"/>", STRANGER },
	{ "activity", "token=\"in-a-meeting\"", INSIDE },
	{ "office", "<office>12</office>", INSIDE },
	{ "location", "<city>Town</city>", INSIDE },
	{ "work phone", "<phone type=\"work\"><uri>tel:+15550001</uri>", INSIDE },
	{ "mobile phone", "<phone type=\"mobile\"><uri>tel:+15550002</uri>", WORKGROUP | FRIENDS },
	{ "home phone", "tel:+15550003", FRIENDS },
	{ "personal note", ">in a meeting<", INSIDE },
	{ "no note", "<category name=\"note\"/>", BLOCKED | EXTERNAL | STRANGER },
	{ "free/busy", ">free-busy<", INSIDE },
	{ "work hours", ">nine to five<", INSIDE },
	{ "last active", " lastActive=\"2023-11-14T22:13:20Z\"", WORKGROUP | FRIENDS },
	{ "meeting subject", ">Budget</meetingSubject>", WORKGROUP },
	{ "meeting location", ">Room 7</meetingLocation>", WORKGROUP },
};

#define HOME "<contactCard xmlns=\"http://schemas.microsoft.com/2006/09/sip/contactcard\"><phone type=\"home\"><uri>tel:+15550003</uri></phone></contactCard>"
#define BUSY_DATA "<calendarData>free-busy</calendarData>"
#define HOURS "<workingHours>nine to five</workingHours>"
#define ACTIVITY "<activity token=\"in-a-meeting\" minAvailability=\"6500\" maxAvailability=\"8999\"/>"
#define MEETING ACTIVITY "<meetingSubject>Budget</meetingSubject><meetingLocation>Room 7</meetingLocation>"

static void show_everything(struct bench *b)
{
	static const char *const card[][2] = { { "Title", "Engineer" }, { "Company", "Witan" }, { "Office", "12" }, { "City", "Town" }, { "Phone", "+1 555 0001" },
		{ "MobilePhone", "+1 (555) 0002" }, { "WindowsEmailAddress", "ann.other@mail.test" } };
	for (size_t i = 0; i < sizeof card / sizeof card[0]; i++)
		keep(b, ANN, KEPT_CARD, card[i][0], card[i][1]);
	assert_int_equal(MEMBERS(b, "<container id=\"300\" version=\"0\">" MEMBER("add", "user", "work@example.test") "</container>"
			"<container id=\"400\" version=\"0\">" MEMBER("add", "user", "sip:Fam@home.test") "</container>"
			"<container id=\"100\" version=\"0\">" MEMBER("remove", "federated", "") MEMBER("add", "domain", "partner.test") "</container>"
			"<container id=\"32000\" version=\"0\">" MEMBER("add", "user", "eve@example.test") "</container>"), 200);
	/* a client that shows more in each container than the relationship may see */
	assert_int_equal(PUBLISH(b, PUBLICATION("state", 1, 2, 0, "user", STATE("machineState", "false", 3500, "")) PUBLICATION("state", 1, 3, 0, "user", STATE("machineState", "false", 3500, ""))
			PUBLICATION("state", 2, 2, 0, "user", STATE("calendarState", "false", 6500, MEETING)) PUBLICATION("state", 2, 3, 0, "user", STATE("calendarState", "false", 6500, MEETING))
			PUBLICATION("contactCard", 9, 400, 0, "user", HOME)), 200);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 0, 0, "user", NOTE("in a meeting")) PUBLICATION("note", 0, 100, 0, "user", NOTE("in a meeting"))
			PUBLICATION("note", 0, 200, 0, "user", NOTE("in a meeting")) PUBLICATION("note", 0, 300, 0, "user", NOTE("in a meeting"))
			PUBLICATION("note", 0, 400, 0, "user", NOTE("in a meeting")) PUBLICATION("note", 0, 32000, 0, "user", NOTE("in a meeting"))), 200);
	assert_int_equal(PUBLISH(b, PUBLICATION("calendarData", 0, 100, 0, "user", BUSY_DATA) PUBLICATION("calendarData", 0, 200, 0, "user", BUSY_DATA)
			PUBLICATION("calendarData", 0, 300, 0, "user", BUSY_DATA) PUBLICATION("calendarData", 0, 400, 0, "user", BUSY_DATA)
			PUBLICATION("calendarData", 0, 32000, 0, "user", BUSY_DATA) PUBLICATION("workingHours", 0, 100, 0, "user", HOURS)
			PUBLICATION("workingHours", 0, 200, 0, "user", HOURS) PUBLICATION("workingHours", 0, 300, 0, "user", HOURS)
			PUBLICATION("workingHours", 0, 400, 0, "user", HOURS) PUBLICATION("workingHours", 0, 32000, 0, "user", HOURS)), 200);
}

static void each_relationship_sees_its_part(void **state)
{
	struct bench *b = *state;
	keep(b, ANN, KEPT_CARD, "Department", "Planning");
	show_everything(b);
	pres_user_changed(b->pres, STR(ANN));
	run_vault(b);
	for (size_t i = 0; i < sizeof relationships / sizeof relationships[0]; i++) {
		assert_int_equal(WATCH(b, relationships[i].aor, (unsigned)i + 2, RESOURCE(ANN)), 200);
		for (size_t k = 0; k < sizeof table / sizeof table[0]; k++)
			if (has(table[k].text) != ((table[k].who & relationships[i].who) != 0))
				fail_msg("%s and %s: %s", relationships[i].aor, table[k].item, fake.answer);
	}
}

/* The same holds for what standard clients are shown. */
static void standard_watchers_have_the_same_rights(void **state)
{
	struct bench *b = *state;
	show_everything(b);
	for (size_t i = 0; i < sizeof relationships / sizeof relationships[0]; i++) {
		int who = relationships[i].who;
		assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = relationships[i].aor, .to = ANN, .event = "presence", .flow = (unsigned)i + 2), 200);
		assert_non_null(strstr(fake.request, "Content-Type: application/pidf+xml\r\n"));
		assert_int_equal(strstr(fake.request, "<basic>open</basic>") != NULL, (who & KNOWN) != 0);
		assert_int_equal(strstr(fake.request, "<basic>closed</basic>") != NULL, (who & (BLOCKED | STRANGER)) != 0);
		assert_int_equal(strstr(fake.request, "<note>in a meeting</note>") != NULL, (who & INSIDE) != 0);
		assert_int_equal(strstr(fake.request, "<rpid:busy/>") != NULL, (who & KNOWN) != 0);
		assert_null(strstr(fake.request, "<rpid:unknown/>"));
		assert_null(strstr(fake.request, "Budget"));
	}
}

/* Who has several notes is shown with the one that he wrote last, in whatever order they were made. */
static void standard_watchers_see_the_newest_note(void **state)
{
	struct bench *b = *state;
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("first")) PUBLICATION("note", 1, 200, 0, "endpoint", NOTE("same second"))), 200);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .flow = 2), 200);
	assert_non_null(strstr(fake.request, "<note>same second</note>"));
	pass(b, 10000);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 1, "endpoint", NOTE("changed"))), 200);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .flow = 3), 200);
	assert_non_null(strstr(fake.request, "<note>changed</note>"));
	pass(b, 10000);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 1, 200, 1, "endpoint", NOTE("newest"))), 200);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = "presence", .flow = 4), 200);
	assert_non_null(strstr(fake.request, "<note>newest</note>"));
}

static void kinds_of_members(void **state)
{
	static const struct {
		const char *members; /* of container 300; 200 has whoever is of the enterprise, 100 others */
		const char *watcher;
		const char *shows;
	} rows[] = {
		{ "", BOB, "container 200" },
		{ "", "x@other.test", "container 100" },
		{ MEMBER("add", "user", "BOB@example.test"), BOB, "container 300" },
		{ MEMBER("add", "user", "bob"), BOB, "container 200" },
		{ MEMBER("add", "domain", "Other.test"), "x@other.test", "container 300" },
		{ MEMBER("add", "domain", "other.test"), "x@sub.other.test", "container 100" },
		{ MEMBER("add", "sameEnterprise", ""), BOB, "container 300" },
		{ MEMBER("add", "everyone", ""), BOB, "container 200" },
		{ MEMBER("add", "everyone", ""), "x@other.test", "container 100" },
		{ MEMBER("add", "federated", ""), "x@other.test", "container 300" },
		{ MEMBER("add", "publicCloud", ""), "x@other.test", "container 100" },
		{ "", ANN, "container 400" },
	};
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char body[512];
		snprintf(body, sizeof body, "<setContainerMembers><container id=\"300\" version=\"0\">%s</container></setContainerMembers>", rows[i].members);
		assert_int_equal(SEND(b, .method = "SERVICE", .type = "application/msrtc-setcontainermembers+xml", .body = body), 200);
		assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("container 200")) PUBLICATION("note", 0, 300, 0, "endpoint", NOTE("container 300"))
				PUBLICATION("services", 0, 100, 0, "endpoint", NOTE("container 100")) PUBLICATION("note", 0, 400, 0, "endpoint", NOTE("container 400"))), 200);
		assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = rows[i].watcher, .event = "presence", .extra = QUICK CATEGORIES,
			.type = "application/msrtc-adrl-categorylist+xml", .body = BATCH("<category name=\"note\"/><category name=\"services\"/>", RESOURCE(ANN)), .flow = 2), 200);
		if (!has(rows[i].shows))
			fail_msg("row %zu: not %s in %s", i, rows[i].shows, fake.answer);
		notifier_flow_gone(b->notifier, &(struct flow){ .slot = 2, .serial = 1 });
		close_pres(b);
		b->n_rows = 0;
		open_pres(b);
	}
}

static void moving_somebody_shows_at_once(void **state)
{
	struct bench *b = *state;
	show_everything(b);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .event = SELF, .extra = QUICK), 200);
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	assert_true(has(">in a meeting<"));
	assert_int_equal(MEMBERS(b, "<container id=\"32000\" version=\"1\">" MEMBER("add", "user", BOB) "</container>"), 200);
	assert_true(told(b, 1, "<container id=\"32000\" version=\"2\"><member type=\"user\" value=\"bob@example.test\"/>"));
	assert_true(told(b, 2, "<availability>18500</availability>") && told(b, 2, "<category name=\"note\"/>") && told(b, 2, "<category name=\"calendarData\"/>"));
	assert_false(told(b, 2, ">in a meeting<") || told(b, 2, "lastActive") || told(b, 2, "<title>"));
	assert_int_equal(MEMBERS(b, "<container id=\"32000\" version=\"1\">" MEMBER("remove", "user", BOB) "</container>"), 409);
	assert_true(has("curVersion=\"2\""));
	assert_int_equal(MEMBERS(b, "<container id=\"32000\" version=\"2\">" MEMBER("remove", "user", BOB) "</container>"
			"<container id=\"300\" version=\"1\">" MEMBER("add", "user", BOB) "</container>"), 200);
	assert_true(told(b, 2, ">Budget</meetingSubject>"));
	assert_string_equal(kept(b, ANN, KEPT_CONTAINER, "32000"), "3\nuser eve@example.test");
}

static void container_changes_are_whole(void **state)
{
	struct bench *b = *state;
	assert_int_equal(MEMBERS(b, "<container id=\"300\" version=\"0\">" MEMBER("add", "user", BOB) MEMBER("set", "user", BOB) "</container>"), 400);
	assert_int_equal(MEMBERS(b, "<container id=\"300\" version=\"0\">" MEMBER("add", "user", BOB) MEMBER("add", "friend", BOB) "</container>"), 400);
	assert_int_equal(MEMBERS(b, "<container id=\"300\" version=\"0\">" MEMBER("add", "user", "a&#10;everyone") "</container>"), 400);
	assert_int_equal(MEMBERS(b, "<container id=\"300\" version=\"0\">" MEMBER("add", "user", "") "</container>"), 400);
	assert_int_equal(MEMBERS(b, "<container id=\"32001\" version=\"0\"/>"), 400);
	assert_int_equal(b->n_rows, 0);
	assert_int_equal(MEMBERS(b, "<container id=\"300\" version=\"0\"/>"), 200);
	assert_string_equal(kept(b, ANN, KEPT_CONTAINER, "300"), "1");
}

static void privacy_mode_is_for_contacts_only(void **state)
{
	struct bench *b = *state;
	show_everything(b);
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	assert_int_equal(WATCH(b, "work@example.test", 3, RESOURCE(ANN)), 200);
	b->config.use_privacy_mode = true;
	b->contacts = "[ann@example.test work@example.test]";
	pres_config_changed(b->pres);
	assert_true(told(b, 2, "<availability>18500</availability>") && told(b, 2, "Ann Other"));
	assert_int_equal(b->n_quick[3], 0);
	b->contacts = "[ann@example.test bob@example.test]";
	pres_contacts_changed(b->pres, STR(ANN));
	assert_true(told(b, 2, "<availability>6500</availability>"));
	assert_true(told(b, 3, "<availability>18500</availability>"));
	b->config.use_privacy_mode = false;
	pres_config_changed(b->pres);
	assert_true(told(b, 3, ">Budget</meetingSubject>"));
}

/* ---- lists ---- */

static void lists_tell_of_everybody(void **state)
{
	struct bench *b = *state;
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN) RESOURCE("eve@example.test") RESOURCE("no@example.test") RESOURCE(ANN)), 200);
	assert_true(has("Require: eventlist\r\n") && has("Content-Type: multipart/related;type=\"application/rlmi+xml\";start=\"<list>\";boundary="));
	run_vault(b);
	assert_true(has("<resource uri=\"sip:no@example.test\"><instance id=\"0\" state=\"terminated\" reason=\"noresource\" statusCode=\"404\"/></resource>"));
	/* who is read from the disk meanwhile comes later, as what he may be seen as */
	assert_true(b->n_quick[2] == 2 && told(b, 2, "Content-Type: application/msrtc-event-categories+xml\r\n"));
	assert_true(told(b, 2, "<availability>18500</availability>"));
	forget_told(b);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("hello"))), 200);
	assert_true(b->n_quick[2] == 1 && told(b, 2, "uri=\"sip:" ANN "\"") && told(b, 2, ">hello<"));
	assert_false(told(b, 2, "contactCard")); /* only what has changed */
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(BOB), .to_tag = b->tag), 200);
	assert_true(has(">hello<") && has("<resource uri=\"sip:" ANN "\">"));
	forget_told(b);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .flow = 2, .event = "presence", .extra = QUICK CATEGORIES, .type = "application/msrtc-adrl-categorylist+xml", .to_tag = b->tag,
		.body = "<batchSub><action name=\"unsubscribe\"><adhocList>" RESOURCE(ANN) "</adhocList></action></batchSub>"), 200);
	assert_false(has("<resource uri=\"sip:" ANN "\">"));
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 1, "endpoint", NOTE("unheard"))), 200);
	assert_int_equal(b->n_quick[2], 0);
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN), .to = ANN), 403); /* not in somebody else's name */
}

/* What people publish cannot end a part of the list that others get. */
static void nobody_writes_the_boundary(void **state)
{
	struct bench *b = *state;
	char first[64], second[64];
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("\r\n--witan-list\r\nContent-ID: x"))), 200);
	WATCH(b, BOB, 2, RESOURCE(ANN));
	const char *at = strstr(fake.answer, "boundary=") + 9;
	snprintf(first, sizeof first, "%.*s", (int)strcspn(at, "\r"), at);
	assert_int_equal(strlen(first), 32);
	WATCH(b, BOB, 3, RESOURCE(ANN));
	at = strstr(fake.answer, "boundary=") + 9;
	snprintf(second, sizeof second, "%.*s", (int)strcspn(at, "\r"), at);
	assert_string_not_equal(first, second);
}

static void without_categories_the_usual_are_meant(void **state)
{
	struct bench *b = *state;
	PUBLISH(b, PUBLICATION("note", 0, 200, 0, "endpoint", NOTE("hello")));
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .flow = 2, .event = "presence", .extra = QUICK CATEGORIES, .type = "application/msrtc-adrl-categorylist+xml",
		.body = BATCH("", RESOURCE(ANN))), 200);
	assert_true(has(">hello<") && has("contactCard"));
}

/* ---- what people see of themselves ---- */

static void roaming_self(void **state)
{
	struct bench *b = *state;
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .from = BOB, .to = ANN, .event = SELF, .extra = QUICK), 403);
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .event = SELF, .extra = QUICK), 200);
	assert_true(has("Content-Type: application/vnd-microsoft-roaming-self+xml\r\n"));
	assert_true(has("<container id=\"0\" version=\"0\"/><container id=\"100\" version=\"0\"><member type=\"federated\"/></container>"
			"<container id=\"200\" version=\"0\"><member type=\"sameEnterprise\"/></container><container id=\"300\" version=\"0\"/>"
			"<container id=\"400\" version=\"0\"/><container id=\"32000\" version=\"0\"/></containers>"));
	assert_true(has("xsi:type=\"aggregateState\"><availability>3500</availability>") && has("<category name=\"note\"/>"));
	assert_true(has("<subscribers xmlns=\"http://schemas.microsoft.com/2006/09/sip/presence-subscribers\"></subscribers>"));
	sign_in(b, ANN, "ep2");
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .event = SELF, .extra = QUICK, .flow = 2), 200);
	assert_int_equal(PUBLISH(b, PUBLICATION("note", 0, 200, 0, "static", NOTE("hello"))), 200);
	assert_int_equal(b->n_quick[1], 0); /* it is in the answer */
	assert_true(told(b, 2, ">hello<") && told(b, 2, "version=\"1\""));
	assert_false(told(b, 2, "<containers") || told(b, 2, "name=\"state\""));
}

static void who_adds_is_shown_until_acknowledged(void **state)
{
	struct bench *b = *state;
	keep(b, ANN, KEPT_SUBSCRIBER, "eve@example.test", "acknowledged");
	assert_int_equal(WATCH(b, "eve@example.test", 3, RESOURCE(ANN)), 200); /* ann is not in memory yet */
	assert_string_equal(kept(b, ANN, KEPT_SUBSCRIBER, "eve@example.test"), "acknowledged");
	assert_int_equal(SEND(b, .method = "SUBSCRIBE", .event = SELF, .extra = QUICK), 200);
	assert_false(has("<subscriber user"));
	assert_int_equal(WATCH(b, BOB, 2, RESOURCE(ANN)), 200);
	assert_true(told(b, 1, "<subscriber user=\"bob@example.test\" displayName=\"Bob Builder\" acknowledged=\"false\" type=\"sameEnterprise\"/>"));
	assert_string_equal(kept(b, ANN, KEPT_SUBSCRIBER, BOB), "seen");
	assert_int_equal(SEND(b, .method = "SERVICE", .type = "application/msrtc-presence-setsubscriber+xml",
		.body = "<setSubscribers><subscriber user=\"bob@example.test\" acknowledged=\"true\"/></setSubscribers>"), 200);
	assert_false(told(b, 1, "<subscriber user"));
	assert_string_equal(kept(b, ANN, KEPT_SUBSCRIBER, BOB), "acknowledged");
	assert_int_equal(SEND(b, .method = "SERVICE", .type = "application/msrtc-presence-setsubscriber+xml", .body = "<setSubscribers><subscriber user=\"\"/></setSubscribers>"), 400);
}

int main(void)
{
#define PRES_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PRES_TEST(versions_grow_and_conflict),
		PRES_TEST(static_ones_are_kept_and_others_not),
		PRES_TEST(nothing_is_done_by_halves),
		PRES_TEST(expire_types),
		PRES_TEST(aggregates),
		PRES_TEST(each_relationship_sees_its_part),
		PRES_TEST(standard_watchers_have_the_same_rights),
		PRES_TEST(standard_watchers_see_the_newest_note),
		PRES_TEST(kinds_of_members),
		PRES_TEST(moving_somebody_shows_at_once),
		PRES_TEST(container_changes_are_whole),
		PRES_TEST(privacy_mode_is_for_contacts_only),
		PRES_TEST(lists_tell_of_everybody),
		PRES_TEST(nobody_writes_the_boundary),
		PRES_TEST(without_categories_the_usual_are_meant),
		PRES_TEST(roaming_self),
		PRES_TEST(who_adds_is_shown_until_acknowledged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
