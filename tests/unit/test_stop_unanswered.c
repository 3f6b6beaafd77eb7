/* test_stop_unanswered.c - stopping guests that do not react or have written nothing.
 */
#include "room_stop_ask.h"

/* ---- a guest that will not react ---------------------------------------------------------- */

static void a_disabled_button_ends_its_step_soon(void **state)
{
	(void)state;
	use_steps("acpi,ssh");
	guest_is_ready();
	helpers_do("1");
	stop_ask(&stop, LADDER_STOP);
	qemu_acks("system_powerdown", NULL); /* it may poll */
	power_register_is("0x00010000");
	assert_logged("vm: the guest has not enabled the power button: not waiting for it\n");
	disk_writes_are("7");
	advance(399 * MS);
	assert_posted("[rung ACPI power button]");
	advance(1 * MS);
	assert_posted("[rung power off over ssh]");
	/* The guest was not asked, so the next failure ends the asking steps. */
	helper_ends(HELPER_STOP);
	assert_posted("[rung QMP quit]");
	qemu_acks("quit", NULL);
}

static void an_unknown_button_counts_as_enabled(void **state)
{
	static const char *const answers[] = {"0x00010300",	    "?",	 "0x", "0x0000",
					      "0x0000000000000000", "0x0zzzzzzz"};

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		guest_is_ready();
		stop_restart(&stop);
		stop_ask(&stop, LADDER_STOP);
		qemu_acks("system_powerdown", NULL);
		power_register_is(answers[i]);
		assert_int_equal(ms_until(TIMER_LADDER), 5000);
		(void)room_posted();
	}
}

/* The button is pressed, and the registers are VALUE: how long the guest is waited for, in ms. */
static long waits_after(const char *value)
{
	qemu_acks("system_powerdown", NULL);
	power_register_is(value);
	return ms_until(TIMER_LADDER);
}

static void a_guest_that_boots_may_still_enable_it(void **state)
{
	(void)state;
	guest_runs();
	use_steps("acpi,ssh");
	stop_event(&stop, LADDER_STOP);
	assert_int_equal(waits_after("0x00010000"), 5000);
	advance(5000 * MS);
	assert_int_equal(waits_after("0x00010000"), 5000);
	/* It has. */
	advance(5000 * MS);
	assert_int_equal(waits_after("0x00010100"), 5000);
	advance(5000 * MS);
	qemu_acks("system_powerdown", NULL);
	qemu_is_idle();
}

static void a_guest_without_acpi_is_not_waited_for(void **state)
{
	(void)state;
	guest_runs();
	use_steps("acpi,ssh");
	stop_event(&stop, LADDER_STOP);
	assert_int_equal(waits_after("0x00000000"), 400);
	/* Nor is one whose shell waits for input, ready or not. */
	stop_restart(&stop);
	prompt_output(&room.prompt, (const uint8_t *)"lines\r\n$ ", 9, clock_now());
	advance(50 * MS);
	stop_event(&stop, LADDER_STOP);
	assert_int_equal(waits_after("0x00010000"), 400);
}

static void a_guest_with_a_login_is_not_hurried(void **state)
{
	(void)state;
	guest_is_ready(); /* it has shown a login prompt, and all three steps apply */
	stop_ask(&stop, LADDER_STOP);
	qemu_acks("system_powerdown", NULL);
	power_register_is("0x00010100");
	qemu_is_idle();
}

static void a_guest_that_wrote_nothing_has_less_time(void **state)
{
	static const char *const later[] = {"0", "1"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		guest_is_ready();
		stop_restart(&stop);
		use_steps("acpi");
		stop_ask(&stop, LADDER_STOP);
		qemu_acks("system_powerdown", NULL);
		power_register_is("0x00010100");
		disk_writes_are("0");
		(void)room_posted();
		advance(5 * S - 1);
		assert_posted("");
		advance(1);
		/* It is paused while that is checked again. */
		assert_posted("[rung QMP quit][+checking-writes]");
		qemu_acks("stop", NULL);
		disk_writes_are(later[i]);
		assert_posted(i ? "[-checking-writes]" : "[-checking-writes][verdict unwritten]");
		if (!i)
			assert_logged(
				"the guest does not react and has written nothing to its disk");
		qemu_acks("quit", NULL);
	}
	/* A guest that reacts gets all of its time. */
	guest_is_ready();
	stop_restart(&stop);
	use_steps("acpi");
	stop_ask(&stop, LADDER_STOP);
	qemu_acks("system_powerdown", NULL);
	power_register_is("0x00010100");
	disk_writes_are("0");
	stop_event(&stop, LADDER_ACCEPTED);
	(void)room_posted();
	advance(100 * S);
	assert_posted("");
}

/* ---- unwritten data -------------------------------------------------------------------------- */

/* A booting guest is paused while QEMU is queried. */
static void stop_while_booting(void)
{
	guest_runs();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[+checking-writes]");
	qemu_gets("stop", NULL);
	guest_pauses();
	qemu_returns("{}");
	assert_int_equal(ms_until(TIMER_LADDER), 2000);
}

static void a_booting_guest_that_wrote_nothing_is_cut_off(void **state)
{
	(void)state;
	stop_while_booting();
	qemu_gets("query-blockstats", NULL);
	qemu_returns("[" STATS("0") "," STATS("0") "]");
	assert_posted("[-checking-writes][verdict unwritten][rung QMP quit]");
	assert_logged("has written nothing to its disk");
	qemu_acks("quit", NULL);
}

static void a_booting_guest_that_wrote_is_asked(void **state)
{
	(void)state;
	stop_while_booting();
	qemu_gets("query-blockstats", NULL);
	qemu_returns("[" STATS("0") "," STATS("1") "]");
	assert_posted("[-checking-writes][rung ACPI power button]");
	qemu_acks("cont", NULL);
	qemu_acks("cont", NULL);
	qemu_acks("system_powerdown", NULL);
}

static void stop_a_dead_guest(void)
{
	guest_is_ready();
	room.life.verdict = VERDICT_DEAD;
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung QMP quit][+checking-writes]");
	qemu_acks("stop", NULL);
	qemu_gets("query-blockstats", NULL);
}

static void a_dead_guest_that_wrote_nothing_has_lost_nothing(void **state)
{
	(void)state;
	stop_a_dead_guest();
	qemu_returns("[" STATS("0") "]");
	assert_posted("[-checking-writes][verdict unwritten]");
	assert_logged("does not react and has written nothing to its disk");
	qemu_acks("quit", NULL);
}

static void a_dead_guest_that_wrote_is_cut_off(void **state)
{
	(void)state;
	stop_a_dead_guest();
	qemu_returns("[" STATS("1") "]");
	assert_posted("[-checking-writes]");
	/* The time for QEMU's end, no longer that for its answer. */
	assert_int_equal(ms_until(TIMER_LADDER), 145000);
	qemu_acks("quit", NULL);
}

static void uefi_variables_do_not_count_as_a_disk(void **state)
{
	(void)state;
	stop_while_booting();
	qemu_gets("query-blockstats", NULL);
	qemu_returns("[" STATS("0") ",{\"node-name\":\"variables\",\"stats\":{\"wr_operations\":9,"
				    "\"wr_highest_offset\":512}}]");
	assert_posted("[-checking-writes][verdict unwritten][rung QMP quit]");
	qemu_acks("quit", NULL);
}

/* Its controller counts no writes. */
static void a_floppy_that_was_written_to_counts(void **state)
{
	(void)state;
	stop_while_booting();
	qemu_gets("query-blockstats", NULL);
	qemu_returns(
		"[" STATS("0") ",{\"stats\":{\"wr_operations\":0,\"wr_highest_offset\":512}}]");
	assert_posted("[-checking-writes][rung ACPI power button]");
	qemu_acks("cont", NULL);
	qemu_acks("cont", NULL);
	qemu_acks("system_powerdown", NULL);
}

static void without_an_answer_of_qemu_the_guest_has_written(void **state)
{
	(void)state;
	stop_while_booting();
	qemu_gets("query-blockstats", NULL);
	qemu_returns("[{\"device\":\"disk0\"}]");
	assert_posted("[-checking-writes][rung ACPI power button]");
}

static void if_qemu_refuses_the_query_the_guest_continues(void **state)
{
	(void)state;
	stop_while_booting();
	qemu_gets("query-blockstats", NULL);
	qemu_fails("no");
	assert_posted("[-checking-writes][rung ACPI power button]");
	qemu_acks("cont", NULL);
	qemu_acks("system_powerdown", NULL);
}

static void the_query_has_two_seconds(void **state)
{
	(void)state;
	stop_while_booting();
	advance(2 * S - 1);
	assert_posted("");
	advance(1);
	assert_posted("[-checking-writes][rung ACPI power button]");
	qemu_gets("query-blockstats", NULL);
	qemu_returns("[" STATS("0") "]"); /* too late */
	assert_posted("");
	qemu_acks("cont", NULL);
	qemu_acks("cont", NULL);
	qemu_acks("system_powerdown", NULL);
}

static void a_second_signal_does_not_wait_for_the_answer(void **state)
{
	(void)state;
	stop_while_booting();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[-checking-writes][rung ACPI power button]");
}

static void a_stop_now_queries_nothing(void **state)
{
	(void)state;
	guest_runs();
	stop_ask(&stop, LADDER_NOW);
	assert_posted("[rung QMP quit]");
	qemu_acks("quit", NULL);
}

static void the_query_is_sent_only_before_the_first_step(void **state)
{
	(void)state;
	guest_runs();
	stop_event(&stop, LADDER_STOP);
	powerdown_is_sent();
	(void)room_posted();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung power off over ssh]");
	qemu_is_idle();
}

/* It would keep the guest paused, which could then not react to the power button. */
static void a_partly_sent_query_is_not_waited_for(void **state)
{
	(void)state;
	use_steps("ssh");
	guest_runs();
	qemu_hangs();
	room.qmp.queued--;
	stop_ask(&stop, LADDER_STOP);
	assert_int_equal(room.qmp.queued, QMP_QUEUE - 1);
	assert_posted("[rung power off over ssh]");
	room.qmp.queued = QMP_QUEUE;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_disabled_button_ends_its_step_soon),
		TEST(an_unknown_button_counts_as_enabled),
		TEST(a_guest_that_boots_may_still_enable_it),
		TEST(a_guest_without_acpi_is_not_waited_for),
		TEST(a_guest_with_a_login_is_not_hurried),
		TEST(a_guest_that_wrote_nothing_has_less_time),
		TEST(a_booting_guest_that_wrote_nothing_is_cut_off),
		TEST(a_booting_guest_that_wrote_is_asked),
		TEST(a_dead_guest_that_wrote_nothing_has_lost_nothing),
		TEST(a_dead_guest_that_wrote_is_cut_off),
		TEST(uefi_variables_do_not_count_as_a_disk),
		TEST(a_floppy_that_was_written_to_counts),
		TEST(without_an_answer_of_qemu_the_guest_has_written),
		TEST(if_qemu_refuses_the_query_the_guest_continues),
		TEST(the_query_has_two_seconds),
		TEST(a_second_signal_does_not_wait_for_the_answer),
		TEST(a_stop_now_queries_nothing),
		TEST(a_partly_sent_query_is_not_waited_for),
		TEST(the_query_is_sent_only_before_the_first_step),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
