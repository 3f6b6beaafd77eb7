/* test_stop_ladder.c - the table of the stop, with a clock driven by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pid1/stop_ladder.h"

#define S     UINT64_C(1000000000)
#define ALL   (1u << RUNG_ACPI | 1u << RUNG_QUIT | 1u << RUNG_TERM)
#define EVERY (ALL | 1u << RUNG_SSH | 1u << RUNG_SERIAL)

static void all_steps_end_within_the_budget(void **state)
{
	struct ladder l;
	uint64_t now = 100 * S;
	enum rung order[] = {RUNG_QUIT, RUNG_TERM, RUNG_KILL};

	(void)state;
	ladder_init(&l, ALL, 150);
	assert_int_equal(ladder_event(&l, LADDER_STOP, now), RUNG_ACPI);
	/* of 150 s, 10 + 3 + 2 s are reserved for quit, SIGTERM and SIGKILL */
	assert_true(l.deadline_ns == 235 * S);
	for (int i = 0; i < 3; i++) {
		now = l.deadline_ns;
		assert_int_equal(ladder_event(&l, LADDER_TIMEOUT, now), order[i]);
	}
	assert_true(now == 248 * S);
	assert_true(l.deadline_ns == 0);
	assert_true(now < l.end_ns && l.end_ns == 250 * S);
}

static void a_short_budget_leaves_two_thirds_to_the_guest(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, ALL, 3);
	assert_int_equal(ladder_event(&l, LADDER_STOP, S), RUNG_ACPI);
	assert_in_range(l.deadline_ns, 3 * S - S / 1000, 3 * S + S / 1000);
}

static void asking_steps_share_their_time(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, EVERY, 165); /* 15 s are kept for the end */
	assert_int_equal(ladder_event(&l, LADDER_STOP, 100 * S), RUNG_ACPI);
	assert_true(l.deadline_ns == 150 * S);
	assert_int_equal(ladder_event(&l, LADDER_TIMEOUT, 150 * S), RUNG_SSH);
	assert_true(l.deadline_ns == 200 * S);
	/* A step that cannot work leaves its share of the time to the following ones. */
	assert_int_equal(ladder_event(&l, LADDER_FAILED, 160 * S), RUNG_SERIAL);
	assert_true(l.deadline_ns == 250 * S);
	assert_int_equal(ladder_event(&l, LADDER_TIMEOUT, 250 * S), RUNG_QUIT);
	assert_true(l.deadline_ns == 260 * S);
}

static void a_guest_that_shuts_down_gets_all_the_time(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, EVERY, 165);
	(void)ladder_event(&l, LADDER_STOP, 100 * S);
	assert_int_equal(ladder_event(&l, LADDER_ACCEPTED, 101 * S), RUNG_NONE);
	assert_int_equal(l.rung, RUNG_ACPI);
	assert_true(l.deadline_ns == 250 * S);
	/* If the guest does not end, the other steps follow in order. */
	assert_int_equal(ladder_event(&l, LADDER_STOP, 110 * S), RUNG_SSH);
	assert_true(l.deadline_ns == 180 * S);

	/* Not when all the time is over. */
	ladder_init(&l, EVERY, 165);
	(void)ladder_event(&l, LADDER_STOP, 100 * S);
	(void)ladder_event(&l, LADDER_ACCEPTED, 101 * S);
	assert_int_equal(ladder_event(&l, LADDER_TIMEOUT, 250 * S), RUNG_QUIT);
}

static void a_failed_step_does_not_cut_off_a_guest_that_was_asked(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, EVERY & ~(1u << RUNG_SSH), 165);
	(void)ladder_event(&l, LADDER_STOP, 100 * S);
	assert_int_equal(ladder_event(&l, LADDER_TIMEOUT, 175 * S), RUNG_SERIAL);
	assert_int_equal(ladder_event(&l, LADDER_FAILED, 176 * S), RUNG_NONE);
	assert_int_equal(l.rung, RUNG_SERIAL);
	assert_true(l.deadline_ns == 250 * S);
	assert_int_equal(ladder_event(&l, LADDER_TIMEOUT, 250 * S), RUNG_QUIT);

	/* The guest cannot be asked: no time is spent. */
	ladder_init(&l, EVERY & ~(1u << RUNG_ACPI), 165);
	assert_int_equal(ladder_event(&l, LADDER_STOP, 100 * S), RUNG_SSH);
	assert_int_equal(ladder_event(&l, LADDER_FAILED, 101 * S), RUNG_SERIAL);
	assert_int_equal(ladder_event(&l, LADDER_FAILED, 102 * S), RUNG_QUIT);
}

static void suspend_is_the_first_step_and_does_not_ask_the_guest(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, EVERY | 1u << RUNG_SUSPEND, 165);
	assert_int_equal(ladder_event(&l, LADDER_STOP, 100 * S), RUNG_SUSPEND);
	assert_false(rung_is_gentle(l.rung));
	assert_true(l.deadline_ns > 100 * S && l.deadline_ns < 250 * S);
	/* The state is saved: QEMU can quit. */
	assert_int_equal(ladder_event(&l, LADDER_NOW, 101 * S), RUNG_QUIT);

	/* It cannot be saved: the guest is asked, with all the time that is left. */
	ladder_init(&l, EVERY | 1u << RUNG_SUSPEND, 165);
	assert_int_equal(ladder_event(&l, LADDER_STOP, 100 * S), RUNG_SUSPEND);
	assert_int_equal(ladder_event(&l, LADDER_FAILED, 101 * S), RUNG_ACPI);
	assert_int_equal(l.deadline_ns, (101 + (250 - 101) / 3.0) * S);

	/* A second SIGTERM, a QEMU that hangs. */
	ladder_init(&l, EVERY | 1u << RUNG_SUSPEND, 165);
	(void)ladder_event(&l, LADDER_STOP, 100 * S);
	assert_int_equal(ladder_event(&l, LADDER_STOP, 101 * S), RUNG_ACPI);
	ladder_init(&l, EVERY | 1u << RUNG_SUSPEND, 165);
	(void)ladder_event(&l, LADDER_STOP, 100 * S);
	assert_int_equal(ladder_event(&l, LADDER_TIMEOUT, l.deadline_ns), RUNG_ACPI);
	/* QEMU ended by itself. */
	ladder_init(&l, EVERY | 1u << RUNG_SUSPEND, 165);
	(void)ladder_event(&l, LADDER_STOP, 100 * S);
	assert_int_equal(ladder_event(&l, LADDER_GONE, 101 * S), RUNG_DOWN);
}

static void a_setting_selects_the_steps(void **state)
{
	const char *bad;

	(void)state;
	assert_int_equal(rungs_parse("none", &bad), (ALL & ~(1u << RUNG_ACPI)) | 1u << RUNG_KILL);
	assert_int_equal(rungs_parse("acpi,ssh,serial", &bad), EVERY | 1u << RUNG_KILL);
	assert_int_equal(rungs_parse("serial", &bad) & EVERY,
			 1u << RUNG_SERIAL | 1u << RUNG_QUIT | 1u << RUNG_TERM);
	assert_int_equal(rungs_parse("acpi,quit", &bad), 0);
	assert_string_equal(bad, "quit");
	assert_int_equal(rungs_parse("", &bad), 0);
	assert_int_equal(rungs_parse("acpi,", &bad), 0);
}

static void acpi_is_skipped_for_a_guest_that_ignores_it(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, 1u << RUNG_QUIT | 1u << RUNG_TERM, 150);
	assert_int_equal(ladder_event(&l, LADDER_STOP, S), RUNG_QUIT);
}

static void every_further_signal_skips_one_step(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, ALL, 150);
	assert_int_equal(ladder_event(&l, LADDER_STOP, S), RUNG_ACPI);
	assert_int_equal(ladder_event(&l, LADDER_STOP, S + 1), RUNG_QUIT);
	assert_int_equal(ladder_event(&l, LADDER_STOP, S + 2), RUNG_TERM);
	assert_int_equal(ladder_event(&l, LADDER_STOP, S + 3), RUNG_KILL);
	assert_int_equal(ladder_event(&l, LADDER_STOP, S + 4), RUNG_NONE);
	assert_int_equal(l.rung, RUNG_KILL);
}

static void now_skips_the_asking_steps(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, ALL, 150);
	assert_int_equal(ladder_event(&l, LADDER_NOW, S), RUNG_QUIT);
	ladder_init(&l, ALL, 150);
	assert_int_equal(ladder_event(&l, LADDER_STOP, S), RUNG_ACPI);
	assert_int_equal(ladder_event(&l, LADDER_NOW, S), RUNG_QUIT);
}

static void a_failed_step_ends_at_once(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, ALL, 150);
	(void)ladder_event(&l, LADDER_STOP, S);
	assert_int_equal(ladder_event(&l, LADDER_FAILED, S), RUNG_QUIT);
	assert_int_equal(ladder_event(&l, LADDER_FAILED, S), RUNG_TERM);
	assert_int_equal(ladder_event(&l, LADDER_FAILED, S), RUNG_KILL);
	assert_int_equal(ladder_event(&l, LADDER_FAILED, S), RUNG_DOWN);
}

static void the_end_of_qemu_ends_every_step(void **state)
{
	(void)state;
	for (int rung = RUNG_NONE; rung < RUNG_DOWN; rung++) {
		struct ladder l;

		ladder_init(&l, EVERY | 1u << RUNG_SUSPEND, 150);
		for (int i = 0; i < rung; i++)
			(void)ladder_event(&l, LADDER_STOP, S);
		assert_int_equal(l.rung, rung);
		assert_int_equal(ladder_event(&l, LADDER_GONE, S), RUNG_DOWN);
		assert_true(l.deadline_ns == 0);
		for (int e = 0; e < LADDER_EVENTS; e++)
			assert_int_equal(ladder_event(&l, (enum ladder_event)e, S), RUNG_NONE);
	}
}

static void a_late_timeout_sets_no_deadline_in_the_past(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, ALL, 10);
	(void)ladder_event(&l, LADDER_STOP, S);
	(void)ladder_event(&l, LADDER_TIMEOUT, 60 * S); /* the machine slept */
	assert_int_equal(l.rung, RUNG_QUIT);
	assert_true(l.deadline_ns >= 60 * S);
}

static void nothing_happens_without_a_stop(void **state)
{
	struct ladder l;

	(void)state;
	ladder_init(&l, ALL, 150);
	assert_int_equal(ladder_event(&l, LADDER_TIMEOUT, S), RUNG_NONE);
	assert_int_equal(ladder_event(&l, LADDER_FAILED, S), RUNG_NONE);
	assert_int_equal(l.rung, RUNG_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_steps_end_within_the_budget),
		cmocka_unit_test(a_short_budget_leaves_two_thirds_to_the_guest),
		cmocka_unit_test(asking_steps_share_their_time),
		cmocka_unit_test(a_guest_that_shuts_down_gets_all_the_time),
		cmocka_unit_test(a_failed_step_does_not_cut_off_a_guest_that_was_asked),
		cmocka_unit_test(suspend_is_the_first_step_and_does_not_ask_the_guest),
		cmocka_unit_test(a_setting_selects_the_steps),
		cmocka_unit_test(acpi_is_skipped_for_a_guest_that_ignores_it),
		cmocka_unit_test(every_further_signal_skips_one_step),
		cmocka_unit_test(now_skips_the_asking_steps),
		cmocka_unit_test(a_failed_step_ends_at_once),
		cmocka_unit_test(the_end_of_qemu_ends_every_step),
		cmocka_unit_test(a_late_timeout_sets_no_deadline_in_the_past),
		cmocka_unit_test(nothing_happens_without_a_stop),
	};

	return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
