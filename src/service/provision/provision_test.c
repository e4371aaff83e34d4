/* SPDX-License-Identifier: Apache-2.0 */
#include "service/provision.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "engine/stage_fake.h"
#include "model/config.h"

#define ANN "ann@example.test"

struct bench {
	struct provision provision;
	struct notifier *notifier;
	struct users *users;
	struct policies *policies;
	struct xml_reader *xml;
	struct timers timers;
	struct config config;
	struct conn conn;
	unsigned cseq;
};

static err on_sent(void *arg, const struct flow *to, uint64_t request, str bytes)
{
	return OK;
}

static int set_up(void **state)
{
	static const char hash[32] = { 1 };
	struct bench *b = calloc(1, sizeof *b);
	memset(&fake, 0, sizeof fake);
	timers_init(&b->timers, 5000);
	config_default(&b->config);
	b->conn = fake_conn(1, true);
	assert_false(failed(users_new(&b->users)));
	assert_false(failed(policies_new(&b->policies)));
	assert_false(failed(xml_reader_new(&b->xml)));
	assert_false(failed(users_put(b->users, &(const struct user_row){ .version = 1, .aor = STR(ANN), .enabled = true, .ha1_sha256 = { hash, sizeof hash },
		.grants = STR("ClientPolicy=Plain") })));
	const struct notifier_config n = { .timers = &b->timers, .txns = (struct txns *)b, .send = on_sent, .arg = b, .most = 1000 };
	assert_false(failed(notifier_new(&n, &b->notifier)));
	b->provision = (struct provision){ b->users, b->policies, &b->config, b->xml };
	assert_false(failed(provision_add(&b->provision, b->notifier)));
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	notifier_free(b->notifier);
	assert_int_equal(timers_next(&b->timers), UINT64_MAX);
	timers_fini(&b->timers);
	xml_reader_free(b->xml);
	policies_free(b->policies);
	users_free(b->users);
	free(b);
	return 0;
}

static void subscribe(struct bench *b, const char *who, const char *event, const char *more, const char *body)
{
	enum stage_verdict v = STAGE_NEXT;
	struct request *r = fake_request(&b->conn,
		"SUBSCRIBE sip:" ANN " SIP/2.0\nVia: SIP/2.0/TLS c;branch=z9hG4bK%u\nFrom: <sip:%s>;tag=a;epid=01\nTo: <sip:" ANN ">\nCall-ID: c%u\nCSeq: 1 SUBSCRIBE\n"
		"Contact: <sip:" ANN ">\nEvent: %s\nSupported: ms-benotify\nSupported: ms-piggyback-first-notify\n%sContent-Length: %zu\n\n%s",
		b->cseq, who, b->cseq, event, more, strlen(body), body);
	assert_non_null(r);
	b->cseq++;
	r->aor = str_of(who);
	r->target = STR(ANN);
	err e = notifier_stage(b->notifier, r, &v);
	if (failed(e))
		request_fail(r, e, "subscribe");
	fake_request_free(r);
}

#define ASK(group) \
	"<provisioningGroupList xmlns=\"http://schemas.microsoft.com/2006/09/sip/provisioninggrouplist\"><provisioningGroup name=\"" group "\"/></provisioningGroupList>"
#define HAS(text, part) assert_non_null(strstr(text, part))
#define HAS_NOT(text, part) assert_null(strstr(text, part))

static void what_is_asked_for_is_told_once(void **state)
{
	struct bench *b = *state;
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("ServerConfiguration"));
	assert_int_equal(fake.status, 200);
	HAS(fake.answer, "Expires: 0\r\n");
	HAS(fake.answer, "terminated;expires=0\r\n");
	HAS(fake.answer, "Content-Type: application/vnd-microsoft-roaming-provisioning-v2+xml\r\n");
	HAS(fake.answer, "<provisionGroupList xmlns=\"http://schemas.microsoft.com/2006/09/sip/provisiongrouplist-notification\"><provisionGroup name=\"ServerConfiguration\">");
	HAS_NOT(fake.answer, "meetingPolicy");
	HAS_NOT(fake.answer, "focusFactoryUri"); /* what is named is used: there are no conferences */
	HAS_NOT(fake.answer, "mrasUri");
	HAS_NOT(fake.answer, "dlx");
	assert_int_equal(notifier_count(b->notifier), 0);
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 28800\n", "");
	HAS(fake.answer, "terminated;expires=0\r\n");
	HAS(fake.answer, "<provisionGroup name=\"meetingPolicy\"><instance><property name=\"AllowIPAudio\">true</property>");
	HAS(fake.answer, "<property name=\"EnablePersistentChat\">false</property>");
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("ofTheFuture"));
	HAS(fake.answer, "provisiongrouplist-notification\"></provisionGroupList>");
}

static void policies_are_told(void **state)
{
	struct bench *b = *state;
	b->provision.trusted = STR("pool.elsewhere.test,a<b");
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("endpointConfiguration"));
	assert_non_null(strstr(fake.answer, "<property name=\"TrustModelData\">pool.elsewhere.test,a&lt;b</property>"));
	b->provision.trusted = STR("");
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("endpointConfiguration"));
	assert_null(strstr(fake.answer, "TrustModelData"));
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("endpointConfiguration"));
	HAS_NOT(fake.answer, "DisableRTFIM"); /* what nobody has set is the client's to decide */
	HAS_NOT(fake.answer, "MaximumNumberOfContacts");
	HAS(fake.answer, "<property name=\"DGRefreshInterval\">28800</property>");
	assert_false(failed(policies_put(b->policies, STR("ClientPolicy"), STR("Tag:Plain"),
		STR("{\"DisableRTFIM\":true,\"DisableHtmlIm\":true,\"MaximumNumberOfContacts\":7,\"IMWarning\":\"a < b\"}"))));
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("endpointConfiguration"));
	HAS(fake.answer, "<property name=\"DisableHtmlIm\">true</property>");
	HAS(fake.answer, "<property name=\"DisableRTFIM\">true</property>");
	HAS(fake.answer, "<property name=\"MaximumNumberOfContacts\">7</property>");
	HAS(fake.answer, "<property name=\"IMWarning\">a &lt; b</property>");
	assert_false(failed(policies_put(b->policies, STR("ConferencingPolicy"), STR("Global"), STR("{\"AllowIPVideo\":false}"))));
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("meetingPolicy"));
	HAS(fake.answer, "<property name=\"AllowIPVideo\">false</property>");
	b->config.use_privacy_mode = true;
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("presencePolicyV2"));
	HAS(fake.answer, "<property name=\"EnablePrivacyMode\">true</property>");
}

/* Only what is there is named, and with it that there are no files. */
static void address_book_is_told(void **state)
{
	struct bench *b = *state;
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("ServerConfiguration"));
	HAS_NOT(fake.answer, "dlx");
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("endpointConfiguration"));
	HAS_NOT(fake.answer, "AddressBookAvailability");
	b->provision.inside = STR("https://uc.example.test:444");
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("ServerConfiguration"));
	HAS(fake.answer, "<dlxInternalUrl>https://uc.example.test:444/groupexpansion/service.svc</dlxInternalUrl>");
	HAS_NOT(fake.answer, "dlxExternalUrl");
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("endpointConfiguration"));
	HAS(fake.answer, "<property name=\"AddressBookAvailability\">WebSearchOnly</property>");
	b->provision.outside = STR("https://web.example.test");
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", ASK("ServerConfiguration"));
	HAS(fake.answer, "<dlxExternalUrl>https://web.example.test/groupexpansion/service.svc</dlxExternalUrl>");
	HAS(fake.answer, "<absExternalServerUrl>https://web.example.test/abs/handler</absExternalServerUrl>");
}

static void nonsense_and_others_are_refused(void **state)
{
	struct bench *b = *state;
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", "<a");
	assert_int_equal(fake.status, 400);
	subscribe(b, ANN, "vnd-microsoft-provisioning-v2", "Expires: 0\n", "<a/>");
	assert_int_equal(fake.status, 400);
	subscribe(b, "eve@example.test", "vnd-microsoft-provisioning-v2", "Expires: 0\n", "");
	assert_int_equal(fake.status, 403);
	subscribe(b, "eve@example.test", "vnd-microsoft-roaming-ACL", "", "");
	assert_int_equal(fake.status, 403);
}

static void older_clients_get_empty_documents(void **state)
{
	struct bench *b = *state;
	subscribe(b, ANN, "vnd-microsoft-provisioning", "", "");
	HAS(fake.answer, "<provision/>");
	subscribe(b, ANN, "vnd-microsoft-roaming-ACL", "", "");
	HAS(fake.answer, "Content-Type: application/vnd-microsoft-roaming-acls+xml\r\n");
	subscribe(b, ANN, "presence.wpending", "", "");
	HAS(fake.answer, "<watchers/>");
	assert_int_equal(notifier_count(b->notifier), 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_asked_for_is_told_once),
		TEST(policies_are_told),
		TEST(address_book_is_told),
		TEST(nonsense_and_others_are_refused),
		TEST(older_clients_get_empty_documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
