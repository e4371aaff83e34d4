/* SPDX-License-Identifier: Apache-2.0 */
#include "service/contact.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "engine/stage_fake.h"
#include "model/config.h"

#define ANN "ann@example.test"

/* Vault is this program: what is saved is remembered, and a load answers it. */
struct bench {
	struct contacts *contacts;
	struct notifier *notifier;
	struct users *users;
	struct policies *policies;
	struct kept *kept;
	struct xml_reader *xml;
	struct timers timers;
	struct config config;
	struct conn conn;
	struct request *held; /* the last one that is under way */
	char rows[65536];     /* of the load */
	size_t rows_n;
	uint64_t ask, set, search; /* ids that are not answered */
	char saved[65536], filter[4096];
	size_t saved_n, filter_n;
	uint32_t most;
	unsigned n_saves, n_told, n_changes, cseq;
	char told[65536]; /* the last BENOTIFY */
	unsigned answers_when_told;
};

static err on_ask(void *arg, uint64_t id, str aor)
{
	struct bench *b = arg;
	b->ask = id;
	return OK;
}

static err on_set(void *arg, uint64_t id, str aor, str rows)
{
	struct bench *b = arg;
	b->set = id;
	b->n_saves++;
	assert_true(rows.n <= sizeof b->saved);
	memcpy(b->saved, rows.p, rows.n);
	b->saved_n = rows.n;
	return OK;
}

static err on_search(void *arg, const struct contact_search *q)
{
	struct bench *b = arg;
	b->search = q->id;
	b->most = q->most;
	assert_true(q->filter.n <= sizeof b->filter);
	memcpy(b->filter, q->filter.p, q->filter.n);
	b->filter_n = q->filter.n;
	return OK;
}

static void on_change(void *arg, str aor)
{
	struct bench *b = arg;
	b->n_changes++;
}

static err on_sent(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	struct bench *b = arg;
	b->n_told++;
	b->answers_when_told = fake.n_answers;
	assert_true(str_to_z(bytes, b->told, sizeof b->told));
	return OK;
}

static void run(struct bench *b, struct request *r);

static void on_resume(void *arg, struct request *r)
{
	run(arg, r);
}

/* The two stages that follow one another. */
static void run(struct bench *b, struct request *r)
{
	enum stage_verdict v = STAGE_NEXT;
	err e = contact_stage(b->contacts, r, &v);
	if (failed(e)) {
		request_fail(r, e, "contact");
		return;
	}
	if (v != STAGE_NEXT)
		return;
	e = notifier_stage(b->notifier, r, &v);
	if (failed(e))
		request_fail(r, e, "subscribe");
	else if (v == STAGE_NEXT)
		request_reply(r, 404, STR(""));
}

static int set_up(void **state)
{
	static const struct kept_door door = { on_ask, on_set };
	static const char hash[32] = { 1 };
	struct bench *b = calloc(1, sizeof *b);
	memset(&fake, 0, sizeof fake);
	timers_init(&b->timers, 5000);
	config_default(&b->config);
	b->conn = fake_conn(1, true);
	assert_false(failed(users_new(&b->users)));
	assert_false(failed(users_set_domains(b->users, STR("example.test"))));
	assert_false(failed(policies_new(&b->policies)));
	assert_false(failed(xml_reader_new(&b->xml)));
	assert_false(failed(kept_new(&door, b, &b->kept)));
	assert_false(failed(users_put(b->users, &(const struct user_row){ .version = 1, .aor = STR(ANN), .enabled = true, .ha1_sha256 = { hash, sizeof hash }, .grants = STR("") })));
	const struct notifier_config n = { .timers = &b->timers, .txns = (struct txns *)b, .send = on_sent, .arg = b, .most = 1000 };
	assert_false(failed(notifier_new(&n, &b->notifier)));
	const struct contact_config c = { .timers = &b->timers, .users = b->users, .policies = b->policies, .config = &b->config, .notifier = b->notifier,
		.kept = b->kept, .xml = b->xml, .door = { on_resume, on_search, on_change }, .arg = b };
	assert_false(failed(contacts_new(&c, &b->contacts)));
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	notifier_free(b->notifier);
	contacts_free(b->contacts);
	kept_free(b->kept);
	assert_int_equal(timers_next(&b->timers), UINT64_MAX);
	timers_fini(&b->timers);
	xml_reader_free(b->xml);
	policies_free(b->policies);
	users_free(b->users);
	free(b);
	return 0;
}

/* ---- what clients do ---- */

static void finish_load(struct bench *b)
{
	uint64_t id = b->ask;
	b->ask = 0;
	assert_int_not_equal(id, 0);
	kept_told_rows(b->kept, id, (str){ b->rows, b->rows_n }, true);
}

static void add_kept(struct bench *b, enum kept_kind kind, const char *key, const char *value)
{
	struct buf rows;
	buf_init(&rows, sizeof b->rows);
	kept_row_add(&rows, &(struct kept_row){ .kind = kind, .key = str_of(key), .value = str_of(value) });
	memcpy(b->rows + b->rows_n, rows.p, rows.n);
	b->rows_n += rows.n;
	buf_fini(&rows);
}

static void request_to(struct bench *b, const char *uri, const char *who, const char *head, const char *body)
{
	struct request *r = fake_request(&b->conn,
		"%s sip:%s SIP/2.0\nVia: SIP/2.0/TLS c;branch=z9hG4bK%u\nFrom: <sip:%s>;tag=a;epid=01\nTo: <sip:" ANN ">\nCall-ID: c%u\nCSeq: 1 %.*s\n"
		"Contact: <sip:" ANN ";gruu;opaque=1>\n%sContent-Length: %zu\n\n%s",
		strstr(head, "Event:") != NULL ? "SUBSCRIBE" : "SERVICE", uri, b->cseq, who[0] != 0 ? who : "no@example.test", b->cseq, strstr(head, "Event:") != NULL ? 9 : 7,
		strstr(head, "Event:") != NULL ? "SUBSCRIBE" : "SERVICE", head, strlen(body), body);
	assert_non_null(r);
	b->cseq++;
	r->aor = str_of(who);
	r->target = strchr(uri, '@') != NULL ? str_of(uri) : STR("");
	run(b, r);
	fake_request_free(r);
}

static void request_from(struct bench *b, const char *who, const char *head, const char *body)
{
	request_to(b, ANN, who, head, body);
}

static void subscribe(struct bench *b)
{
	request_from(b, ANN,
		"Event: vnd-microsoft-roaming-contacts\nSupported: ms-benotify\nSupported: ms-piggyback-first-notify\nSupported: com.microsoft.autoextend\n", "");
}

static void soap_to(struct bench *b, const char *uri, const char *inner)
{
	char body[8192];
	(void)snprintf(body, sizeof body,
		"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:m=\"http://schemas.microsoft.com/winrtc/2002/11/sip\"><s:Body>%s</s:Body></s:Envelope>", inner);
	request_to(b, uri, ANN, "Content-Type: application/SOAP+xml\n", body);
}

static void soap(struct bench *b, const char *inner)
{
	soap_to(b, ANN, inner);
}

static void finish_save(struct bench *b, err e)
{
	uint64_t id = b->set;
	b->set = 0;
	assert_int_not_equal(id, 0);
	kept_told_done(b->kept, id, e);
}

static void set_contact(struct bench *b, const char *uri, const char *groups)
{
	char body[2048];
	(void)snprintf(body, sizeof body, "<m:setContact><m:displayName>B &amp; B</m:displayName><m:groups>%s</m:groups><m:subscribed>true</m:subscribed>"
					  "<m:URI>%s</m:URI><m:externalURI/><m:deltaNum>1</m:deltaNum></m:setContact>", groups, uri);
	soap(b, body);
}

#define HAS(text, part) assert_non_null(strstr(text, part))
#define HAS_NOT(text, part) assert_null(strstr(text, part))

/* ---- tests ---- */

static void an_empty_list_has_one_group(void **state)
{
	struct bench *b = *state;
	subscribe(b);
	assert_int_equal(fake.n_answers, 0); /* it waits for vault */
	finish_load(b);
	assert_int_equal(fake.status, 200);
	HAS(fake.answer, "Content-Type: application/vnd-microsoft-roaming-contacts+xml\r\n");
	HAS(fake.answer, "<contactList deltaNum=\"1\"><group id=\"1\" name=\"~\" externalURI=\"\"/></contactList>");
	HAS(fake.answer, "ms-piggyback-cseq: 1\r\n");
}

static void what_is_kept_is_told(void **state)
{
	struct bench *b = *state;
	add_kept(b, KEPT_DELTA, "", "41");
	add_kept(b, KEPT_GROUP, "2", "Friends & co\n");
	add_kept(b, KEPT_CONTACT, "bob@example.test", "1 2\nBob \"B\"\n");
	add_kept(b, KEPT_CONTACT, "bad@example.test", "1 65\nx\n");
	add_kept(b, KEPT_GROUP, "65", "x\n");
	subscribe(b);
	finish_load(b);
	HAS(fake.answer, "<contactList deltaNum=\"41\">");
	HAS(fake.answer, "<group id=\"2\" name=\"Friends &amp; co\" externalURI=\"\"/>");
	HAS(fake.answer, "<contact uri=\"bob@example.test\" name=\"Bob &quot;B&quot;\" groups=\"2\" subscribed=\"true\" externalURI=\"\"/>");
	HAS_NOT(fake.answer, "bad@");
	HAS_NOT(fake.answer, "\"65\""); /* tags and branches are chance */
	assert_true(contact_has(b->contacts, STR(ANN), STR("BOB@example.test")));
	assert_false(contact_has(b->contacts, STR(ANN), STR("bad@example.test")));
	assert_int_equal(b->n_changes, 1);
}

static void a_change_is_kept_then_answered_then_told(void **state)
{
	struct bench *b = *state;
	subscribe(b);
	finish_load(b);
	set_contact(b, "sip:bob@example.test", "7");
	assert_int_equal(fake.n_answers, 1); /* that of the subscription: nothing is answered before it is on the disk */
	assert_false(contact_has(b->contacts, STR(ANN), STR("bob@example.test")));
	finish_save(b, OK);
	assert_int_equal(fake.n_answers, 2);
	assert_int_equal(fake.status, 200);
	HAS(fake.answer, "<m:setContact");
	assert_int_equal(b->n_told, 1);
	assert_int_equal(b->answers_when_told, 2);
	HAS(b->told, "BENOTIFY ");
	HAS(b->told, "<contactDelta prevDeltaNum=\"1\" deltaNum=\"2\"><addedContact uri=\"sip:bob@example.test\" name=\"B &amp; B\" groups=\"1\"");
	assert_true(contact_has(b->contacts, STR(ANN), STR("bob@example.test")));
	/* what was saved is what a restart reads */
	memcpy(b->rows, b->saved, b->saved_n);
	b->rows_n = b->saved_n;
	contact_user_gone(b->contacts, STR(ANN));
	assert_false(contact_is_loaded(b->contacts, STR(ANN)));
	subscribe(b);
	finish_load(b);
	HAS(fake.answer, "<contactList deltaNum=\"2\">");
	HAS(fake.answer, "uri=\"bob@example.test\" name=\"B &amp; B\"");
}

static void groups_come_and_go(void **state)
{
	struct bench *b = *state;
	subscribe(b);
	finish_load(b);
	soap(b, "<m:addGroup><m:name>Friends</m:name><m:externalURI/><m:deltaNum>1</m:deltaNum></m:addGroup>");
	finish_save(b, OK);
	HAS(fake.answer, "<m:addGroup xmlns:m=\"http://schemas.microsoft.com/winrtc/2002/11/sip\"><m:groupID>2</m:groupID></m:addGroup>");
	HAS(b->told, "<addedGroup id=\"2\" name=\"Friends\" externalURI=\"\"/>");
	soap(b, "<m:addGroup><m:name>Friends</m:name></m:addGroup>"); /* asked twice */
	HAS(fake.answer, "<m:groupID>2</m:groupID>");
	set_contact(b, "sip:bob@example.test", "1 2");
	finish_save(b, OK);
	set_contact(b, "sip:cyd@example.test", "2");
	finish_save(b, OK);
	soap(b, "<m:modifyGroup><m:groupID>2</m:groupID><m:name>Old friends</m:name></m:modifyGroup>");
	finish_save(b, OK);
	HAS(b->told, "<modifiedGroup id=\"2\" name=\"Old friends\"");
	soap(b, "<m:modifyGroup><m:groupID>2</m:groupID><m:name>Old friends</m:name></m:modifyGroup>"); /* an echo of it */
	assert_int_equal(fake.status, 200);
	set_contact(b, "sip:cyd@example.test", "2");
	assert_int_equal(fake.status, 200);
	assert_int_equal(b->n_told, 4);
	soap(b, "<m:deleteGroup><m:groupID>2</m:groupID></m:deleteGroup>");
	finish_save(b, OK);
	HAS(b->told, "<modifiedContact uri=\"sip:bob@example.test\" name=\"B &amp; B\" groups=\"1\" subscribed=\"true\" externalURI=\"\"/>"
		     "<modifiedContact uri=\"sip:cyd@example.test\" name=\"B &amp; B\" groups=\"1\" subscribed=\"true\" externalURI=\"\"/><deletedGroup id=\"2\"/>");
	soap(b, "<m:deleteGroup><m:groupID>1</m:groupID></m:deleteGroup>");
	assert_int_equal(fake.status, 403);
	HAS(fake.answer, "<s:Fault><faultcode>s:Client</faultcode>");
	soap(b, "<m:deleteGroup><m:groupID>2</m:groupID></m:deleteGroup>"); /* the other device has seen it go, and says so */
	assert_int_equal(fake.status, 200);
	soap(b, "<m:modifyGroup><m:groupID>2</m:groupID><m:name>x</m:name></m:modifyGroup>");
	assert_int_equal(fake.status, 404);
	assert_int_equal(b->n_told, 5);
	for (int i = 2; i <= 64; i++) {
		char body[256];
		(void)snprintf(body, sizeof body, "<m:addGroup><m:name>g%d</m:name></m:addGroup>", i);
		soap(b, body);
		finish_save(b, OK);
		assert_int_equal(fake.status, 200);
	}
	soap(b, "<m:addGroup><m:name>one too many</m:name></m:addGroup>");
	assert_int_equal(fake.status, 403);
}

static void contacts_go(void **state)
{
	struct bench *b = *state;
	add_kept(b, KEPT_CONTACT, "bob@example.test", "1 1\nBob\n");
	subscribe(b);
	finish_load(b);
	soap(b, "<m:deleteContact><m:URI>sip:Bob@example.test</m:URI></m:deleteContact>");
	finish_save(b, OK);
	HAS(b->told, "<deletedContact uri=\"sip:bob@example.test\"/>");
	assert_false(contact_has(b->contacts, STR(ANN), STR("bob@example.test")));
	soap(b, "<m:deleteContact><m:URI>sip:bob@example.test</m:URI></m:deleteContact>");
	assert_int_equal(fake.status, 200);
	assert_int_equal(b->n_saves, 1);
}

static void limits_hold(void **state)
{
	struct bench *b = *state;
	char uri[600] = "sip:";
	memset(uri + 4, 'x', 455);
	subscribe(b);
	finish_load(b);
	set_contact(b, uri, "1");
	assert_int_equal(fake.status, 513);
	set_contact(b, "sip:a&#10;b@example.test", "1");
	assert_int_equal(fake.status, 400);
	set_contact(b, "", "1");
	assert_int_equal(fake.status, 400);
	set_contact(b, "sip:bob@example.test", "one");
	assert_int_equal(fake.status, 400);
	assert_false(failed(policies_put(b->policies, STR("ClientPolicy"), STR("Global"), STR("{\"MaximumNumberOfContacts\":1}"))));
	set_contact(b, "sip:bob@example.test", "1");
	finish_save(b, OK);
	set_contact(b, "sip:cyd@example.test", "1");
	assert_int_equal(fake.status, 403);
	HAS(fake.answer, "the contact list is full");
	soap(b, "<m:setContact><m:displayName>Bob</m:displayName><m:URI>sip:bob@example.test</m:URI></m:setContact>"); /* changing one is no new one */
	finish_save(b, OK);
	HAS(b->told, "<modifiedContact");
	assert_int_equal(b->n_saves, 2);
}

/* What a list comes to must fit into one message, however its names are escaped. */
static void a_list_fits_into_a_message(void **state)
{
	struct bench *b = *state;
	char quotes[1400] = "", body[2048];
	for (unsigned i = 0; i < 250; i++)
		memcpy(quotes + 5 * i, "&amp;", 6);
	unsigned n = 0;
	subscribe(b);
	finish_load(b);
	b->config.max_contacts = 1000;
	for (; n < 1000; n++) {
		(void)snprintf(body, sizeof body, "<m:setContact><m:displayName>%s</m:displayName><m:URI>sip:u%u@example.test</m:URI></m:setContact>", quotes, n);
		soap(b, body);
		if (b->set == 0)
			break;
		finish_save(b, OK);
	}
	assert_int_equal(fake.status, 403);
	assert_in_range(n, 150, 200);
}

static void one_change_at_a_time(void **state)
{
	struct bench *b = *state;
	subscribe(b);
	finish_load(b);
	soap(b, "<m:addGroup><m:name>one</m:name></m:addGroup>");
	soap(b, "<m:addGroup><m:name>two</m:name></m:addGroup>");
	assert_int_equal(b->n_saves, 1);
	finish_save(b, OK);
	HAS(fake.answer, "<m:groupID>2</m:groupID>");
	assert_int_equal(b->n_saves, 2);
	finish_save(b, OK);
	HAS(fake.answer, "<m:groupID>3</m:groupID>");
	HAS(b->told, "prevDeltaNum=\"2\" deltaNum=\"3\"");
}

static void what_is_not_kept_is_not_done(void **state)
{
	struct bench *b = *state;
	subscribe(b);
	finish_load(b);
	set_contact(b, "sip:bob@example.test", "1");
	finish_save(b, ERR(DISK_FULL));
	assert_int_equal(fake.status, 500);
	assert_false(contact_has(b->contacts, STR(ANN), STR("bob@example.test")));
	finish_load(b); /* it is read anew, and all devices are told what there is */
	HAS(b->told, "<contactList deltaNum=\"1\">");
	/* Vault dies: whether it was kept shows when it is back. */
	set_contact(b, "sip:bob@example.test", "1");
	memcpy(b->rows, b->saved, b->saved_n);
	b->rows_n = b->saved_n;
	kept_told_nothing(b->kept);
	assert_int_equal(fake.status, 503);
	HAS(fake.answer, "s:Server");
	if (b->ask == 0)
		subscribe(b);
	finish_load(b);
	HAS(b->told, "<contactList deltaNum=\"2\">");
	assert_true(contact_has(b->contacts, STR(ANN), STR("bob@example.test")));
}

static void two_devices_are_told(void **state)
{
	struct bench *b = *state;
	subscribe(b);
	finish_load(b);
	b->conn = fake_conn(2, true);
	subscribe(b);
	set_contact(b, "sip:bob@example.test", "1");
	finish_save(b, OK);
	assert_int_equal(b->n_told, 2);
}

static void others_keep_out(void **state)
{
	struct bench *b = *state;
	request_from(b, "eve@example.test", "Event: vnd-microsoft-roaming-contacts\n", "");
	assert_int_equal(fake.status, 403);
	request_from(b, "eve@example.test", "Content-Type: application/SOAP+xml\n", "<a/>");
	assert_int_equal(fake.status, 403);
	request_from(b, "", "Content-Type: application/SOAP+xml\n", "<a/>");
	assert_int_equal(fake.status, 403);
	request_from(b, ANN, "Content-Type: text/plain\n", "<a/>");
	assert_int_equal(fake.status, 404); /* not ours */
	assert_int_equal(b->ask, 0);
}

static void nonsense_is_a_fault(void **state)
{
	struct bench *b = *state;
	soap(b, "<m:setACE><m:mask>x</m:mask></m:setACE>");
	assert_int_equal(fake.status, 400);
	HAS(fake.answer, "Content-Type: application/SOAP+xml\r\n");
	HAS(fake.answer, "<faultstring>this operation is not known here</faultstring>");
	soap(b, "");
	assert_int_equal(fake.status, 400);
	request_from(b, ANN, "Content-Type: application/SOAP+xml\n", "<not closed");
	assert_int_equal(fake.status, 400);
	request_from(b, ANN, "Content-Type: application/SOAP+xml\n", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>");
	assert_int_equal(fake.status, 400);
	assert_int_equal(b->ask, 0);
}

#define SEARCH(most, row) \
	"<m:directorySearch><m:filter m:href=\"#searchArray\"/><m:maxResults>" most "</m:maxResults></m:directorySearch>" \
	"<m:Array m:id=\"searchArray\">" row "</m:Array>"

static void people_are_found(void **state)
{
	struct bench *b = *state;
	struct buf rows;
	struct kept_row row;
	err e = OK;
	soap(b, SEARCH("500", "<m:row m:attrib=\"givenName\" m:value=\"Ca\"/><m:row m:attrib=\"sn\" m:value=\"\"/>"
			      "<m:row m:attrib=\"msRTCSIP-PrimaryUserAddress\" m:value=\"sip:carol@\"/>"));
	assert_int_equal(fake.n_answers, 0);
	assert_int_equal(b->most, 100);
	str filter = { b->filter, b->filter_n };
	assert_true(kept_row_next(&filter, &row, &e) && str_eq(row.key, STR("FirstName")) && str_eq(row.value, STR("Ca")));
	assert_true(kept_row_next(&filter, &row, &e) && str_eq(row.key, STR("SipAddress")) && str_eq(row.value, STR("carol@")));
	assert_false(kept_row_next(&filter, &row, &e));
	soap(b, SEARCH("5", "<m:row m:attrib=\"sn\" m:value=\"C\"/>"));
	assert_int_equal(fake.status, 503); /* one at a time */
	buf_init(&rows, 4096);
	kept_row_add(&rows, &(struct kept_row){ .kind = KEPT_CARD, .key = STR(""), .value = STR("carol@example.test") });
	kept_row_add(&rows, &(struct kept_row){ .kind = KEPT_CARD, .key = STR("DisplayName"), .value = STR("Carol <C>") });
	kept_row_add(&rows, &(struct kept_row){ .kind = KEPT_CARD, .key = STR("Secret"), .value = STR("hush") });
	kept_row_add(&rows, &(struct kept_row){ .kind = KEPT_CARD, .key = STR(""), .value = STR("cat@example.test") });
	contacts_told_people(b->contacts, b->search + 7, OK, buf_str(&rows), true);
	contacts_told_people(b->contacts, b->search, OK, buf_str(&rows), true);
	buf_fini(&rows);
	assert_int_equal(fake.status, 200);
	HAS(fake.answer, "<m:moreAvailable>true</m:moreAvailable>");
	HAS(fake.answer, "<m:row uri=\"sip:carol@example.test\" displayName=\"Carol &lt;C&gt;\"/><m:row uri=\"sip:cat@example.test\"/></m:Array>");
	HAS_NOT(fake.answer, "hush");
	soap(b, SEARCH("5", ""));
	assert_int_equal(fake.status, 400);
	soap(b, SEARCH("5", "<m:row m:attrib=\"unicodePwd\" m:value=\"a\"/>"));
	assert_int_equal(fake.status, 400);
	soap(b, SEARCH("", "<m:row m:attrib=\"sn\" m:value=\"C\"/>"));
	assert_int_equal(b->most, 20);
	contacts_told_nothing(b->contacts);
	assert_int_equal(fake.status, 503);
}

/* Clients search by a request to the domain; nothing else is done by it. */
static void the_domain_is_asked(void **state)
{
	struct bench *b = *state;
	soap_to(b, "example.test", SEARCH("5", "<m:row m:attrib=\"sn\" m:value=\"C\"/>"));
	assert_int_not_equal(b->search, 0);
	contacts_told_people(b->contacts, b->search, OK, STR(""), false);
	assert_int_equal(fake.status, 200);
	HAS(fake.answer, "<m:moreAvailable>false</m:moreAvailable>");
	soap_to(b, "example.test", "<m:deleteContact><m:URI>sip:bob@example.test</m:URI></m:deleteContact>");
	assert_int_equal(fake.status, 403);
	request_to(b, "example.test", "eve@example.net", "Content-Type: application/SOAP+xml\n",
		"<Envelope><Body>" SEARCH("5", "<m:row xmlns:m=\"x\" m:attrib=\"sn\" m:value=\"C\"/>") "</Body></Envelope>");
	assert_int_equal(fake.status, 400); /* the prefix m is nobody's */
	request_to(b, "example.test", "eve@example.net", "Content-Type: application/SOAP+xml\n",
		"<Envelope><Body><directorySearch/><Array><row attrib=\"sn\" value=\"C\"/></Array></Body></Envelope>");
	assert_int_equal(fake.status, 403);
	soap_to(b, "example.net", SEARCH("5", "<m:row m:attrib=\"sn\" m:value=\"C\"/>"));
	assert_int_equal(fake.status, 404); /* not ours */
}

static void an_idle_list_is_forgotten(void **state)
{
	struct bench *b = *state;
	assert_false(failed(contact_load(b->contacts, STR(ANN))));
	finish_load(b);
	assert_true(contact_is_loaded(b->contacts, STR(ANN)));
	timers_run(&b->timers, 5000 + 59000);
	assert_true(contact_is_loaded(b->contacts, STR(ANN)));
	timers_run(&b->timers, 5000 + 61000);
	assert_false(contact_is_loaded(b->contacts, STR(ANN)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_list_has_one_group),
		TEST(what_is_kept_is_told),
		TEST(a_change_is_kept_then_answered_then_told),
		TEST(groups_come_and_go),
		TEST(contacts_go),
		TEST(limits_hold),
		TEST(a_list_fits_into_a_message),
		TEST(one_change_at_a_time),
		TEST(what_is_not_kept_is_not_done),
		TEST(two_devices_are_told),
		TEST(others_keep_out),
		TEST(nonsense_is_a_fault),
		TEST(people_are_found),
		TEST(the_domain_is_asked),
		TEST(an_idle_list_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
