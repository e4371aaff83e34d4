/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions by rules, hours and groups; whole requests through the stage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/wall.h"

#define MONDAY_NOON (4 * 86400 + 12 * 3600) /* 1970-01-05 */

static uint64_t now;

struct world {
	struct policies *policies;
	struct users *users;
	struct meter meter;
	struct log log;
	struct wall *wall;
	unsigned incidents, told;
	char last[256], text[512]; /* "rule action modality"; of the incident */
	char notice[256];
};

static void on_incident(void *arg, const struct wall_incident *i)
{
	struct world *w = arg;
	w->incidents++;
	(void)snprintf(w->last, sizeof w->last, "%.*s %.*s %.*s", STR_FMT(i->rule), STR_FMT(i->action), STR_FMT(i->modality));
	assert_true(str_to_z(i->text, w->text, sizeof w->text));
}

static void on_tell(void *arg, str aor, str text)
{
	struct world *w = arg;
	w->told++;
	(void)snprintf(w->notice, sizeof w->notice, "%.*s: %.*s", STR_FMT(aor), STR_FMT(text));
}

static uint64_t clock_now(void)
{
	return now;
}

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	now = MONDAY_NOON;
	assert_false(failed(policies_new(&w->policies)));
	assert_false(failed(users_new(&w->users)));
	assert_false(failed(users_set_domains(w->users, STR("example.test"))));
	assert_false(failed(wall_new(&(const struct wall_config){ .policies = w->policies, .users = w->users, .door = { on_incident, on_tell }, .arg = w, .log = &w->log,
					     .meter = &w->meter, .unix_seconds = clock_now },
		&w->wall)));
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	wall_free(w->wall);
	policies_free(w->policies);
	users_free(w->users);
	free(w);
	return 0;
}

static void put(struct world *w, const char *kind, const char *name, const char *json)
{
	assert_false(failed(policies_put(w->policies, str_of(kind), str_of(name), str_of(json))));
}
#define WALL(w, name, json) put(w, "EthicalWall", name, json)
#define RULE(w, name, json) put(w, "MessageContentRule", name, json)

/* In the groups of these selectors. */
static void user(struct world *w, const char *aor, const char *one, const char *two)
{
	static const char hash[32] = { 1 };
	char grants[64] = "";
	if (one != NULL) {
		memcpy(grants, "Groups=", 7);
		wall_mark(str_of(one), grants + 7);
	}
	if (two != NULL) {
		grants[23] = ',';
		wall_mark(str_of(two), grants + 24);
	}
	assert_false(failed(users_put(w->users, &(const struct user_row){ .version = 1, .aor = str_of(aor), .enabled = true, .ha1_sha256 = { hash, sizeof hash }, .grants = str_of(grants) })));
}

static enum wall_action between(struct world *w, const char *a, const char *b, enum wall_modality m)
{
	return wall_between(w->wall, str_of(a), str_of(b), m).action;
}

#define ANN "ann@example.test"
#define BOB "bob@example.test"
#define CYD "cyd@example.test"
#define EVE "eve@mail.fabrikam.test"

static void sides_and_directions(void **state)
{
	struct world *w = *state;
	user(w, ANN, "Department=Research*", NULL);
	user(w, BOB, "Traders", NULL);
	user(w, CYD, "Traders", "Lawyers");
	assert_int_equal(between(w, ANN, BOB, WALL_IM), WALL_PASS);
	WALL(w, "Main", "{\"From\":[\"department=research*\"],\"To\":[\"TRADERS\"],\"Modalities\":[\"IM\",\"Presence\"],\"Exceptions\":[\"Lawyers\"]}");
	assert_int_equal(between(w, ANN, BOB, WALL_IM), WALL_DENY);
	assert_int_equal(between(w, BOB, ANN, WALL_IM), WALL_DENY);
	assert_int_equal(between(w, ANN, BOB, WALL_CALL), WALL_PASS);
	assert_int_equal(between(w, ANN, CYD, WALL_IM), WALL_PASS);
	assert_int_equal(between(w, BOB, CYD, WALL_IM), WALL_PASS);
	assert_int_equal(between(w, ANN, ANN, WALL_IM), WALL_PASS);
	WALL(w, "Main", "{\"From\":[\"Department=Research*\"],\"To\":[\"Traders\"],\"Direction\":\"FromTo\"}");
	assert_int_equal(between(w, ANN, BOB, WALL_CALL), WALL_DENY);
	assert_int_equal(between(w, BOB, ANN, WALL_CALL), WALL_PASS);
	policies_remove(w->policies, STR("EthicalWall"), STR("Main"));
	assert_int_equal(between(w, ANN, BOB, WALL_CALL), WALL_PASS);
}

static void first_wall_decides(void **state)
{
	struct world *w = *state;
	WALL(w, "All", "{\"From\":[\"internal\"],\"To\":[\"external\"],\"Action\":\"Deny\",\"Priority\":100}");
	assert_int_equal(between(w, ANN, EVE, WALL_IM), WALL_DENY);
	WALL(w, "Ann", "{\"From\":[\"sip:ANN@example.test\"],\"To\":[\"*.fabrikam.test\"],\"Action\":\"Log\",\"Priority\":10}");
	assert_int_equal(between(w, ANN, EVE, WALL_IM), WALL_LOG);
	assert_int_equal(between(w, BOB, EVE, WALL_IM), WALL_DENY);
	WALL(w, "Aaa", "{\"From\":[\"everyone\"],\"To\":[\"domain:mail.fabrikam.test\"],\"Action\":\"Warn\",\"Priority\":10}");
	struct wall_verdict v = wall_between(w->wall, STR(ANN), STR(EVE), WALL_IM);
	assert_int_equal(v.action, WALL_WARN);
	assert_true(str_eq(v.rule, STR("Aaa")));
	WALL(w, "Aaa", "{\"From\":[\"everyone\"],\"To\":[\"everyone\"],\"Action\":\"Warn\",\"Priority\":10,\"Enabled\":false}");
	assert_int_equal(between(w, ANN, EVE, WALL_IM), WALL_LOG);
	assert_int_equal(between(w, ANN, BOB, WALL_IM), WALL_PASS);
}

static void hours(void **state)
{
	struct world *w = *state;
	WALL(w, "Day", "{\"From\":[\"everyone\"],\"To\":[\"everyone\"],\"Days\":[\"Monday\"],\"BeginTime\":\"09:00:00\",\"EndTime\":\"17:00:00\"}");
	assert_true(wall_has_changed(w->wall));
	assert_false(wall_has_changed(w->wall));
	assert_int_equal(between(w, ANN, BOB, WALL_IM), WALL_DENY);
	now = MONDAY_NOON + 5 * 3600;
	assert_true(wall_has_changed(w->wall));
	assert_int_equal(between(w, ANN, BOB, WALL_IM), WALL_PASS);
	now = MONDAY_NOON + 86400;
	assert_int_equal(between(w, ANN, BOB, WALL_IM), WALL_PASS);
	/* across midnight, of the day on which it begins */
	WALL(w, "Day", "{\"From\":[\"everyone\"],\"To\":[\"everyone\"],\"Days\":[\"Monday\"],\"BeginTime\":\"22:00:00\",\"EndTime\":\"06:00:00\"}");
	now = MONDAY_NOON + 17 * 3600;
	assert_int_equal(between(w, ANN, BOB, WALL_IM), WALL_DENY);
	now = MONDAY_NOON - 7 * 3600;
	assert_int_equal(between(w, ANN, BOB, WALL_IM), WALL_PASS);
}

static void many_walls(void **state)
{
	struct world *w = *state;
	char name[16], json[128];
	for (unsigned i = 0; i < WALL_RULES_MAX; i++) {
		(void)snprintf(name, sizeof name, "w%u", i);
		(void)snprintf(json, sizeof json, "{\"From\":[\"sip:u%u@example.test\"],\"To\":[\"sip:v%u@example.test\"],\"Priority\":%u}", i, i, i + 1);
		WALL(w, name, json);
	}
	assert_int_equal(between(w, "u0@example.test", "v0@example.test", WALL_IM), WALL_DENY);
	assert_int_equal(between(w, "u511@example.test", "v511@example.test", WALL_IM), WALL_DENY);
	assert_int_equal(between(w, "u511@example.test", "v510@example.test", WALL_IM), WALL_PASS);
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *value;
		bool fits;
	} rows[] = {
		{ "Research", "research", true }, { "Res*", "Research", true }, { "*sea*", "Research", true }, { "*x*", "Research", false }, { "", "", true },
		{ "*", "", true }, { "a*b*c", "a1b2b3c", true }, { "a*b", "abc", false }, { "Research", "Research 2", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(wall_matches(str_of(rows[i].pattern), str_of(rows[i].value)) == rows[i].fits);
	assert_true(wall_is_group(STR("Traders")) && wall_is_group(STR("Office=Berlin")));
	assert_false(wall_is_group(STR("sip:a@b")) || wall_is_group(STR("External")) || wall_is_group(STR("*.b")) || wall_is_group(STR("domain:b")));
}

static void reasons(void **state)
{
	struct world *w = *state;
	struct buf b;
	buf_init(&b, 512);
	WALL(w, "Main", "{\"From\":[\"domain:nowhere.test\",\"sip:bob@example.test\"],\"To\":[\"internal\"],\"Exceptions\":[\"Lawyers\"]}");
	const struct wall_person ann = { STR(ANN), STR(""), true }, bob = { STR(BOB), STR(""), true };
	struct wall_verdict v = wall_decide(w->wall, &ann, &bob, WALL_IM);
	wall_explain(w->wall, &ann, &bob, &v, &b);
	assert_true(str_eq(buf_str(&b), STR(BOB " is in From by sip:bob@example.test, " ANN " in To by internal; no exception fits")));
	buf_fini(&b);
}

/* ---- the stage ---- */

static err pass(struct world *w, const char *method, const char *fields, const char *body, bool is_own)
{
	char raw[4096];
	struct inbound *in;
	struct answers answers = { .meter = &w->meter };
	enum stage_verdict v = STAGE_DONE;
	int n = snprintf(raw, sizeof raw,
		"%s sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:" ANN ">;tag=1\r\nTo: <sip:" BOB ">\r\nCall-ID: c\r\nCSeq: 1 %s\r\n"
		"%sContent-Length: %zu\r\n\r\n%s",
		method, method, fields, strlen(body), body);
	assert_false(failed(inbound_new((str){ raw, (size_t)n }, NULL, &in, NULL)));
	struct request r = { .in = in, .answers = &answers, .is_own = is_own };
	err e = wall_stage(w->wall, &r, &v);
	assert_int_equal(v, STAGE_NEXT);
	inbound_unref(in);
	return e;
}

#define PLAIN "Content-Type: text/plain\r\n"
#define SDP   "Content-Type: application/sdp\r\n"

static void what_a_request_is_about(void **state)
{
	static const struct {
		const char *method, *fields, *body;
		enum wall_modality about;
	} rows[] = {
		{ "MESSAGE", PLAIN, "x", WALL_IM },
		{ "MESSAGE", "Content-Type: application/vnd.gsma.rcs-ft-http+xml\r\n", "<file/>", WALL_FILE },
		{ "INVITE", SDP, "v=0\r\nm=message 5060 sip null\r\n", WALL_IM },
		{ "INVITE", SDP, "v=0\r\nm=audio 1 RTP/SAVP 0\r\n", WALL_CALL },
		{ "INVITE", "", "", WALL_CALL },
		{ "INVITE", "Content-Type: multipart/mixed;boundary=b\r\n", "--b\r\nContent-Type: application/ms-filetransfer+xml\r\n\r\n<r/>\r\n--b--", WALL_FILE },
		{ "INVITE", "Content-Type: application/ms-conf-invite+xml\r\n", "<c/>", WALL_CONFERENCE },
		{ "INFO", "Content-Type: application/xml\r\n", "<KeyboardActivity/>", WALL_IM },
		{ "UPDATE", SDP, "v=0\nm=video 1 RTP/AVP 1", WALL_CALL },
	};
	struct world *w = *state;
	char json[256];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (unsigned m = 0; m < WALL_MODALITIES; m++) {
			(void)snprintf(json, sizeof json, "{\"From\":[\"everyone\"],\"To\":[\"everyone\"],\"Modalities\":[\"%s\"]}", wall_modality_names[m]);
			WALL(w, "Main", json);
			bool is_refused = err_is(pass(w, rows[i].method, rows[i].fields, rows[i].body, false), ERR_WALL_DENIED);
			assert_true(is_refused == (m == (unsigned)rows[i].about));
		}
	assert_false(failed(pass(w, "MESSAGE", PLAIN, "x", true)));
}

static void warning_and_log(void **state)
{
	struct world *w = *state;
	WALL(w, "Main", "{\"From\":[\"everyone\"],\"To\":[\"everyone\"],\"Action\":\"Log\"}");
	assert_false(failed(pass(w, "MESSAGE", PLAIN, "x", false)));
	assert_int_equal(w->incidents, 1);
	assert_string_equal(w->last, "Main Log IM");
	WALL(w, "Main", "{\"From\":[\"everyone\"],\"To\":[\"everyone\"],\"Action\":\"Warn\",\"WarnMessage\":\"Mind\"}");
	assert_false(failed(pass(w, "MESSAGE", PLAIN, "x", false)));
	assert_false(failed(pass(w, "MESSAGE", PLAIN, "x", false)));
	assert_int_equal(w->told, 1); /* once in a while */
	assert_string_equal(w->notice, ANN ": Mind");
	now += 601;
	assert_false(failed(pass(w, "MESSAGE", PLAIN, "x", false)));
	assert_int_equal(w->told, 2);
	WALL(w, "Main", "{\"From\":[\"everyone\"],\"To\":[\"everyone\"]}");
	assert_true(err_is(pass(w, "MESSAGE", PLAIN, "x", false), ERR_WALL_DENIED));
	assert_string_equal(w->last, "Main Deny IM");
	assert_int_equal(w->incidents, 5);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(failed(pass(w, "MESSAGE", PLAIN, "x", false)));
	assert_true(w->incidents < 300);
}

static void content(void **state)
{
	struct world *w = *state;
	RULE(w, "Cards", "{\"Detect\":\"CardNumber\",\"Action\":\"Warn\",\"WarnMessage\":\"No cards\"}");
	RULE(w, "Iban", "{\"Detect\":\"Iban\",\"Action\":\"Block\",\"KeepText\":true,\"Exceptions\":[\"sip:cyd@example.test\"]}");
	RULE(w, "Word", "{\"Pattern\":\"project\\\\s+apollo\",\"Action\":\"Log\"}");
	RULE(w, "Empty", "{\"Action\":\"Block\"}");
	assert_false(failed(pass(w, "MESSAGE", PLAIN, "nothing", false)));
	assert_int_equal(w->incidents, 0);
	assert_false(failed(pass(w, "MESSAGE", PLAIN, "4111 1111 1111 1111", false)));
	assert_string_equal(w->last, "Cards Warn Content");
	assert_string_equal(w->text, "");
	assert_string_equal(w->notice, ANN ": No cards");
	assert_true(err_is(pass(w, "MESSAGE", PLAIN, "DE89 3704 0044 0532 0130 00", false), ERR_WALL_CONTENT));
	assert_string_equal(w->text, "DE89 3704 0044 0532 0130 00");
	assert_false(failed(pass(w, "MESSAGE", "Content-Type: text/html\r\n", "Project&#32;<b>Apo</b>llo", false)));
	assert_string_equal(w->last, "Word Log Content");
	assert_true(err_is(pass(w, "MESSAGE", "Content-Type: multipart/mixed;boundary=b\r\n",
			       "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nREU4OTM3MDQwMDQ0MDUzMjAxMzAwMA==\r\n--b--", false),
		ERR_WALL_CONTENT));
	assert_true(err_is(pass(w, "INVITE", "ms-text-format: text/plain;ms-body=REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA==\r\n" SDP, "v=0\r\nm=message 1 sip null\r\n", false),
		ERR_WALL_CONTENT));
	assert_true(err_is(pass(w, "MESSAGE", "Content-Type: text/rtf\r\n", "no rtf", false), ERR_SIP_MEDIA_TYPE));
	RULE(w, "Iban", "{\"Detect\":\"Iban\",\"Action\":\"Block\",\"Exceptions\":[\"sip:ann@example.test\"]}");
	assert_false(failed(pass(w, "MESSAGE", PLAIN, "DE89 3704 0044 0532 0130 00", false)));
	assert_false(failed(pass(w, "MESSAGE", "Content-Type: text/rtf\r\n", "no rtf", false)));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, open_world, close_world)
	const struct CMUnitTest tests[] = {
		T(sides_and_directions), T(first_wall_decides), T(hours), T(many_walls), T(patterns), T(reasons), T(what_a_request_is_about), T(warning_and_log), T(content),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
