/* test_report.c - the profiler's report: reading its JSON back, figures, tables and charts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/report.h"

/* A sample of CELL that took MS, with a kernel that began at half of that. */
static struct sample *add(struct report *r, size_t cell, long round, double ms)
{
	struct sample *s = report_add(r, 2);

	assert_non_null(s);
	s->cell = cell;
	s->round = round;
	s->total_ms = ms;
	s->cpu_ms = ms / 4;
	(void)snprintf(s->log, sizeof s->log, "console/%04zu.log", r->count);
	(void)snprintf(s->phase[0].name, sizeof s->phase[0].name, "qemu");
	(void)snprintf(s->phase[1].name, sizeof s->phase[1].name, "kernel");
	s->phase[1].at_ms = ms / 2;
	return s;
}

static void add_cell(struct report *r, const char *key, const char *cpus, const char *ram)
{
	struct cell *c = &r->cell[r->cells++];

	(void)snprintf(c->key, sizeof c->key, "%s", key);
	(void)snprintf(c->value[AXIS_CPUS], AXIS_VALUE, "%s", cpus);
	(void)snprintf(c->value[AXIS_RAM], AXIS_VALUE, "%s", ram);
	c->estimated_ms = NAN;
}

/* Two cells of three samples each; one of them also has a failure and a warm-up. */
static int make(void **state)
{
	struct report *r = calloc(1, sizeof *r);

	assert_non_null(r);
	(void)snprintf(r->guest, sizeof r->guest, "mach");
	(void)snprintf(r->until, sizeof r->until, "log\"in <&>");
	r->samples = 3;
	r->planned = 9;
	r->shard = r->shards = 1;
	assert_non_null(report_add_part(r));
	r->partial = true;
	r->resolution =
		(struct resolution){.rounds = 300, .median_us = 5, .p99_us = 9, .max_us = 10};
	add_cell(r, "cpu_1", "1", "128");
	add_cell(r, "cpu_4", "4", "128");
	for (int i = 0; i < 3; i++) {
		add(r, 0, i + 1, 1000 + 10 * i);
		add(r, 1, i + 1, 400 + 10 * i);
	}
	add(r, 0, 1, 9999)->warm_up = true;
	struct sample *late = add(r, 1, 4, 8888);

	late->status = SAMPLE_TIMEOUT;
	(void)snprintf(late->why, sizeof late->why, "the time, \"all of it\",\nwas over");
	*state = r;
	return 0;
}

static int free_report(void **state)
{
	report_free(*state);
	free(*state);
	return 0;
}

static void statistics_use_only_good_samples(void **state)
{
	const struct report *r = *state;
	struct cell_figures f;

	assert_true(report_figures(r, 0, &f));
	assert_int_equal(f.total.n, 3);
	assert_int_equal(f.failed, 0);
	assert_true(fabs(f.total.mean - 1010) < 1e-9);
	assert_int_equal(f.phases, 2);
	assert_string_equal(f.phase[1].name, "kernel");
	assert_true(fabs(f.phase[1].at.mean - 505) < 1e-9);
	assert_true(fabs(f.phase[0].takes.mean - 505) < 1e-9);
	assert_true(report_figures(r, 1, &f));
	assert_int_equal(f.total.n, 3);
	assert_int_equal(f.failed, 1);
	assert_int_equal(report_reference_cell(r, 1), 0);
	assert_int_equal(report_cpus(r, 1), 4);
}

static void the_baseline_cell_differs_in_processors_only(void **state)
{
	struct report *r = *state;

	add_cell(r, "cpu_4_512M", "4", "512");
	assert_int_equal(report_reference_cell(r, 2), -1);
	add_cell(r, "cpu_1_512M", "1", "512");
	assert_int_equal(report_reference_cell(r, 2), 3);
	assert_int_equal(report_reference_cell(r, 1), 0);
}

static void verdicts_have_the_bounds_of_the_papers(void **state)
{
	(void)state;
	assert_string_equal(report_verdict(9.99), "VERIFIED");
	assert_string_equal(report_verdict(10), "PLAUSIBLE");
	assert_string_equal(report_verdict(20), "PLAUSIBLE");
	assert_string_equal(report_verdict(20.01), "NEEDS_VALIDATION");
	assert_true(fabs(report_error_percent(71.5, 65) - 10) < 1e-9);
	assert_true(fabs(report_error_percent(58.5, 65) - 10) < 1e-9);
}

static void json_reads_back_unchanged(void **state)
{
	struct report *r = *state;
	struct report *again = calloc(1, sizeof *again);
	struct text one = {0};
	struct text two = {0};
	struct error err = {0};

	assert_non_null(again);
	r->cell[1].estimated_ms = 390;
	report_json(r, &one);
	char *copy = malloc(one.len + 1);

	assert_non_null(copy);
	memcpy(copy, one.bytes, one.len + 1);
	assert_true(report_read(copy, one.len, again, &err));
	assert_int_equal(again->count, r->count);
	assert_true(again->partial);
	report_json(again, &two);
	/* Samples are grouped by cell: the order of the lists may differ, but not the text. */
	assert_string_equal(one.bytes, two.bytes);
	assert_non_null(strstr(one.bytes, "\"comparison\":{\"estimated_ms\":390.000,"
					  "\"error_percent\":5.13,\"error_low_percent\":0.00,"
					  "\"error_high_percent\":11.69,"
					  "\"status\":\"UNDECIDED\",\"more_samples\":1}"));
	assert_non_null(strstr(one.bytes, "\"speedup\":{\"ratio\":2.4634,"
					  "\"efficiency_percent\":61.59,"));
	free(copy);
	text_free(&one);
	text_free(&two);
	report_free(again);
	free(again);
}

static void expect_refusal(const char *text, const char *says)
{
	struct report *r = calloc(1, sizeof *r);
	struct error err = {0};
	char *copy = malloc(strlen(text) + 1);

	assert_true(r && copy);
	memcpy(copy, text, strlen(text) + 1);
	assert_false(report_read(copy, strlen(text), r, &err));
	assert_non_null(strstr(err.message, says));
	assert_int_equal(err.status, EXIT_BAD_IMAGE);
	report_free(r);
	free(r);
	free(copy);
}

static void invalid_reports_are_refused(void **state)
{
	(void)state;
	expect_refusal("", "byte 0");
	expect_refusal("{}", "not a report");
	expect_refusal("{\"schema\": \"vm-profile\", \"version\": 3, \"cells\": []}", "version 3");
	expect_refusal("{\"schema\": \"vm-profile\", \"version\": 1, \"cells\": []}", "run");
}

static void a_baseline_is_a_report_or_a_list(void **state)
{
	struct report *r = *state;
	struct error err = {0};
	char list[] = "{\"cpu_1\": 1000, \"cpu_4\": {\"estimated_ms\": 500}, \"other\": null}";
	char report[] = "{\"cpu_1\": {\"statistics\": {\"mean_ms\": 65}}}";
	char nothing[] = "{\"cpu_3\": 1, \"cpu_1\": -4}";

	assert_true(report_baseline(r, list, strlen(list), &err));
	assert_true(r->cell[0].estimated_ms == 1000 && r->cell[1].estimated_ms == 500);
	assert_true(report_baseline(r, report, strlen(report), &err));
	assert_true(r->cell[0].estimated_ms == 65 && isnan(r->cell[1].estimated_ms));
	assert_false(report_baseline(r, nothing, strlen(nothing), &err));
	assert_non_null(strstr(err.message, "cpu_1"));
}

static void csv_is_quoted(void **state)
{
	struct text t = {0};

	report_csv(*state, &t);
	assert_non_null(strstr(t.bytes, ",timeout,\"the time, \"\"all of it\"\",\nwas over\","));
	assert_non_null(strstr(t.bytes, ",qemu_ms,kernel_ms\r\n"));
	text_free(&t);
}

static void a_comparison_distinguishes_chance_from_change(void **state)
{
	struct report *a = *state;
	struct report *b = calloc(1, sizeof *b);
	struct text t = {0};

	assert_non_null(b);
	add_cell(b, "cpu_1", "1", "128");
	for (int i = 0; i < 3; i++)
		add(b, 0, i + 1, 1100 + 10 * i);
	assert_int_equal(report_compare(a, b, &t), 1);
	assert_non_null(strstr(t.bytes, "  slower, most of it in "));
	text_free(&t);
	assert_int_equal(report_compare_json(b, a, &t), 1);
	assert_non_null(strstr(t.bytes, "\"verdict\":\"faster\""));
	text_free(&t);
	assert_int_equal(report_compare(a, a, &t), 2);
	assert_non_null(strstr(t.bytes, "no significant difference"));
	text_free(&t);
	report_free(b);
	free(b);
}

static void pictures_are_escaped_and_well_formed(void **state)
{
	struct text t = {0};

	report_timeline(*state, &t);
	assert_non_null(strstr(t.bytes, "log&quot;in &lt;&amp;&gt;"));
	assert_string_equal(t.bytes + t.len - 7, "</svg>\n");
	text_free(&t);
	report_boxes(*state, &t);
	assert_non_null(strstr(t.bytes, "cpu_4: median 410.0 ms"));
	text_free(&t);
	assert_true(report_speedup(*state, &t));
	assert_non_null(strstr(t.bytes, "cpu_4: 2.463 times as fast, efficiency 62 %"));
	text_free(&t);
}

static void a_report_without_measurements(void **state)
{
	struct report *r = *state;
	struct text t = {0};

	report_free(r);
	report_json(r, &t);
	report_text(r, &t);
	report_timeline(r, &t);
	report_boxes(r, &t);
	assert_false(t.failed);
	assert_null(strstr(t.bytes, "nan"));
	assert_null(strstr(t.bytes, "inf,"));
	assert_false(report_speedup(r, &t));
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(statistics_use_only_good_samples, make,
						free_report),
		cmocka_unit_test_setup_teardown(the_baseline_cell_differs_in_processors_only, make,
						free_report),
		cmocka_unit_test(verdicts_have_the_bounds_of_the_papers),
		cmocka_unit_test_setup_teardown(json_reads_back_unchanged, make, free_report),
		cmocka_unit_test(invalid_reports_are_refused),
		cmocka_unit_test_setup_teardown(a_baseline_is_a_report_or_a_list, make,
						free_report),
		cmocka_unit_test_setup_teardown(csv_is_quoted, make, free_report),
		cmocka_unit_test_setup_teardown(a_comparison_distinguishes_chance_from_change, make,
						free_report),
		cmocka_unit_test_setup_teardown(pictures_are_escaped_and_well_formed, make,
						free_report),
		cmocka_unit_test_setup_teardown(a_report_without_measurements, make, free_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
