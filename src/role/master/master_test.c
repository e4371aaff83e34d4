/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of master that need no other process. */
#include "role/master/master_priv.h"

#include "os/net.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/master_test.XXXXXX";
static int home;

static int setup(void **state)
{
	home = open(".", O_RDONLY | O_DIRECTORY);
	return mkdtemp(top) == NULL || home < 0;
}

static int teardown(void **state)
{
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", top);
	return fchdir(home) | system(command);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void back_off(void **state)
{
	static const unsigned want[] = { 0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	unsigned wait = 0;
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		assert_int_equal(backoff_next(&wait, 50), want[i]);
	/* after a life that was long enough it begins anew */
	assert_int_equal(backoff_next(&wait, LIFE_MS), 0);
	assert_int_equal(backoff_next(&wait, LIFE_MS - 1), 50);
}

static void one_server_in_a_directory(void **state)
{
	char full[PATH_MAX], pid[32];
	struct diag d = { 0 };
	int fd, status;
	assert_true(err_is(lock_take("/nowhere/at/all", full, &fd, &d), ERR_ABSENT));
	assert_true(err_is(lock_take(top, full, &fd, &d), ERR_ABSENT));
	assert_non_null(strstr(d.what, "topology.yaml"));
	assert_int_equal(fchdir(home), 0);
	assert_int_equal(chdir(top), 0);
	put("topology.yaml", "");
	assert_false(failed(lock_take(top, full, &fd, &d)));
	snprintf(pid, sizeof pid, "process %d", (int)getpid());
	pid_t child = fork();
	if (child == 0) {
		(void)close(fd); /* as it is in every process of the server */
		_exit(err_is(lock_take(full, full, &fd, &d), ERR_EXISTS) && strstr(d.what, pid) != NULL &&
					lock_owner() == getppid()
				? 0
				: 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	lock_release(fd);
	assert_int_equal(lock_owner(), 0);
	assert_false(failed(lock_take(top, full, &fd, &d)));
	lock_release(fd);
}

#define TOPOLOGY(ports)                                                                                    \
	"organization: Example\nsip-domains: [example.test, Example.ORG]\ninternal-domain: example.test\n" \
	"sites: [{name: Main, pools: [{pool: uc.example.test, role: standard-edition, web: {external: "    \
	"web.example.test}" ports "}]}]\n"

static void plans(void **state)
{
	struct plan p;
	struct diag d = { 0 };
	assert_int_equal(chdir(top), 0);
	put("topology.yaml", TOPOLOGY(""));
	assert_false(failed(plan_read(&p, &d)));
	assert_string_equal(p.fqdn, "uc.example.test");
	assert_string_equal(p.domains, "example.test,example.org");
	assert_int_equal(p.sip_tls, 5061);
	assert_int_equal(p.sip_tcp, 0);
	assert_int_equal(p.n_fronts, 1);
	put("topology.yaml", TOPOLOGY(", front-processes: 4, ports: {sip-tls: 15061, sip-tcp: 15060, web: 4443}"));
	assert_false(failed(plan_read(&p, &d)));
	assert_int_equal(port_number(&p, PORT_TLS), 15061);
	assert_int_equal(port_number(&p, PORT_TCP), 15060);
	assert_int_equal(port_number(&p, PORT_WEB), 4443);
	assert_int_equal(children_of(&p, &(struct role){ .name = "web" }), 1);
	assert_int_equal(children_of(&p, &(struct role){ .name = "fetch" }), 1);
	assert_int_equal(children_of(&p, &(struct role){ .name = "winbind" }), 1);
	assert_true(is_on_demand(&(struct role){ .name = "winbind" }));
	assert_true(is_outward(&(struct role){ .name = "fetch" }) && is_on_demand(&(struct role){ .name = "fetch" }) && !is_on_demand(&(struct role){ .name = "front" }));
	assert_int_equal(p.n_fronts, 4);
	put("topology.yaml", TOPOLOGY(", ports: {web: 0}"));
	assert_false(failed(plan_read(&p, &d)));
	assert_int_equal(port_number(&p, PORT_WEB), 0);
	assert_int_equal(port_number(&p, PORT_HTTP), 80);
	assert_int_equal(port_number(&p, PORT_EXTERNAL_HTTP), 8080);
	assert_int_equal(children_of(&p, &(struct role){ .name = "web" }), 1);
	put("topology.yaml", TOPOLOGY(", ports: {web: 0, http: 0, external-http: 8081}"));
	assert_false(failed(plan_read(&p, &d)));
	assert_int_equal(port_number(&p, PORT_EXTERNAL_HTTP), 8081);
	assert_int_equal(children_of(&p, &(struct role){ .name = "web" }), 1);
	put("topology.yaml", TOPOLOGY(", ports: {web: 0, http: 0, external-http: 0}"));
	assert_false(failed(plan_read(&p, &d)));
	assert_int_equal(port_number(&p, PORT_HTTPS), 443);
	assert_int_equal(port_number(&p, PORT_EXTERNAL_HTTPS), 4443);
	assert_int_equal(children_of(&p, &(struct role){ .name = "web" }), 1);
	/* one listener for management and a web site */
	put("topology.yaml", TOPOLOGY(", ports: {web: 443, http: 0, external-http: 0}"));
	assert_false(failed(plan_read(&p, &d)));
	assert_int_equal(port_number(&p, PORT_WEB), 443);
	assert_int_equal(port_number(&p, PORT_HTTPS), 0);
	put("topology.yaml", TOPOLOGY(", ports: {web: 0, http: 0, external-http: 0, https: 0, external-https: 0}"));
	assert_false(failed(plan_read(&p, &d)));
	assert_int_equal(children_of(&p, &(struct role){ .name = "web" }), 0);
	put("topology.yaml", "organization: [\n");
	assert_true(failed(plan_read(&p, &d)));
	assert_non_null(strstr(d.where, "topology.yaml"));
	assert_int_equal(unlink("topology.yaml"), 0);
	assert_true(failed(plan_read(&p, &d)));
}

#define SITE(pools)                                                                                        \
	"organization: Example\nsip-domains: [example.test]\ninternal-domain: example.test\n"             \
	"sites: [{name: Main, pools: [" pools "]}]\n"
#define FRONTS(name, role, servers) "{pool: " name ", role: " role ", servers: [" servers "]}"
#define EDGES(addresses) EDGES_WITH("", addresses)
#define EDGES_WITH(keys, addresses)                                                                                         \
	"{pool: edges.example.test, role: edge, " keys "next-hop: fe.example.test, external: {access: sip.example.test, "           \
	"web-conferencing: wc.example.test, av: av.example.test}, servers: [{fqdn: edge1.example.test" addresses "}]}"

#define ADDRESSES ", internal-address: 127.0.0.11, external-address: {access: 127.0.0.12}"

static void which_server_of_several(void **state)
{
	struct plan p;
	struct diag d = { 0 };
	assert_int_equal(chdir(top), 0);
	put("topology.yaml", SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test, fe2.example.test") ", " FRONTS("dir.example.test", "director", "dir1.example.test") ", "
		FRONTS("med.example.test", "mediation", "med1.example.test")));
	assert_true(err_is(plan_read(&p, &d), ERR_ABSENT));
	assert_non_null(strstr(d.remedy, "--host"));
	put("host", "FE2.example.test\n");
	assert_false(failed(plan_read(&p, &d)));
	assert_string_equal(p.fqdn, "fe2.example.test");
	assert_string_equal(p.peers, "fe.example.test=2,fe1.example.test=2,dir.example.test=4,dir1.example.test=4,med.example.test=8,med1.example.test=8");
	assert_int_equal(p.n_fronts, 1);
	assert_non_null(strstr(p.missing, "members of the pool"));
	assert_int_equal(port_number(&p, PORT_REPLICA), 4445);
	put("host", "fe1.example.test");
	assert_false(failed(plan_read(&p, &d)));
	assert_false(p.is_copy); /* the central store is here: nobody sends it anything */
	assert_int_equal(port_number(&p, PORT_REPLICA), 0);
	assert_int_equal(children_of(&p, &(struct role){ .name = "replicator" }), 1);
	put("host", "dir1.example.test");
	assert_false(failed(plan_read(&p, &d)));
	assert_int_equal(port_number(&p, PORT_TLS), 5061);
	assert_int_equal(children_of(&p, &(struct role){ .name = "front" }), 1);
	put("host", "med1.example.test");
	assert_false(failed(plan_read(&p, &d)));
	for (unsigned port = 0; port < PORT_N; port++)
		assert_int_equal(port_number(&p, port), port == PORT_REPLICA ? 4443 : 0);
	assert_int_equal(children_of(&p, &(struct role){ .name = "replicator" }), 1);
	assert_int_equal(children_of(&p, &(struct role){ .name = "front" }), 0);
	assert_int_equal(children_of(&p, &(struct role){ .name = "web" }), 0);
	assert_int_equal(children_of(&p, &(struct role){ .name = "vault" }), 1);
	assert_non_null(strstr(p.missing, "telephone"));
	put("host", "fe9.example.test\n");
	assert_true(err_is(plan_read(&p, &d), ERR_ABSENT));
	assert_string_equal(d.where, "host");
	assert_non_null(strstr(d.what, "fe9.example.test"));
	static const char *const bad[] = { "", "\n", "fe1.example.test\nfe2.example.test\n", "fe1 fe2", "*.example.test" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put("host", bad[i]);
		assert_true(err_is(plan_read(&p, &d), ERR_MALFORMED));
	}
	assert_int_equal(unlink("host"), 0);
}

static void an_edge_has_two_sides(void **state)
{
	struct plan p;
	struct diag d = { 0 };
	char text[ADDR_TEXT];
	assert_int_equal(chdir(top), 0);
	put("host", "edge1.example.test\n");
	put("topology.yaml", SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test") ", " EDGES(ADDRESSES)));
	assert_false(failed(plan_read(&p, &d)));
	struct addr inside = port_addr(&p, PORT_INTERNAL), outside = port_addr(&p, PORT_EXTERNAL), client = port_addr(&p, PORT_CLIENT);
	assert_string_equal(addr_print(&inside, text), "127.0.0.11");
	assert_int_equal(inside.port, 5061);
	assert_int_equal(outside.port, 0); /* nobody comes there without partners */
	assert_string_equal(addr_print(&client, text), "127.0.0.12");
	assert_int_equal(client.port, 443);
	assert_int_equal(port_number(&p, PORT_TLS), 0);
	struct addr replica = port_addr(&p, PORT_REPLICA);
	assert_string_equal(addr_print(&replica, text), "127.0.0.11");
	assert_int_equal(replica.port, 4443);
	assert_int_equal(children_of(&p, &(struct role){ .name = "edge" }), 1);
	assert_int_equal(children_of(&p, &(struct role){ .name = "front" }), 0);
	static const struct {
		const char *document;
		uint16_t external, client;
	} sides[] = {
		{ SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test") ", " EDGES_WITH("federation: true, ", ADDRESSES)), 5061, 443 },
		{ SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test") ", " EDGES_WITH("public-im: true, ", ADDRESSES)), 5061, 443 },
		{ SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test") ", " EDGES_WITH("single-address: true, ", ADDRESSES)), 5061, 0 },
	};
	for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
		put("topology.yaml", sides[i].document);
		assert_false(failed(plan_read(&p, &d)));
		outside = port_addr(&p, PORT_EXTERNAL);
		assert_string_equal(addr_print(&outside, text), "127.0.0.12");
		assert_int_equal(outside.port, sides[i].external);
		assert_int_equal(port_number(&p, PORT_CLIENT), sides[i].client);
	}
	static const char *const bad[] = {
		SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test") ", " EDGES("")),
		SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test") ", " EDGES(", internal-address: 127.0.0.11")),
		SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test") ", " EDGES(", external-address: {access: 127.0.0.12}")),
		SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test") ", " EDGES(", internal-address: 127.0.0.12, external-address: {access: 127.0.0.12}")),
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put("topology.yaml", bad[i]);
		assert_true(err_is(plan_read(&p, &d), ERR_REFUSED));
		assert_true(d.remedy[0] != '\0');
	}
	assert_int_equal(unlink("host"), 0);
}

/* The ports are opened anew as soon as they were closed, and a stranger's port is refused with his place and a remedy.
 */
static void ports(void **state)
{
	struct ports p;
	struct diag d = { 0 };
	struct addr a = { 0 };
	struct stat s;
	int fd;
	assert_int_equal(chdir(top), 0);
	(void)mkdir("run", 0755);
	assert_false(failed(net_listen(&a, 1, &fd, &d)));
	assert_false(failed(net_local(fd, &a)));
	struct plan plan = { .sip_tls = a.port, .n_fronts = 3 };
	ports_init(&p);
	assert_true(err_is(ports_open(&p, &plan, &d), ERR_SYSTEM));
	assert_true(d.remedy[0] != '\0');
	ports_close(&p);
	net_close(fd);
	for (int i = 0; i < 2; i++) {
		assert_false(failed(ports_open(&p, &plan, &d)));
		assert_true(p.fds[PORT_TLS][0] >= 0 && p.fds[PORT_TLS][2] >= 0 && p.fds[PORT_TLS][3] < 0 &&
			    p.fds[PORT_TCP][0] < 0);
		assert_int_equal(stat("run/control.sock", &s), 0);
		assert_int_equal(s.st_mode & 0777, 0666);
		ports_close(&p);
		assert_int_not_equal(stat("run/control.sock", &s), 0);
	}
}

static err take(struct master *m, const char *name, bool last, const char *bytes)
{
	return files_take(m, &(struct ipc_file_piece){ .name = str_of(name), .is_last = last ? 1 : 0, .bytes = str_of(bytes) });
}

static void expect_file(const char *path, const char *want)
{
	char text[4096] = "";
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	(void)!fread(text, 1, sizeof text - 1, f);
	fclose(f);
	assert_string_equal(text, want);
}

/* What the central store sends: only on a copy, only certain files, and no topology in which this server does not stand. */
static void files_of_the_central_store(void **state)
{
	static struct master m;
	static char large[(1 << 20) + 2];
	const char *fine = SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test, fe2.example.test"));
	assert_int_equal(chdir(top), 0);
	(void)mkdir("certs", 0755);
	put("topology.yaml", "before");
	put("host", "fe2.example.test\n");
	log_init(&m.log, open("/dev/null", O_WRONLY), "master", 0);
	assert_false(failed(loop_new(&m.loop)));
	assert_true(err_is(take(&m, "topology.yaml", true, fine), ERR_MALFORMED));
	m.plan.is_copy = true;
	static const char *const names[] = { "host", "keys/x.key", "../topology.yaml", "certs/assigned", "/etc/passwd", "" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_true(err_is(take(&m, names[i], true, "x"), ERR_MALFORMED));
	static const char *const bad[] = { "organization: [\n", SITE(FRONTS("fe.example.test", "front-end", "fe1.example.test")) };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(failed(take(&m, "topology.yaml", true, bad[i])));
		expect_file("topology.yaml", "before");
	}
	assert_false(failed(take(&m, "topology.yaml", false, "")));
	assert_false(failed(take(&m, "topology.yaml", true, fine)));
	expect_file("topology.yaml", fine);
	assert_false(failed(take(&m, "ca.pem", true, "no certificate")));
	assert_int_not_equal(access("ca.pem", F_OK), 0);
	assert_false(failed(take(&m, "certs/witan.crl", false, "a ")));
	assert_false(failed(take(&m, "certs/witan.crl", true, "list")));
	expect_file("certs/witan.crl", "a list");
	memset(large, 'x', sizeof large - 1);
	assert_true(err_is(take(&m, "certs/root.crl", false, large), ERR_CEILING));
	assert_int_equal(unlink("host"), 0);
}

static void service_manager(void **state)
{
	struct notify n;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char got[64] = "", pid[16];
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	notify_init(&n);
	notify_tell(&n, "READY=1"); /* nobody is there: nothing happens */
	assert_int_equal(n.watchdog_ms, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s/notify", top);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	notify_init(&n);
	assert_int_equal(n.watchdog_ms, 15000);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	notify_tell(&n, "READY=1");
	assert_int_equal(recv(fd, got, sizeof got - 1, 0), 7);
	assert_string_equal(got, "READY=1");
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", "1", 1); /* meant for another */
	notify_init(&n);
	assert_int_equal(n.watchdog_ms, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_off),
		cmocka_unit_test(one_server_in_a_directory),
		cmocka_unit_test(plans),
		cmocka_unit_test(which_server_of_several),
		cmocka_unit_test(an_edge_has_two_sides),
		cmocka_unit_test(ports),
		cmocka_unit_test(files_of_the_central_store),
		cmocka_unit_test(service_manager),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
