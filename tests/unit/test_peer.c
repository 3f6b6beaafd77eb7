/* test_peer.c - the origin of a connection, with real sockets of this machine; by sock_diag, and by
 * /proc/net/tcp without netlink.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "host/child.h"
#include "host/netlink.h"
#include "host/peer.h"

/* A listener, a client connected to it, and the accepted end. */
struct pair {
	int listener, client, accepted;
};

static void connect_pair(struct pair *p, int family, const char *to)
{
	struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
	struct sockaddr_in6 *v6 = (void *)&a;
	struct sockaddr_in *v4 = (void *)&a;
	socklen_t len = family == AF_INET6 ? sizeof *v6 : sizeof *v4;
	int off = 0;

	assert_int_equal(
		inet_pton(family, to, family == AF_INET6 ? (void *)&v6->sin6_addr : &v4->sin_addr),
		1);
	p->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (family == AF_INET6) {
		assert_int_equal(
			setsockopt(p->listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
	}
	assert_int_equal(bind(p->listener, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(p->listener, 1), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &len), 0);
	p->client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(p->client, (struct sockaddr *)&a, len), 0);
	p->accepted = accept(p->listener, NULL, NULL);
	assert_true(p->accepted >= 0);
}

static void close_pair(struct pair *p)
{
	fd_close(&p->client);
	fd_close(&p->accepted);
	fd_close(&p->listener);
}

static enum peer_kind kind_of(const struct pair *p, const struct emulator_peers *e)
{
	char text[PEER_TEXT];
	enum peer_kind kind = peer_kind(p->accepted, e, text);

	assert_true(strchr(text, ':') != NULL);
	return kind;
}

/* A process without any of our sockets. */
static pid_t another_process(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		close_from(3);
		for (;;)
			pause();
	}
	return pid;
}

static void all_kinds(int family, const char *to)
{
	pid_t other = another_process();
	const struct emulator_peers us = {.uid = getuid(), .pids = {getpid()}, .nat = true};
	const struct emulator_peers passt = {
		.uid = getuid(), .pids = {other, getpid()}, .nat = true};
	const struct emulator_peers them = {.uid = getuid(), .pids = {other}, .nat = true};
	const struct emulator_peers user = {.uid = getuid() + 1, .pids = {other}, .nat = true};
	const struct emulator_peers no_nat = {.uid = getuid() + 1, .pids = {other}};
	struct pair p;

	connect_pair(&p, family, to);
	assert_int_equal(kind_of(&p, &us), PEER_EMULATOR);
	assert_int_equal(kind_of(&p, &passt), PEER_EMULATOR);
	assert_int_equal(kind_of(&p, &them), PEER_LOCAL);
	assert_int_equal(kind_of(&p, &user), PEER_LOCAL);
	/* A half-closed one still has an owner. */
	assert_int_equal(shutdown(p.client, SHUT_WR), 0);
	assert_int_equal(kind_of(&p, &us), PEER_EMULATOR);
	assert_int_equal(kind_of(&p, &user), PEER_LOCAL);
	close_pair(&p);

	/* Sends and closes at once: the owner is unknown, so it may be the emulator. */
	connect_pair(&p, family, to);
	assert_int_equal(send(p.client, "quit\n", 5, 0), 5);
	fd_close(&p.client);
	assert_int_equal(kind_of(&p, &us), PEER_EMULATOR);
	assert_int_equal(kind_of(&p, &them), PEER_EMULATOR);
	if (getuid() == 0)
		assert_int_equal(kind_of(&p, &user), PEER_EMULATOR);
	assert_int_equal(kind_of(&p, &no_nat), PEER_LOCAL);
	close_pair(&p);

	/* Closed by a reset. */
	static const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	connect_pair(&p, family, to);
	assert_int_equal(send(p.client, "quit\n", 5, 0), 5);
	assert_int_equal(setsockopt(p.client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	fd_close(&p.client);
	char text[PEER_TEXT];

	assert_int_equal(peer_kind(p.accepted, &them, text), PEER_EMULATOR);
	close_pair(&p);
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(waitpid(other, NULL, 0), other);
}

static void by_ipv4(void **state)
{
	(void)state;
	all_kinds(AF_INET, "127.0.0.1");
}

static void by_ipv6(void **state)
{
	(void)state;
	all_kinds(AF_INET6, "::1");
	all_kinds(AF_INET6, "::ffff:127.0.0.1");
}

/* socket(AF_NETLINK) fails, as under a seccomp filter. */
static void forbid_netlink(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(99);
}

static void without_netlink(void **state)
{
	static char name[IF_NAMESIZE];
	struct sockaddr_storage a = {.ss_family = AF_INET};
	struct tcp_owner owner;
	unsigned interface;
	char kind[LINK_KIND_MAX];
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		forbid_netlink();
		if (netlink_tcp_owner(&a, &a, &owner) != ANSWER_UNKNOWN ||
		    netlink_is_local(&a, &interface) != ANSWER_UNKNOWN ||
		    netlink_host_interface(name) != ANSWER_UNKNOWN || netlink_link_kind("lo", kind))
			_exit(98);
		all_kinds(AF_INET, "127.0.0.1");
		all_kinds(AF_INET6, "::1");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void sockets_listed_by_the_kernel(void **state)
{
	struct sockaddr_storage a = {.ss_family = AF_INET};
	struct sockaddr_in *v4 = (void *)&a;
	char kind[LINK_KIND_MAX];
	unsigned interface;

	(void)state;
	assert_int_equal(inet_pton(AF_INET, "127.3.2.1", &v4->sin_addr), 1);
	assert_int_equal(netlink_is_local(&a, &interface), ANSWER_YES);
	assert_int_equal(inet_pton(AF_INET, "198.51.100.1", &v4->sin_addr), 1);
	assert_int_equal(netlink_is_local(&a, &interface), ANSWER_NO);
	/* Of an interface, whatever leads to that address elsewhere. */
	struct sockaddr_in6 *v6 = (void *)&a;

	a = (struct sockaddr_storage){.ss_family = AF_INET6};
	v6->sin6_scope_id = 0x7ffffff0;
	assert_int_equal(inet_pton(AF_INET6, "fe80::1", &v6->sin6_addr), 1);
	assert_int_not_equal(netlink_is_local(&a, &interface), ANSWER_YES);
	assert_true(netlink_link_kind("lo", kind));
	assert_string_equal(kind, "");
	assert_false(netlink_link_kind("no-such-link", kind));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_ipv4),
		cmocka_unit_test(by_ipv6),
		cmocka_unit_test(without_netlink),
		cmocka_unit_test(sockets_listed_by_the_kernel),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
