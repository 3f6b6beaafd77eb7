/* stats.c - see stats.h. */
#include "profile/stats.h"

#include <math.h>
#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double stats_quantile(const double *x, size_t n, double p)
{
	double at = p * (double)(n - 1);
	size_t i = (size_t)at;

	return i + 1 < n ? x[i] + (at - (double)i) * (x[i + 1] - x[i]) : x[n - 1];
}

void stats_summarise(double *x, size_t n, struct summary *out)
{
	double sum = 0;
	double squares = 0;

	*out = (struct summary){n, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	if (n == 0)
		return;
	qsort(x, n, sizeof *x, by_size);
	for (size_t i = 0; i < n; i++)
		sum += x[i];
	out->mean = sum / (double)n;
	/* In a second pass relative to the mean: sums of squares of milliseconds would cancel. */
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - out->mean) * (x[i] - out->mean);
	out->min = x[0];
	out->max = x[n - 1];
	out->median = stats_quantile(x, n, 0.5);
	out->q1 = stats_quantile(x, n, 0.25);
	out->q3 = stats_quantile(x, n, 0.75);
	out->fence_low = out->q1 - 1.5 * (out->q3 - out->q1);
	out->fence_high = out->q3 + 1.5 * (out->q3 - out->q1);
	if (n < 2)
		return;
	out->stdev = sqrt(squares / (double)(n - 1));
	double half = stats_t_quantile(0.05, (double)(n - 1)) * out->stdev / sqrt((double)n);

	/* Measurements are not negative; a phase may have no duration. */
	out->ci_low = out->mean > 0 ? out->mean * exp(-half / out->mean) : out->mean;
	out->ci_high = out->mean > 0 ? out->mean * exp(half / out->mean) : out->mean;
}

size_t stats_samples_needed(double cv, double h, size_t most)
{
	size_t low = 1; /* too small */
	size_t high = 2;

	while (high < most &&
	       stats_t_quantile(0.05, (double)(high - 1)) * cv > h * sqrt((double)high)) {
		low = high;
		high = high * 2 < most ? high * 2 : most;
	}
	while (high - low > 1) {
		size_t n = low + (high - low) / 2;

		if (stats_t_quantile(0.05, (double)(n - 1)) * cv > h * sqrt((double)n))
			low = n;
		else
			high = n;
	}
	return high;
}

bool stats_outlier(const struct summary *s, double x)
{
	return x < s->fence_low || x > s->fence_high;
}

bool stats_welch(const struct summary *a, const struct summary *b, struct welch *out)
{
	if (a->n < 2 || b->n < 2)
		return false;
	double va = a->stdev * a->stdev / (double)a->n;
	double vb = b->stdev * b->stdev / (double)b->n;
	double d = b->mean - a->mean;
	double error = sqrt(va + vb);

	*out = (struct welch){.difference = d, .p = d == 0, .low = d, .high = d};
	out->df = (double)(a->n + b->n - 2);
	if (error == 0) {
		out->t = d == 0 ? 0 : copysign(INFINITY, d);
		return true;
	}
	out->t = d / error;
	out->df = (va + vb) * (va + vb) /
		  (va * va / (double)(a->n - 1) + vb * vb / (double)(b->n - 1));
	out->p = stats_t_p(out->t, out->df);
	double half = stats_t_quantile(0.05, out->df) * error;

	out->low = d - half;
	out->high = d + half;
	return true;
}

struct estimate stats_ratio(const struct summary *a, const struct summary *b)
{
	struct estimate e = {a->mean / b->mean, NAN, NAN};

	if (a->n < 2 || b->n < 2 || !(a->mean > 0) || !(b->mean > 0))
		return e;
	double va = pow(a->stdev / a->mean, 2) / (double)a->n;
	double vb = pow(b->stdev / b->mean, 2) / (double)b->n;

	if (va + vb == 0)
		return (struct estimate){e.value, e.value, e.value};
	double df = pow(va + vb, 2) / (va * va / (double)(a->n - 1) + vb * vb / (double)(b->n - 1));
	double half = stats_t_quantile(0.05, df) * sqrt(va + vb);

	e.low = e.value * exp(-half);
	e.high = e.value * exp(half);
	return e;
}
