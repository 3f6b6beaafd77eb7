/* stats.h - the statistics of the boot profiler (docs/profile.md, Methods).
 *
 * Times are positive and samples few. So spread is the sample standard deviation (n - 1), the
 * interval of a mean is on the logarithmic scale, where it cannot reach zero, and two sets are
 * compared by Welch's test, which does not require equal variances.
 */
#ifndef VM_PROFILE_STATS_H
#define VM_PROFILE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/stats_dist.h"

/* Of N numbers; all in their unit. A value that N does not permit is NAN: everything at N = 0,
 * stdev and the interval at N = 1. */
struct summary {
	size_t n;
	double mean, median, stdev, min, max;
	double q1, q3; /* quartiles, interpolated between order statistics (R's type 7) */
	double fence_low, fence_high; /* Tukey: beyond q1 - 1.5 IQR, q3 + 1.5 IQR is an outlier */
	/* 95 % interval of the mean: the mean times or by exp(t s / (mean sqrt(n))), which is
	 * Student's interval of log(mean), by the delta method. */
	double ci_low, ci_high;
};

/* Summarise the N numbers at X, which are sorted in place. */
void stats_summarise(double *x, size_t n, struct summary *out);

/* Is X outside the fences? */
bool stats_outlier(const struct summary *s, double x);

/* The smallest number of samples with which such an interval is within exp(-H) and exp(H) of the
 * mean if the standard deviation is CV of it; at most MOST. */
size_t stats_samples_needed(double cv, double h, size_t most);

/* The quantile P of the N ordered numbers at X (R's type 7, Python's "inclusive"). */
double stats_quantile(const double *x, size_t n, double p);

/* B compared with A: Welch, Biometrika 34 (1947); df by Satterthwaite. */
struct welch {
	double difference; /* mean of B - mean of A */
	double t, df, p;   /* P two-sided */
	double low, high;  /* 95 % interval of the difference */
};

/* False if either has fewer than two numbers. Without any spread in both, P is 0 for different
 * means and 1 for equal ones. */
bool stats_welch(const struct summary *a, const struct summary *b, struct welch *out);

/* An estimate with its 95 % interval; NAN if undefined. */
struct estimate {
	double value, low, high;
};

/* mean of A / mean of B, by Welch's test of their logarithms (delta method). */
struct estimate stats_ratio(const struct summary *a, const struct summary *b);

/* The shift from the NA numbers at A to the NB at B: the median of all differences (Hodges and
 * Lehmann 1963), its interval that of the exact Mann-Whitney test (as R's wilcox.test), up to 49
 * numbers in each. NAN: more than a million differences, or no memory. */
struct estimate stats_shift(const double *a, size_t na, const double *b, size_t nb);

/* Holm's correction (1979) of the N probabilities at P, in place; NAN stays and is not counted.
 * False: no memory. */
bool stats_holm(double *p, size_t n);

/* ---- bootstrap ---- */

#define BOOTSTRAP_ROUNDS 2000

/* The bias-corrected and accelerated interval (Efron 1987) of the mean of the N numbers at X. */
struct bootstrap {
	double bias, acceleration;
	double low, high;
	double p_low, p_high; /* the quantiles of the resampled means that correspond to them */
};

/* Resample with SEED. MEANS, unless NULL, receives the BOOTSTRAP_ROUNDS means in ascending order.
 * False: N is below two, or no memory. */
bool stats_bootstrap(const double *x, size_t n, uint64_t seed, double *means,
		     struct bootstrap *out);

/* ---- models ---- */

/* y = serial + parallel / processors (Amdahl), by least squares. SHARE is serial / (serial +
 * parallel), its interval by the delta method. */
struct amdahl {
	double serial, parallel;
	double residual; /* standard error of a sample */
	struct estimate share;
};

/* False: fewer than three numbers, or only one number of processors. */
bool stats_amdahl(const double *cpus, const double *y, size_t n, struct amdahl *out);

/* The share of Y's variance explained by a factor, with the cells' own means removed: the model is
 * y = cell + factor. CELL and LEVEL are numbered from 0. */
#define FACTOR_LEVELS 64
struct factor {
	double sum, residual; /* of squares */
	double df, df_residual;
	double f, p;
	double share;		      /* of the variance within cells */
	double effect[FACTOR_LEVELS]; /* of each level, about a mean of 0 over the levels */
};

/* False: fewer than two levels or more than FACTOR_LEVELS, no degrees of freedom for the residual,
 * or levels that are confounded with cells. */
bool stats_factor(const double *y, const size_t *cell, const size_t *level, size_t n,
		  struct factor *out);

#endif
