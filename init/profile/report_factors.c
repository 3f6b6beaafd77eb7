/* report_factors.c - hosts and rounds as factors of the totals (report.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

/* A valid sample, as the models use it. */
struct points {
	size_t n;
	double *y; /* logarithm of the total */
	size_t *cell, *host, *round;
};

/* Number the rounds as they appear; equal rounds of different parts are different. */
struct rounds {
	size_t n;
	struct {
		size_t part;
		long round;
	} seen[FACTOR_LEVELS];
};

/* FACTOR_LEVELS: more than the model supports. */
static size_t number_of(struct rounds *l, const struct sample *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->seen[i].part == s->part && l->seen[i].round == s->round)
			return i;
	if (l->n == FACTOR_LEVELS)
		return FACTOR_LEVELS;
	l->seen[l->n].part = s->part;
	l->seen[l->n].round = s->round;
	return l->n++;
}

static bool collect(const struct report *r, struct points *p)
{
	size_t host[REPORT_PARTS];
	struct rounds rounds = {0};

	(void)report_hosts(r, host);
	*p = (struct points){.y = calloc(r->count + 1, sizeof *p->y),
			     .cell = calloc(r->count + 1, sizeof *p->cell),
			     .host = calloc(r->count + 1, sizeof *p->host),
			     .round = calloc(r->count + 1, sizeof *p->round)};
	if (!p->y || !p->cell || !p->host || !p->round)
		return false;
	for (size_t i = 0; i < r->count; i++) {
		const struct sample *s = &r->sample[i];

		if (s->warm_up || s->status != SAMPLE_OK || !(s->total_ms > 0))
			continue;
		p->y[p->n] = log(s->total_ms);
		p->cell[p->n] = s->cell;
		p->host[p->n] = host[s->part];
		p->round[p->n++] = number_of(&rounds, s);
	}
	return true;
}

static double sum_of_squares(const struct points *p, const double *about)
{
	double mean = 0;
	double sum = 0;

	for (size_t i = 0; i < p->n; i++)
		mean += p->y[i] / (double)p->n;
	for (size_t i = 0; i < p->n; i++)
		sum += pow(p->y[i] - (about ? about[p->cell[i]] : mean), 2);
	return sum;
}

/* The sum of squares within cells. */
static double within_cells(const struct points *p)
{
	double *mean = calloc(2 * REPORT_CELLS, sizeof *mean);
	double sum = NAN;

	for (size_t i = 0; mean && i < p->n; i++) {
		mean[p->cell[i]] += p->y[i];
		mean[REPORT_CELLS + p->cell[i]]++;
	}
	for (size_t c = 0; mean && c < REPORT_CELLS; c++)
		mean[c] /= fmax(1, mean[REPORT_CELLS + c]);
	if (mean)
		sum = sum_of_squares(p, mean);
	free(mean);
	return sum;
}

bool report_variance(const struct report *r, struct variance *out)
{
	struct points p;
	size_t host[REPORT_PARTS];
	bool ok = collect(r, &p);

	*out = (struct variance){
		.cell = NAN, .host = NAN, .round = NAN, .host_count = report_hosts(r, host)};
	out->hosts.p = out->rounds.p = NAN;
	double total = ok && p.n > 2 ? sum_of_squares(&p, NULL) : 0;

	if (total > 0) {
		double within = within_cells(&p);

		out->cell = (total - within) / total;
		if (stats_factor(p.y, p.cell, p.host, p.n, &out->hosts))
			out->host = out->hosts.sum / total;
		if (stats_factor(p.y, p.cell, p.round, p.n, &out->rounds))
			out->round = out->rounds.sum / total;
	}
	free(p.y);
	free(p.cell);
	free(p.host);
	free(p.round);
	return total > 0;
}
