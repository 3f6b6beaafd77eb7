/* test_requests.c - requests on the control socket of a complete PID 1 and their answers, and the
 * consoles that it opens.
 */
#include <sys/stat.h>
#include <sys/un.h>

#include "room_all.h"

#include "format/json.h"
#include "host/listen.h"
#include "pid1/status.h"

static char dir[64];

static int set_up_dir(void **state)
{
	(void)snprintf(dir, sizeof dir, "/tmp/test-requests.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)set_up(state);
	room.plan.s.run_dir = room.plan.s.log_dir = room.plan.s.tmp_dir = dir;
	return 0;
}

static int tear_down_dir(void **state)
{
	char command[100];

	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a name of our own */
	return tear_down(state);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void unknown_requests_are_usage_errors(void **state)
{
	static const char *const wrong[] = {"", "stat", "statusx", "reboot now", " status"};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_got(client_sends(wrong[i]),
			   "64\nunknown request: vm and init must be of one version\n");
}

static void the_status_is_json(void **state)
{
	static struct json_value values[512];
	struct json doc = {.values = values, .room = 512};
	static char text[65536];

	(void)state;
	boot_guest();
	(void)snprintf(text, sizeof text, "%s", client_got(client_sends("status --json")));
	assert_memory_equal(text, "0\n", 2);
	if (!json_parse(&doc, text + 2, strlen(text + 2)))
		fail_msg("%s at %zu", doc.error, doc.error_at);
	assert_string_equal(json_string(&doc, values, "state"), "running");
	assert_true(json_bool(&doc, values, "ready", false));
	assert_string_equal(json_string(&doc, values, "phase"), "login");
	const struct json_value *ms = json_get(&doc, values, "ms");
	double ready = 0;

	assert_true(json_number(&doc, ms, "ready", &ready));
	assert_true(ready == 2000);
	assert_true(json_number(&doc, ms, "first_byte", &ready));
	assert_true(ready == 1000);
	const char *plain = client_got(client_sends("status"));

	assert_non_null(strstr(plain, "0\nstate        running\nready        yes (ready: login "
				      "prompt on the serial console after 2.00 s)\n"
				      "phase        login\n"));
}

static void health_is_checked_only_in_a_ready_guest(void **state)
{
	(void)state;
	start_guest();
	assert_got(client_sends("health"), "1\nrunning, nothing came on the serial console yet\n");
	qemu_is_idle();
	guest_printed("Linux\r\nhurd login: ");
	int first = client_sends("health"), second = client_sends("health");

	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns("\"EIP=1 EFL=00000246 CPL=3 HLT=0\\r\\n\"");
	assert_got(first, "0\nready: login prompt on the serial console after 0.00 s\n");
	assert_got(second, "0\nready: login prompt on the serial console after 0.00 s\n");
	first = client_sends("health");
	advance(4 * S);
	assert_got(first, "1\nQEMU does not answer\n");
}

static void a_dead_guest_is_reported(void **state)
{
	(void)state;
	boot_guest();
	int slot = client_sends("health");

	for (int i = 0; i < 2; i++) {
		qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
		qemu_returns("\"EIP=1 EFL=00000046 CPL=0 HLT=1\\r\\n\"");
		advance(150 * MS);
	}
	assert_got(slot, "1\nthe guest is dead: every processor is halted with interrupts off\n");
	assert_got(client_sends("wait"),
		   "1\nthe guest is dead: every processor is halted with interrupts off\n");
	assert_got(client_sends("shell await wait"),
		   "1\nthe guest is dead: every processor is halted with interrupts off\n");
}

static void the_monitor_answers_its_client(void **state)
{
	(void)state;
	start_guest();
	int slot = client_sends("monitor info \"x\"");

	qemu_gets("human-monitor-command", "{\"command-line\":\"info \\\"x\\\"\"}");
	qemu_returns("\"two\\r\\nlines\\r\\n\"");
	assert_got(slot, "0\ntwo\r\nlines\r\n");
	slot = client_sends("monitor stop");
	qemu_gets("human-monitor-command", "{\"command-line\":\"stop\"}");
	qemu_fails("no");
	assert_got(slot, "69\nno");
	/* A client that has disconnected: the next one in its slot does not get its answer. */
	slot = client_sends("monitor x");
	fd_close(&v.control.clients[slot].fd);
	int other = client_sends("wait exit");

	assert_int_equal(other, slot);
	qemu_acks("human-monitor-command", "{\"command-line\":\"x\"}");
	assert_got(other, "");
	/* As many as QMP accepts. */
	for (int i = 0; i < QMP_QUEUE; i++)
		(void)client_sends("monitor x");
	assert_got(client_sends("monitor x"), "69\nQEMU does not answer\n");
}

static void a_screenshot_is_a_path(void **state)
{
	char text[200];

	(void)state;
	start_guest();
	int slot = client_sends("screenshot");
	int second = client_sends("screenshot");

	assert_got(second,
		   "69\nQEMU does not answer, or is taking another screenshot: try again\n");
	(void)snprintf(text, sizeof text, "{\"filename\":\"%s/screenshot.png\",\"format\":\"png\"}",
		       dir);
	qemu_acks("screendump", text);
	(void)snprintf(text, sizeof text, "0\n%s/screenshot.png\n", dir);
	assert_got(slot, text);
	room.plan.s.vga = VGA_NONE;
	assert_got(client_sends("screenshot"),
		   "78\nthis guest has no display: set QEMU_VGA=std or ENABLE_VNC=1\n");
}

static void small_requests(void **state)
{
	(void)state;
	start_guest();
	assert_got(client_sends("guest"), "0\nhurd\n");
	assert_got(client_sends("break"), "0\n");
	qemu_acks("chardev-send-break", "{\"id\":\"serial\"}");
	assert_got(client_sends("clock-set"), "0\n");
	assert_got(client_sends("shell"), "64\nshell takes open, await, line or seen\n");
	assert_got(client_sends("snapshot list"),
		   "66\nthis guest has no disk, and a snapshot is kept in it; set QEMU_DRIVE\n");
	(void)error_set(&room.plan.no_state, EXIT_BAD_SETTING, "remove one", "it has two disks");
	assert_got(client_sends("warm"), "78\nit has two disks; remove one\n");
	qemu_hangs();
	assert_got(client_sends("break"), "69\nQEMU does not answer\n");
	assert_got(client_sends("reset"), "69\nQEMU does not answer\n");
}

static void the_prompt_can_be_queried(void **state)
{
	(void)state;
	start_guest();
	assert_got(client_sends("shell line"), "75\n\n"); /* no output that could be a prompt */
	guest_printed("hurd login: ");
	assert_got(client_sends("shell line"), "0\nhurd login: \n");
	prompt_input(&v.prompt, (const uint8_t *)"root\r", 5, clock_now());
	guest_printed("root\r\nmine> ");
	advance(1 * S);
	assert_got(client_sends("shell line"), "1\nmine> \n");
	assert_got(client_sends("shell line mine> "), "0\nmine> \n");
}

static void ninety_six_clients_may_wait(void **state)
{
	(void)state;
	start_guest();
	for (int i = 0; i < CONTROL_WAITING; i++)
		(void)client_sends("wait");
	assert_got(client_sends("wait"),
		   "69\ntoo many clients wait already (vm wait): end some of them\n");
	assert_got(client_sends("wait exit"),
		   "69\ntoo many clients wait already (vm wait): end some of them\n");
	/* One slot remains for requests that are answered at once. */
	assert_got(client_sends("guest"), "0\nhurd\n");
}

static void every_waiting_client_is_informed_of_the_end(void **state)
{
	(void)state;
	start_guest();
	int exits = client_sends("wait exit"), ready = client_sends("wait"),
	    shell = client_sends("shell await wait");

	waiters_exit(&v, 7);
	assert_got(exits, "7\nthe guest has ended, exit status 7\n");
	assert_got(ready, "1\nthe guest has ended, exit status 7\n");
	assert_got(shell, "1\nthe guest has ended, exit status 7\n");
}

static void a_console_is_taken_over(void **state)
{
	char text[64];

	(void)state;
	start_guest();
	assert_got(client_sends("console"),
		   "64\nconsole takes live or all, followed by marked, readonly and "
		   "terminal\n");
	assert_got(client_sends("console live loud"), "64\nconsole takes live or all, followed by "
						      "marked, readonly and terminal\n");
	guest_printed("before\r\n");
	int slot = client_sends("console live");
	int end = room.client_fds[slot];
	unsigned number = 0;

	room.client_fds[slot] = -1;
	assert_int_equal(v.control.clients[slot].fd, -1);
	guest_printed("behind\r\n");
	ssize_t n = recv(end, text, sizeof text - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	assert_int_equal(sscanf(text, "0 %u", &number), 1);
	assert_non_null(strstr(text, "\nbehind\r\n"));
	(void)snprintf(text, sizeof text, "console-end %u", number);
	assert_got(client_sends(text), "0\nunknown\n");
	fd_close(&end);
	slot = client_sends("console all marked readonly");
	end = room.client_fds[slot];
	room.client_fds[slot] = -1;
	n = recv(end, text, sizeof text - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(strchr(text, '\n'), "\n\005"); /* this relay keeps no scrollback */
	fd_close(&end);
}

/* ---- a shell on the console ---------------------------------------------------------------- */

/* Client SLOT has the console now, after WANTED. */
static void has_shell(int slot, const char *wanted)
{
	char text[200];
	char all[200];
	unsigned long long number = room.env.control->clients[slot].number;
	ssize_t n = recv(room.client_fds[slot], text, sizeof text - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	(void)snprintf(all, sizeof all, "0 %llu\n%s", number, wanted);
	assert_string_equal(text, all);
	assert_int_equal(room.env.control->clients[slot].fd, -1);
}

static void a_shell_request_returns_the_console_state(void **state)
{
	(void)state;
	boot_guest();
	has_shell(client_sends("shell open now noclock"), "hurd\n\nprompt hurd login: \n");
	prompt_input(&v.prompt, (const uint8_t *)"root\r", 5, clock_now());
	guest_printed("root\r\nmine> ");
	advance(1 * S);
	has_shell(client_sends("shell open now noclock"), "hurd\n\nbusy mine> \n");
	has_shell(client_sends("shell open now noclock mine> "), "hurd\n\nprompt mine> \n");
	/* Its clock is set as well, once. */
	v.life.resumed = true;
	clock_ready(&v.clock);
	int slot = client_sends("shell open now clock");
	char text[200] = "";

	(void)recv(room.client_fds[slot], text, sizeof text - 1, MSG_DONTWAIT);
	assert_non_null(strstr(text, "\nhurd\ndate -s @"));
}

static void a_shell_is_waited_for(void **state)
{
	(void)state;
	start_guest();
	assert_got(client_sends("shell open now clock"),
		   "1\nrunning, nothing came on the serial console yet\n");
	int waits = client_sends("shell open wait noclock");
	int lost = client_sends("shell open later noclock");

	assert_got(lost, "1\nrunning, nothing came on the serial console yet\n");
	assert_got(waits, "");
	guest_printed("Linux\r\nhurd login: ");
	has_shell(waits, "hurd\n\nprompt hurd login: \n");
	/* The stop gets the console in any case. */
	(void)client_sends("stop");
	assert_got(client_sends("shell open wait noclock"), "1\nthe guest is being stopped\n");
	has_shell(client_sends("shell open stop noclock"), "hurd\n\nprompt hurd login: \n");
}

static void clients_waiting_for_a_shell_are_informed_of_the_end(void **state)
{
	(void)state;
	start_guest();
	int stream = client_sends("shell open wait noclock"),
	    clock = client_sends("shell open wait clock");

	qemu_emits("SHUTDOWN", "{\"reason\":\"guest-shutdown\"}");
	assert_got(stream, "1\nthe guest has ended, and QEMU is ending\n");
	assert_got(clock, "1\nthe guest has ended, and QEMU is ending\n");
}

/* ---- the consoles ------------------------------------------------------------------------- */

/* They are opened as at a start: no ports, no terminal. */
static void consoles_are_open(void)
{
	struct error err = {0};

	room.plan.s.serial_port = room.plan.s.monitor_port = 0;
	if (!consoles_open(&v.consoles, &v.guard, &err))
		fail_msg("%s", err.message);
}

static void serial_clients_are_logged_and_reported(void **state)
{
	char path[100], text[64] = "";
	int fds[2];

	(void)state;
	memset(v.consoles.relays, 0, sizeof v.consoles.relays);
	consoles_are_open();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	assert_true(relay_attach(v.consoles.relays[RELAY_SERIAL], fds[0], fds[0]));
	assert_int_equal(write(fds[1], "Linux\r\n# ", 9), 9);
	relay_flush(v.consoles.relays[RELAY_SERIAL]);
	assert_true(phases_seen(&v.phases, "kernel"));
	/* Input there is reported to the prompt detection. */
	advance(1 * S);
	assert_true(prompt_shown(&v.prompt, clock_now()));
	assert_int_equal(relay_input(v.consoles.relays[RELAY_SERIAL], "ls\r", 3), 3);
	assert_false(prompt_shown(&v.prompt, clock_now()));
	assert_int_equal(read(fds[1], text, sizeof text), 3);
	struct relay_stats stats;

	relay_stats(v.consoles.relays[RELAY_SERIAL], &stats);
	assert_int_equal(stats.bytes, 9);
	(void)snprintf(path, sizeof path, "%s/console.sock", dir);
	assert_int_equal(access(path, F_OK), 0);
	consoles_reopen_logs(&v.consoles);
	consoles_close(&v.consoles);
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(path, sizeof path, "%s/console.log", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	memset(text, 0, sizeof text);
	assert_true(read(fd, text, sizeof text - 1) >= 9);
	assert_memory_equal(text, "Linux\r\n# ", 9);
	fd_close(&fd);
	fd_close(&fds[1]);
	for (int i = 0; i < RELAY_COUNT; i++)
		v.consoles.relays[i] = room.relays[i];
}

static void a_socket_in_use_is_an_error(void **state)
{
	struct error err = {0};
	char path[100];
	int fd;

	(void)state;
	memset(v.consoles.relays, 0, sizeof v.consoles.relays);
	(void)snprintf(path, sizeof path, "%s/console.sock", dir);
	fd = listen_unix(path, 0600, &err);
	assert_true(fd >= 0);
	room.plan.s.serial_port = room.plan.s.monitor_port = 0;
	assert_false(consoles_open(&v.consoles, &v.guard, &err));
	assert_non_null(strstr(err.message, "another guest runs with this VM_RUN_DIR"));
	fd_close(&fd);
	console_log_close(&v.consoles.log);
	for (int i = 0; i < RELAY_COUNT; i++)
		v.consoles.relays[i] = room.relays[i];
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_dir, tear_down_dir)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(unknown_requests_are_usage_errors),
		TEST(the_status_is_json),
		TEST(health_is_checked_only_in_a_ready_guest),
		TEST(a_dead_guest_is_reported),
		TEST(the_monitor_answers_its_client),
		TEST(a_screenshot_is_a_path),
		TEST(small_requests),
		TEST(the_prompt_can_be_queried),
		TEST(ninety_six_clients_may_wait),
		TEST(every_waiting_client_is_informed_of_the_end),
		TEST(a_console_is_taken_over),
		TEST(a_shell_request_returns_the_console_state),
		TEST(a_shell_is_waited_for),
		TEST(clients_waiting_for_a_shell_are_informed_of_the_end),
		TEST(serial_clients_are_logged_and_reported),
		TEST(a_socket_in_use_is_an_error),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
