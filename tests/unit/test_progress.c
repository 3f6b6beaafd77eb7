/* test_progress.c - the estimate of a profile's remaining time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "profile/profiler.h"

/* 2026-01-31T12:00:00Z */
#define NOON 1769860800000.0

static void add_cell(struct report *r, const char *key)
{
	struct cell *c = &r->cell[r->cells++];

	(void)snprintf(c->key, sizeof c->key, "%s", key);
	(void)snprintf(c->value[AXIS_CPUS], AXIS_VALUE, "1");
	c->estimated_ms = NAN;
}

/* A sample of CELL that began AT_S after noon and took MS. */
static void add(struct report *r, size_t cell, long round, int at_s, double ms)
{
	struct sample *s = report_add(r, 0);

	assert_non_null(s);
	s->cell = cell;
	s->round = round;
	s->total_ms = ms;
	(void)snprintf(s->started, sizeof s->started, "2026-01-31T12:%02u:%02u.000Z",
		       (unsigned)at_s / 60 % 60, (unsigned)at_s % 60);
}

static int make(void **state)
{
	struct report *r = calloc(1, sizeof *r);

	assert_non_null(r);
	r->samples = 3;
	r->jobs = r->shard = r->shards = 1;
	(void)snprintf(report_add_part(r)->created, sizeof r->part[0].created,
		       "2026-01-31T11:59:59.000Z");
	add_cell(r, "cpu_1");
	add_cell(r, "cpu_2");
	*state = r;
	return 0;
}

static int free_report(void **state)
{
	report_free(*state);
	free(*state);
	return 0;
}

/* The estimate AT_S after noon. */
static double seconds_left(const struct report *r, double at_s)
{
	struct schedule s;

	assert_true(schedule_make(r, &s));
	double ms = progress_left_ms(r, s.slot, s.count, NOON + at_s * 1e3);

	free(s.slot);
	return ms;
}

static void times_are_read(void **state)
{
	(void)state;
	assert_true(progress_time_ms("2026-01-31T12:00:00.000Z") == NOON);
	assert_true(fabs(progress_time_ms("2026-01-31T12:00:01.250Z") - NOON - 1250) < 1e-3);
	assert_true(isnan(progress_time_ms("")));
	assert_true(isnan(progress_time_ms("2026-01-31T12:00:00Z")));
	assert_true(isnan(progress_time_ms("2026-01-31T12:00:00.000")));
	assert_true(isnan(progress_time_ms("yesterday")));
}

static void nothing_is_known_before_the_first_sample(void **state)
{
	struct report *r = *state;

	assert_true(isnan(seconds_left(r, 0)));
	/* With a baseline: three samples of each cell. */
	r->cell[0].estimated_ms = 1000;
	assert_true(fabs(seconds_left(r, -1) - 6000) < 1);
	r->cell[1].estimated_ms = 2000;
	assert_true(fabs(seconds_left(r, -1) - 9000) < 1);
}

static void each_cell_counts_as_its_own_samples(void **state)
{
	struct report *r = *state;

	add(r, 0, 1, 0, 2000); /* to 2 s */
	/* The other cell counts like this one: five samples of 2 s, the first of which has begun.
	 */
	assert_true(fabs(seconds_left(r, 2) - 10000) < 1);
	assert_true(fabs(seconds_left(r, 3) - 9000) < 1);
	add(r, 1, 1, 3, 10000); /* 1 s after it, to 13 s */
	/* Two of 2 s and two of 10 s, with a second before each. */
	assert_true(fabs(seconds_left(r, 13) - 28000) < 1);
	/* A sample that takes longer than expected counts as about to end. */
	assert_true(fabs(seconds_left(r, 500) - 17000) < 1);
	/* The reader's clock is behind that of the run. */
	assert_true(fabs(seconds_left(r, -500) - 28000) < 1);
	r->jobs = 4;
	assert_true(fabs(seconds_left(r, 13) - 6000) < 1);
}

static void a_finished_or_joined_report_has_nothing_left(void **state)
{
	struct report *r = *state;

	for (int i = 0; i < 3; i++) {
		add(r, 0, i + 1, 10 * i, 1000);
		add(r, 1, i + 1, 10 * i + 5, 1000);
	}
	assert_true(seconds_left(r, 60) == 0);
	r->count--;
	free(r->sample[r->count].phase);
	assert_true(fabs(seconds_left(r, 22) - 4000) <
		    1); /* as long as a second and the pauses before */
	r->shard = 0;
	assert_true(seconds_left(r, 60) == 0);
}

static void a_pause_between_two_processes_is_no_gap(void **state)
{
	struct report *r = *state;

	add(r, 0, 1, 0, 1000);
	(void)snprintf(report_add_part(r)->created, sizeof r->part[0].created,
		       "2026-01-31T12:30:00.000Z");
	add(r, 1, 1, 1805, 1000);
	r->sample[1].part = 1;
	assert_true(fabs(seconds_left(r, 1806) - 4000) < 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read),
		cmocka_unit_test_setup_teardown(nothing_is_known_before_the_first_sample, make,
						free_report),
		cmocka_unit_test_setup_teardown(each_cell_counts_as_its_own_samples, make,
						free_report),
		cmocka_unit_test_setup_teardown(a_finished_or_joined_report_has_nothing_left, make,
						free_report),
		cmocka_unit_test_setup_teardown(a_pause_between_two_processes_is_no_gap, make,
						free_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
