/* SPDX-License-Identifier: Apache-2.0 */
/* Whose word about lists is taken of what peers show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "os/file.h"
#include "role/vault/fetch_world.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define URL "http://pki.test/x.crl"

static char top[] = "/tmp/witan-peer-XXXXXX";
static struct vault v;
static struct skel skel;
static struct authority good = { .cn = "Elsewhere" }, own = { .cn = "Own" }, namesake = { .cn = "Elsewhere" }, stranger = { .cn = "Stranger" };
static struct authority *const all[] = { &good, &own, &namesake, &stranger };

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	return OK;
}

static void on_close(void *arg, struct ipc *from)
{
}

static const struct ipc_door door = { on_message, on_close };

static int setup(void **state)
{
	struct diag d;
	int pair[2];
	if (mkdtemp(top) == NULL || failed(loop_new(&skel.loop)) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0 ||
		failed(ipc_open(skel.loop, pair[0], &door, NULL, &skel.master)))
		return 1;
	v = (struct vault){ .skel = &skel, .certificates = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .topo = { .certificates = { .internal_ca = TOPO_CA_BUILT_IN, .crl_refresh = 60 } } };
	log_init(&skel.log, open("/dev/null", O_WRONLY | O_CLOEXEC), "test", 0);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		authority_new(all[i]);
	buf_init(&v.trust, CERT_PEM_MAX);
	cert_pem_print(buf_str(&own.der), &v.trust); /* the first is the deployment's own */
	cert_pem_print(buf_str(&good.der), &v.trust);
	return failed(crypt_new(&v.crypt)) || failed(certstore_open(v.certificates, &v.certstore, NULL, &d)) || failed(vault_fetch_init(&v)) ? 1 : 0;
}

static int teardown(void **state)
{
	char command[64];
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		authority_fini(all[i]);
	buf_fini(&v.trust);
	certstore_close(v.certstore);
	free(v.fetches);
	(void)snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

/* Shows chains of this many copies of a certificate of `by`, and answers how many lists are there to be fetched then. */
static size_t show(const struct authority *by, const char *url, size_t before)
{
	struct buf der, body, chain;
	server_of(by, url, &der);
	buf_init(&body, 1 << 20);
	buf_init(&chain, 1 << 20);
	for (size_t i = 0; i < before; i++)
		buf_add(&chain, buf_str(&stranger.der));
	buf_add(&chain, buf_str(&der));
	ipc_list_missing_print(&(struct ipc_list_missing){ .chain = buf_str(&chain) }, &body);
	assert_false(failed(vault_on_list_missing(&v, buf_str(&body))));
	buf_fini(&der);
	buf_fini(&body);
	buf_fini(&chain);
	return v.fetches->n;
}

static bool file_is(const char *text)
{
	struct buf b DEFER(buf_fini) = { 0 };
	return !failed(file_read(v.certificates, "fetched", 1 << 20, &b, NULL)) && str_eq(buf_str(&b), str_of(text));
}

static void only_who_is_known_names_lists(void **state)
{
	assert_int_equal(show(&namesake, URL, 0), 0); /* the name of one that is trusted, and another key */
	assert_int_equal(show(&stranger, URL, 0), 0);
	assert_int_equal(show(&own, URL, 0), 0); /* its lists are written here */
	assert_int_equal(show(&good, "ldap:///CN=x", 0), 0);
	assert_int_equal(show(&good, URL, 8), 0); /* behind the longest chain */
	v.topo.certificates.crl_refresh = 0;
	assert_int_equal(show(&good, URL, 0), 0);
	v.topo.certificates.crl_refresh = 60;
	assert_false(file_is(""));
	assert_int_equal(show(&good, URL, 7), 1);
	assert_string_equal(v.fetches->lists[0].url, URL);
	assert_true(v.fetches->lists[0].is_of_peer);
	assert_true(file_is(URL " CN=Elsewhere,O=Example\n"));
	assert_int_equal(show(&good, URL, 0), 1);
}

static void chains_that_are_none(void **state)
{
	static const str rows[] = { { "", 0 }, { "x", 1 }, { "\x30\x82\xff\xff", 4 }, { "\x30\x82\x00\x00\x30\x82\x00\x00", 8 }, { "\x30\x82", 2 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf body;
		buf_init(&body, 1024);
		ipc_list_missing_print(&(struct ipc_list_missing){ .chain = rows[i] }, &body);
		assert_false(failed(vault_on_list_missing(&v, buf_str(&body))));
		buf_fini(&body);
	}
	assert_true(failed(vault_on_list_missing(&v, STR("\x01"))));
}

static void peers_name_no_more_than_there_is_room_for(void **state)
{
	char url[64];
	for (int i = 0; i < LISTS_OF_PEERS_MAX + 4; i++) {
		(void)snprintf(url, sizeof url, "http://pki.test/%d.crl", i);
		assert_true(show(&good, url, 0) <= LISTS_OF_PEERS_MAX);
	}
	assert_int_equal(v.fetches->n, LISTS_OF_PEERS_MAX);
}

/* What was named before is there after a start, as far as the authority is still trusted. */
static void the_file_is_read_again(void **state)
{
	assert_false(failed(file_write(v.certificates, "fetched", STR(URL " CN=Elsewhere,O=Example\nhttp://pki.test/y CN=Gone,O=Example\nnonsense\n\n"), 0644, NULL)));
	memset(v.fetches, 0, sizeof *v.fetches);
	vault_fetch_look(&v, true);
	assert_int_equal(v.fetches->n, 1);
	assert_string_equal(v.fetches->lists[0].url, URL);
	assert_true(v.fetches->is_running);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_who_is_known_names_lists),
		cmocka_unit_test(chains_that_are_none),
		cmocka_unit_test(peers_name_no_more_than_there_is_room_for),
		cmocka_unit_test(the_file_is_read_again),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
