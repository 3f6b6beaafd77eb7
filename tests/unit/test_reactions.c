/* test_reactions.c - all rooms of PID 1 together, with a guest that the test is: what follows from
 * what QEMU and the serial line tell, and what those who wait on the control socket hear.
 */
#include "room_all.h"

/* ---- the start ---------------------------------------------------------------------------- */

static void a_guest_starts_runs_and_becomes_ready(void **state)
{
	int waits = asks("wait");
	int login = asks("wait login");
	int shell = asks("shell await wait");

	(void)state;
	assert_got(asks("health"), "1\nQEMU is starting, the guest does not run yet\n");
	assert_got(asks("shell await ever"), "0\nQEMU is starting, the guest does not run yet\n");
	assert_got(asks("shell await now"), "1\nQEMU is starting, the guest does not run yet\n");
	starts();
	assert_got(asks("health"), "1\nrunning, nothing came on the serial console yet\n");
	guest_printed("Linux\r\n");
	assert_said("vm: phase kernel, 0.000 s after QEMU's start\n");
	assert_got(asks("health"), "1\nrunning, no login prompt on the serial console yet; phase "
				   "kernel\n");
	assert_got(waits, "");
	pass(2500 * MS);
	guest_printed("hurd login: ");
	assert_said("vm: ready: login prompt on the serial console, 2.50 s after QEMU's start\n");
	assert_got(waits, "0\nready: login prompt on the serial console after 2.50 s\n");
	assert_got(login, "0\nlogin prompt on the serial console\n");
	assert_got(shell, "0\nready: login prompt on the serial console after 2.50 s\n");
	assert_got(asks("wait"), "0\nready: login prompt on the serial console after 2.50 s\n");
	assert_got(asks("wait login"), "0\nlogin prompt on the serial console\n");
	assert_got(asks("shell line"), "0\nhurd login: \n");
}

static void who_wants_it_paused_gets_it_so(void **state)
{
	(void)state;
	room.plan.s.start_paused = true;
	qemu_greets(10, 0);
	qemu_is_idle();
	assert_int_equal(v.life.phase, LIFE_PAUSED);
	assert_false(v.life.ran);
	assert_got(asks("health"), "1\nthe guest is paused before its first instruction, until the "
				   "monitor says cont\n");
	qemu_tells("RESUME", NULL);
	assert_int_equal(v.life.phase, LIFE_RUNNING);
}

static void a_vnc_password_comes_first(void **state)
{
	(void)state;
	(void)snprintf(room.plan.vnc_password, sizeof room.plan.vnc_password, "a\"b");
	qemu_greets(10, 0);
	qemu_hears("set_password", "{\"protocol\":\"vnc\",\"password\":\"a\\\"b\"}");
	qemu_fails("no vnc");
	assert_said("vm: error: QEMU does not take the VNC password, so no client can log in: no "
		    "vnc\n");
	qemu_does("cont", NULL);
}

static void a_late_boot_ends_with_its_picture(void **state)
{
	(void)state;
	room.plan.s.boot_timeout = 60;
	room.plan.s.log_dir = "/tmp";
	int waits = asks("wait");

	starts();
	guest_printed("Linux\r\nan old line\r\n");
	pass(60 * S);
	assert_said("vm: error: VM_BOOT_TIMEOUT=60: the guest is not ready (login prompt on the "
		    "serial console) after 60 s; it got to the phase kernel\n");
	qemu_hears("screendump", "{\"filename\":\"/tmp/boot-deadline.png\",\"format\":\"png\"}");
	assert_int_equal(v.life.rung, RUNG_NONE);
	pass(3 * S); /* and no longer */
	assert_int_equal(v.life.rung, RUNG_QUIT);
	qemu_returns("{}"); /* too late to stop it once more */
	assert_int_equal(v.life.rung, RUNG_QUIT);
	qemu_does("quit", NULL);
	assert_int_equal(lifecycle_status(&v.life, lifecycle_outcome(&v.life, false)),
			 EXIT_BOOT_DEADLINE);
	waiters_gone(&v, EXIT_BOOT_DEADLINE);
	assert_got(waits, "1\nthe guest has ended, exit status 81\n");
	(void)unlink("/tmp/boot-deadline.png");
}

/* ---- pauses ------------------------------------------------------------------------------- */

static void a_pause_that_lasts_is_told_of(void **state)
{
	(void)state;
	boots();
	(void)room_said();
	qemu_tells("STOP", NULL);
	qemu_hears("query-status", NULL);
	qemu_returns("{\"status\":\"paused\"}");
	assert_got(asks("health"), "1\nthe guest is paused, until the monitor says cont\n");
	pass(1 * S - 1);
	assert_silent();
	pass(1);
	assert_said("vm: the guest is paused; vm monitor cont lets it run on\n");
	pass(3 * S);
	qemu_tells("RESUME", NULL);
	assert_said("vm: the guest runs on, 4.0 s after it was paused\n");
	/* A short one is not. */
	qemu_tells("STOP", NULL);
	qemu_does("query-status", NULL);
	qemu_tells("RESUME", NULL);
	pass(2 * S);
	assert_silent();
	assert_true(lifecycle_well(&v.life));
}

static void a_full_disk_has_its_own_line(void **state)
{
	(void)state;
	boots();
	qemu_tells("BLOCK_IO_ERROR", "{\"action\":\"stop\",\"nospace\":true}");
	(void)room_said();
	qemu_tells("STOP", NULL);
	qemu_does("query-status", NULL);
	pass(1 * S);
	assert_silent();
	assert_got(asks("health"), "1\npaused: no space left on the host for the guest's disk\n");
	/* It cannot be asked, and is not made to run. */
	int stopped = asks("stop");

	assert_int_equal(v.life.rung, RUNG_QUIT);
	qemu_does("quit", NULL);
	waiters_gone(&v, 82);
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
	boots();
	(void)room_said();
	qemu_tells("SHUTDOWN", "{\"guest\":true,\"reason\":\"guest-shutdown\"}");
	assert_said("vm: the guest powered off\n");
	qemu_does("quit", NULL);
	/* Our own quit is not the reason. */
	qemu_tells("SHUTDOWN", "{\"guest\":false,\"reason\":\"host-qmp-quit\"}");
	assert_int_equal(v.life.cause, CAUSE_GUEST_OFF);
	assert_int_equal(v.life.phase, LIFE_DOWN);
	qemu_goes();
	assert_silent();
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

		boots();
		(void)snprintf(data, sizeof data, "{\"reason\":\"%s\"}", rows[i].reason);
		qemu_tells("SHUTDOWN", data);
		assert_int_equal(v.life.cause, rows[i].cause);
		assert_int_equal(status(), rows[i].status);
		(void)tear_down(state);
		(void)set_up(state);
	}
	/* A guest that stands still does not power off: that is gdb. */
	boots();
	qemu_tells("STOP", NULL);
	qemu_tells("SHUTDOWN", "{\"reason\":\"guest-shutdown\"}");
	assert_int_equal(v.life.cause, CAUSE_DEBUGGER);
}

/* It listens to the power button, and has written to its disk. */
static void button_is_looked_at(void)
{
	qemu_hears("human-monitor-command", "{\"command-line\":\"i/h 0x602\"}");
	qemu_returns("\"portw[0x0602] = 0x0100\\r\\n\"");
	qemu_hears("query-blockstats", NULL);
	qemu_returns("[{\"stats\":{\"wr_operations\":7}}]");
}

static void a_stop_asks_and_the_guest_obeys(void **state)
{
	(void)state;
	boots();
	int slot = asks("stop");

	assert_true(v.life.signalled);
	assert_int_equal(v.life.phase, LIFE_STOPPING);
	qemu_does("system_powerdown", NULL);
	button_is_looked_at();
	assert_got(asks("health"), "1\nthe guest is being stopped\n");
	assert_got(asks("shell await ever"), "1\nthe guest is being stopped\n");
	guest_printed("\r\nStopping\r\n");
	assert_true(v.stop.ladder.accepted);
	qemu_tells("SHUTDOWN", "{\"guest\":true,\"reason\":\"guest-shutdown\"}");
	qemu_does("quit", NULL);
	waiters_gone(&v, status());
	assert_got(slot, "0\nthe guest has ended, exit status 0\n");
}

static void a_stop_before_the_first_moment_outruns_it(void **state)
{
	(void)state;
	qemu_greets(10, 0);
	qemu_hears("cont", NULL);
	(void)asks("stop");
	qemu_tells("RESUME", NULL);
	assert_false(v.life.ran);
	qemu_returns("{}");
	qemu_does("quit", NULL);
	assert_int_equal(status(), EXIT_CLEAN);
}

/* What comes before the guest runs takes its time, and a stop may come meanwhile. */
static void a_stop_while_its_disk_is_kept_outruns_it(void **state)
{
	(void)state;
	room.plan.s.boot_retries = 1;
	room.plan.disk.count = 1;
	qemu_greets(10, 0);
	qemu_does("blockdev-snapshot-delete-internal-sync",
		  "{\"device\":\"disk0\",\"name\":\"vm-boot\"}");
	qemu_hears("blockdev-snapshot-internal-sync",
		   "{\"device\":\"disk0\",\"name\":\"vm-boot\"}");
	(void)asks("stop");
	qemu_returns("{}");
	qemu_does("quit", NULL);
	qemu_is_idle();
	assert_false(v.attach.allowed);
	room.plan.disk.count = 0;
}

static void a_qmp_that_is_lost_while_it_is_asked_is_the_next_rung(void **state)
{
	(void)state;
	boots();
	(void)asks("stop");
	assert_int_equal(v.life.rung, RUNG_ACPI);
	qemu_goes();
	assert_true(v.life.rung > RUNG_QUIT);
}

/* ---- panics ------------------------------------------------------------------------------- */

static void panics(void)
{
	guest_printed("\r\nKernel panic\r\n");
	pass(300 * MS);
	for (int i = 0; i < 5; i++) {
		qemu_hears("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
		qemu_returns("\"EIP=1 EFL=00000046 CPL=0 HLT=1\\r\\n\"");
		pass(150 * MS);
	}
}

static void a_panic_ends_the_guest_and_tells_who_waits(void **state)
{
	(void)state;
	starts();
	int waits = asks("wait"), shell = asks("shell await wait");

	assert_got(asks("wait ssh"),
		   "78\nno port is forwarded to the guest's port 22 (QEMU_HOSTFWDS)\n");
	panics();
	assert_got(waits, "1\nthe guest panicked\n");
	assert_got(shell, "1\nthe guest panicked\n");
	assert_said("vm:   | Kernel panic\n");
	qemu_does("quit", NULL);
	assert_int_equal(status(), EXIT_PANIC);
	assert_got(asks("wait"), "1\nthe guest panicked\n");
}

static void a_panic_may_be_kept_or_paused(void **state)
{
	(void)state;
	room.plan.s.on_panic = PANIC_KEEP;
	boots();
	panics();
	qemu_is_idle();
	assert_said("vm: VM_ON_PANIC=keep: QEMU runs on\n");
	v.life.verdict = VERDICT_NONE;
	room.plan.s.on_panic = PANIC_PAUSE;
	panics();
	qemu_does("stop", NULL);
	assert_int_equal(v.life.rung, RUNG_NONE);
	/* Behind a stop it is not waited for. */
	v.life.verdict = VERDICT_NONE;
	(void)asks("stop");
	qemu_does("system_powerdown", NULL);
	button_is_looked_at();
	panics();
	qemu_does("quit", NULL);
}

static void who_waits_for_a_guest_that_is_kept_hears_of_it(void **state)
{
	(void)state;
	room.plan.s.on_panic = PANIC_KEEP;
	starts();
	int shell = asks("shell await wait"), login = asks("wait login"), end = asks("wait exit");

	panics();
	assert_got(shell, "1\nthe guest panicked\n");
	assert_got(login, "1\nthe guest panicked\n");
	assert_got(end, "");
}

static void a_failed_boot_counts_before_ready_only(void **state)
{
	(void)state;
	boots();
	guest_printed("\r\nno root\r\n");
	pass(20 * S);
	assert_int_equal(v.life.verdict, VERDICT_NONE);
	assert_false(is_armed(TIMER_PANIC));
}

static void a_guest_that_has_halted_is_ended(void **state)
{
	(void)state;
	boots();
	guest_printed("\r\nSystem halted\r\n");
	pass(300 * MS);
	for (int i = 0; i < 5; i++) {
		qemu_hears("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
		qemu_returns("\"EIP=1 EFL=00000246 CPL=0 HLT=1\\r\\n\"");
		pass(150 * MS);
	}
	assert_said("vm: the guest has shut down (halted); ending QEMU\n");
	qemu_does("quit", NULL);
	assert_int_equal(status(), EXIT_CLEAN);
}

/* ---- resets ------------------------------------------------------------------------------- */

static void a_reset_begins_the_boot_again(void **state)
{
	(void)state;
	boots();
	assert_got(asks("reset"), "0\n");
	assert_false(v.life.ready);
	assert_false(prompt_stands(&v.prompt, clock_now()) && v.life.login);
	qemu_does("stop", NULL);
	qemu_does("set-action", "{\"reboot\":\"reset\"}");
	qemu_tells("RESET", "{\"guest\":false,\"reason\":\"host-qmp-system-reset\"}");
	int waits = asks("wait");

	qemu_hears("system_reset", NULL);
	qemu_returns("{}");
	qemu_does("cont", NULL);
	assert_int_equal(v.phases.current, -1);
	assert_got(waits, "");
	pass(1 * S);
	guest_printed("hurd login: ");
	assert_non_null(strstr(client_got(waits), "0\nready: "));
	qemu_does("set-action", "{\"reboot\":\"shutdown\"}");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_starts_runs_and_becomes_ready),
		TEST(who_wants_it_paused_gets_it_so),
		TEST(a_vnc_password_comes_first),
		TEST(a_late_boot_ends_with_its_picture),
		TEST(a_pause_that_lasts_is_told_of),
		TEST(a_full_disk_has_its_own_line),
		TEST(a_guest_powers_off),
		TEST(what_each_reason_means),
		TEST(a_stop_asks_and_the_guest_obeys),
		TEST(a_stop_before_the_first_moment_outruns_it),
		TEST(a_stop_while_its_disk_is_kept_outruns_it),
		TEST(a_qmp_that_is_lost_while_it_is_asked_is_the_next_rung),
		TEST(a_panic_ends_the_guest_and_tells_who_waits),
		TEST(a_panic_may_be_kept_or_paused),
		TEST(who_waits_for_a_guest_that_is_kept_hears_of_it),
		TEST(a_failed_boot_counts_before_ready_only),
		TEST(a_guest_that_has_halted_is_ended),
		TEST(a_reset_begins_the_boot_again),
	};

	return cmocka_run_group_tests_name("reactions", tests, NULL, NULL);
}
