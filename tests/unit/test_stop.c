/* test_stop.c - the stop carried out rung by rung: what QEMU, its process and the helpers get, and
 * when.
 */
#include "room_stop.h"

static int set_up(void **state)
{
	stop_set_up(state, "acpi,ssh,serial", 150); /* 45 s for each way of asking */
	return 0;
}

static void only(const char *rungs)
{
	const char *bad;

	room.plan.rungs = rungs_parse(rungs, &bad);
	stop_restart(&stop);
}

static void guest_is_ready(void)
{
	guest_runs();
	lifecycle_ready(&room.life, clock_now());
	room.life.login = true;
}

/* As reactions.c does at a rung. */
static void stops(void)
{
	(void)lifecycle_event(&room.life, LIFE_EVENT_STOPS);
}

/* ---- asking ------------------------------------------------------------------------------- */

static void the_button_is_pressed_again_until_its_time_is_over(void **state)
{
	(void)state;
	guest_is_ready();
	stop_ask(&stop, LADDER_STOP);
	assert_told("[rung ACPI power button]");
	assert_said("vm: stopping: ACPI power button\n");
	button_is_pressed();
	stops();
	for (int i = 0; i < 8; i++) {
		assert_int_equal(due_ms(TIMER_LADDER), 5000);
		pass(5 * S - 1);
		qemu_is_idle();
		pass(1);
		qemu_does("system_powerdown", NULL);
	}
	assert_told("");
	pass(5 * S); /* 45 s */
	assert_told("[rung power off over ssh]");
	qemu_is_idle();
	assert_int_equal(due_ms(TIMER_LADDER), 45000);
}

static void a_button_that_cannot_be_pressed_is_passed_over(void **state)
{
	(void)state;
	guest_is_ready();
	qemu_hangs();
	stop_ask(&stop, LADDER_STOP);
	assert_told("[rung ACPI power button][rung power off over ssh]");
}

static void a_guest_that_becomes_ready_is_asked_once_more(void **state)
{
	(void)state;
	guest_is_ready();
	stop_ask(&stop, LADDER_STOP);
	button_is_pressed();
	pass(3 * S);
	stop_ask_again(&stop);
	qemu_does("system_powerdown", NULL);
	assert_int_equal(due_ms(TIMER_LADDER), 5000);
	/* Not one that has ended. */
	room.life.phase = LIFE_DOWN;
	stop_ask_again(&stop);
	qemu_is_idle();
}

static void ssh_takes_the_command(void **state)
{
	(void)state;
	only("ssh");
	guest_is_ready();
	stop_ask(&stop, LADDER_STOP);
	assert_told("[rung power off over ssh]");
	has_written("7");
	stops();
	pass(1 * S);
	helper_ends(HELPER_STOP);
	assert_said("vm: ssh: vm exec --poweroff --via ssh --timeout 135\n");
	/* It is at it: no other way is tried until the time of all is over. */
	assert_told("");
	pass(133 * S);
	assert_told("");
	pass(1 * S);
	assert_told("[rung QMP quit]");
	qemu_does("quit", NULL);
}

static void ssh_fails_and_the_serial_line_is_next(void **state)
{
	(void)state;
	only("ssh,serial");
	guest_is_ready();
	helpers_do("1");
	stop_ask(&stop, LADDER_STOP);
	pass(1 * S);
	assert_told("[rung power off over ssh]");
	helper_ends(HELPER_STOP);
	assert_told("[rung power off on the serial console]");
	helpers_do("0");
	helper_ends(HELPER_STOP);
	assert_said("serial: vm exec --poweroff --via serial --timeout 134\n");
	/* It was the last: nobody has taken the command. */
	assert_told("[rung QMP quit]");
}

static void a_helper_that_hangs_is_ended_with_its_rung(void **state)
{
	pid_t pid;

	(void)state;
	only("ssh");
	guest_is_ready();
	helpers_do("hang");
	stop_ask(&stop, LADDER_STOP);
	has_written("7");
	pid = helper_pid(&room.helpers, HELPER_STOP);
	assert_int_equal(kill(pid, 0), 0);
	pass(135 * S);
	assert_told("[rung power off over ssh][rung QMP quit]");
	helper_ends(HELPER_STOP); /* it was killed, and its end moves nothing */
	assert_told("");
	qemu_does("quit", NULL);
}

static void the_last_word_of_a_helper_is_too_late_when_the_guest_is_down(void **state)
{
	(void)state;
	only("ssh,serial");
	guest_is_ready();
	helpers_do("1");
	stop_ask(&stop, LADDER_STOP);
	(void)room_told();
	room.life.phase = LIFE_DOWN;
	helper_ends(HELPER_STOP);
	assert_told("");
}

static void nothing_is_typed_before_a_login_prompt(void **state)
{
	(void)state;
	only("serial");
	guest_runs();
	stop_event(&stop, LADDER_STOP);
	assert_told("[rung power off on the serial console]");
	assert_said("vm: waiting for a login prompt\n");
	assert_int_equal(helper_pid(&room.helpers, HELPER_STOP), 0);
	pass(100 * S);
	room.life.login = true;
	stop_ask_again(&stop);
	assert_true(helper_pid(&room.helpers, HELPER_STOP) > 0);
	/* Another prompt while it is at work starts no other one, nor when it has taken it. */
	pid_t pid = helper_pid(&room.helpers, HELPER_STOP);

	stop_ask_again(&stop);
	assert_int_equal(helper_pid(&room.helpers, HELPER_STOP), pid);
	helper_ends(HELPER_STOP);
	assert_said("serial: vm exec --poweroff --via serial --timeout 35\n");
	stop_ask_again(&stop);
	assert_int_equal(helper_pid(&room.helpers, HELPER_STOP), 0);
}

static void a_guest_that_shuts_down_gets_the_time_of_all_rungs(void **state)
{
	(void)state;
	guest_is_ready();
	stop_ask(&stop, LADDER_STOP);
	button_is_pressed();
	stop_event(&stop, LADDER_ACCEPTED);
	(void)room_told();
	for (int i = 0; i < 26; i++) { /* the button is pressed on */
		pass(5 * S);
		qemu_does("system_powerdown", NULL);
	}
	assert_told("");
	/* Nothing is left for the other ways: they are not begun. */
	pass(5 * S);
	assert_told("[rung QMP quit]");
	assert_int_equal(helper_pid(&room.helpers, HELPER_STOP), 0);
	qemu_does("quit", NULL);
}

/* ---- nobody to be asked ------------------------------------------------------------------- */

static void a_guest_that_never_ran_is_cut_off_at_once(void **state)
{
	(void)state;
	stop_ask(&stop, LADDER_STOP);
	assert_told("[rung QMP quit]");
	qemu_does("quit", NULL);
	assert_int_equal(due_ms(TIMER_LADDER), 145000);
}

static void a_guest_past_asking_is_cut_off_at_once(void **state)
{
	static const enum verdict verdicts[] = {VERDICT_PANIC, VERDICT_BOOT_FAILED, VERDICT_HALTED,
						VERDICT_LATE, VERDICT_DEAD};

	(void)state;
	guest_is_ready();
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
		stop_restart(&stop);
		room.life.verdict = verdicts[i];
		stop_ask(&stop, LADDER_STOP);
		assert_told("[rung QMP quit]");
		qemu_does("quit", NULL);
	}
}

static void a_paused_guest_runs_to_be_asked(void **state)
{
	(void)state;
	guest_is_ready();
	guest_pauses();
	stop_ask(&stop, LADDER_STOP);
	assert_told("[rung ACPI power button]");
	qemu_does("cont", NULL);
	qemu_does("system_powerdown", NULL);
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
		assert_told("[rung ACPI power button][rung QMP quit]");
		qemu_does("quit", NULL);
	}
	/* A full disk alone, whose guest runs again, is no reason. */
	stop_restart(&stop);
	room.life.phase = LIFE_RUNNING;
	room.life.conditions = 1u << COND_DISK_FULL;
	stop_ask(&stop, LADDER_STOP);
	button_is_pressed();
}

static void a_guest_that_is_down_says_so(void **state)
{
	(void)state;
	guest_is_ready();
	room.life.phase = LIFE_DOWN;
	stop_ask(&stop, LADDER_NOW);
	assert_said("vm: the guest is down already; QEMU is ending\n");
	qemu_does("quit", NULL);
}

/* ---- a guest that will not react ---------------------------------------------------------- */

static void a_button_that_is_not_enabled_is_not_waited_for(void **state)
{
	(void)state;
	only("acpi,ssh");
	guest_is_ready();
	helpers_do("1");
	stop_ask(&stop, LADDER_STOP);
	qemu_does("system_powerdown", NULL); /* it may poll */
	button_is("0x0000");
	assert_said("vm: the guest has not enabled the power button: it is not waited for\n");
	has_written("7");
	pass(399 * MS);
	assert_told("[rung ACPI power button]");
	pass(1 * MS);
	assert_told("[rung power off over ssh]");
	/* Nobody was asked: the next failure is the last. */
	helper_ends(HELPER_STOP);
	assert_told("[rung QMP quit]");
	qemu_does("quit", NULL);
}

static void what_the_monitor_does_not_say_counts_as_enabled(void **state)
{
	static const char *const answers[] = {"0x0300", "?", "0x", "0x00", "0x00000000", "0x0zzz"};

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		guest_is_ready();
		stop_restart(&stop);
		stop_ask(&stop, LADDER_STOP);
		qemu_does("system_powerdown", NULL);
		button_is(answers[i]);
		assert_int_equal(due_ms(TIMER_LADDER), 5000);
		(void)room_told();
	}
	/* Nor is it asked for before the guest can have enabled it. */
	guest_runs();
	room.life.ready = room.life.login = false;
	stop_restart(&stop);
	stop_event(&stop, LADDER_STOP);
	qemu_does("system_powerdown", NULL);
	qemu_is_idle();
}

static void nobody_hurries_where_one_can_log_in(void **state)
{
	(void)state;
	guest_is_ready(); /* it has shown a login, and all three ways apply */
	stop_ask(&stop, LADDER_STOP);
	qemu_does("system_powerdown", NULL);
	button_is("0x0100");
	qemu_is_idle();
}

static void who_has_nothing_to_lose_is_not_asked_for_long(void **state)
{
	static const char *const later[] = {"0", "1"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		guest_is_ready();
		stop_restart(&stop);
		only("acpi");
		stop_ask(&stop, LADDER_STOP);
		qemu_does("system_powerdown", NULL);
		button_is("0x0100");
		has_written("0");
		(void)room_told();
		pass(5 * S - 1);
		assert_told("");
		pass(1);
		/* It is held while that is looked at again. */
		assert_told("[rung QMP quit][+checking-writes]");
		qemu_does("stop", NULL);
		has_written(later[i]);
		assert_told(i ? "[-checking-writes]" : "[-checking-writes][verdict unwritten]");
		if (!i)
			assert_said("the guest does not react and has written nothing to its disk");
		qemu_does("quit", NULL);
	}
	/* One that has heard it gets all its time. */
	guest_is_ready();
	stop_restart(&stop);
	only("acpi");
	stop_ask(&stop, LADDER_STOP);
	qemu_does("system_powerdown", NULL);
	button_is("0x0100");
	has_written("0");
	stop_event(&stop, LADDER_ACCEPTED);
	(void)room_told();
	pass(100 * S);
	assert_told("");
}

/* ---- is there anything to lose? ----------------------------------------------------------- */

/* A guest that boots is held while QEMU is asked. */
static void ask_while_it_boots(void)
{
	guest_runs();
	stop_ask(&stop, LADDER_STOP);
	assert_told("[+checking-writes]");
	qemu_hears("stop", NULL);
	guest_pauses();
	qemu_returns("{}");
	assert_int_equal(due_ms(TIMER_LADDER), 2000);
}

static void a_boot_that_wrote_nothing_is_cut_off(void **state)
{
	(void)state;
	ask_while_it_boots();
	qemu_hears("query-blockstats", NULL);
	qemu_returns("[" STATS("0") "," STATS("0") "]");
	assert_told("[-checking-writes][verdict unwritten][rung QMP quit]");
	assert_said("has written nothing to its disk");
	qemu_does("quit", NULL);
}

static void a_boot_that_wrote_is_asked(void **state)
{
	(void)state;
	ask_while_it_boots();
	qemu_hears("query-blockstats", NULL);
	qemu_returns("[" STATS("0") "," STATS("1") "]");
	assert_told("[-checking-writes][rung ACPI power button]");
	qemu_does("cont", NULL);
	qemu_does("cont", NULL);
	qemu_does("system_powerdown", NULL);
}

/* Its controller counts no writes. */
static void a_floppy_that_was_written_to_counts(void **state)
{
	(void)state;
	ask_while_it_boots();
	qemu_hears("query-blockstats", NULL);
	qemu_returns(
		"[" STATS("0") ",{\"stats\":{\"wr_operations\":0,\"wr_highest_offset\":512}}]");
	assert_told("[-checking-writes][rung ACPI power button]");
	qemu_does("cont", NULL);
	qemu_does("cont", NULL);
	qemu_does("system_powerdown", NULL);
}

static void what_qemu_does_not_tell_counts_as_written(void **state)
{
	(void)state;
	ask_while_it_boots();
	qemu_hears("query-blockstats", NULL);
	qemu_returns("[{\"device\":\"disk0\"}]");
	assert_told("[-checking-writes][rung ACPI power button]");
}

static void a_qemu_that_refuses_to_tell_lets_the_guest_run_on(void **state)
{
	(void)state;
	ask_while_it_boots();
	qemu_hears("query-blockstats", NULL);
	qemu_fails("no");
	assert_told("[-checking-writes][rung ACPI power button]");
	qemu_does("cont", NULL);
	qemu_does("system_powerdown", NULL);
}

static void a_qemu_that_does_not_tell_is_waited_for_two_seconds(void **state)
{
	(void)state;
	ask_while_it_boots();
	pass(2 * S - 1);
	assert_told("");
	pass(1);
	assert_told("[-checking-writes][rung ACPI power button]");
	qemu_hears("query-blockstats", NULL);
	qemu_returns("[" STATS("0") "]"); /* too late */
	assert_told("");
	qemu_does("cont", NULL);
	qemu_does("cont", NULL);
	qemu_does("system_powerdown", NULL);
}

static void a_second_signal_does_not_wait_for_the_answer(void **state)
{
	(void)state;
	ask_while_it_boots();
	stop_ask(&stop, LADDER_STOP);
	assert_told("[-checking-writes][rung ACPI power button]");
}

static void a_stop_now_asks_nothing(void **state)
{
	(void)state;
	guest_runs();
	stop_ask(&stop, LADDER_NOW);
	assert_told("[rung QMP quit]");
	qemu_does("quit", NULL);
}

static void the_question_is_only_asked_before_the_first_rung(void **state)
{
	(void)state;
	guest_runs();
	stop_event(&stop, LADDER_STOP);
	qemu_does("system_powerdown", NULL);
	(void)room_told();
	stop_ask(&stop, LADDER_STOP);
	assert_told("[rung power off over ssh]");
	qemu_is_idle();
}

/* It would hold the guest, which then could not hear that it is to power off. */
static void a_question_that_qemu_takes_half_of_is_not_asked(void **state)
{
	(void)state;
	only("ssh");
	guest_runs();
	qemu_hangs();
	room.qmp.queued--;
	stop_ask(&stop, LADDER_STOP);
	assert_int_equal(room.qmp.queued, QMP_QUEUE - 1);
	assert_told("[rung power off over ssh]");
	room.qmp.queued = QMP_QUEUE;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_button_is_pressed_again_until_its_time_is_over),
		TEST(a_button_that_cannot_be_pressed_is_passed_over),
		TEST(a_guest_that_becomes_ready_is_asked_once_more),
		TEST(ssh_takes_the_command),
		TEST(ssh_fails_and_the_serial_line_is_next),
		TEST(a_helper_that_hangs_is_ended_with_its_rung),
		TEST(the_last_word_of_a_helper_is_too_late_when_the_guest_is_down),
		TEST(nothing_is_typed_before_a_login_prompt),
		TEST(a_guest_that_shuts_down_gets_the_time_of_all_rungs),
		TEST(a_guest_that_never_ran_is_cut_off_at_once),
		TEST(a_guest_past_asking_is_cut_off_at_once),
		TEST(a_paused_guest_runs_to_be_asked),
		TEST(a_guest_that_cannot_run_is_not_asked),
		TEST(a_button_that_is_not_enabled_is_not_waited_for),
		TEST(what_the_monitor_does_not_say_counts_as_enabled),
		TEST(nobody_hurries_where_one_can_log_in),
		TEST(who_has_nothing_to_lose_is_not_asked_for_long),
		TEST(a_guest_that_is_down_says_so),
		TEST(a_boot_that_wrote_nothing_is_cut_off),
		TEST(a_boot_that_wrote_is_asked),
		TEST(a_floppy_that_was_written_to_counts),
		TEST(what_qemu_does_not_tell_counts_as_written),
		TEST(a_qemu_that_refuses_to_tell_lets_the_guest_run_on),
		TEST(a_qemu_that_does_not_tell_is_waited_for_two_seconds),
		TEST(a_second_signal_does_not_wait_for_the_answer),
		TEST(a_stop_now_asks_nothing),
		TEST(a_question_that_qemu_takes_half_of_is_not_asked),
		TEST(the_question_is_only_asked_before_the_first_rung),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
