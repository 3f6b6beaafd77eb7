/* test_start_cause.c - finding out why QEMU or passt did not start; the test creates each cause. */
#include "in_child.h"
#include "room.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "pid1/start_cause.h"

static char fix[512];

static int set_up(void **state)
{
	(void)room_set_up(state);
	memset(fix, 0, sizeof fix);
	room.plan.s.bind = "127.0.0.1";
	return 0;
}

/* Bind a socket of TYPE to a free port on the loopback address; *PORT gets the port. */
static int bind_port(int type, uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* FORWARDS, a format for PORT, as QEMU_HOSTFWDS. */
static bool port_is_the_cause(const char *forwards, unsigned port)
{
	static char text[64];

	(void)snprintf(text, sizeof text, forwards, port);
	room.plan.s.hostfwds = text;
	return cause_port(&room.plan, fix, sizeof fix);
}

static void assert_in_use(const char *forwards, uint16_t port)
{
	char wanted[256];

	assert_true(port_is_the_cause(forwards, port));
	(void)snprintf(wanted, sizeof wanted,
		       "port %u of QEMU_HOSTFWDS=%s is in use: choose another port, or end what "
		       "has it (ss -ltnup shows it)",
		       port, room.plan.s.hostfwds);
	assert_string_equal(fix, wanted);
}

static void a_port_in_use(void **state)
{
	uint16_t port;
	int fd = bind_port(SOCK_STREAM, &port);

	(void)state;
	assert_in_use("tcp:%u:22", port);
	/* Ports of the other protocol are independent. */
	assert_false(port_is_the_cause("udp:%u:22", port));
	fd_close(&fd);
	assert_false(port_is_the_cause("tcp:%u:22", port));
	fd = bind_port(SOCK_DGRAM, &port);
	assert_in_use("udp:%u:53", port);
	fd_close(&fd);
}

static void an_address_of_another_machine(void **state)
{
	(void)state;
	room.plan.s.bind = "192.0.2.1"; /* RFC 5737: assigned to nobody */
	room.plan.s.ports = PORTS_READY;
	room.plan.s.net = NET_USER;
	/* Where PID 1 opens the ports, QEMU's are on the loopback address. */
	assert_false(port_is_the_cause("tcp:%u:22", 0));
	room.plan.s.ports = PORTS_START;
	assert_true(port_is_the_cause("tcp:%u:22", 47113));
	assert_string_equal(fix, "VM_BIND=192.0.2.1 is no address of this machine: set one, or "
				 "0.0.0.0");
}

/* The kernel's bound is the network namespace's: one of our own has its default. */
static void low_ports(void)
{
	CHECK(unshare(CLONE_NEWNET) == 0);
	CHECK(!port_is_the_cause("tcp:%u:22", 80));
	room.plan.identity = (struct identity){.uid = 65534, .gid = 65534, .change = true};
	CHECK(port_is_the_cause("tcp:%u:22", 80));
	CHECK_TEXT(fix, "port 80 of QEMU_HOSTFWDS=tcp:80:22 may be opened by root only: choose one "
			"from 1024 on");
	CHECK(!port_is_the_cause("tcp:%u:22", 1024));
}

static void a_port_for_root_only(void **state)
{
	(void)state;
	room.plan.s.bind = "0.0.0.0"; /* the loopback device of a new namespace is down */
	assert_true(in_child(low_ports));
}

/* Another description locks byte AT of the disk's layer N. */
static bool in_use_by_lock(int n, off_t at)
{
	char path[] = "/tmp/test-start-cause.XXXXXX";
	struct flock l = {.l_type = F_RDLCK, .l_start = at, .l_len = 1};
	int ours = mkostemp(path, O_CLOEXEC);
	int other = open(path, O_RDWR | O_CLOEXEC);

	room.plan.disk.count = 2;
	room.plan.disk.layers[n].fd = ours;
	room.plan.disk.layers[!n].fd = STDERR_FILENO;
	assert_int_equal(fcntl(other, F_OFD_SETLK, &l), 0);
	bool used = cause_image(&room.plan.disk);

	(void)unlink(path);
	(void)close(other);
	assert_false(cause_image(&room.plan.disk));
	(void)close(ours);
	room.plan.disk.count = 0;
	return used;
}

static void an_image_in_use(void **state)
{
	(void)state;
	assert_true(in_use_by_lock(0, 101));
	assert_true(in_use_by_lock(0, 201));
	assert_true(in_use_by_lock(1, 101));
	/* Others may read, and share a base. */
	assert_false(in_use_by_lock(0, 100));
	assert_false(in_use_by_lock(1, 201));
}

static void no_address_space(void)
{
	struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};

	CHECK(!cause_memory(&room.plan.s, fix, sizeof fix));
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	CHECK(cause_memory(&room.plan.s, fix, sizeof fix));
	CHECK_TEXT(fix, "lower QEMU_RAM=64, or raise the limit (docker --memory, ulimit -v): QEMU "
			"takes up to 1 GiB beside the guest's memory");
}

static void a_limit_on_memory(void **state)
{
	(void)state;
	room.plan.s.ram_mb = 64;
	assert_true(in_child(no_address_space));
}

static void displays(void)
{
	static const struct sockaddr_un at = {.sun_family = AF_UNIX,
					      .sun_path = "/tmp/.X11-unix/X7"};
	static const char missing[] = "DISPLAY must name an X11 display whose socket is in "
				      "/tmp/.X11-unix";
	static const char shut[] = "the X11 display must let QEMU's user in";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	new_mount_namespace();
	CHECK(mount("none", "/tmp", "tmpfs", 0, NULL) == 0);
	CHECK(mkdir("/tmp/.X11-unix", 0755) == 0);
	CHECK(!cause_display(&room.plan.s, fix, sizeof fix));
	room.plan.s.display = DISPLAY_GTK;
	CHECK(unsetenv("DISPLAY") == 0);
	CHECK(cause_display(&room.plan.s, fix, sizeof fix));
	CHECK(strncmp(fix, missing, sizeof missing - 1) == 0);
	CHECK(setenv("DISPLAY", ":7.0", 1) == 0);
	CHECK(cause_display(&room.plan.s, fix, sizeof fix));
	CHECK(strncmp(fix, missing, sizeof missing - 1) == 0);
	CHECK(bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0);
	CHECK(cause_display(&room.plan.s, fix, sizeof fix));
	CHECK(strncmp(fix, shut, sizeof shut - 1) == 0);
	/* A display on another machine is not checked. */
	CHECK(setenv("DISPLAY", "elsewhere:0", 1) == 0);
	CHECK(cause_display(&room.plan.s, fix, sizeof fix));
	CHECK(strncmp(fix, shut, sizeof shut - 1) == 0);
}

static void a_missing_or_forbidden_display(void **state)
{
	(void)state;
	assert_true(in_child(displays));
}

static void no_namespaces(void)
{
	const struct identity ours = {.uid = getuid(), .gid = getgid()};

	CHECK(!cause_namespace(&ours, fix, sizeof fix));
	forbid_syscall(SYS_unshare, -1, SECCOMP_RET_ERRNO | EPERM);
	CHECK(cause_namespace(&ours, fix, sizeof fix));
	CHECK_TEXT(fix, "passt confines itself in a user namespace: allow that (docker run "
			"--security-opt seccomp=unconfined), or use QEMU_NET=user");
}

static void an_engine_that_forbids_user_namespaces(void **state)
{
	(void)state;
	assert_true(in_child(no_namespaces));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, room_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_port_in_use),
		TEST(an_address_of_another_machine),
		TEST(a_port_for_root_only),
		TEST(an_image_in_use),
		TEST(a_limit_on_memory),
		TEST(a_missing_or_forbidden_display),
		TEST(an_engine_that_forbids_user_namespaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
