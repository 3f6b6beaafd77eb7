/* test_lifecycle.c - the state machine of the guest's life: its table, verdicts, exit statuses and
 * texts.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "pid1/lifecycle.h"

/* As waitpid(2) has them. */
#define EXITED(n)   ((n) << 8)
#define SIGNALED(n) (n)

static void every_event_in_every_phase(void **state)
{
	/* SPAWNED, WAITS, RUNS, PAUSES, STOPS, ENDS, KEPT: the first letter of the next phase, with
	 * x for STOPPING. */
	static const char *const next[LIFE_PHASES] = {[LIFE_STARTING] = "sprsxdp",
						      [LIFE_PAUSED] = "sprpxdp",
						      [LIFE_RUNNING] = "sprpxdp",
						      [LIFE_STOPPING] = "sxxxxdp",
						      [LIFE_DOWN] = "sdddddp"};
	static const char letters[] = "sprxd";

	(void)state;
	for (int phase = 0; phase < LIFE_PHASES; phase++)
		for (int event = 0; event < LIFE_EVENTS; event++) {
			struct lifecycle l = {.phase = (enum life_phase)phase};
			bool changed = lifecycle_event(&l, (enum life_event)event);

			if (letters[l.phase] != next[phase][event])
				fail_msg("phase %d, event %d: %d", phase, event, l.phase);
			assert_int_equal(changed, (int)l.phase != phase);
			assert_int_equal(l.ran, event == LIFE_EVENT_RUNS);
		}
}

static void a_guest_stopped_before_it_ran_has_not_run(void **state)
{
	struct lifecycle l = {.phase = LIFE_STOPPING, .rung = RUNG_ACPI};

	(void)state;
	assert_false(lifecycle_event(&l, LIFE_EVENT_RUNS));
	assert_false(l.ran);
	/* One that ran before, and was paused, has. */
	l.ran = true;
	assert_false(lifecycle_event(&l, LIFE_EVENT_RUNS));
	assert_int_equal(l.phase, LIFE_STOPPING);
	assert_true(l.ran);
}

static void another_qemu_begins_with_a_clean_state(void **state)
{
	struct lifecycle l = {.phase = LIFE_DOWN,
			      .cause = CAUSE_QUIT,
			      .verdict = VERDICT_LATE,
			      .conditions = ~0u,
			      .rung = RUNG_KILL,
			      .ran = true,
			      .ready = true,
			      .login = true,
			      .resumed = true,
			      .signalled = true,
			      .qemu = 17,
			      .qemu_ended = true,
			      .qemu_status = 9,
			      .spawned_ns = 1,
			      .qmp_ns = 2,
			      .running_ns = 3,
			      .ready_ns = 4};

	(void)state;
	lifecycle_restart(&l);
	assert_int_equal(l.phase, LIFE_STARTING);
	assert_int_equal(l.cause, CAUSE_NONE);
	assert_int_equal(l.verdict, VERDICT_NONE);
	assert_int_equal(l.conditions, 0);
	assert_int_equal(l.rung, RUNG_NONE);
	assert_false(l.ran || l.ready || l.login || l.resumed);
	assert_true(l.spawned_ns + l.qmp_ns + l.running_ns + l.ready_ns == 0);
	/* The requests to PID 1, and what it knows about QEMU's process. */
	assert_true(l.signalled && l.qemu_ended);
	assert_int_equal(l.qemu, 17);
	assert_int_equal(l.qemu_status, 9);
}

static void a_higher_verdict_replaces_a_lower_one(void **state)
{
	/* By rank, spelled out: the order of the enum is what is tested. */
	static const enum verdict ranks[] = {VERDICT_NONE,   VERDICT_DEAD,	VERDICT_UNWRITTEN,
					     VERDICT_HALTED, VERDICT_SUSPENDED, VERDICT_TIME_OVER,
					     VERDICT_LATE,   VERDICT_PANIC,	VERDICT_BOOT_FAILED,
					     VERDICT_GAVE_UP};
	const size_t n = sizeof ranks / sizeof *ranks;

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			struct lifecycle l = {.verdict = ranks[i]};

			lifecycle_judge(&l, ranks[k]);
			assert_int_equal(l.verdict, ranks[i > k ? i : k]);
		}
}

static void what_each_verdict_means_for_clients(void **state)
{
	/* bits: 1 panicked, 2 over, 4 hopeless although it ran */
	static const int wanted[] = {
		[VERDICT_NONE] = 0,   [VERDICT_DEAD] = 4,      [VERDICT_UNWRITTEN] = 0,
		[VERDICT_HALTED] = 6, [VERDICT_SUSPENDED] = 0, [VERDICT_TIME_OVER] = 0,
		[VERDICT_LATE] = 4,   [VERDICT_PANIC] = 1 + 6, [VERDICT_BOOT_FAILED] = 7,
		[VERDICT_GAVE_UP] = 0};

	(void)state;
	for (int v = VERDICT_NONE; v <= VERDICT_GAVE_UP; v++) {
		struct lifecycle l = {.verdict = (enum verdict)v, .ran = true};

		assert_int_equal(lifecycle_panicked(&l) + 2 * lifecycle_over(&l) +
					 4 * lifecycle_hopeless(&l),
				 wanted[v]);
		l.ran = false;
		assert_true(lifecycle_hopeless(&l));
	}
}

static void a_reset_and_a_loaded_snapshot_undo_different_verdicts(void **state)
{
	(void)state;
	for (int v = VERDICT_NONE; v <= VERDICT_GAVE_UP; v++) {
		const struct lifecycle before = {.phase = LIFE_RUNNING,
						 .verdict = (enum verdict)v,
						 .conditions = 1u << COND_HELD,
						 .ran = true,
						 .ready = true,
						 .login = true,
						 .resumed = true,
						 .spawned_ns = 1,
						 .running_ns = 3,
						 .ready_ns = 4};
		struct lifecycle reset = before, loaded = before;
		bool over = lifecycle_over(&before);

		lifecycle_reset(&reset);
		lifecycle_loaded(&loaded);
		assert_int_equal(reset.verdict, v == VERDICT_DEAD ? VERDICT_NONE : v);
		assert_int_equal(loaded.verdict, v == VERDICT_DEAD || over ? VERDICT_NONE : v);
		assert_false(reset.ready || reset.login || reset.ready_ns);
		reset.verdict = loaded.verdict;
		assert_memory_equal(&reset, &loaded, sizeof reset);
		assert_true(reset.ran && reset.resumed && reset.running_ns == 3);
		assert_int_equal(reset.phase, LIFE_RUNNING);
		assert_int_equal(reset.conditions, 1u << COND_HELD);
	}
}

static void conditions_are_bits(void **state)
{
	struct lifecycle l = {0};

	(void)state;
	for (int c = 0; c < CONDITIONS; c++) {
		lifecycle_set(&l, (enum condition)c, true);
		assert_true(lifecycle_is(&l, (enum condition)c));
		assert_true(lifecycle_any(&l, 1u << c));
	}
	lifecycle_set(&l, COND_HELD, false);
	lifecycle_set(&l, COND_HELD, false);
	assert_false(lifecycle_is(&l, COND_HELD));
	assert_int_equal(l.conditions, ((1u << CONDITIONS) - 1) & ~(1u << COND_HELD));
}

/* ---- texts ------------------------------------------------------------------------------- */

static void phases_have_names_and_texts(void **state)
{
	static const char *const names[] = {"starting", "paused", "running", "stopping", "down"};
	static const char *const texts[] = {"QEMU is starting, the guest does not run yet",
					    "the guest is paused before its first instruction, "
					    "until the monitor says cont",
					    "the guest runs", "the guest is being stopped",
					    "the guest has ended, and QEMU is ending"};
	struct lifecycle l = {0};

	(void)state;
	for (int p = 0; p < LIFE_PHASES; p++) {
		l.phase = (enum life_phase)p;
		assert_string_equal(lifecycle_phase_name(l.phase), names[p]);
		assert_string_equal(lifecycle_text(&l), texts[p]);
	}
	l = (struct lifecycle){.phase = LIFE_PAUSED, .ran = true};
	assert_string_equal(lifecycle_text(&l), "the guest is paused, until the monitor says cont");
	lifecycle_set(&l, COND_CHECKING_WRITES, true);
	assert_string_equal(lifecycle_text(&l), "the guest is being stopped");
}

/* From the one that hides all others down. */
static void problems_have_an_order(void **state)
{
	static const struct {
		enum verdict verdict;
		int condition; /* -1: none */
		const char *text;
	} rows[] = {
		{VERDICT_BOOT_FAILED, -1, "the guest's boot failed"},
		{VERDICT_PANIC, -1, "the guest panicked"},
		{VERDICT_LATE, -1, "the guest was not ready in time"},
		{VERDICT_TIME_OVER, -1, "the guest's time is over (VM_RUN_TIMEOUT)"},
		{VERDICT_HALTED, -1, "the guest has shut down"},
		{VERDICT_NONE, COND_SUSPENDING, "the guest is being suspended"},
		{VERDICT_DEAD, -1,
		 "the guest is dead: every processor is halted with interrupts off"},
		{VERDICT_NONE, COND_SNAPSHOT_SAVE, "paused: a snapshot is being saved"},
		{VERDICT_NONE, COND_SNAPSHOT_LOAD, "paused: a snapshot is being loaded"},
		{VERDICT_NONE, COND_LOAD_FAILED,
		 "paused: a snapshot is being loaded at the monitor, or could not be"},
		{VERDICT_NONE, COND_INTERNAL_ERROR,
		 "stopped: QEMU has an internal error and cannot run the guest"},
		{VERDICT_NONE, COND_WATCHDOG, "paused: by the machine's watchdog"},
		{VERDICT_NONE, COND_DISK_FULL,
		 "paused: no space left on the host for the guest's disk"},
		{VERDICT_NONE, COND_DISK_ERROR,
		 "paused: the host could not read or write the disk"},
		{VERDICT_NONE, COND_NO_NETWORK, "passt has ended: the guest has no network"},
		{VERDICT_NONE, COND_READ_ONLY,
		 "the guest's root file system is read-only: it was not unmounted cleanly, or is "
		 "damaged; stop and start it (VM_FSCK=auto repairs it)"},
	};
	const size_t n = sizeof rows / sizeof *rows;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct lifecycle l = {.phase = LIFE_PAUSED, .ran = true};

		/* It, and every one behind it. */
		for (size_t k = i; k < n; k++) {
			if (rows[k].condition >= 0)
				lifecycle_set(&l, (enum condition)rows[k].condition, true);
			lifecycle_judge(&l, rows[k].verdict);
		}
		assert_string_equal(lifecycle_problem(&l), rows[i].text);
		assert_false(lifecycle_well(&l));
	}
}

static void what_is_no_problem(void **state)
{
	struct lifecycle l = {.phase = LIFE_PAUSED, .ran = true};

	(void)state;
	assert_null(lifecycle_problem(&l));
	for (int c = 0; c < CONDITIONS; c++) {
		bool quiet = c == COND_CHECKING_WRITES || c == COND_HELD || c == COND_CONTINUING ||
			     c == COND_RESETTING || c == COND_SNAPSHOT_DELETE ||
			     c == COND_SAVING_WARM || c == COND_RESUMING;

		l.conditions = 1u << c;
		assert_int_equal(lifecycle_problem(&l) == NULL, quiet);
	}
	/* A snapshot does not pause the guest from its first moment to its last. */
	l.phase = LIFE_RUNNING;
	for (int c = COND_SNAPSHOT_SAVE; c <= COND_SNAPSHOT_DELETE; c++) {
		l.conditions = 1u << c;
		assert_null(lifecycle_problem(&l));
	}
	l.conditions = 0;
	l.verdict = VERDICT_UNWRITTEN;
	assert_null(lifecycle_problem(&l));
}

static void a_guest_is_healthy_if_it_runs_and_is_ready(void **state)
{
	struct lifecycle l = {.phase = LIFE_RUNNING, .ran = true};

	(void)state;
	assert_false(lifecycle_well(&l));
	lifecycle_ready(&l, 7);
	assert_true(lifecycle_well(&l));
	assert_int_equal(l.ready_ns, 7);
	lifecycle_set(&l, COND_NO_NETWORK, true);
	assert_false(lifecycle_well(&l));
	lifecycle_set(&l, COND_NO_NETWORK, false);
	/* A guest that boots again reports again whether its disk is read-only. */
	lifecycle_set(&l, COND_READ_ONLY, true);
	assert_false(lifecycle_well(&l));
	lifecycle_reset(&l);
	lifecycle_ready(&l, 8);
	assert_true(lifecycle_well(&l));
	for (int p = 0; p < LIFE_PHASES; p++) {
		l.phase = (enum life_phase)p;
		assert_int_equal(lifecycle_well(&l), p == LIFE_RUNNING);
	}
}

/* ---- the end ----------------------------------------------------------------------------- */

static void check_end(const struct lifecycle *l, bool gdb, enum life_outcome outcome, int status)
{
	enum life_outcome is = lifecycle_outcome(l, gdb);

	if (is != outcome)
		fail_msg("verdict %d, cause %d, rung %d, phase %d: outcome %d, not %d", l->verdict,
			 l->cause, l->rung, l->phase, is, outcome);
	assert_int_equal(lifecycle_status(l, is), status);
}

/* The verdict has precedence over QEMU's reason. */
static void verdicts_decide_the_status(void **state)
{
	static const struct {
		enum verdict verdict;
		enum life_outcome outcome;
		int status;
	} rows[] = {
		{VERDICT_GAVE_UP, OUTCOME_GAVE_UP, EXIT_QEMU_FAILED},
		{VERDICT_BOOT_FAILED, OUTCOME_PANIC, EXIT_PANIC},
		{VERDICT_PANIC, OUTCOME_PANIC, EXIT_PANIC},
		{VERDICT_LATE, OUTCOME_LATE, EXIT_BOOT_DEADLINE},
		{VERDICT_TIME_OVER, OUTCOME_TIME_OVER, EXIT_TIME_OVER},
		{VERDICT_SUSPENDED, OUTCOME_SUSPENDED, EXIT_CLEAN},
		{VERDICT_HALTED, OUTCOME_CLEAN, EXIT_CLEAN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int cause = CAUSE_NONE; cause <= CAUSE_OTHER; cause++)
			for (int bits = 0; bits < 8; bits++) {
				struct lifecycle l = {.verdict = rows[i].verdict,
						      .cause = (enum shutdown_cause)cause,
						      .ran = bits & 1,
						      .rung = bits & 2 ? RUNG_KILL : RUNG_NONE,
						      .qemu_status = SIGNALED(SIGKILL)};

				check_end(&l, bits & 4, rows[i].outcome, rows[i].status);
			}
}

static void causes_decide_without_a_verdict(void **state)
{
	static const enum verdict verdicts[] = {VERDICT_NONE, VERDICT_DEAD, VERDICT_UNWRITTEN};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct lifecycle l = {.verdict = verdicts[i], .ran = true, .phase = LIFE_DOWN};

		l.cause = CAUSE_GUEST_OFF;
		check_end(&l, false, OUTCOME_CLEAN, EXIT_CLEAN);
		l.qemu_status = EXITED(3); /* isa-debug-exit */
		check_end(&l, false, OUTCOME_OWN_STATUS, 3);
		l.qemu_status = SIGNALED(SIGSEGV); /* after the guest's end */
		check_end(&l, false, OUTCOME_CLEAN, EXIT_CLEAN);
		l.cause = CAUSE_GUEST_RESET;
		check_end(&l, false, OUTCOME_CLEAN, EXIT_CLEAN);
		l.cause = CAUSE_GUEST_PANIC;
		check_end(&l, false, OUTCOME_PANIC, EXIT_PANIC);
		l.cause = CAUSE_SIGNAL;
		check_end(&l, false, OUTCOME_CUT_OFF, EXIT_CUT_OFF);
		l.cause = CAUSE_OTHER;
		check_end(&l, false, OUTCOME_CUT_OFF, EXIT_CUT_OFF);
		l.cause = CAUSE_DEBUGGER;
		check_end(&l, false, OUTCOME_CUT_OFF_BY_DEBUGGER, EXIT_CUT_OFF);
		l.ran = false;
		check_end(&l, false, OUTCOME_DEBUGGER, EXIT_CLEAN);
		l.resumed = true; /* it ran before */
		check_end(&l, false, OUTCOME_CUT_OFF_BY_DEBUGGER, EXIT_CUT_OFF);
		l.cause = CAUSE_SIGNAL;
		check_end(&l, false, OUTCOME_CUT_OFF, EXIT_CUT_OFF);
		l.resumed = false;
		check_end(&l, false, OUTCOME_CLEAN, EXIT_CLEAN);
	}
}

static void nothing_is_lost_only_if_qemu_quit_on_request(void **state)
{
	struct lifecycle l = {.verdict = VERDICT_UNWRITTEN, .cause = CAUSE_QUIT, .ran = true};

	(void)state;
	check_end(&l, false, OUTCOME_CLEAN, EXIT_CLEAN);
	l.verdict = VERDICT_NONE;
	check_end(&l, false, OUTCOME_CUT_OFF, EXIT_CUT_OFF);
	/* The guest may have written after all. */
	l = (struct lifecycle){
		.verdict = VERDICT_UNWRITTEN, .cause = CAUSE_NONE, .rung = RUNG_KILL, .ran = true};
	check_end(&l, false, OUTCOME_CUT_OFF, EXIT_CUT_OFF);
}

static void a_qemu_that_ends_on_its_own_has_failed(void **state)
{
	struct lifecycle l = {.phase = LIFE_RUNNING, .ran = true};

	(void)state;
	check_end(&l, false, OUTCOME_QEMU_FAILED, EXIT_QEMU_FAILED);
	l.qemu_status = SIGNALED(SIGKILL);
	check_end(&l, false, OUTCOME_QEMU_FAILED, EXIT_QEMU_FAILED);
	l.ran = false;
	check_end(&l, false, OUTCOME_QEMU_FAILED, EXIT_QEMU_FAILED);
	/* A stop under way explains its silence. */
	l.rung = RUNG_TERM;
	check_end(&l, false, OUTCOME_CLEAN, EXIT_CLEAN);
	l.ran = true;
	check_end(&l, false, OUTCOME_CUT_OFF, EXIT_CUT_OFF);
}

/* Before QEMU 10 gdb's kill has no event: it shows in a guest that stood still under a stub, and a
 * QEMU that ended in order. */
static void a_debugger_is_recognised_by_its_effects(void **state)
{
	const struct lifecycle killed = {.phase = LIFE_PAUSED, .ran = true};
	struct lifecycle l = killed;

	(void)state;
	check_end(&l, true, OUTCOME_CUT_OFF_BY_DEBUGGER, EXIT_CUT_OFF);
	l.ran = false;
	check_end(&l, true, OUTCOME_DEBUGGER, EXIT_CLEAN);
	check_end(&killed, false, OUTCOME_QEMU_FAILED, EXIT_QEMU_FAILED);
	l = killed;
	l.phase = LIFE_RUNNING;
	check_end(&l, true, OUTCOME_QEMU_FAILED, EXIT_QEMU_FAILED);
	l = killed;
	l.qemu_status = EXITED(1);
	check_end(&l, true, OUTCOME_QEMU_FAILED, EXIT_QEMU_FAILED);
	l = killed;
	l.qemu_status = SIGNALED(SIGSEGV);
	check_end(&l, true, OUTCOME_QEMU_FAILED, EXIT_QEMU_FAILED);
	l = killed;
	l.rung = RUNG_QUIT;
	check_end(&l, true, OUTCOME_CUT_OFF, EXIT_CUT_OFF);
	l = killed;
	l.cause = CAUSE_OTHER;
	check_end(&l, true, OUTCOME_CUT_OFF, EXIT_CUT_OFF);
}

static enum shutdown_cause cause_of_exit(struct lifecycle l, bool announced, bool pc, bool gdb)
{
	lifecycle_exited(&l, announced, pc, gdb);
	return l.cause;
}

static void an_exit_without_an_event_is_a_power_off_on_other_machines(void **state)
{
	struct lifecycle l = {.phase = LIFE_RUNNING, .ran = true, .qemu_ended = true};

	(void)state;
	assert_int_equal(cause_of_exit(l, false, false, false), CAUSE_GUEST_OFF);
	assert_int_equal(cause_of_exit(l, false, true, false), CAUSE_NONE);
	assert_int_equal(cause_of_exit(l, false, false, true), CAUSE_NONE);
	l.rung = RUNG_QUIT;
	assert_int_equal(cause_of_exit(l, false, false, false), CAUSE_NONE);
	assert_int_equal(cause_of_exit(l, true, false, false), CAUSE_GUEST_OFF);
	l.cause = CAUSE_QUIT;
	assert_int_equal(cause_of_exit(l, true, false, false), CAUSE_QUIT);
	l = (struct lifecycle){.phase = LIFE_RUNNING, .ran = true, .qemu_status = EXITED(1)};
	assert_int_equal(cause_of_exit(l, true, false, false), CAUSE_NONE);
	l = (struct lifecycle){.phase = LIFE_STARTING};
	assert_int_equal(cause_of_exit(l, true, false, false), CAUSE_NONE);
}

static void a_kill_from_elsewhere_during_a_stop_is_a_failure_of_qemu(void **state)
{
	struct lifecycle l = {.ran = true, .qemu_status = SIGNALED(SIGKILL)};

	(void)state;
	for (; l.rung <= RUNG_QUIT; l.rung++)
		assert_int_equal(cause_of_exit(l, false, true, false),
				 l.rung % RUNG_QUIT == 0 ? CAUSE_NONE : CAUSE_KILLED);
	l.cause = CAUSE_KILLED;
	check_end(&l, false, OUTCOME_QEMU_FAILED, EXIT_QEMU_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_in_every_phase),
		cmocka_unit_test(a_guest_stopped_before_it_ran_has_not_run),
		cmocka_unit_test(another_qemu_begins_with_a_clean_state),
		cmocka_unit_test(a_higher_verdict_replaces_a_lower_one),
		cmocka_unit_test(what_each_verdict_means_for_clients),
		cmocka_unit_test(a_reset_and_a_loaded_snapshot_undo_different_verdicts),
		cmocka_unit_test(conditions_are_bits),
		cmocka_unit_test(phases_have_names_and_texts),
		cmocka_unit_test(problems_have_an_order),
		cmocka_unit_test(what_is_no_problem),
		cmocka_unit_test(a_guest_is_healthy_if_it_runs_and_is_ready),
		cmocka_unit_test(verdicts_decide_the_status),
		cmocka_unit_test(causes_decide_without_a_verdict),
		cmocka_unit_test(nothing_is_lost_only_if_qemu_quit_on_request),
		cmocka_unit_test(a_qemu_that_ends_on_its_own_has_failed),
		cmocka_unit_test(a_debugger_is_recognised_by_its_effects),
		cmocka_unit_test(a_kill_from_elsewhere_during_a_stop_is_a_failure_of_qemu),
		cmocka_unit_test(an_exit_without_an_event_is_a_power_off_on_other_machines),
	};

	return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
