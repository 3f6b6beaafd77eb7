/* test_listen.c - the listening sockets and their errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/io.h"
#include "base/netaddr.h"
#include "host/listen.h"
#include "in_child.h"

static char dir[64];
static char path[100];

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/test_listen_XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof path, "%s/s", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static void assert_flags(int fd)
{
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof a;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(ntohl(a.sin_addr.s_addr), INADDR_LOOPBACK);
	return ntohs(a.sin_port);
}

static void tcp_listens(void **state)
{
	struct error err = {0};
	char wanted[128];
	int fd = listen_tcp("127.0.0.1", 0, "SERIAL_PORT", &err);

	(void)state;
	assert_true(fd >= 0);
	assert_flags(fd);
	uint16_t port = port_of(fd);

	assert_int_equal(listen_tcp("127.0.0.1", port, "SERIAL_PORT", &err), -1);
	assert_int_equal(err.status, EXIT_QEMU_FAILED);
	(void)snprintf(wanted, sizeof wanted, "SERIAL_PORT=%u: port %u of 127.0.0.1 is in use",
		       port, port);
	assert_string_equal(err.message, wanted);
	assert_string_equal(err.fix, "stop the other program, or set SERIAL_PORT to another port");

	/* A connection that we close first leaves the port in TIME_WAIT: a restart must get it. */
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof a), 0);
	close(accept(fd, NULL, NULL));
	close(fd);
	close(client);
	fd = listen_tcp("127.0.0.1", port, "SERIAL_PORT", &err);
	assert_true(fd >= 0);
	close(fd);
}

static void tcp_address_is_checked(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(listen_tcp("localhost", 1, "SERIAL_PORT", &err), -1);
	assert_int_equal(err.status, EXIT_BAD_SETTING);
	assert_string_equal(err.message, "VM_BIND=localhost is not an IP address");
	/* of RFC 5737: no host has it */
	assert_int_equal(listen_tcp("192.0.2.1", 5555, "SERIAL_PORT", &err), -1);
	assert_int_equal(err.status, EXIT_BAD_SETTING);
	assert_string_equal(err.message, "VM_BIND=192.0.2.1 is not an address of this machine");
}

static bool connects(int family, const char *address, uint16_t port)
{
	struct sockaddr_storage to;
	unsigned length = address_parse(address, port, &to);
	int fd = socket(family, SOCK_STREAM, 0);
	bool ok = length > 0 && connect(fd, (struct sockaddr *)&to, length) == 0;

	(void)close(fd);
	return ok;
}

/* The bats tests use IPv6 as well: a machine without it fails here first. */
static void ipv6_addresses(void **state)
{
	struct error err = {0};
	struct sockaddr_in6 own = {0};
	socklen_t len = sizeof own;
	int fd = listen_tcp("::", 0, "SERIAL_PORT", &err);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	uint16_t port = ntohs(own.sin6_port);

	assert_true(connects(AF_INET6, "::1", port));
	assert_true(connects(AF_INET, "127.0.0.1", port));
	assert_int_equal(listen_probe("::1", port, false), EADDRINUSE);
	(void)close(fd);
	fd = listen_tcp("::1", port, "SERIAL_PORT", &err);
	assert_true(fd >= 0);
	assert_true(connects(AF_INET6, "::1", port));
	assert_false(connects(AF_INET, "127.0.0.1", port));
	(void)close(fd);
	/* of RFC 3849: no host has it */
	assert_int_equal(listen_tcp("2001:db8::1", port, "SERIAL_PORT", &err), -1);
	assert_string_equal(err.message, "VM_BIND=2001:db8::1 is not an address of this machine");
	assert_int_equal(listen_tcp("::1%lo", port, "SERIAL_PORT", &err), -1);
	assert_string_equal(err.message, "VM_BIND=::1%lo is not an IP address");
}

static void listen_low(void)
{
	struct error err = {0};
	char text[16] = "0";

	(void)read_small("/proc/sys/net/ipv4/ip_unprivileged_port_start", text, sizeof text);
	become_nobody();
	int fd = listen_tcp("127.0.0.1", 1, "MONITOR_PORT", &err);

	if (atoi(text) <= 1) { /* as Docker sets it in containers */
		CHECK(fd >= 0);
		return;
	}
	CHECK(fd == -1 && err.status == EXIT_NO_PERMISSION);
	CHECK_TEXT(err.message, "MONITOR_PORT=1: Permission denied");
	CHECK_TEXT(err.fix, "set MONITOR_PORT to a port from 1024 on");
}

static void low_ports_need_a_capability(void **state)
{
	(void)state;
	assert_true(in_child(listen_low));
}

static void unix_socket_has_its_mode(void **state)
{
	static const mode_t modes[] = {0600, 0660, 0666};
	mode_t old = umask(0);
	struct stat st;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct error err = {0};

		(void)umask(i % 2 ? 0077 : 0);
		int fd = listen_unix(path, modes[i / 2], &err); /* over the one left before */

		assert_true(fd >= 0);
		assert_flags(fd);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFSOCK | modes[i / 2]);
		int client = connect_unix(path);

		assert_true(client >= 0 && fcntl(client, F_GETFD) & FD_CLOEXEC);
		close(client);
		close(fd);
	}
	(void)umask(old);
	assert_int_equal(connect_unix(path), -1);
	assert_int_equal(errno, ECONNREFUSED);
}

static void assert_taken(void)
{
	struct error err = {0};
	char wanted[256];

	assert_int_equal(listen_unix(path, 0600, &err), -1);
	assert_int_equal(err.status, EXIT_BAD_SETTING);
	(void)snprintf(wanted, sizeof wanted,
		       "another guest runs with this VM_RUN_DIR: it answers on %s", path);
	assert_string_equal(err.message, wanted);
}

static void a_socket_that_answers_is_not_removed(void **state)
{
	struct error err = {0};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int clients[300];
	int n = 0;
	int fd = listen_unix(path, 0600, &err);

	(void)state;
	assert_true(fd >= 0);
	assert_taken();
	/* A listener with a full queue that accepts no connection counts as alive, and does not
	 * block us. */
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	do {
		clients[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(n < 299 && clients[n] >= 0);
	} while (connect(clients[n++], (struct sockaddr *)&a, sizeof a) == 0);
	assert_int_equal(errno, EAGAIN);
	assert_taken();
	while (n)
		close(clients[--n]);
	close(fd);
}

static void a_file_that_is_not_a_socket_is_not_removed(void **state)
{
	struct error err = {0};
	char wanted[256];
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	close(fd);
	assert_int_equal(listen_unix(path, 0600, &err), -1);
	assert_int_equal(err.status, EXIT_BAD_SETTING);
	(void)snprintf(wanted, sizeof wanted, "%s exists and is not a socket", path);
	assert_string_equal(err.message, wanted);
	assert_true(stat(path, &st) == 0 && S_ISREG(st.st_mode));
	assert_int_equal(unlink(path), 0);

	/* nor a socket of another kind */
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen_unix(path, 0600, &err), -1);
	(void)snprintf(wanted, sizeof wanted, "%s is there: Protocol wrong type for socket", path);
	assert_string_equal(err.message, wanted);
	assert_true(stat(path, &st) == 0);
	close(fd);
}

static void unsuitable_paths_are_refused(void **state)
{
	struct error err = {0};
	char name[200];
	char wanted[400];

	(void)state;
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(listen_unix(name, 0600, &err), -1);
	assert_int_equal(err.status, EXIT_BAD_SETTING);
	(void)snprintf(wanted, sizeof wanted, "%s is longer than the 107 bytes of a socket's name",
		       name);
	assert_string_equal(err.message, wanted);
	assert_int_equal(connect_unix(name), -1);
	assert_int_equal(errno, ENAMETOOLONG);

	assert_int_equal(listen_unix("/nowhere/s", 0600, &err), -1);
	assert_int_equal(err.status, EXIT_NO_PERMISSION);
	assert_string_equal(err.message, "/nowhere/s cannot be created: No such file or directory");
}

static void listen_as_nobody(void)
{
	struct error err = {0};
	char wanted[256];
	struct stat st;
	int fd = listen_unix(path, 0600, &err);

	CHECK(fd >= 0 && chmod(dir, 0755) == 0);
	become_nobody();
	/* it may be alive: we cannot tell */
	CHECK(listen_unix(path, 0600, &err) == -1 && err.status == EXIT_NO_PERMISSION);
	(void)snprintf(wanted, sizeof wanted, "%s is there: Permission denied", path);
	CHECK_TEXT(err.message, wanted);
	CHECK(stat(path, &st) == 0);
	(void)snprintf(path, sizeof path, "%s/t", dir);
	CHECK(listen_unix(path, 0600, &err) == -1 && err.status == EXIT_NO_PERMISSION);
	(void)snprintf(wanted, sizeof wanted, "%s cannot be created: Permission denied", path);
	CHECK_TEXT(err.message, wanted);
}

static void without_permission_nothing_is_removed(void **state)
{
	(void)state;
	assert_true(in_child(listen_as_nobody));
}

static void a_port_can_be_tried(void **state)
{
	struct error err = {0};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int tcp = listen_tcp("127.0.0.1", 0, "SERIAL_PORT", &err);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(tcp >= 0 && udp >= 0);
	assert_int_equal(bind(udp, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(udp, (struct sockaddr *)&a, &len), 0);
	uint16_t tcp_port = port_of(tcp);
	uint16_t udp_port = ntohs(a.sin_port);

	assert_int_equal(listen_probe("127.0.0.1", tcp_port, false), EADDRINUSE);
	assert_int_equal(listen_probe("127.0.0.1", udp_port, true), EADDRINUSE);
	assert_int_equal(listen_probe("192.0.2.1", udp_port, true), EADDRNOTAVAIL);
	assert_int_equal(listen_probe("localhost", udp_port, true), EINVAL);
	(void)close(tcp);
	(void)close(udp);
	assert_int_equal(listen_probe("127.0.0.1", tcp_port, false), 0);
	assert_int_equal(listen_probe("127.0.0.1", udp_port, true), 0);
}

int main(void)
{
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_can_be_tried),
		cmocka_unit_test(tcp_listens),
		cmocka_unit_test(ipv6_addresses),
		cmocka_unit_test(tcp_address_is_checked),
		cmocka_unit_test(low_ports_need_a_capability),
		IN_DIR(unix_socket_has_its_mode),
		IN_DIR(a_socket_that_answers_is_not_removed),
		IN_DIR(a_file_that_is_not_a_socket_is_not_removed),
		IN_DIR(unsuitable_paths_are_refused),
		IN_DIR(without_permission_nothing_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
