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

/* The quantile P of the N ordered numbers at X (R's type 7, Python's "inclusive"). */
static double quantile(const double *x, size_t n, double p)
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
	/* Around the mean, in a second pass: sums of squares of milliseconds would cancel. */
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - out->mean) * (x[i] - out->mean);
	out->min = x[0];
	out->max = x[n - 1];
	out->median = quantile(x, n, 0.5);
	out->q1 = quantile(x, n, 0.25);
	out->q3 = quantile(x, n, 0.75);
	out->fence_low = out->q1 - 1.5 * (out->q3 - out->q1);
	out->fence_high = out->q3 + 1.5 * (out->q3 - out->q1);
	if (n < 2)
		return;
	out->stdev = sqrt(squares / (double)(n - 1));
	double half = stats_t_quantile(0.05, (double)(n - 1)) * out->stdev / sqrt((double)n);

	out->ci_low = out->mean - half;
	out->ci_high = out->mean + half;
}

bool stats_outlier(const struct summary *s, double x)
{
	return x < s->fence_low || x > s->fence_high;
}

/* The continued fraction of DLMF 8.17.22, evaluated by Lentz's method. It converges in few steps
 * for X below (A + 1) / (A + B + 2). */
static double beta_fraction(double x, double a, double b)
{
	const double tiny = 1e-300;
	double c = 1;
	double d = 1 - (a + b) * x / (a + 1);
	double h;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	h = d;
	for (int m = 1; m <= 1000; m++) {
		double step = 1;

		for (int odd = 0; odd < 2; odd++) {
			double term =
				odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
				    : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));

			d = 1 + term * d;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = 1 + term / c;
			c = fabs(c) < tiny ? tiny : c;
			step = c * d;
			h *= step;
		}
		if (fabs(step - 1) < 1e-14)
			break;
	}
	return h;
}

/* The regularised incomplete beta function I_X(A, B). */
static double beta(double x, double a, double b)
{
	if (x <= 0 || x >= 1)
		return x >= 1;
	double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));

	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(x, a, b) / a;
	return 1 - front * beta_fraction(1 - x, b, a) / b;
}

double stats_t_p(double t, double df)
{
	return beta(df / (df + t * t), df / 2, 0.5);
}

double stats_t_quantile(double p, double df)
{
	double low = 0;
	double high = 1;

	while (stats_t_p(high, df) > p)
		high *= 2;
	while (high - low > 1e-12 * high) {
		double middle = (low + high) / 2;

		if (middle == low || middle == high)
			break;
		if (stats_t_p(middle, df) > p)
			low = middle;
		else
			high = middle;
	}
	return high;
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
