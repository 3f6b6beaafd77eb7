/* test_stats.c - the profiler's statistics, compared with Python's statistics module, tables of
 * Student's t distribution, and its integral by Simpson's rule.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile/stats.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void assert_near(double a, double b)
{
	assert_true(fabs(a - b) <= 1e-9 * fmax(1, fabs(b)));
}

static void a_summary_agrees_with_python(void **state)
{
	double x[] = {27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1,
		      21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4};
	struct summary s;

	(void)state;
	stats_summarise(x, COUNT(x), &s);
	assert_int_equal(s.n, 15);
	assert_near(s.mean, 20.82);
	assert_near(s.median, 21.0);
	assert_near(s.stdev, 2.804893682731767);
	assert_near(s.q1, 19.0);
	assert_near(s.q3, 22.25);
	assert_near(s.min, 16.9);
	assert_near(s.max, 27.5);
	assert_near(s.fence_low, 19.0 - 1.5 * 3.25);
	assert_near(s.fence_high, 22.25 + 1.5 * 3.25);
	assert_true(stats_outlier(&s, 27.5));
	assert_false(stats_outlier(&s, 27.1));
	assert_true(stats_outlier(&s, 14.1));
	/* 2.144786687917804 is t(0.975) of 14 degrees of freedom. */
	double half = 2.144786687917804 * 2.804893682731767 / sqrt(15) / 20.82;

	assert_near(s.ci_high, 20.82 * exp(half));
	assert_near(s.ci_low, 20.82 * exp(-half));
}

static void few_values_give_few_figures(void **state)
{
	double three[] = {13.5, 101.25, 12.5};
	double one[] = {7};
	struct summary s;

	(void)state;
	stats_summarise(three, 3, &s);
	assert_near(s.mean, 127.25 / 3);
	assert_near(s.median, 13.5);
	assert_near(s.stdev, 50.953614526678415);
	assert_near(s.q1, 13.0);
	assert_near(s.q3, 57.375);
	stats_summarise(one, 1, &s);
	assert_near(s.mean, 7);
	assert_near(s.median, 7);
	assert_near(s.q1, 7);
	assert_true(isnan(s.stdev) && isnan(s.ci_low) && isnan(s.ci_high));
	assert_false(stats_outlier(&s, 7));
	stats_summarise(one, 0, &s);
	assert_true(isnan(s.mean) && isnan(s.median) && isnan(s.min));
}

static void student_agrees_with_tables(void **state)
{
	static const struct {
		double df, t;
	} table[] = {{1, 12.706204736174707}, {2, 4.302652729749464},  {3, 3.182446305284264},
		     {9, 2.262157162798205},  {30, 2.042272456301238}, {1000, 1.962339080826410}};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_near(stats_t_quantile(0.05, table[i].df), table[i].t);
		assert_near(stats_t_p(table[i].t, table[i].df), 0.05);
	}
	assert_near(stats_t_p(2.0, 1), 0.2951672353008624);
	assert_near(stats_t_p(-2.0, 1), 0.2951672353008624);
	assert_true(fabs(stats_t_p(5, 0.7) - 0.20027366964181947) < 1e-8);
	assert_near(stats_t_p(0, 5), 1);
	assert_near(stats_t_p(INFINITY, 5), 0);
}

static void welch_agrees_with_a_textbook(void **state)
{
	double a[] = {27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1,
		      21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4};
	double b[] = {27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0,
		      24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.4};
	struct summary sa;
	struct summary sb;
	struct welch w;

	(void)state;
	stats_summarise(a, COUNT(a), &sa);
	stats_summarise(b, COUNT(b), &sb);
	assert_true(stats_welch(&sa, &sb, &w));
	assert_near(w.t, 2.852954870171521);
	assert_near(w.df, 27.88730398842012);
	assert_true(fabs(w.p - 0.008071938172197535) < 1e-8);
	assert_true(w.low > 0 && w.low < w.difference && w.difference < w.high);
	assert_true(stats_welch(&sb, &sa, &w));
	assert_true(w.t < 0 && w.high < 0);
}

static void welch_without_spread(void **state)
{
	double a[] = {5, 5};
	double b[] = {5, 5};
	double c[] = {6, 6};
	struct summary sa;
	struct summary sb;
	struct summary sc;
	struct welch w;

	(void)state;
	stats_summarise(a, 2, &sa);
	stats_summarise(b, 2, &sb);
	stats_summarise(c, 2, &sc);
	assert_true(stats_welch(&sa, &sb, &w));
	assert_near(w.p, 1);
	assert_true(stats_welch(&sa, &sc, &w));
	assert_near(w.p, 0);
	assert_near(w.difference, 1);
	stats_summarise(c, 1, &sc);
	assert_false(stats_welch(&sa, &sc, &w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_summary_agrees_with_python),
		cmocka_unit_test(few_values_give_few_figures),
		cmocka_unit_test(student_agrees_with_tables),
		cmocka_unit_test(welch_agrees_with_a_textbook),
		cmocka_unit_test(welch_without_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
