/* report_judge.c - intervals, verdicts and speed-up of a report (report.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

void report_interval(const struct report *r, size_t cell, const struct summary *s,
		     struct interval *out)
{
	double *x = r->quick ? NULL : calloc(r->count + 1, sizeof *x);
	struct bootstrap b;

	*out = (struct interval){s->ci_low, s->ci_high, NAN, NAN, s->n > 1 ? "log t" : ""};
	if (!x)
		return;
	size_t n = report_totals(r, cell, x, NULL);

	/* Sorted, so that the result does not depend on the order of the samples, which a merge
	 * changes. */
	qsort(x, n, sizeof *x, by_size);
	if (stats_bootstrap(x, n, r->seed, NULL, &b)) {
		out->bca_low = b.low;
		out->bca_high = b.high;
		if (n >= INTERVAL_BOOTSTRAP) {
			out->low = b.low;
			out->high = b.high;
			out->method = "BCa";
		}
	}
	free(x);
}

double report_error_percent(double measured, double estimated)
{
	return fabs(measured - estimated) / estimated * 100;
}

const char *report_verdict(double error_percent)
{
	return error_percent < 10    ? "VERIFIED"
	       : error_percent <= 20 ? "PLAUSIBLE"
				     : "NEEDS_VALIDATION";
}

/* The number of samples for which the interval would end before the next verdict's bound. */
static size_t needed(const struct summary *s, double estimated)
{
	static const double bounds[] = {0.8, 0.9, 1.1, 1.2};
	double distance = INFINITY;

	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
		distance = fmin(distance, fabs(log(s->mean / (bounds[i] * estimated))));
	return stats_samples_needed(s->stdev / s->mean, distance, JUDGE_SAMPLES_MAX);
}

void report_judge(const struct summary *s, const struct interval *i, double estimated,
		  struct judgement *out)
{
	double at_low = report_error_percent(i->low, estimated);
	double at_high = report_error_percent(i->high, estimated);

	*out = (struct judgement){report_error_percent(s->mean, estimated), NAN, NAN, "UNDECIDED",
				  0};
	if (s->n < 2 || !(s->mean > 0))
		return;
	out->low = i->low <= estimated && estimated <= i->high ? 0 : fmin(at_low, at_high);
	out->high = fmax(at_low, at_high);
	if (strcmp(report_verdict(out->low), report_verdict(out->high)) == 0) {
		out->word = report_verdict(out->low);
		return;
	}
	size_t n = needed(s, estimated);

	out->more = n > s->n ? n - s->n : 1;
}

const char *report_judgement(const struct judgement *j, char buf[80])
{
	if (strcmp(j->word, "UNDECIDED") != 0)
		(void)snprintf(buf, 80, "%s", j->word);
	else if (j->more == 0)
		(void)snprintf(buf, 80, "more samples needed for an interval");
	else if (j->more >= JUDGE_SAMPLES_MAX / 2)
		(void)snprintf(buf, 80, "undecided: it is at a bound of two verdicts");
	else
		(void)snprintf(buf, 80, "%zu more sample%s needed", j->more,
			       j->more == 1 ? "" : "s");
	return buf;
}

struct estimate report_speedup_of(const struct report *r, size_t cell)
{
	int single = report_reference_cell(r, cell);
	struct cell_figures *a = malloc(sizeof *a);
	struct cell_figures *b = malloc(sizeof *b);
	struct estimate e = {NAN, NAN, NAN};

	if (single >= 0 && a && b && report_figures(r, (size_t)single, a) &&
	    report_figures(r, cell, b))
		e = stats_ratio(&a->total, &b->total);
	if (single == (int)cell && isfinite(e.value)) /* the reference cell itself */
		e.low = e.high = e.value;
	free(a);
	free(b);
	return e;
}
