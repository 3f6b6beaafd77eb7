/* test_console.c - the serial console and the monitor with their listeners and logs, and the
 * container's own terminal, whose `vm console` is this test program (room_helper()).
 */
#include "room.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pty.h>
#include <sys/stat.h>
#include <termios.h>

#include "host/listen.h"
#include "host/terminal.h"
#include "pid1/console.h"
#include "pid1/guard.h"

static struct consoles consoles;
static struct guard guard;
static char dir[] = "/tmp/test_console.XXXXXX";
static struct relay *spare[RELAY_COUNT]; /* of room.h, which this room's own replace */

static char *in_dir(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static int set_up(void **state)
{
	(void)room_set_up(state);
	memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(dir));
	room.plan.s.run_dir = room.plan.s.log_dir = dir;
	room.plan.s.bind = "127.0.0.1";
	room.plan.s.serial_port = room.plan.s.monitor_port = 0;
	room.plan.s.serial_stdio = STDIO_OFF;
	room.plan.s.console_stdout = false;
	memcpy(spare, room.relays, sizeof spare);
	memset(room.relays, 0, sizeof room.relays);
	guard_init(&guard, &room.env);
	consoles_init(&consoles, &room.env);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"console.log", "console.sock"};

	consoles_close(&consoles);
	memcpy(room.relays, spare, sizeof spare);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlink(in_dir(names[i]));
	assert_int_equal(rmdir(dir), 0);
	return room_tear_down(state);
}

static void opens(void)
{
	struct error err = {0};

	if (!consoles_open(&consoles, &guard, &err))
		fail_msg("%s", err.message);
}

/* The guest at the other end of the serial line. */
static int guest(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	assert_true(relay_attach(room.env.relays[RELAY_SERIAL], fds[0], fds[0]));
	return fds[1];
}

/* Handle all pending events: new clients, input and output. */
static void loop(void)
{
	struct epoll_event events[8];
	int n;

	while ((n = epoll_wait(room.env.epoll, events, 8, 0)) > 0)
		for (int i = 0; i < n; i++) {
			struct loop_ref ref = loop_ref_of(events[i].data.u64);

			if (ref.type == REF_RELAY)
				relay_event(room.env.relays[ref.index], ref, events[i].events);
		}
}

static const char *text_of(int fd)
{
	static char text[4096];
	ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void output_reaches_clients_log_and_rooms(void **state)
{
	struct stat st;
	char log[64];

	(void)state;
	opens();
	assert_int_equal(stat(in_dir("console.sock"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	int client = connect_unix(in_dir("console.sock"));
	int serial = guest();

	assert_true(client >= 0);
	loop();
	(void)text_of(client); /* the greeting */
	assert_int_equal(write(serial, "hurd login: ", 12), 12);
	loop();
	assert_string_equal(text_of(client), "hurd login: ");
	assert_posted("[serial]");
	int file = open(in_dir("console.log"), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(file, log, sizeof log);

	assert_int_equal(n, 12);
	assert_memory_equal(log, "hurd login: ", 12);
	/* Input of a client reaches the guest. */
	assert_int_equal(write(client, "root\r", 5), 5);
	loop();
	assert_string_equal(text_of(serial), "root\r");
	consoles_close(&consoles);
	assert_int_equal(stat(in_dir("console.sock"), &st), -1);
	assert_int_equal(recv(client, log, 1, 0), 0);
	fd_close(&file);
	fd_close(&client);
	fd_close(&serial);
}

static void logs_that_were_moved_are_opened_again(void **state)
{
	char moved[128];
	struct stat st;

	(void)state;
	opens();
	int serial = guest();

	assert_int_equal(write(serial, "one", 3), 3);
	loop();
	(void)snprintf(moved, sizeof moved, "%s.old", in_dir("console.log"));
	assert_int_equal(rename(in_dir("console.log"), moved), 0);
	consoles_reopen_logs(&consoles);
	assert_int_equal(write(serial, "second", 6), 6);
	loop();
	assert_int_equal(stat(moved, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(stat(in_dir("console.log"), &st), 0);
	assert_int_equal(st.st_size, 6);
	assert_int_equal(unlink(moved), 0);
	fd_close(&serial);
}

static void a_port_in_use_is_reported_with_its_setting(void **state)
{
	static const struct {
		size_t at;
		const char *setting;
	} rows[] = {{offsetof(struct settings, serial_port), "SERIAL_PORT"},
		    {offsetof(struct settings, serial_rfc2217_port), "SERIAL_RFC2217_PORT"},
		    {offsetof(struct settings, serial_raw_port), "SERIAL_RAW_PORT"},
		    {offsetof(struct settings, monitor_port), "MONITOR_PORT"}};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error err = {0};
		long *port = (long *)(void *)((char *)&room.plan.s + rows[i].at);

		*port = ntohs(at.sin_port);
		assert_false(consoles_open(&consoles, &guard, &err));
		assert_int_equal(err.status, EXIT_QEMU_FAILED);
		assert_non_null(strstr(err.message, rows[i].setting));
		*port = 0;
		consoles_close(&consoles);
	}
	fd_close(&fd);
}

static void a_break_is_sent_by_qemu(void **state)
{
	(void)state;
	opens();
	assert_true(consoles_break(&consoles));
	qemu_acks("chardev-send-break", "{\"id\":\"serial\"}");
	qemu_hangs();
	assert_false(consoles_break(&consoles));
}

/* ---- own terminal ---------------------------------------------------------------------------- */

static int old_stdin, terminal;

static void terminal_is_stdin(void)
{
	int slave;

	assert_int_equal(openpty(&terminal, &slave, NULL, NULL, NULL), 0);
	old_stdin = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_int_equal(dup2(slave, STDIN_FILENO), STDIN_FILENO);
	fd_close(&slave);
	room.plan.s.serial_stdio = STDIO_ON;
}

static void stdin_as_before(void)
{
	(void)dup2(old_stdin, STDIN_FILENO);
	fd_close(&old_stdin);
	fd_close(&terminal);
}

static tcflag_t echo(void)
{
	struct termios t;

	assert_int_equal(tcgetattr(STDIN_FILENO, &t), 0);
	return t.c_lflag & ECHO;
}

/* The child may be killed at any moment, with the terminal raw. */
static void a_terminal_is_restored_when_its_child_has_ended(void **state)
{
	int status;

	(void)state;
	terminal_is_stdin();
	opens();
	assert_true(consoles.terminal > 0);
	terminal_raw();
	assert_false(echo());
	assert_int_equal(waitpid(consoles.terminal, &status, 0), consoles.terminal);
	assert_false(consoles_reaped(&consoles, NO_PROCESS));
	assert_false(echo());
	assert_true(consoles_reaped(&consoles, consoles.terminal));
	assert_true(echo());
	assert_int_equal(consoles.terminal, 0);
	stdin_as_before();
}

/* The log goes to standard error again, because the terminal is no longer used. */
static void a_terminal_without_its_program_causes_a_warning(void **state)
{
	static const char wanted[] = "vm: warning: the serial console cannot be shown on this "
				     "terminal: /nonexistent/vm cannot be started: ";
	char text[512] = "";
	int err = memfd_create("stderr", MFD_CLOEXEC);
	int old = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	(void)state;
	terminal_is_stdin();
	(void)snprintf(room.plan.vm, sizeof room.plan.vm, "/nonexistent/vm");
	assert_int_equal(dup2(err, STDERR_FILENO), STDERR_FILENO);
	opens();
	(void)dup2(old, STDERR_FILENO);
	assert_true(pread(err, text, sizeof text - 1, 0) > 0);
	assert_non_null(strstr(text, wanted));
	assert_int_equal(consoles.terminal, 0);
	assert_true(echo());
	stdin_as_before();
	fd_close(&old);
	fd_close(&err);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char *argv[])
{
	room_helper(argc, argv);
	const struct CMUnitTest tests[] = {
		TEST(output_reaches_clients_log_and_rooms),
		TEST(logs_that_were_moved_are_opened_again),
		TEST(a_port_in_use_is_reported_with_its_setting),
		TEST(a_break_is_sent_by_qemu),
		TEST(a_terminal_is_restored_when_its_child_has_ended),
		TEST(a_terminal_without_its_program_causes_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
