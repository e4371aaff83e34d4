/* SPDX-License-Identifier: Apache-2.0 */
/* REGISTER of clients of the Lync dialect. */
#include "service/reg.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "engine/stage_fake.h"
#include "model/config.h"
#include "service/reg/reg_priv.h"

#define ANN "ann@example.test"

struct bench {
	struct reg *reg;
	struct notifier *notifier;
	struct users *users;
	struct crypt *crypt;
	struct timers timers;
	struct config config;
	struct meter meter;
	struct arena arena;
	unsigned cseq;
	char farewells[4096];
	unsigned n_farewells;
};

static void on_bound(void *arg, const struct flow *f, str aor, str bytes)
{
}

static void on_unbound(void *arg, const struct flow *f, str aor)
{
}

static void on_farewell(void *arg, const struct flow *f, str aor, struct sip_out *o)
{
	struct bench *b = arg;
	struct buf out;
	buf_init(&out, 4096);
	assert_string_equal(strndupa(aor.p, aor.n), ANN);
	assert_int_equal(f->slot, 1);
	sip_out_add_top(o, SIP_HDR_VIA, STR("SIP/2.0/TLS fe.example.test;branch=z9hG4bK1"));
	assert_false(failed(sip_out_print(o, &out)));
	snprintf(b->farewells, sizeof b->farewells, "%.*s", (int)out.n, out.p);
	buf_fini(&out);
	b->n_farewells++;
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	memset(&fake, 0, sizeof fake);
	timers_init(&b->timers, 5000);
	config_default(&b->config);
	arena_init(&b->arena, 1000000);
	assert_false(failed(crypt_new(&b->crypt)));
	assert_false(failed(users_new(&b->users)));
	assert_false(failed(users_set_domains(b->users, STR("example.test"))));
	const struct notifier_config n = { .timers = &b->timers, .txns = (struct txns *)b, .most = 1000 };
	assert_false(failed(notifier_new(&n, &b->notifier)));
	const struct reg_config c = { .timers = &b->timers, .crypt = b->crypt, .users = b->users, .config = &b->config, .notifier = b->notifier, .fqdn = STR("fe.example.test"),
		.port_tls = 5061, .meter = &b->meter, .door = { on_bound, on_unbound, NULL, on_farewell }, .arg = b };
	assert_false(failed(reg_new(&c, &b->reg)));
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	notifier_free(b->notifier);
	reg_free(b->reg);
	assert_int_equal(timers_next(&b->timers), UINT64_MAX);
	users_free(b->users);
	crypt_free(b->crypt);
	timers_fini(&b->timers);
	arena_fini(&b->arena);
	free(b);
	return 0;
}

#define INSTANCE(uuid) ";+sip.instance=\"<urn:uuid:" uuid ">\""
#define UUID           "34D859DB-6585-5F91-A3B4-DE853C15347D"
#define NAME           "21nYNIVlkV-jtN6FPBU0fQAA"
#define KEEP           "ms-keep-alive: UAC;hop-hop=yes\n"

/* parameters: of From; contact: parameters of Contact */
static unsigned send_register(struct bench *b, unsigned flow, const char *parameters, const char *contact, const char *extra)
{
	struct conn conn = fake_conn(flow, true);
	struct request *r = fake_request(&conn,
		"REGISTER sip:example.test SIP/2.0\nVia: SIP/2.0/tls 192.0.2.1;branch=z9hG4bK1\nFrom: <sip:" ANN ">;tag=1%s\nTo: <sip:" ANN ">\nCall-ID: %u\nCSeq: %u REGISTER\n"
		"Max-Forwards: 70\nContact: <sip:192.0.2.%u:5061;transport=tls;ms-opaque=d3470f2e1d>%s\n%sContent-Length: 0\n\n",
		parameters, flow, ++b->cseq, flow, contact, extra);
	enum stage_verdict v = STAGE_NEXT;
	assert_non_null(r);
	r->aor = STR(ANN);
	fake.status = 0;
	fake.answer[0] = '\0';
	err e = reg_stage(b->reg, r, &v);
	fake_request_free(r);
	return failed(e) ? e.def->sip : fake.status;
}

static bool has(const char *text)
{
	return strstr(fake.answer, text) != NULL;
}

/* What clients compare as whole fields stands as such. */
static void answers_what_clients_need(void **state)
{
	struct bench *b = *state;
	assert_int_equal(send_register(b, 1, ";epid=01010101", ";proxy=replace" INSTANCE(UUID), KEEP), 200);
	assert_true(has("\r\nSupported: adhoclist\r\nSupported: msrtc-event-categories\r\n") && has("\r\nServer: RTC/5.0\r\n"));
	assert_true(has("\r\nAllow-Events: vnd-microsoft-provisioning,vnd-microsoft-roaming-contacts,vnd-microsoft-roaming-ACL,presence,presence.wpending,"
			"vnd-microsoft-roaming-self,vnd-microsoft-provisioning-v2\r\n"));
	assert_true(has("\r\npresence-state: register-action=\"added\"\r\n") && has("\r\nExpires: "));
	assert_true(has("\r\nms-keep-alive: UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300\r\n"));
	assert_true(has(";gruu=\"sip:ann@example.test;opaque=user:epid:" NAME ";gruu\""));
	assert_int_equal(send_register(b, 1, ";epid=01010101", INSTANCE(UUID), ""), 200);
	assert_true(has("register-action=\"refreshed\"") && !has("ms-keep-alive"));
	assert_int_equal(send_register(b, 1, ";epid=01010101", INSTANCE(UUID), "Expires: 0\n"), 200);
	assert_true(has("\r\nExpires: 0\r\n") && !has("presence-state"));
	assert_int_equal(reg_count(b->reg), 0);
}

static void standard_clients_get_nothing_of_it(void **state)
{
	struct bench *b = *state;
	assert_int_equal(send_register(b, 1, "", INSTANCE(UUID), ""), 200);
	assert_false(has("presence-state") || has("RTC/") || has("adhoclist") || has(";gruu=\""));
}

static void which_endpoint_must_be_said(void **state)
{
	struct bench *b = *state;
	assert_int_equal(send_register(b, 1, "", "", KEEP), 400);
	assert_int_equal(reg_count(b->reg), 0);
	assert_int_equal(send_register(b, 1, "", INSTANCE(UUID), KEEP), 200);
	assert_int_equal(send_register(b, 2, ";epid=02", "", KEEP), 200);
	assert_true(reg_has(b->reg, STR(ANN), STR("02")) && reg_has(b->reg, STR(ANN), STR("")));
	assert_false(reg_has(b->reg, STR(ANN), STR("03")) || reg_has(b->reg, STR("bob@example.test"), STR("")));
}

/* A client that comes back from another address takes the place of what it was. */
static void an_instance_is_bound_once(void **state)
{
	struct bench *b = *state;
	struct reg_target t[REG_TARGETS_MAX];
	assert_int_equal(send_register(b, 1, ";epid=01", INSTANCE(UUID), ""), 200);
	assert_int_equal(send_register(b, 2, ";epid=01", INSTANCE(UUID), ""), 200);
	assert_int_equal(reg_count(b->reg), 1);
	assert_int_equal(reg_find(b->reg, STR(ANN), &b->arena, t, REG_TARGETS_MAX), 1);
	assert_true(str_begins(t[0].uri, STR("sip:192.0.2.2:5061")));
	assert_int_equal(send_register(b, 3, ";epid=03", INSTANCE("44D859DB-6585-5F91-A3B4-DE853C15347D"), ""), 200);
	assert_int_equal(reg_count(b->reg), 2);
	const char *own = strstr(fake.answer, "44D859DB"), *line = own; /* the line of its own binding has its own address */
	assert_non_null(own);
	while (line > fake.answer && line[-1] != '\n')
		line--;
	const char *end = strchr(line, '\r'), *gruu = strstr(line, "gruu=\"");
	assert_true(gruu != NULL && gruu < end && strncmp(strstr(gruu, "epid:") + 5, "21nYR", 5) == 0);
}

static void gruus_name_one_endpoint(void **state)
{
	static const struct {
		const char *text;
		bool is_gruu;
	} rows[] = {
		{ "sip:" ANN ";opaque=user:epid:" NAME ";gruu", true },
		{ "sip:" ANN ";gruu;opaque=user:epid:" NAME, true },
		{ "sip:" ANN ";opaque=user:epid:" NAME, false },
		{ "sip:" ANN ";gruu", false },
		{ "sip:" ANN ";opaque=app:conf:focus:id:x;gruu", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct uri u;
		assert_false(failed(uri_parse(str_of(rows[i].text), &u, NULL)));
		assert_int_equal(reg_dialect_is_gruu(&u), rows[i].is_gruu);
	}
}

static void gruus_lead_to_their_endpoint(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *name;
		bool is_known;
	} rows[] = { { NAME, true }, { "21nYNIVlkV-jtN6FPBU0fQAB", false }, { "21nYNIVlkV-jtN6FPBU0fQ", false }, { "21nYNIVlkV-jtN6FPBU0fQAAA", false }, { "", false } };
	assert_int_equal(send_register(b, 1, ";epid=01", INSTANCE(UUID), ""), 200);
	assert_int_equal(send_register(b, 2, ";epid=02", ";+sip.instance=\"<urn:uuid:34D859DB-6585-5F91-A3B4>\"", ""), 200); /* no UUID: no address of its own */
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[128];
		struct uri u;
		struct reg_target t[REG_TARGETS_MAX];
		snprintf(text, sizeof text, "sip:" ANN ";opaque=user:epid:%s;gruu", rows[i].name);
		assert_false(failed(uri_parse(str_of(text), &u, NULL)));
		size_t n = reg_find_gruu(b->reg, &u, &b->arena, t, REG_TARGETS_MAX);
		assert_int_equal(n, rows[i].is_known);
	}
}

/* Only who understands it is told; the message can be read. */
static void who_is_gone_is_told_so(void **state)
{
	static const char *const parts[] = { "BENOTIFY sip:192.0.2.1:5061;transport=tls;ms-opaque=d3470f2e1d SIP/2.0\r\n", "\r\nTo: <sip:" ANN ">;epid=01\r\n",
		"\r\nEvent: registration-notify\r\nSubscription-State: terminated;expires=0\r\n", "\r\nms-diagnostics-public: 4141;reason=\"User disabled\"\r\n",
		"\r\nContent-Type: text/registration-event\r\n", "\r\n\r\nderegistered;event=rejected" };
	struct bench *b = *state;
	struct sip_msg m;
	assert_int_equal(send_register(b, 1, ";epid=01", INSTANCE(UUID), ""), 200);
	assert_int_equal(send_register(b, 2, "", "", ""), 200);
	reg_user_gone(b->reg, STR(ANN));
	assert_int_equal(b->n_farewells, 1);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (strstr(b->farewells, parts[i]) == NULL)
			fail_msg("%s is not in %s", parts[i], b->farewells);
	assert_false(failed(sip_msg_parse(&m, str_of(b->farewells), &b->arena, NULL, NULL)));
	assert_int_equal(reg_count(b->reg), 0);
	reg_user_gone(b->reg, STR(ANN));
	assert_int_equal(b->n_farewells, 1);
}

int main(void)
{
#define REG_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		REG_TEST(answers_what_clients_need),
		REG_TEST(standard_clients_get_nothing_of_it),
		REG_TEST(which_endpoint_must_be_said),
		REG_TEST(an_instance_is_bound_once),
		REG_TEST(gruus_name_one_endpoint),
		REG_TEST(gruus_lead_to_their_endpoint),
		REG_TEST(who_is_gone_is_told_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
