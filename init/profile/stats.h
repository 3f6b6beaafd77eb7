/* stats.h - the statistics of the boot profiler (docs/profile.md, Methods).
 *
 * Samples are few (three is usual), so spread is the sample standard deviation (n - 1), intervals
 * are Student's, and two sets are compared by Welch's test, which does not ask for equal variances.
 */
#ifndef VM_PROFILE_STATS_H
#define VM_PROFILE_STATS_H

#include <stdbool.h>
#include <stddef.h>

/* Of N numbers; all in their unit. Where N does not allow a figure it is NAN: everything at N = 0,
 * stdev and the interval at N = 1. */
struct summary {
	size_t n;
	double mean, median, stdev, min, max;
	double q1, q3; /* quartiles, interpolated between order statistics (R's type 7) */
	double fence_low, fence_high; /* Tukey: beyond q1 - 1.5 IQR, q3 + 1.5 IQR is an outlier */
	double ci_low, ci_high;	      /* 95 % interval of the mean, by Student's t */
};

/* Summarise the N numbers at X, which are put in order. */
void stats_summarise(double *x, size_t n, struct summary *out);

/* Is X outside the fences? */
bool stats_outlier(const struct summary *s, double x);

/* The two-sided probability of |T| or more under Student's distribution with DF degrees of freedom
 * (DF > 0, it need not be whole), by the incomplete beta function: DLMF 8.17.22. */
double stats_t_p(double t, double df);
/* The T that has two-sided probability P (0 < P < 1): 0.05 for a 95 % interval. */
double stats_t_quantile(double p, double df);

/* B compared with A: Welch, Biometrika 34 (1947); df by Satterthwaite. */
struct welch {
	double difference; /* mean of B - mean of A */
	double t, df, p;   /* P two-sided */
	double low, high;  /* 95 % interval of the difference */
};

/* False when one of them has fewer than two numbers. Without any spread in both, P is 0 for
 * different means and 1 for equal ones. */
bool stats_welch(const struct summary *a, const struct summary *b, struct welch *out);

#endif
