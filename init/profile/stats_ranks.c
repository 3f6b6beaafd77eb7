/* stats_ranks.c - Hodges and Lehmann's shift, and Holm's correction (stats.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/stats.h"

#define PAIRS_MAX 1000000
#define EXACT_MAX 50 /* as in R: below this the exact distribution */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The 2.5 % quantile of the Mann-Whitney statistic of M and N numbers, from its frequencies:
 * f(i, j, u) = f(i - 1, j, u - j) + f(i, j - 1, u), all sums, so that no digits are lost. A
 * quantile of 0 means that every difference is in the interval. False: no memory. */
static bool mann_whitney_quantile(size_t m, size_t n, size_t *out)
{
	size_t width = m * n + 1;
	double *f = calloc((n + 1) * width, sizeof *f); /* for the present i, by j */
	double all = 0;
	double sum = 0;

	if (!f)
		return false;
	for (size_t j = 0; j <= n; j++)
		f[j * width] = 1;
	for (size_t i = 1; i <= m; i++)
		for (size_t j = 1; j <= n; j++)
			for (size_t u = width; u-- > 0;) {
				double above = u >= j ? f[j * width + u - j] : 0;

				f[j * width + u] = above + f[(j - 1) * width + u];
			}
	for (size_t u = 0; u < width; u++)
		all += f[n * width + u];
	*out = 0;
	while ((sum += f[n * width + *out] / all) < 0.025 - 1e-15)
		++*out;
	free(f);
	return true;
}

struct estimate stats_shift(const double *a, size_t na, const double *b, size_t nb)
{
	struct estimate e = {NAN, NAN, NAN};
	size_t pairs = na * nb;
	double *d = pairs && pairs <= PAIRS_MAX ? malloc(pairs * sizeof *d) : NULL;
	size_t q;

	if (!d)
		return e;
	for (size_t i = 0; i < na; i++)
		for (size_t k = 0; k < nb; k++)
			d[i * nb + k] = b[k] - a[i];
	qsort(d, pairs, sizeof *d, by_size);
	e.value = stats_quantile(d, pairs, 0.5);
	if (na < EXACT_MAX && nb < EXACT_MAX && na > 1 && nb > 1 &&
	    mann_whitney_quantile(na, nb, &q)) {
		q = q ? q : 1;
		e.low = d[q - 1];
		e.high = d[pairs - q];
	}
	free(d);
	return e;
}

struct ranked {
	double p;
	size_t at;
};

static int by_p(const void *a, const void *b)
{
	double x = ((const struct ranked *)a)->p;
	double y = ((const struct ranked *)b)->p;

	return (x > y) - (x < y);
}

bool stats_holm(double *p, size_t n)
{
	struct ranked *r = calloc(n + 1, sizeof *r);
	size_t k = 0;
	double most = 0;

	if (!r)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isnan(p[i]))
			r[k++] = (struct ranked){p[i], i};
	qsort(r, k, sizeof *r, by_p);
	for (size_t i = 0; i < k; i++) {
		double adjusted = fmin(1, (double)(k - i) * r[i].p);

		most = fmax(most, adjusted);
		p[r[i].at] = most;
	}
	free(r);
	return true;
}
