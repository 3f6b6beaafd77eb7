/* test_reactions.c - all rooms of PID 1 together, with the test as the guest: reactions to QEMU's
 * events and serial output, and answers to clients that wait on the control socket.
 */
#include "room_all.h"

/* ---- the start ---------------------------------------------------------------------------- */

static void a_guest_starts_runs_and_becomes_ready(void **state)
{
	int waits = client_sends("wait");
	int login = client_sends("wait login");
	int shell = client_sends("shell await wait");

	(void)state;
	assert_got(client_sends("health"), "1\nQEMU is starting, the guest does not run yet\n");
	assert_got(client_sends("shell await ever"),
		   "0\nQEMU is starting, the guest does not run yet\n");
	assert_got(client_sends("shell await now"),
		   "1\nQEMU is starting, the guest does not run yet\n");
	start_guest();
	assert_got(client_sends("health"), "1\nrunning, nothing came on the serial console yet\n");
	guest_printed("Linux\r\n");
	assert_logged("vm: phase kernel, 0.000 s after QEMU's start\n");
	assert_got(client_sends("health"),
		   "1\nrunning, no login prompt on the serial console yet; phase "
		   "kernel\n");
	assert_got(waits, "");
	advance(2500 * MS);
	guest_printed("hurd login: ");
	assert_logged("vm: ready: login prompt on the serial console, 2.50 s after QEMU's start\n");
	assert_got(waits, "0\nready: login prompt on the serial console after 2.50 s\n");
	assert_got(login, "0\nlogin prompt on the serial console\n");
	assert_got(shell, "0\nready: login prompt on the serial console after 2.50 s\n");
	assert_got(client_sends("wait"),
		   "0\nready: login prompt on the serial console after 2.50 s\n");
	assert_got(client_sends("wait login"), "0\nlogin prompt on the serial console\n");
	assert_got(client_sends("shell line"), "0\nhurd login: \n");
}

static void a_paused_start_waits_for_cont(void **state)
{
	(void)state;
	room.plan.s.start_paused = true;
	qemu_greets(10, 0);
	qemu_is_idle();
	assert_int_equal(v.life.phase, LIFE_PAUSED);
	assert_false(v.life.ran);
	assert_got(client_sends("health"),
		   "1\nthe guest is paused before its first instruction, until the "
		   "monitor says cont\n");
	qemu_emits("RESUME", NULL);
	assert_int_equal(v.life.phase, LIFE_RUNNING);
}

static void a_vnc_password_comes_first(void **state)
{
	(void)state;
	(void)snprintf(room.plan.vnc_password, sizeof room.plan.vnc_password, "a\"b");
	qemu_greets(10, 0);
	qemu_gets("set_password", "{\"protocol\":\"vnc\",\"password\":\"a\\\"b\"}");
	qemu_fails("no vnc");
	assert_logged("vm: error: QEMU refuses the VNC password, so no VNC client can log in: no "
		      "vnc\n");
	qemu_acks("cont", NULL);
}

static void a_missed_boot_deadline_saves_a_screenshot(void **state)
{
	(void)state;
	room.plan.s.boot_timeout = 60;
	room.plan.s.log_dir = "/tmp";
	int waits = client_sends("wait");

	start_guest();
	guest_printed("Linux\r\nan old line\r\n");
	advance(60 * S);
	assert_logged("vm: error: VM_BOOT_TIMEOUT=60: the guest is not ready (login prompt on the "
		      "serial console) after 60 s; it reached the phase kernel\n");
	qemu_gets("screendump", "{\"filename\":\"/tmp/boot-deadline.png\",\"format\":\"png\"}");
	assert_int_equal(v.life.rung, RUNG_NONE);
	advance(3 * S); /* and no longer */
	assert_int_equal(v.life.rung, RUNG_QUIT);
	qemu_returns("{}"); /* too late for another stop */
	assert_int_equal(v.life.rung, RUNG_QUIT);
	qemu_acks("quit", NULL);
	assert_int_equal(lifecycle_status(&v.life, lifecycle_outcome(&v.life, false)),
			 EXIT_BOOT_DEADLINE);
	waiters_exit(&v, EXIT_BOOT_DEADLINE);
	assert_got(waits, "1\nthe guest has ended, exit status 81\n");
	(void)unlink("/tmp/boot-deadline.png");
}

/* ---- pauses ------------------------------------------------------------------------------- */

static void a_long_pause_is_logged(void **state)
{
	(void)state;
	boot_guest();
	(void)room_logged();
	qemu_emits("STOP", NULL);
	qemu_gets("query-status", NULL);
	qemu_returns("{\"status\":\"paused\"}");
	assert_got(client_sends("health"), "1\nthe guest is paused, until the monitor says cont\n");
	advance(1 * S - 1);
	assert_log_empty();
	advance(1);
	assert_logged("vm: the guest is paused; vm monitor cont lets it run on\n");
	advance(3 * S);
	int waits = client_sends("wait");

	qemu_emits("RESUME", NULL);
	assert_logged("vm: the guest runs on, 4.0 s after it was paused\n");
	assert_got(waits, "0\nready: login prompt on the serial console after 2.00 s\n");
	/* A short one is not. */
	qemu_emits("STOP", NULL);
	qemu_acks("query-status", NULL);
	qemu_emits("RESUME", NULL);
	advance(2 * S);
	assert_log_empty();
	assert_true(lifecycle_well(&v.life));
}

/* As after a warm state or a reset: QEMU was told to continue the guest, and RESUME has not come.
 */
static void a_command_waits_for_a_guest_that_is_continued(void **state)
{
	(void)state;
	boot_guest();
	qemu_emits("STOP", NULL);
	qemu_acks("query-status", NULL);
	assert_got(client_sends("shell await wait"),
		   "1\nthe guest is paused, until the monitor says cont\n");
	assert_true(env_continue(&v.env));
	int shell = client_sends("shell await wait");

	assert_got(shell, "");
	qemu_emits("RESUME", NULL);
	assert_got(shell, "0\nready: login prompt on the serial console after 2.00 s\n");
	qemu_acks("cont", NULL);
	/* If QEMU refuses, the wait ends. */
	qemu_emits("STOP", NULL);
	qemu_acks("query-status", NULL);
	assert_true(env_continue(&v.env));
	shell = client_sends("shell await wait");
	assert_got(shell, "");
	qemu_fails("Resetting the Virtual Machine is required");
	assert_got(shell, "1\nthe guest is paused, until the monitor says cont\n");
}

static void a_full_disk_has_its_own_line(void **state)
{
	(void)state;
	boot_guest();
	qemu_emits("BLOCK_IO_ERROR", "{\"action\":\"stop\",\"nospace\":true}");
	(void)room_logged();
	qemu_emits("STOP", NULL);
	qemu_acks("query-status", NULL);
	advance(1 * S);
	assert_log_empty();
	assert_got(client_sends("health"),
		   "1\npaused: no space left on the host for the guest's disk\n");
	int waits = client_sends("wait");

	qemu_emits("RESUME", NULL); /* by a user who has freed space */
	assert_got(waits, "");
	advance(1 * S); /* no write has failed again */
	assert_got(waits, "0\nready: login prompt on the serial console after 2.00 s\n");
	qemu_emits("BLOCK_IO_ERROR", "{\"action\":\"stop\",\"nospace\":true}");
	qemu_emits("STOP", NULL);
	qemu_acks("query-status", NULL);
	/* It cannot be asked, and is not continued. */
	int stopped = client_sends("stop");

	assert_int_equal(v.life.rung, RUNG_QUIT);
	qemu_acks("quit", NULL);
	waiters_exit(&v, 82);
	assert_got(stopped, "82\nthe guest has ended, exit status 82\n");
}

/* ---- the end ------------------------------------------------------------------------------ */

static int status(void)
{
	return lifecycle_status(&v.life, lifecycle_outcome(&v.life, false));
}

static void a_guest_powers_off(void **state)
{
	(void)state;
	boot_guest();
	(void)room_logged();
	qemu_emits("SHUTDOWN", "{\"guest\":true,\"reason\":\"guest-shutdown\"}");
	assert_logged("vm: the guest powered off\n");
	qemu_acks("quit", NULL);
	/* Our own quit is not the reason. */
	qemu_emits("SHUTDOWN", "{\"guest\":false,\"reason\":\"host-qmp-quit\"}");
	assert_int_equal(v.life.cause, CAUSE_GUEST_OFF);
	assert_int_equal(v.life.phase, LIFE_DOWN);
	qemu_disconnects();
	assert_log_empty();
	assert_int_equal(status(), EXIT_CLEAN);
}

static void what_each_reason_means(void **state)
{
	static const struct {
		const char *reason;
		enum shutdown_cause cause;
		int status;
	} rows[] = {{"guest-shutdown", CAUSE_GUEST_OFF, 0},
		    {"guest-reset", CAUSE_GUEST_RESET, 0},
		    {"guest-panic", CAUSE_GUEST_PANIC, 80},
		    {"host-qmp-quit", CAUSE_QUIT, 82},
		    {"host-qmp-system-reset", CAUSE_OTHER, 82},
		    {"host-signal", CAUSE_SIGNAL, 82},
		    {"host-error", CAUSE_OTHER, 82}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char data[80];

		boot_guest();
		(void)snprintf(data, sizeof data, "{\"reason\":\"%s\"}", rows[i].reason);
		qemu_emits("SHUTDOWN", data);
		assert_int_equal(v.life.cause, rows[i].cause);
		assert_int_equal(status(), rows[i].status);
		(void)tear_down(state);
		(void)set_up(state);
	}
	/* A paused guest does not power off: that was gdb. */
	boot_guest();
	qemu_emits("STOP", NULL);
	qemu_emits("SHUTDOWN", "{\"reason\":\"guest-shutdown\"}");
	assert_int_equal(v.life.cause, CAUSE_DEBUGGER);
}

/* It has enabled the power button and written to its disk. */
static void button_is_looked_at(void)
{
	qemu_gets("human-monitor-command", "{\"command-line\":\"i/w 0x602\"}");
	qemu_returns("\"portl[0x0602] = 0x00010100\\r\\n\"");
	qemu_gets("query-blockstats", NULL);
	qemu_returns("[{\"stats\":{\"wr_operations\":7}}]");
}

static void a_stop_asks_and_the_guest_shuts_down(void **state)
{
	(void)state;
	boot_guest();
	int slot = client_sends("stop");

	assert_true(v.life.signalled);
	assert_int_equal(v.life.phase, LIFE_STOPPING);
	qemu_acks("system_powerdown", NULL);
	button_is_looked_at();
	assert_got(client_sends("health"), "1\nthe guest is being stopped\n");
	assert_got(client_sends("shell await ever"), "1\nthe guest is being stopped\n");
	guest_printed("\r\nStopping\r\n");
	assert_true(v.stop.ladder.accepted);
	qemu_emits("SHUTDOWN", "{\"guest\":true,\"reason\":\"guest-shutdown\"}");
	qemu_acks("quit", NULL);
	waiters_exit(&v, status());
	assert_got(slot, "0\nthe guest has ended, exit status 0\n");
}

static void a_stop_before_the_guest_runs_ends_the_run(void **state)
{
	(void)state;
	qemu_greets(10, 0);
	qemu_gets("cont", NULL);
	(void)client_sends("stop");
	qemu_emits("RESUME", NULL);
	assert_false(v.life.ran);
	qemu_returns("{}");
	qemu_acks("quit", NULL);
	assert_int_equal(status(), EXIT_CLEAN);
}

/* The steps before the guest runs take time, and a stop may come in between. */
static void a_stop_during_the_boot_snapshot_ends_the_run(void **state)
{
	(void)state;
	room.plan.s.boot_retries = 1;
	room.plan.disk.count = 1;
	qemu_greets(10, 0);
	qemu_acks("blockdev-snapshot-delete-internal-sync",
		  "{\"device\":\"disk0\",\"name\":\"vm-boot\"}");
	qemu_gets("blockdev-snapshot-internal-sync", "{\"device\":\"disk0\",\"name\":\"vm-boot\"}");
	(void)client_sends("stop");
	qemu_returns("{}");
	qemu_acks("quit", NULL);
	qemu_is_idle();
	assert_false(v.attach.allowed);
	room.plan.disk.count = 0;
}

static void losing_qmp_during_a_stop_skips_to_the_next_step(void **state)
{
	(void)state;
	boot_guest();
	(void)client_sends("stop");
	assert_int_equal(v.life.rung, RUNG_ACPI);
	qemu_disconnects();
	assert_true(v.life.rung > RUNG_QUIT);
}

/* ---- panics ------------------------------------------------------------------------------- */

static void panics(void)
{
	guest_printed("\r\nKernel panic\r\n");
	advance(300 * MS);
	for (int i = 0; i < 5; i++) {
		qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
		qemu_returns("\"EIP=1 EFL=00000046 CPL=0 HLT=1\\r\\n\"");
		advance(150 * MS);
	}
}

static void a_panic_ends_the_guest_and_answers_waiting_clients(void **state)
{
	(void)state;
	start_guest();
	int waits = client_sends("wait"), shell = client_sends("shell await wait");

	assert_got(client_sends("wait ssh"),
		   "78\nno port is forwarded to the guest's port 22: add one to QEMU_HOSTFWDS\n");
	panics();
	assert_got(waits, "1\nthe guest panicked\n");
	assert_got(shell, "1\nthe guest panicked\n");
	assert_logged("vm:   | Kernel panic\n");
	qemu_acks("quit", NULL);
	assert_int_equal(status(), EXIT_PANIC);
	assert_got(client_sends("wait"), "1\nthe guest panicked\n");
}

static void a_panic_may_be_kept_or_paused(void **state)
{
	(void)state;
	room.plan.s.on_panic = PANIC_KEEP;
	boot_guest();
	panics();
	qemu_is_idle();
	assert_logged("vm: VM_ON_PANIC=keep: QEMU runs on\n");
	v.life.verdict = VERDICT_NONE;
	room.plan.s.on_panic = PANIC_PAUSE;
	panics();
	qemu_acks("stop", NULL);
	assert_int_equal(v.life.rung, RUNG_NONE);
	/* A stop does not wait for it. */
	v.life.verdict = VERDICT_NONE;
	(void)client_sends("stop");
	qemu_acks("system_powerdown", NULL);
	button_is_looked_at();
	panics();
	qemu_acks("quit", NULL);
}

static void a_panic_of_a_kept_guest_answers_waiting_clients(void **state)
{
	(void)state;
	room.plan.s.on_panic = PANIC_KEEP;
	start_guest();
	int shell = client_sends("shell await wait"), login = client_sends("wait login"),
	    end = client_sends("wait exit");

	panics();
	assert_got(shell, "1\nthe guest panicked\n");
	assert_got(login, "1\nthe guest panicked\n");
	assert_got(end, "");
}

static void a_failed_boot_counts_before_ready_only(void **state)
{
	(void)state;
	boot_guest();
	guest_printed("\r\nno root\r\n");
	advance(20 * S);
	assert_int_equal(v.life.verdict, VERDICT_NONE);
	assert_false(is_armed(TIMER_PANIC));
}

static void a_guest_that_has_halted_is_ended(void **state)
{
	(void)state;
	boot_guest();
	guest_printed("\r\nSystem halted\r\n");
	advance(300 * MS);
	for (int i = 0; i < 5; i++) {
		qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
		qemu_returns("\"EIP=1 EFL=00000246 CPL=0 HLT=1\\r\\n\"");
		advance(150 * MS);
	}
	assert_logged("vm: the guest has shut down (halted); ending QEMU\n");
	qemu_acks("quit", NULL);
	assert_int_equal(status(), EXIT_CLEAN);
}

/* ---- resets ------------------------------------------------------------------------------- */

static void a_reset_begins_the_boot_again(void **state)
{
	(void)state;
	boot_guest();
	assert_got(client_sends("reset"), "0\n");
	assert_false(v.life.ready);
	assert_false(prompt_shown(&v.prompt, clock_now()) && v.life.login);
	qemu_acks("stop", NULL);
	qemu_acks("set-action", "{\"reboot\":\"reset\"}");
	qemu_emits("RESET", "{\"guest\":false,\"reason\":\"host-qmp-system-reset\"}");
	int waits = client_sends("wait");

	qemu_gets("system_reset", NULL);
	qemu_returns("{}");
	qemu_acks("cont", NULL);
	assert_int_equal(v.phases.current, -1);
	assert_got(waits, "");
	advance(1 * S);
	guest_printed("hurd login: ");
	assert_non_null(strstr(client_got(waits), "0\nready: "));
	qemu_acks("set-action", "{\"reboot\":\"shutdown\"}");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_starts_runs_and_becomes_ready),
		TEST(a_paused_start_waits_for_cont),
		TEST(a_vnc_password_comes_first),
		TEST(a_missed_boot_deadline_saves_a_screenshot),
		TEST(a_long_pause_is_logged),
		TEST(a_command_waits_for_a_guest_that_is_continued),
		TEST(a_full_disk_has_its_own_line),
		TEST(a_guest_powers_off),
		TEST(what_each_reason_means),
		TEST(a_stop_asks_and_the_guest_shuts_down),
		TEST(a_stop_before_the_guest_runs_ends_the_run),
		TEST(a_stop_during_the_boot_snapshot_ends_the_run),
		TEST(losing_qmp_during_a_stop_skips_to_the_next_step),
		TEST(a_panic_ends_the_guest_and_answers_waiting_clients),
		TEST(a_panic_may_be_kept_or_paused),
		TEST(a_panic_of_a_kept_guest_answers_waiting_clients),
		TEST(a_failed_boot_counts_before_ready_only),
		TEST(a_guest_that_has_halted_is_ended),
		TEST(a_reset_begins_the_boot_again),
	};

	return cmocka_run_group_tests_name("reactions", tests, NULL, NULL);
}
