/* SPDX-License-Identifier: Apache-2.0 */
/* A ticket is good for its owner, unchanged, in its time; anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/enc.h"
#include "service/webticket.h"

#define NOW    1800000000
#define SECRET STR("0123456789abcdef0123456789abcdef")
#define ANN    STR("ann@example.test")
#define URL    STR("https://web.example.test/CertProv/CertProvisioningService.svc/WebTicket_Proof_SHA1")

static struct crypt *crypt_of_test;
static struct webticket ticket;
static uint8_t sealed[WEBTICKET_SEALED_MAX];
static size_t n_sealed;
static struct diag diag;

static int setup(void **state)
{
	return failed(crypt_new(&crypt_of_test)) ? 1 : 0;
}

static int teardown(void **state)
{
	crypt_free(crypt_of_test);
	return 0;
}

static void make(void)
{
	ticket = (struct webticket){ .audience = URL, .n_key = 32 };
	memcpy(ticket.key, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", 32);
	webticket_new(&ticket, NOW);
	assert_false(failed(webticket_seal(crypt_of_test, SECRET, ANN, &ticket, sealed, &n_sealed)));
	assert_true(n_sealed <= sizeof sealed);
}

static err open_as(str secret, str aor, const struct webticket *shown, int64_t now, struct webticket *out)
{
	struct webticket bare = *shown;
	memset(bare.key, 0, sizeof bare.key);
	bare.n_key = 0;
	diag.what[0] = '\0';
	err e = webticket_open(crypt_of_test, secret, aor, (str){ (const char *)sealed, n_sealed }, &bare, now, out, &diag);
	assert_true(failed(e) == (diag.what[0] != '\0'));
	assert_true(!failed(e) || out->n_key == 0);
	return e;
}

static void is_good_for_its_owner(void **state)
{
	struct webticket out;
	make();
	assert_int_equal(strlen(ticket.id), WEBTICKET_ID - 1);
	assert_false(failed(open_as(SECRET, ANN, &ticket, NOW + 1, &out)));
	assert_int_equal(out.n_key, 32);
	assert_memory_equal(out.key, ticket.key, 32);
	assert_true(str_eq(out.audience, URL));
	assert_false(failed(open_as(SECRET, ANN, &ticket, NOW + WEBTICKET_SECONDS - 1, &out)));
	assert_false(failed(open_as(SECRET, ANN, &ticket, NOW - 200, &out))); /* another server's clock */
}

static void is_refused(void **state)
{
	struct webticket out, other;
	make();
	assert_true(err_is(open_as(SECRET, ANN, &ticket, NOW + WEBTICKET_SECONDS, &out), ERR_REFUSED));
	assert_true(err_is(open_as(SECRET, ANN, &ticket, NOW - 301, &out), ERR_REFUSED));
	assert_true(err_is(open_as(STR("another password's hash, 32 byte"), ANN, &ticket, NOW, &out), ERR_REFUSED));
	assert_true(err_is(open_as(SECRET, STR("bob@example.test"), &ticket, NOW, &out), ERR_REFUSED));
	other = ticket;
	other.until += 1;
	assert_true(err_is(open_as(SECRET, ANN, &other, NOW, &out), ERR_REFUSED));
	other = ticket;
	other.since -= 1;
	assert_true(err_is(open_as(SECRET, ANN, &other, NOW, &out), ERR_REFUSED));
	other = ticket;
	other.id[30] ^= 1;
	assert_true(err_is(open_as(SECRET, ANN, &other, NOW, &out), ERR_REFUSED));
	other = ticket;
	other.id[0] ^= 1;
	assert_true(err_is(open_as(SECRET, ANN, &other, NOW, &out), ERR_REFUSED));
	other = ticket;
	other.audience = STR("https://web.example.test/Autodiscover/x");
	assert_true(err_is(open_as(SECRET, ANN, &other, NOW, &out), ERR_REFUSED));
	for (size_t i = 0; i < n_sealed; i++) {
		sealed[i] ^= 1;
		assert_true(err_is(open_as(SECRET, ANN, &ticket, NOW, &out), ERR_REFUSED));
		sealed[i] ^= 1;
	}
	n_sealed--;
	assert_true(err_is(open_as(SECRET, ANN, &ticket, NOW, &out), ERR_REFUSED));
}

/* Of 32 and 32 bytes, as computed by Python: hmac.new(c, a + s, "sha1") twice, cut. */
static void key_of_both_halves(void **state)
{
	static const char client[] = "abcdefghijklmnopqrstuvwxyz012345", server[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
	uint8_t key[WEBTICKET_KEY_MAX], want[32];
	size_t n;
	assert_false(failed(enc_hex_read(STR("aa0256ecae8b9f236b4fc7e0d15961f44cca894b3e3189eed8113f35d4cf987c"), want, sizeof want)));
	assert_false(failed(webticket_key(str_of(client), str_of(server), key, &n)));
	assert_int_equal(n, 32);
	assert_memory_equal(key, want, 32);
	assert_true(err_is(webticket_key(STR(""), str_of(server), key, &n), ERR_CEILING));
}

static void services(void **state)
{
	assert_true(webticket_is_for(URL, STR("/CertProv/CertProvisioningService.svc")));
	assert_true(webticket_is_for(URL, STR("/certprov/x")));
	assert_true(webticket_is_for(STR("https://a:8443/Autodiscover/AutodiscoverService.svc/root/user"), STR("/Autodiscover/AutodiscoverService.svc/root/user")));
	assert_false(webticket_is_for(URL, STR("/Autodiscover/AutodiscoverService.svc/root/user")));
	assert_false(webticket_is_for(STR("http://a/CertProv/x"), STR("/CertProv/x")));
	assert_false(webticket_is_for(STR("https://a"), STR("/")));
	assert_false(webticket_is_for(STR("https://a/"), STR("/")));
	assert_false(webticket_is_for(STR(""), STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_good_for_its_owner),
		cmocka_unit_test(is_refused),
		cmocka_unit_test(key_of_both_halves),
		cmocka_unit_test(services),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
