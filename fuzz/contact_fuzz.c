/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a client sends about its contacts: bodies of SERVICE, separated by NUL. Whatever
 * is done, reading what was saved anew must give the same list.
 */
#include "engine/stage_fake.h"

#include "model/config.h"
#include "service/contact/contact_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())
#define ANN "ann@example.test"

static struct {
	struct contacts *contacts;
	struct kept *kept;
	struct buf saved; /* all rows, the later ones over the earlier */
	uint64_t ask, set, search; /* ids that are not answered */
} all;

static err on_ask(void *arg, uint64_t id, str aor)
{
	all.ask = id;
	return OK;
}

static err on_set(void *arg, uint64_t id, str aor, str rows)
{
	buf_add(&all.saved, rows);
	all.set = id;
	return OK;
}

static err on_search(void *arg, const struct contact_search *q)
{
	all.search = q->id;
	return OK;
}

static void on_resume(void *arg, struct request *r)
{
}

static void ask(const char *head, str body)
{
	struct inbound *in = calloc(1, sizeof *in);
	struct buf text = { 0 };
	enum stage_verdict v = STAGE_NEXT;
	CHECK(in != NULL);
	arena_init(&in->arena, 16 << 20);
	in->refs = 1;
	in->via_params = STR("");
	buf_init(&text, 1 << 20);
	buf_printf(&text, "SERVICE sip:" ANN " SIP/2.0\r\nVia: SIP/2.0/TLS c;branch=z9hG4bK1\r\nFrom: <sip:" ANN ">;tag=a\r\nTo: <sip:" ANN ">\r\nCall-ID: c\r\n"
			  "CSeq: 1 SERVICE\r\n%sContent-Length: %zu\r\n\r\n", head, body.n);
	buf_add(&text, body);
	CHECK(!failed(sip_msg_parse(&in->msg, arena_copy(&in->arena, buf_str(&text)), &in->arena, NULL, NULL)));
	buf_fini(&text);
	struct request *r = arena_zalloc(&in->arena, sizeof *r);
	r->in = in;
	r->aor = r->target = STR(ANN);
	r->answers = &fake.answers;
	all.set = all.search = 0;
	(void)failed(contact_stage(all.contacts, r, &v));
	if (all.set != 0)
		kept_told_done(all.kept, all.set, OK);
	if (all.search != 0)
		contacts_told_people(all.contacts, all.search, OK, buf_str(&all.saved), false);
	inbound_unref(in);
}

static void serve(str body)
{
	if (body.n <= 8192)
		ask("Content-Type: application/SOAP+xml\r\n", body);
}

static void load(void)
{
	CHECK(!failed(contact_load(all.contacts, STR(ANN))));
	kept_told_rows(all.kept, all.ask, buf_str(&all.saved), true);
}

static str print(struct buf *out)
{
	const struct contact_list *l = contact_list_find(all.contacts, STR(ANN));
	CHECK(l != NULL && l->is_loaded);
	buf_init(out, 1 << 20);
	contact_print_whole(l, out);
	return buf_str(out);
}

static err on_sent(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kept_door door = { on_ask, on_set };
	static struct users *users;
	static struct policies *policies;
	static struct xml_reader *xml;
	static struct config config;
	struct notifier *notifier;
	struct timers timers;
	struct buf before = { 0 }, after = { 0 };
	str rest = { (const char *)data, size };
	if (users == NULL) {
		static const char hash[32] = { 1 };
		CHECK(!failed(users_new(&users)) && !failed(policies_new(&policies)) && !failed(xml_reader_new(&xml)));
		CHECK(!failed(users_put(users, &(const struct user_row){ .version = 1, .aor = STR(ANN), .enabled = true, .ha1_sha256 = { hash, sizeof hash } })));
		config_default(&config);
	}
	memset(&fake, 0, sizeof fake);
	timers_init(&timers, 5000);
	buf_init(&all.saved, 16 << 20);
	CHECK(!failed(notifier_new(&(struct notifier_config){ .timers = &timers, .send = on_sent, .most = 10 }, &notifier)));
	CHECK(!failed(kept_new(&door, NULL, &all.kept)));
	CHECK(!failed(contacts_new(&(struct contact_config){ .timers = &timers, .users = users, .policies = policies, .config = &config, .notifier = notifier,
					  .kept = all.kept, .xml = xml, .door = { on_resume, on_search } },
		&all.contacts)));
	load();
	for (unsigned n = 0; n < 16 && rest.n != 0; n++)
		serve(str_split(rest, '\0', &rest));
	str one = print(&before);
	contact_user_gone(all.contacts, STR(ANN));
	load();
	CHECK(str_eq(one, print(&after)));
	buf_fini(&before);
	buf_fini(&after);
	notifier_free(notifier);
	contacts_free(all.contacts);
	kept_free(all.kept);
	buf_fini(&all.saved);
	timers_fini(&timers);
	return 0;
}
