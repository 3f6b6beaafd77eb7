/* stats_models.c - fits Amdahl's law, and the variance of a factor (stats.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/stats.h"

bool stats_amdahl(const double *cpus, const double *y, size_t n, struct amdahl *out)
{
	double mx = 0;
	double my = 0;
	double sxx = 0;
	double sxy = 0;
	double rss = 0;

	for (size_t i = 0; i < n; i++) {
		mx += 1 / cpus[i] / (double)n;
		my += y[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		sxx += (1 / cpus[i] - mx) * (1 / cpus[i] - mx);
		sxy += (1 / cpus[i] - mx) * (y[i] - my);
	}
	if (n < 3 || sxx < 1e-12)
		return false;
	double b = sxy / sxx;
	double a = my - b * mx;

	for (size_t i = 0; i < n; i++)
		rss += pow(y[i] - a - b / cpus[i], 2);
	double s2 = rss / (double)(n - 2);
	double whole = a + b;
	/* The covariance of the coefficients, and the derivatives of a / (a + b). */
	double vaa = s2 * (1 / (double)n + mx * mx / sxx);
	double vab = -s2 * mx / sxx;
	double vbb = s2 / sxx;
	double da = b / (whole * whole);
	double db = -a / (whole * whole);
	double half = stats_t_quantile(0.05, (double)(n - 2)) *
		      sqrt(fmax(0, da * da * vaa + 2 * da * db * vab + db * db * vbb));

	*out = (struct amdahl){a, b, sqrt(s2), {a / whole, a / whole - half, a / whole + half}};
	return whole != 0;
}

/* The columns of the levels, without the last one, with the cells' means removed from them and from
 * Y (Frisch, Waugh and Lovell): normal equations A c = B with K unknowns. */
struct equations {
	size_t k;
	double a[FACTOR_LEVELS][FACTOR_LEVELS];
	double b[FACTOR_LEVELS];
	double total; /* sum of squares of Y within cells */
};

static void set_up(const double *y, const size_t *cell, const size_t *level, size_t n, size_t cells,
		   double *work, struct equations *e)
{
	double *mean = work;	       /* of Y, by cell */
	double *count = work + cells;  /* samples of a cell */
	double *of = work + 2 * cells; /* number of those that have each level */
	size_t k = e->k;

	for (size_t i = 0; i < n; i++) {
		mean[cell[i]] += y[i];
		count[cell[i]]++;
		of[cell[i] * FACTOR_LEVELS + level[i]]++;
	}
	for (size_t c = 0; c < cells; c++)
		mean[c] = count[c] > 0 ? mean[c] / count[c] : 0;
	for (size_t i = 0; i < n; i++) {
		double d = y[i] - mean[cell[i]];

		e->total += d * d;
		if (level[i] < k)
			e->b[level[i]] += d; /* a column's own mean cancels, because D has none */
	}
	for (size_t c = 0; c < cells; c++)
		for (size_t p = 0; p < k && count[c] > 0; p++)
			for (size_t q = 0; q < k; q++) {
				const double *o = of + c * FACTOR_LEVELS;

				e->a[p][q] += (p == q ? o[p] : 0) - o[p] * o[q] / count[c];
			}
}

/* Gauss-Jordan elimination with pivots from the diagonal: A is symmetric and positive semidefinite.
 * Undetermined coefficients get 0. Returns the rank. */
static size_t solve(struct equations *e, double c[FACTOR_LEVELS])
{
	bool done[FACTOR_LEVELS] = {false};
	size_t rank = 0;

	for (size_t step = 0; step < e->k; step++) {
		size_t p = FACTOR_LEVELS;

		for (size_t i = 0; i < e->k; i++)
			if (!done[i] && e->a[i][i] > 1e-9 &&
			    (p == FACTOR_LEVELS || e->a[i][i] > e->a[p][p]))
				p = i;
		if (p == FACTOR_LEVELS)
			break;
		done[p] = true;
		rank++;
		for (size_t i = 0; i < e->k; i++) {
			double times = i == p ? 0 : e->a[i][p] / e->a[p][p];

			for (size_t q = 0; q < e->k && times != 0; q++)
				e->a[i][q] -= times * e->a[p][q];
			e->b[i] -= times * e->b[p];
		}
	}
	for (size_t i = 0; i < e->k; i++)
		c[i] = done[i] ? e->b[i] / e->a[i][i] : 0;
	return rank;
}

static size_t highest(const size_t *x, size_t n)
{
	size_t most = 0;

	for (size_t i = 0; i < n; i++)
		most = x[i] > most ? x[i] : most;
	return most;
}

static size_t cells_with_samples(const double *count, size_t cells)
{
	size_t n = 0;

	for (size_t c = 0; c < cells; c++)
		n += count[c] > 0;
	return n;
}

bool stats_factor(const double *y, const size_t *cell, const size_t *level, size_t n,
		  struct factor *out)
{
	size_t cells = n ? highest(cell, n) + 1 : 0;
	size_t levels = n ? highest(level, n) + 1 : 0;

	*out = (struct factor){.p = NAN, .f = NAN, .share = NAN};
	if (levels < 2 || levels > FACTOR_LEVELS)
		return false;
	struct equations *e = calloc(1, sizeof *e);
	double *work = calloc(cells * (2 + FACTOR_LEVELS), sizeof *work);
	double right[FACTOR_LEVELS];
	bool ok = e && work;

	if (ok) {
		e->k = levels - 1;
		set_up(y, cell, level, n, cells, work, e);
		memcpy(right, e->b, sizeof right);
		out->df = (double)solve(e, out->effect);
		for (size_t i = 0; i < e->k; i++)
			out->sum += out->effect[i] * right[i];
		out->residual = fmax(0, e->total - out->sum);
		out->df_residual =
			(double)n - (double)cells_with_samples(work + cells, cells) - out->df;
		out->share = e->total > 0 ? out->sum / e->total : NAN;
		ok = out->df > 0 && out->df_residual > 0 && out->residual > 0;
	}
	if (ok) {
		double mean = 0;

		out->f = out->sum / out->df / (out->residual / out->df_residual);
		out->p = stats_f_p(out->f, out->df, out->df_residual);
		for (size_t i = 0; i < levels; i++)
			mean += out->effect[i] / (double)levels;
		for (size_t i = 0; i < levels; i++)
			out->effect[i] -= mean;
	}
	free(e);
	free(work);
	return ok;
}
