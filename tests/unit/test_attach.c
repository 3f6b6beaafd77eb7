/* test_attach.c - GDB and VNC clients are handed to QEMU, and connections from the guest are
 * refused. Uses real connections on the loopback address.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "room.h"

#include "host/signals.h"
#include "in_child.h"
#include "pid1/attach.h"
#include "pid1/guard.h"

static struct attach attach;
static struct guard guard;
static int clients[ATTACH_WAITING + 2];
static int client_count;

static void on_timer(enum timer_id id)
{
	if (id == TIMER_ATTACH)
		attach_retry(&attach);
}

static long free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	fd_close(&fd);
	return ntohs(at.sin_port);
}

static int set_up(void **state)
{
	struct error err = {0};

	(void)room_set_up(state);
	room.on_timer = on_timer;
	room.plan.s.net = NET_NONE; /* so no client counts as the guest */
	room.plan.s.gdb = true;
	room.plan.s.gdb_port = free_port();
	guard_init(&guard, &room.env);
	attach_init(&attach, &room.env, &guard);
	client_count = 0;
	if (!attach_open(&attach, &err))
		fail_msg("%s", err.message);
	return 0;
}

static int tear_down(void **state)
{
	attach_close(&attach);
	while (client_count > 0)
		fd_close(&clients[--client_count]);
	return room_tear_down(state);
}

/* A client connects to the port of TO, which PID 1 has not accepted yet. */
static int connect_client(enum attach_id to)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(getsockname(attach.listeners[to], (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	clients[client_count++] = fd;
	return fd;
}

static int connect_and_accept(enum attach_id to)
{
	int fd = connect_client(to);

	attach_accept(&attach, to);
	return fd;
}

/* Has the connection been closed at its other end? */
static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static const char *gdb_arguments(void)
{
	static char text[80];

	(void)snprintf(text, sizeof text, "{\"protocol\":\"%s\",\"fdname\":\"client\"}",
		       QEMU_CHARDEV_GDB);
	return text;
}

/* The client FD is offered to QEMU. */
static void is_offered(const char *arguments, int fd)
{
	qemu_gets("getfd", "{\"fdname\":\"client\"}");
	assert_true(room.received_fd >= 0);
	assert_int_equal(write(room.received_fd, "h", 1), 1);
	qemu_returns("{}");
	qemu_gets("add_client", arguments);
	char byte = 0;

	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'h');
}

/* ---- handing over ------------------------------------------------------------------------- */

static void a_client_waits_until_the_guest_may_run(void **state)
{
	(void)state;
	int fd = connect_and_accept(ATTACH_GDB);

	qemu_is_idle();
	attach_allow(&attach);
	is_offered(gdb_arguments(), fd);
	qemu_returns("{}");
	assert_int_equal(attach.count, 0);
	assert_false(is_armed(TIMER_ATTACH));
	qemu_is_idle();
}

static void clients_are_handed_over_one_by_one(void **state)
{
	(void)state;
	attach_allow(&attach);
	int first = connect_and_accept(ATTACH_GDB);
	int second = connect_and_accept(ATTACH_GDB);

	is_offered(gdb_arguments(), first);
	qemu_returns("{}");
	is_offered(gdb_arguments(), second);
	qemu_returns("{}");
	qemu_is_idle();
}

static void a_second_debugger_waits_for_the_first_to_leave(void **state)
{
	(void)state;
	attach_allow(&attach);
	int fd = connect_and_accept(ATTACH_GDB);

	for (int i = 1; i <= 20; i++) {
		is_offered(gdb_arguments(), fd);
		assert_log_empty();
		qemu_fails("busy");
		if (i < 20)
			assert_int_equal(ms_until(TIMER_ATTACH), 100);
		advance(100 * MS);
	}
	assert_logged(
		"vm: warning: GDB: a client was not accepted by QEMU, which serves one debugger "
		"at a time: busy\n");
	qemu_is_idle();
	assert_int_equal(attach.count, 0);
}

static void a_disconnected_client_is_not_handed_over(void **state)
{
	(void)state;
	(void)connect_and_accept(ATTACH_GDB);
	int second = connect_and_accept(ATTACH_GDB);

	fd_close(&clients[0]);
	attach_allow(&attach);
	is_offered(gdb_arguments(), second);
	qemu_returns("{}");
	assert_int_equal(attach.count, 0);
}

static void sixteen_may_wait(void **state)
{
	(void)state;
	for (int i = 0; i < ATTACH_WAITING; i++)
		(void)connect_and_accept(ATTACH_GDB);
	assert_log_empty();
	int fd = connect_and_accept(ATTACH_GDB);

	assert_logged(
		"vm: warning: GDB: refused a client, since 16 others wait for QEMU already\n");
	assert_true(is_closed(fd));
	assert_int_equal(attach.count, ATTACH_WAITING);
}

static void a_new_qemu_gets_the_waiting_clients(void **state)
{
	(void)state;
	attach_allow(&attach);
	int fd = connect_and_accept(ATTACH_GDB);

	is_offered(gdb_arguments(), fd);
	qemu_disconnects();
	attach_reset(&attach);
	qemu_starts(10, 0);
	attach_retry(&attach);
	qemu_is_idle();
	attach_allow(&attach);
	is_offered(gdb_arguments(), fd);
	qemu_returns("{}");
	assert_int_equal(attach.count, 0);
}

static void a_full_queue_is_tried_again(void **state)
{
	(void)state;
	attach_allow(&attach);
	qemu_hangs();
	(void)connect_and_accept(ATTACH_GDB);
	assert_int_equal(ms_until(TIMER_ATTACH), 100);
	assert_int_equal(attach.count, 1);
	assert_false(attach.under_way);
}

static void vnc_has_a_port_of_its_own(void **state)
{
	struct error err = {0};

	(void)state;
	attach_close(&attach);
	room.plan.s.gdb = false;
	room.plan.s.vnc = true;
	room.plan.s.vnc_port = free_port();
	assert_true(attach_open(&attach, &err));
	assert_int_equal(attach.listeners[ATTACH_GDB], -1);
	attach_allow(&attach);
	int fd = connect_and_accept(ATTACH_VNC);

	is_offered("{\"protocol\":\"vnc\",\"fdname\":\"client\"}", fd);
	attach_close(&attach);
	assert_int_equal(attach.listeners[ATTACH_VNC], -1);
	/* The port is in use. */
	room.plan.s.vnc_port = free_port();
	assert_true(attach_open(&attach, &err));
	struct attach other;

	attach_init(&other, &room.env, &guard);
	assert_false(attach_open(&other, &err));
	assert_non_null(strstr(err.message, "VNC_PORT="));
}

/* ---- the guard ---------------------------------------------------------------------------- */

static void connections_from_the_guest_are_refused(void **state)
{
	(void)state;
	room.plan.s.net = NET_USER;
	room.plan.s.open = true; /* not even then */
	int fd = connect_client(ATTACH_GDB);

	qemu_process_runs(); /* it has that connection, too */
	attach_accept(&attach, ATTACH_GDB);
	assert_int_equal(attach.count, 0);
	assert_true(is_closed(fd));
	assert_logged("vm: warning: GDB: refused a connection of the guest's own (127.0.0.1:");
}

static void refusals_are_logged_at_intervals(void **state)
{
	char text[GUARD_TEXT];

	(void)state;
	assert_string_equal(guard_text(&guard, text), "");
	room.plan.s.net = NET_USER;
	for (int i = 0; i < 4; i++)
		(void)connect_client(ATTACH_GDB);
	qemu_process_runs();
	attach_accept(&attach, ATTACH_GDB);
	assert_logged("refused a connection of the guest's own");
	advance(GUARD_QUIET_S * S - 1);
	attach_accept(&attach, ATTACH_GDB);
	attach_accept(&attach, ATTACH_GDB);
	assert_log_empty();
	advance(1);
	attach_accept(&attach, ATTACH_GDB);
	assert_logged(" (and 2 more before)\n");
	assert_string_equal(guard_text(&guard, text), "refused      4 connections of the guest's "
						      "own, 0 from other addresses\n");
}

static void open_ports_are_logged_at_the_start(void **state)
{
	(void)state;
	room.plan.s.open = true;
	room.plan.s.vnc = true;
	room.plan.s.monitor_port = 9999;
	guard_describe(&guard);
	assert_log_empty(); /* on the loopback address */
	room.plan.s.bind = "0.0.0.0";
	(void)snprintf(room.plan.monitor_password, sizeof room.plan.monitor_password, "x");
	guard_describe(&guard);
	assert_logged("vm: warning: VM_OPEN=1: open to every address without a password: serial "
		      "console, GDB, VNC\n");
	assert_string_equal(guard_port_name(GUARD_MONITOR), "monitor");
}

/* ---- signals ------------------------------------------------------------------------------ */

static void block_and_take(void)
{
	uint8_t info[128];

	(void)signal(SIGPIPE, SIG_DFL);
	signals_block();
	int fd = signals_open();

	CHECK(fd >= 0);
	CHECK(read(fd, info, sizeof info) == -1 && errno == EAGAIN);
	CHECK(kill(getpid(), SIGTERM) == 0);
	CHECK(kill(getpid(), SIGUSR2) == 0);
	CHECK(syscall(SYS_kill, getpid(), 33) == 0); /* reserved by libc */
	CHECK(read(fd, info, sizeof info) == sizeof info && info[0] == SIGUSR2);
	CHECK(read(fd, info, sizeof info) == sizeof info && info[0] == SIGTERM);
	/* A broken pipe is an error of write(2). */
	int ends[2];

	CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
	CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
}

static void fault(void)
{
	(void)signal(SIGSEGV, SIG_DFL);
	signals_block();
	(void)raise(SIGSEGV);
}

static void signals_wait_for_the_event_loop_except_faults(void **state)
{
	(void)state;
	assert_true(in_child(block_and_take));
	assert_false(in_child(fault));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_waits_until_the_guest_may_run),
		TEST(clients_are_handed_over_one_by_one),
		TEST(a_second_debugger_waits_for_the_first_to_leave),
		TEST(a_disconnected_client_is_not_handed_over),
		TEST(sixteen_may_wait),
		TEST(a_new_qemu_gets_the_waiting_clients),
		TEST(a_full_queue_is_tried_again),
		TEST(vnc_has_a_port_of_its_own),
		TEST(connections_from_the_guest_are_refused),
		TEST(refusals_are_logged_at_intervals),
		TEST(open_ports_are_logged_at_the_start),
		cmocka_unit_test(signals_wait_for_the_event_loop_except_faults),
	};

	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
