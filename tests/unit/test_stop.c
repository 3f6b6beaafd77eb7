/* test_stop.c - the steps of a stop: what is sent to QEMU, its process and the helpers, and when.
 */
#include "room_stop_ask.h"
/* ---- asking ------------------------------------------------------------------------------- */

static void the_button_is_pressed_again_until_the_step_ends(void **state)
{
	(void)state;
	guest_is_ready();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung ACPI power button]");
	assert_logged("vm: stopping: ACPI power button\n");
	powerdown_is_sent();
	stop_begins();
	for (int i = 0; i < 8; i++) {
		assert_int_equal(ms_until(TIMER_LADDER), 5000);
		advance(5 * S - 1);
		qemu_is_idle();
		advance(1);
		qemu_acks("system_powerdown", NULL);
	}
	assert_posted("");
	advance(5 * S); /* 45 s */
	assert_posted("[rung power off over ssh]");
	qemu_is_idle();
	assert_int_equal(ms_until(TIMER_LADDER), 45000);
}

static void a_button_that_cannot_be_pressed_is_skipped(void **state)
{
	(void)state;
	guest_is_ready();
	qemu_hangs();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung ACPI power button][rung power off over ssh]");
}

static void a_guest_that_becomes_ready_is_asked_once_more(void **state)
{
	(void)state;
	guest_is_ready();
	stop_ask(&stop, LADDER_STOP);
	powerdown_is_sent();
	advance(3 * S);
	stop_ask_again(&stop);
	qemu_acks("system_powerdown", NULL);
	assert_int_equal(ms_until(TIMER_LADDER), 5000);
	/* Not one that has ended. */
	room.life.phase = LIFE_DOWN;
	stop_ask_again(&stop);
	qemu_is_idle();
}

static void ssh_accepts_the_command(void **state)
{
	(void)state;
	use_steps("ssh");
	guest_is_ready();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung power off over ssh]");
	disk_writes_are("7");
	stop_begins();
	advance(1 * S);
	helper_ends(HELPER_STOP);
	assert_logged("vm: ssh: vm exec --poweroff --via ssh --timeout 135\n");
	/* It is shutting down: no other step begins until the total time is over. */
	assert_posted("");
	advance(133 * S);
	assert_posted("");
	advance(1 * S);
	assert_posted("[rung QMP quit]");
	qemu_acks("quit", NULL);
}

static void after_ssh_fails_the_serial_line_is_used(void **state)
{
	(void)state;
	use_steps("ssh,serial");
	guest_is_ready();
	helpers_do("1");
	stop_ask(&stop, LADDER_STOP);
	advance(1 * S);
	assert_posted("[rung power off over ssh]");
	helper_ends(HELPER_STOP);
	assert_posted("[rung power off on the serial console]");
	helpers_do("0");
	helper_ends(HELPER_STOP);
	assert_logged("serial: vm exec --poweroff --via serial --timeout 134\n");
	/* It was the last step: no shell has accepted the command. */
	assert_posted("[rung QMP quit]");
}

static void a_hanging_helper_ends_with_its_step(void **state)
{
	pid_t pid;

	(void)state;
	use_steps("ssh");
	guest_is_ready();
	helpers_do("hang");
	stop_ask(&stop, LADDER_STOP);
	disk_writes_are("7");
	pid = helper_pid(&room.helpers, HELPER_STOP);
	assert_int_equal(kill(pid, 0), 0);
	advance(135 * S);
	assert_posted("[rung power off over ssh][rung QMP quit]");
	helper_ends(HELPER_STOP); /* it was killed, and its end has no effect */
	assert_posted("");
	qemu_acks("quit", NULL);
}

static void a_helper_that_ends_after_the_guest_is_ignored(void **state)
{
	(void)state;
	use_steps("ssh,serial");
	guest_is_ready();
	helpers_do("1");
	stop_ask(&stop, LADDER_STOP);
	(void)room_posted();
	room.life.phase = LIFE_DOWN;
	helper_ends(HELPER_STOP);
	assert_posted("");
}

static void nothing_is_typed_before_a_login_prompt(void **state)
{
	(void)state;
	use_steps("serial");
	guest_runs();
	stop_event(&stop, LADDER_STOP);
	assert_posted("[rung power off on the serial console]");
	assert_logged("vm: waiting for a login prompt\n");
	assert_int_equal(helper_pid(&room.helpers, HELPER_STOP), 0);
	advance(100 * S);
	room.life.login = true;
	stop_ask_again(&stop);
	assert_true(helper_pid(&room.helpers, HELPER_STOP) > 0);
	/* Another prompt starts no second helper while one runs or after the command was accepted.
	 */
	pid_t pid = helper_pid(&room.helpers, HELPER_STOP);

	stop_ask_again(&stop);
	assert_int_equal(helper_pid(&room.helpers, HELPER_STOP), pid);
	helper_ends(HELPER_STOP);
	assert_logged("serial: vm exec --poweroff --via serial --timeout 35\n");
	stop_ask_again(&stop);
	assert_int_equal(helper_pid(&room.helpers, HELPER_STOP), 0);
}

static void a_guest_that_shuts_down_gets_the_time_of_all_steps(void **state)
{
	(void)state;
	guest_is_ready();
	stop_ask(&stop, LADDER_STOP);
	powerdown_is_sent();
	stop_event(&stop, LADDER_ACCEPTED);
	(void)room_posted();
	for (int i = 0; i < 26; i++) { /* the button is pressed again */
		advance(5 * S);
		qemu_acks("system_powerdown", NULL);
	}
	assert_posted("");
	/* No time is left for the other steps: they are skipped. */
	advance(5 * S);
	assert_posted("[rung QMP quit]");
	assert_int_equal(helper_pid(&room.helpers, HELPER_STOP), 0);
	qemu_acks("quit", NULL);
}

/* ---- guests that cannot be asked ---------------------------------------------------------- */

static void a_guest_that_never_ran_is_cut_off_at_once(void **state)
{
	(void)state;
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung QMP quit]");
	qemu_acks("quit", NULL);
	assert_int_equal(ms_until(TIMER_LADDER), 145000);
}

static void a_guest_that_cannot_react_is_cut_off_at_once(void **state)
{
	static const enum verdict verdicts[] = {VERDICT_PANIC, VERDICT_BOOT_FAILED, VERDICT_HALTED,
						VERDICT_LATE};

	(void)state;
	guest_is_ready();
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
		stop_restart(&stop);
		room.life.verdict = verdicts[i];
		stop_ask(&stop, LADDER_STOP);
		assert_posted("[rung QMP quit]");
		qemu_acks("quit", NULL);
	}
}

static void a_paused_guest_is_continued_to_be_asked(void **state)
{
	(void)state;
	guest_is_ready();
	guest_pauses();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung ACPI power button]");
	qemu_acks("cont", NULL);
	qemu_acks("system_powerdown", NULL);
}

static void a_guest_that_cannot_run_is_not_asked(void **state)
{
	static const enum condition conditions[] = {COND_DISK_ERROR, COND_LOAD_FAILED,
						    COND_INTERNAL_ERROR, COND_WATCHDOG};

	(void)state;
	guest_is_ready();
	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
		stop_restart(&stop);
		room.life.phase = LIFE_PAUSED;
		room.life.conditions = 1u << conditions[i];
		stop_ask(&stop, LADDER_STOP);
		assert_posted("[rung ACPI power button][rung QMP quit]");
		qemu_acks("quit", NULL);
	}
	/* A full disk alone, with a guest that runs again, is no reason. */
	stop_restart(&stop);
	room.life.phase = LIFE_RUNNING;
	room.life.conditions = 1u << COND_DISK_FULL;
	stop_ask(&stop, LADDER_STOP);
	powerdown_is_sent();
}

static void a_shutdown_is_reported(void **state)
{
	(void)state;
	guest_is_ready();
	room.life.phase = LIFE_DOWN;
	stop_ask(&stop, LADDER_NOW);
	assert_logged("vm: the guest is down already; QEMU is ending\n");
	qemu_acks("quit", NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_button_is_pressed_again_until_the_step_ends),
		TEST(a_button_that_cannot_be_pressed_is_skipped),
		TEST(a_guest_that_becomes_ready_is_asked_once_more),
		TEST(ssh_accepts_the_command),
		TEST(after_ssh_fails_the_serial_line_is_used),
		TEST(a_hanging_helper_ends_with_its_step),
		TEST(a_helper_that_ends_after_the_guest_is_ignored),
		TEST(nothing_is_typed_before_a_login_prompt),
		TEST(a_guest_that_shuts_down_gets_the_time_of_all_steps),
		TEST(a_guest_that_never_ran_is_cut_off_at_once),
		TEST(a_guest_that_cannot_react_is_cut_off_at_once),
		TEST(a_paused_guest_is_continued_to_be_asked),
		TEST(a_guest_that_cannot_run_is_not_asked),
		TEST(a_shutdown_is_reported),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
