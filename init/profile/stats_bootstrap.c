/* stats_bootstrap.c - the BCa interval of a mean (stats.h): Efron, J. Amer. Statist. Assoc. 82
 * (1987). */
#include <math.h>
#include <stdlib.h>

#include "profile/stats.h"

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static double mean_of(const double *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i];
	return sum / (double)n;
}

static void resample(const double *x, size_t n, uint64_t seed, double *means)
{
	for (size_t r = 0; r < BOOTSTRAP_ROUNDS; r++) {
		double sum = 0;

		for (size_t i = 0; i < n; i++)
			sum += x[(next_random(&seed) >> 32) * n >> 32];
		means[r] = sum / (double)n;
	}
	qsort(means, BOOTSTRAP_ROUNDS, sizeof *means, by_size);
}

/* The distance of the median of the means from MEAN, in standard deviations of the normal
 * distribution. Means that are equal up to the order of summation count half. */
static double bias_of(const double *means, double mean)
{
	double below = 0;

	for (size_t i = 0; i < BOOTSTRAP_ROUNDS; i++)
		below += fabs(means[i] - mean) <= 1e-12 * fabs(mean) ? 0.5 : means[i] < mean;
	/* All or none would be infinite; it requires a mean that equals a sample. */
	below = fmin(fmax(below, 0.5), BOOTSTRAP_ROUNDS - 0.5);
	return stats_normal_quantile(below / BOOTSTRAP_ROUNDS);
}

/* By the jackknife: the means with one number left out. */
static double acceleration_of(const double *x, size_t n, double mean)
{
	double squares = 0;
	double cubes = 0;

	for (size_t i = 0; i < n; i++) {
		double d = (x[i] - mean) /
			   (double)(n - 1); /* mean of the jackknife means - this one */

		squares += d * d;
		cubes += d * d * d;
	}
	return squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0;
}

static double adjusted(const struct bootstrap *b, double p)
{
	double z = b->bias + stats_normal_quantile(p);

	return stats_normal(b->bias + z / (1 - b->acceleration * z));
}

bool stats_bootstrap(const double *x, size_t n, uint64_t seed, double *means, struct bootstrap *out)
{
	double *m = n > 1 ? calloc(BOOTSTRAP_ROUNDS, sizeof *m) : NULL;

	*out = (struct bootstrap){NAN, NAN, NAN, NAN, NAN, NAN};
	if (!m)
		return false;
	double mean = mean_of(x, n);

	resample(x, n, seed, m);
	out->bias = bias_of(m, mean);
	out->acceleration = acceleration_of(x, n, mean);
	out->p_low = adjusted(out, 0.025);
	out->p_high = adjusted(out, 0.975);
	out->low = stats_quantile(m, BOOTSTRAP_ROUNDS, out->p_low);
	out->high = stats_quantile(m, BOOTSTRAP_ROUNDS, out->p_high);
	for (size_t i = 0; means && i < BOOTSTRAP_ROUNDS; i++)
		means[i] = m[i];
	free(m);
	return true;
}
