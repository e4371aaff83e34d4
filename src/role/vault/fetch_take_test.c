/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of lists that come from elsewhere, and what goes again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "os/file.h"
#include "role/vault/fetch_world.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY = 86400 };

static char top[] = "/tmp/witan-fetch-XXXXXX";
static struct vault v;
static struct vault_fetches fetches;
static struct skel skel;

static struct authority good = { .cn = "Elsewhere" }, other = { .cn = "Other" }, stranger = { .cn = "Elsewhere" };

static int setup(void **state)
{
	struct diag d;
	if (mkdtemp(top) == NULL)
		return 1;
	v = (struct vault){ .skel = &skel, .fetches = &fetches, .certificates = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	log_init(&skel.log, open("/dev/null", O_WRONLY | O_CLOEXEC), "test", 0);
	authority_new(&good);
	authority_new(&other);
	authority_new(&stranger);
	buf_init(&v.trust, CERT_PEM_MAX);
	cert_pem_print(buf_str(&good.der), &v.trust);
	cert_pem_print(buf_str(&other.der), &v.trust);
	return v.certificates < 0 || failed(certstore_open(v.certificates, &v.certstore, NULL, &d)) ? 1 : 0;
}

static int teardown(void **state)
{
	char command[64];
	struct authority *all[] = { &good, &other, &stranger };
	for (size_t i = 0; i < 3; i++)
		authority_fini(all[i]);
	buf_fini(&v.trust);
	certstore_close(v.certstore);
	(void)close(v.certificates);
	(void)snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

static const char file[] = "fetched-0123456789abcdef.crl";

static struct fetch_list entry(void)
{
	struct fetch_list l = { .url = "http://a.test/x.crl", .issuer = "CN=Elsewhere,O=Example" };
	memcpy(l.file, file, sizeof file);
	return l;
}

static bool is_kept(str bytes)
{
	struct buf kept DEFER(buf_fini) = { 0 };
	return !failed(file_read(v.certificates, file, CERT_CRL_MAX, &kept, NULL)) && str_eq(buf_str(&kept), bytes);
}

/* why NULL: it is taken. */
static void take(const struct authority *by, uint64_t number, int64_t ago, int64_t left, const char *why)
{
	struct fetch_list l = entry();
	struct buf der;
	struct diag d = { 0 };
	bool is_new = false;
	list_of(by, number, ago, left, &der);
	err e = vault_fetch_take(&v, &l, buf_str(&der), &is_new, &d);
	if (failed(e) != (why != NULL) || (why != NULL && (strstr(d.what, why) == NULL || d.remedy[0] == '\0' || d.where[0] == '\0')))
		fail_msg("number %llu: %s: %s", (unsigned long long)number, failed(e) ? e.def->name : "OK", d.what);
	assert_true(is_kept(buf_str(&der)) == (why == NULL));
	if (why == NULL) {
		assert_true(is_new && llabs(l.ends - vault_fetch_now() - left) < 10 && l.entries == 0);
		assert_false(failed(vault_fetch_take(&v, &l, buf_str(&der), &is_new, &d)));
		assert_false(is_new); /* the same again */
	}
	buf_fini(&der);
}

static void the_newest_is_kept(void **state)
{
	take(&good, 5, 1000, DAY, NULL);
	take(&good, 5, 1100, DAY, "older than the one that is kept");
	take(&good, 4, 900, DAY, "older than the one that is kept");
	take(&good, 6, 800, DAY, NULL);
	take(&other, 7, 700, DAY, "it is the list of CN=Other,O=Example, not of CN=Elsewhere");
	take(&stranger, 7, 700, DAY, "no authority that is trusted here has signed it");
	take(&good, 7, -2 * DAY, 3 * DAY, "begins in the future");
	take(&good, 7, 600, -60, NULL); /* it has ended, and is the newest all the same */
	take(&good, 8, 500, DAY, NULL);
}

static void what_is_no_list(void **state)
{
	static const char *const rows[] = { "", "0", "<html></html>", "-----BEGIN X509 CRL-----\n0000\n-----END X509 CRL-----\n" };
	struct fetch_list l = entry();
	bool is_new;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct diag d = { 0 };
		assert_true(err_is(vault_fetch_take(&v, &l, str_of(rows[i]), &is_new, &d), ERR_MALFORMED));
		assert_string_equal(d.where, l.url);
		assert_non_null(strstr(d.remedy, "ask the authority"));
	}
	take(&good, 9, 400, DAY, NULL); /* nothing of it is in the way */
}

static void what_is_kept_and_broken_is_no_measure(void **state)
{
	assert_false(failed(file_write(v.certificates, file, STR("broken"), 0644, NULL)));
	take(&good, 1, 5000, DAY, NULL);
	struct fetch_list l = entry();
	vault_fetch_read_kept(&v, &l);
	assert_true(l.ends > vault_fetch_now() && llabs(l.begins - vault_fetch_now() + 5000 + 3600) < 10);
}

static bool is_there(const char *name)
{
	return faccessat(v.certificates, name, F_OK, 0) == 0;
}

static void put(const char *name, const struct authority *by, int64_t ago, int64_t left)
{
	struct buf der;
	list_of(by, 1, ago, left, &der);
	assert_false(failed(file_write(v.certificates, name, buf_str(&der), 0644, NULL)));
	buf_fini(&der);
}

static void what_nothing_names_goes_when_it_says_nothing(void **state)
{
	put("fetched-0000000000000001.crl", &good, 100 * DAY, -40 * DAY);
	put("fetched-0000000000000002.crl", &good, 100 * DAY, -20 * DAY);
	put("fetched-0000000000000003.crl", &stranger, 0, DAY);
	put("fetched-0000000000000004.crl", &good, 100 * DAY, -40 * DAY);
	put("fetched-by-hand.crl", &stranger, 100 * DAY, -40 * DAY);
	put("mine.crl", &stranger, 100 * DAY, -40 * DAY);
	(void)snprintf(fetches.lists[0].file, sizeof fetches.lists[0].file, "fetched-0000000000000004.crl");
	fetches.n = 1;
	vault_fetch_sweep(&v);
	assert_false(is_there("fetched-0000000000000001.crl"));
	assert_true(is_there("fetched-0000000000000002.crl")); /* whom it revokes stays revoked for a while */
	assert_false(is_there("fetched-0000000000000003.crl"));
	assert_true(is_there("fetched-0000000000000004.crl") && is_there("fetched-by-hand.crl") && is_there("mine.crl"));
	fetches.n = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_is_kept),
		cmocka_unit_test(what_is_no_list),
		cmocka_unit_test(what_is_kept_and_broken_is_no_measure),
		cmocka_unit_test(what_nothing_names_goes_when_it_says_nothing),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
