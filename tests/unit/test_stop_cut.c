/* test_stop_cut.c - the steps of a stop that do not involve the guest: saving a state, QMP quit,
 * signals.
 */
#include <sys/ptrace.h>

#include "room_stop.h"

static int set_up(void **state)
{
	stop_set_up(state, "acpi", 60);
	guest_runs();
	lifecycle_ready(&room.life, clock_now());
	return 0;
}

static void a_qemu_that_hangs_is_signalled_twice(void **state)
{
	(void)state;
	qemu_process_runs();
	stop_ask(&stop, LADDER_NOW);
	assert_posted("[rung QMP quit]");
	qemu_gets("quit", NULL); /* without effect */
	advance(58 * S);
	assert_posted("[rung SIGTERM to QEMU][rung SIGKILL to QEMU]");
	assert_int_equal(qemu_process_ended_by(), SIGTERM);
	assert_false(is_armed(TIMER_LADDER));
}

static void without_qmp_the_signal_follows(void **state)
{
	(void)state;
	qemu_process_runs();
	qemu_disconnects();
	stop_ask(&stop, LADDER_NOW);
	assert_posted("[rung QMP quit][rung SIGTERM to QEMU]");
	assert_int_equal(qemu_process_ended_by(), SIGTERM);
}

static void a_qemu_that_has_not_greeted_is_not_asked_to_quit(void **state)
{
	(void)state;
	qemu_process_runs();
	qemu_connects(room_event, NULL);
	stop_ask(&stop, LADDER_NOW);
	assert_posted("[rung QMP quit][rung SIGTERM to QEMU]");
	qemu_is_idle();
	assert_int_equal(qemu_process_ended_by(), SIGTERM);
}

static void sigkill_goes_to_the_group(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	/* A child of QEMU holds the pipe open and ignores SIGTERM. */
	room.life.qemu = room.child = fork();
	if (room.child == 0) {
		(void)setpgid(0, 0);
		(void)signal(SIGTERM, SIG_IGN);
		if (fork() == 0)
			(void)alarm(30); /* so that it does not outlive this test for long */
		else
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)write(ends[1], "r", 1);
		for (;;)
			(void)pause();
	}
	(void)setpgid(room.child, room.child);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1) + read(ends[0], &byte, 1), 2);
	qemu_disconnects();
	stop_ask(&stop, LADDER_NOW);
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung QMP quit][rung SIGTERM to QEMU][rung SIGKILL to QEMU]");
	assert_int_equal(qemu_process_ended_by(), SIGKILL);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void)close(ends[0]);
}

static void a_qemu_that_cannot_be_signalled_ends_the_stop(void **state)
{
	(void)state;
	qemu_process_runs();
	(void)kill(room.child, SIGKILL);
	(void)qemu_process_ended_by();
	qemu_disconnects();
	stop_ask(&stop, LADDER_NOW);
	assert_posted("[rung QMP quit][rung SIGTERM to QEMU][rung SIGKILL to QEMU][rung down]");
	assert_logged("vm: warning: QEMU cannot be signalled: No such process\n");
	/* And stays continued. */
	stop_ask(&stop, LADDER_STOP);
	assert_posted("");
}

static void a_qemu_that_has_ended_is_not_signalled(void **state)
{
	(void)state;
	room.life.qemu = 1;
	room.life.qemu_ended = true;
	qemu_disconnects();
	stop_ask(&stop, LADDER_NOW);
	stop_ask(&stop, LADDER_NOW);
	assert_posted("[rung QMP quit][rung SIGTERM to QEMU][rung SIGKILL to QEMU]");
}

static void a_suspended_qemu_is_continued(void **state)
{
	int status;

	(void)state;
	qemu_process_runs();
	(void)kill(room.child, SIGSTOP);
	assert_int_equal(waitpid(room.child, &status, WUNTRACED), room.child);
	stop_ask(&stop, LADDER_STOP);
	assert_logged("QEMU was stopped by a signal or a debugger: continued (SIGCONT)");
	assert_posted("[rung ACPI power button]");
	assert_int_equal(waitpid(room.child, &status, WCONTINUED), room.child);
	assert_true(WIFCONTINUED(status));
	/* A QEMU that runs causes no message. */
	stop_ask(&stop, LADDER_NOW);
	assert_null(strstr(room_logged(), "was stopped"));
}

/* SIGSTOP takes effect a moment after it was sent. */
static void a_qemu_suspended_after_the_request_is_continued(void **state)
{
	(void)state;
	qemu_process_runs();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung ACPI power button]");
	qemu_gets("system_powerdown", NULL);
	(void)kill(room.child, SIGSTOP);
	int status;

	assert_int_equal(waitpid(room.child, &status, WUNTRACED), room.child);
	advance(5 * S);
	assert_logged("QEMU was stopped by a signal or a debugger: continued (SIGCONT)");
}

static void a_qemu_under_a_debugger_is_killed(void **state)
{
	int status;

	(void)state;
	qemu_process_runs();
	assert_int_equal(ptrace(PTRACE_ATTACH, room.child, NULL, NULL), 0);
	assert_int_equal(waitpid(room.child, &status, 0), room.child);
	stop_ask(&stop, LADDER_STOP);
	assert_logged(
		"QEMU was stopped by a signal or a debugger, and cannot be continued: it is ended "
		"at once");
	assert_posted("[rung QMP quit][rung SIGTERM to QEMU]");
}

static void helpers_that_prepare_a_start_are_ended(void **state)
{
	static const enum helper_id ids[] = {HELPER_SHARE, HELPER_DISK};
	char *argv[] = {(char *)"x", NULL};

	(void)state;
	helpers_do("hang");
	for (size_t i = 0; i < 2; i++) {
		struct child c = {.path = "/proc/self/exe", .argv = argv, .envp = environ};
		struct error err = {0};

		assert_true(helper_start(&room.helpers, ids[i], "x", &c, NULL, NULL, &err));
		stop_ask(&stop, LADDER_STOP);
		helper_ends(ids[i]);
	}
}

static void another_qemu_has_not_been_asked(void **state)
{
	(void)state;
	stop_ask(&stop, LADDER_STOP);
	assert_true(is_armed(TIMER_LADDER));
	stop_restart(&stop);
	assert_false(is_armed(TIMER_LADDER));
	assert_int_equal(stop.ladder.rung, RUNG_NONE);
	assert_int_equal(stop.ladder.end_ns, 0);
}

/* ---- suspending --------------------------------------------------------------------------- */

static void suspend_is_wanted(void)
{
	room.plan.rungs |= 1u << RUNG_SUSPEND;
	stop_restart(&stop);
}

static void a_state_that_cannot_be_saved_does_not_delay_the_stop(void **state)
{
	(void)state;
	suspend_is_wanted();
	(void)error_set(&room.plan.no_state, EXIT_BAD_SETTING, "remove one", "it has two disks");
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung suspend][rung ACPI power button]");
	assert_logged("it has two disks");
	qemu_acks("system_powerdown", NULL);
}

static void a_guest_in_a_debugger_is_not_suspended(void **state)
{
	(void)state;
	suspend_is_wanted();
	room.plan.s.gdb = true;
	guest_pauses();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung suspend][rung ACPI power button]");
	assert_logged("a guest stopped by a debugger cannot be suspended");
	qemu_acks("cont", NULL);
	qemu_acks("cont", NULL);
	qemu_acks("system_powerdown", NULL);
}

static void a_save_that_takes_too_long_is_cancelled(void **state)
{
	char dir[] = "/tmp/test-stop.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	room.plan.s.state_dir = dir;
	suspend_is_wanted();
	stop_ask(&stop, LADDER_STOP);
	assert_posted("[rung suspend][+suspending]");
	qemu_gets("stop", NULL);
	advance(60 * S);
	assert_string_not_equal(room_posted(), "");
	assert_logged("saving the suspended state was cancelled");
	assert_int_equal(save.saving, SAVING_NOTHING);
	assert_int_equal(rmdir(dir), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_qemu_that_hangs_is_signalled_twice),
		TEST(without_qmp_the_signal_follows),
		TEST(a_qemu_that_has_not_greeted_is_not_asked_to_quit),
		TEST(sigkill_goes_to_the_group),
		TEST(a_qemu_that_cannot_be_signalled_ends_the_stop),
		TEST(a_qemu_that_has_ended_is_not_signalled),
		TEST(a_suspended_qemu_is_continued),
		TEST(a_qemu_suspended_after_the_request_is_continued),
		TEST(a_qemu_under_a_debugger_is_killed),
		TEST(helpers_that_prepare_a_start_are_ended),
		TEST(another_qemu_has_not_been_asked),
		TEST(a_state_that_cannot_be_saved_does_not_delay_the_stop),
		TEST(a_guest_in_a_debugger_is_not_suspended),
		TEST(a_save_that_takes_too_long_is_cancelled),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("stop_cut", tests, NULL, NULL);
}
