/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what people send to presence: the first says as what (publications, containers, watchers, a list to watch, PIDF), the others are the body.
 * Whatever is answered and told must be well-formed, and all must be freed at the end.
 */
#define FAKE_ANSWER_MAX (2 << 20)
#include "engine/stage_fake.h"

#include <stdlib.h>

#include "model/config.h"
#include "service/pres.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())
#define ANN "ann@example.test"
#define BOB "bob@example.test"

struct world {
	struct users *users;
	struct config config;
	struct xml_reader *xml;
	struct timers timers;
	struct notifier *notifier;
	struct kept *kept;
	struct pres *pres;
	struct meter meter;
	uint64_t asked[64], changed[64];
	size_t n_asked, n_changed;
};

static err ask(void *arg, uint64_t id, str aor)
{
	struct world *w = arg;
	ENSURE(w->n_asked < 64, BUSY);
	w->asked[w->n_asked++] = id;
	return OK;
}

static err set(void *arg, uint64_t id, str aor, str rows)
{
	struct world *w = arg;
	struct kept_row row;
	err e = OK;
	while (kept_row_next(&rows, &row, &e))
		;
	CHECK(!failed(e));
	ENSURE(w->n_changed < 64, BUSY);
	w->changed[w->n_changed++] = id;
	return OK;
}

static void run_vault(struct world *w)
{
	for (size_t i = 0; i < w->n_asked; i++)
		kept_told_rows(w->kept, w->asked[i], STR(""), true);
	for (size_t i = 0; i < w->n_changed; i++)
		kept_told_done(w->kept, w->changed[i], OK);
	w->n_asked = w->n_changed = 0;
}

static bool is_signed_in(void *arg, str aor, str epid)
{
	return true;
}

static void run_stages(struct world *w, struct request *r)
{
	enum stage_verdict v = STAGE_NEXT;
	err e = pres_stage(w->pres, r, &v);
	if (!failed(e) && v == STAGE_NEXT)
		e = notifier_stage(w->notifier, r, &v);
	if (failed(e))
		request_reply(r, e.def->sip, STR(""));
}

static void resume(void *arg, struct request *r)
{
	run_stages(arg, r);
}

static void check_xml(struct world *w, str body)
{
	struct arena a;
	struct xml_node *root;
	const struct xml_limits wide = { .bytes = 4 << 20, .nodes = 1 << 20, .attributes = 256, .depth = 256 };
	arena_init(&a, 256 << 20);
	CHECK(!failed(xml_tree_read(w->xml, body, &wide, &a, &root, NULL)));
	arena_fini(&a);
}

static err send_quick(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	for (size_t at = 0; at + 4 <= bytes.n; at++) {
		if (memcmp(bytes.p + at, "\r\n\r\n", 4) != 0)
			continue;
		str body = str_cut(bytes, at + 4, bytes.n);
		if (body.n != 0 && body.p[0] == '<') /* not a list */
			check_xml(arg, body);
		break;
	}
	return OK;
}

/* What is sent as each kind. */
static const struct {
	const char *method, *type, *more;
} kinds[] = {
	{ "SERVICE", "application/msrtc-category-publish+xml", "" },
	{ "SERVICE", "application/msrtc-setcontainermembers+xml", "" },
	{ "SERVICE", "application/msrtc-presence-setsubscriber+xml", "" },
	{ "SUBSCRIBE", "application/msrtc-adrl-categorylist+xml",
		"Event: presence\nAccept: application/msrtc-event-categories+xml\nSupported: ms-piggyback-first-notify\nSupported: ms-benotify\n" },
	{ "PUBLISH", "application/pidf+xml", "Event: presence\n" },
};

static void send_body(struct world *w, size_t kind, const char *who, const char *to, unsigned flow, str body)
{
	struct conn c = fake_conn(flow, true);
	struct request *r = fake_request(&c,
		"%s sip:%s SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\nFrom: <sip:%s>;tag=1;epid=01\nTo: <sip:%s>\nCall-ID: 1\nCSeq: 1 %s\nContact: <sip:%s>\n"
		"%sContent-Type: %s\nContent-Length: 0\n\n",
		kinds[kind].method, to, who, to, kinds[kind].method, who, kinds[kind].more, kinds[kind].type);
	CHECK(r != NULL);
	r->in->msg.body = body;
	r->aor = str_of(who);
	r->target = str_of(to);
	fake.status = 0;
	run_stages(w, r);
	fake_request_free(r);
	run_vault(w);
	run_vault(w);
	CHECK(fake.status != 0);
}

static void add_user(struct world *w, const char *aor)
{
	static const char hash[32] = "0123456789abcdef0123456789abcde";
	CHECK(!failed(users_put(w->users, &(struct user_row){ .version = 1, .aor = str_of(aor), .enabled = true, .ha1_sha256 = { hash, 32 } })));
}

static void make_once(struct world *w)
{
	CHECK(!failed(users_new(&w->users)));
	CHECK(!failed(users_set_domains(w->users, STR("example.test"))));
	add_user(w, ANN);
	add_user(w, BOB);
	CHECK(!failed(xml_reader_new(&w->xml)));
	config_default(&w->config);
}

static void open_all(struct world *w)
{
	static const struct kept_door door = { ask, set };
	timers_init(&w->timers, 1000);
	CHECK(!failed(notifier_new(&(struct notifier_config){ .timers = &w->timers, .txns = (struct txns *)w, .send = send_quick, .arg = w, .most = 100 }, &w->notifier)));
	CHECK(!failed(kept_new(&door, w, &w->kept)));
	CHECK(!failed(pres_new(&(struct pres_config){ .timers = &w->timers, .users = w->users, .config = &w->config, .notifier = w->notifier, .kept = w->kept, .xml = w->xml,
				       .fqdn = STR("fe.example.test"), .meter = &w->meter, .door = { .is_signed_in = is_signed_in, .resume = resume }, .arg = w },
		&w->pres)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	static const char list[] = "<batchSub><action name=\"subscribe\"><adhocList><resource uri=\"sip:" ANN "\"/></adhocList></action></batchSub>";
	if (size == 0 || size > 200000)
		return 0;
	if (w.users == NULL)
		make_once(&w);
	open_all(&w);
	send_body(&w, 3, BOB, BOB, 1, str_of(list));
	CHECK(fake.status == 200);
	send_body(&w, data[0] % 5, ANN, ANN, 2, (str){ (const char *)data + 1, size - 1 });
	if (data[0] % 5 == 0 && fake.status == 200)
		check_xml(&w, str_of(strstr(fake.answer, "\r\n\r\n") + 4));
	timers_run(&w.timers, w.timers.now + 100000);
	notifier_free(w.notifier);
	pres_free(w.pres);
	kept_free(w.kept);
	w.n_asked = w.n_changed = 0;
	CHECK(timers_next(&w.timers) == UINT64_MAX);
	timers_fini(&w.timers);
	return 0;
}
