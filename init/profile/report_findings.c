/* report_findings.c - the findings of a report as sentences (report.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

#define SIGNIFICANT 0.05
#define CELLS_NAMED 8 /* limit of sentences of one kind */

/* "p = 0.0312", "p < 0.0001". */
static void add_p(double p, struct text *t)
{
	if (p < 0.0001)
		text_add(t, "p < 0.0001");
	else
		text_add(t, "p = %.4f", p);
}

static bool counts(const struct sample *s, size_t cell)
{
	return s->cell == cell && !s->warm_up && s->status == SAMPLE_OK;
}

/* ---- the slowest phase ---- */

static const struct phase_figures *slowest_of(const struct cell_figures *f)
{
	const struct phase_figures *slowest = NULL;

	for (size_t i = 0; i < f->phases; i++)
		if (!slowest || f->phase[i].takes.mean > slowest->takes.mean)
			slowest = &f->phase[i];
	return slowest;
}

static void find_slowest(const struct report *r, struct cell_figures *f, struct text *t)
{
	char name[MARKER_NAME_MAX + 1] = "";
	double least = INFINITY;
	double most = 0;
	size_t cells = 0;
	size_t with = 0;

	for (size_t c = 0; c < r->cells; c++) {
		const struct phase_figures *p;

		if (!report_figures(r, c, f) || f->total.n == 0 || !(p = slowest_of(f)))
			continue;
		if (!name[0])
			(void)snprintf(name, sizeof name, "%s", p->name);
		cells++;
		if (strcmp(p->name, name) != 0)
			continue;
		with++;
		least = fmin(least, p->takes.mean / f->total.mean * 100);
		most = fmax(most, p->takes.mean / f->total.mean * 100);
	}
	if (!with)
		return;
	text_add(t, "The slowest phase is %s", name);
	if (with < cells)
		text_add(t, " in %zu of %zu cells", with, cells);
	if (most - least < 1)
		text_add(t, ": %.0f %% of the boot.\n", most);
	else
		text_add(t, ": %.0f to %.0f %% of the boot.\n", least, most);
}

/* ---- baseline ---- */

static void find_baseline(const struct report *r, struct cell_figures *f, struct text *t)
{
	size_t said = 0;

	for (size_t c = 0; c < r->cells; c++) {
		double expected = r->cell[c].estimated_ms;
		struct interval i;
		struct judgement j;
		char word[80];

		if (!isfinite(expected) || !report_figures(r, c, f) || f->total.n == 0)
			continue;
		if (said++ == CELLS_NAMED) {
			text_add(t, "More cells have a baseline; the table has them.\n");
			return;
		}
		report_interval(r, c, &f->total, &i);
		report_judge(&f->total, &i, expected, &j);
		text_add(t, "%s took %.1f ms, %.1f %% %s than the %.1f ms expected", r->cell[c].key,
			 f->total.mean, fabs(f->total.mean / expected - 1) * 100,
			 f->total.mean < expected ? "less" : "more", expected);
		if (isfinite(i.low))
			text_add(t, " (95 %%: %.1f to %.1f ms)", i.low, i.high);
		text_add(t, ": %s.\n", report_judgement(&j, word));
	}
}

/* ---- scaling ---- */

/* Totals or durations of a PHASE of up to AMDAHL_MAX samples of a group, with their processors. */
static size_t group_times(const struct report *r, size_t single, const char *phase, double *cpus,
			  double *y)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct sample *s = &r->sample[i];

		if (!counts(s, s->cell) || report_reference_cell(r, s->cell) != (int)single)
			continue;
		cpus[n] = (double)report_cpus(r, s->cell);
		y[n] = s->total_ms;
		size_t k = 0;

		while (phase && k < s->phases && strcmp(s->phase[k].name, phase) != 0)
			k++;
		if (phase && k == s->phases)
			continue;
		if (phase)
			y[n] = (k + 1 < s->phases ? s->phase[k + 1].at_ms : s->total_ms) -
			       s->phase[k].at_ms;
		n++;
	}
	return n;
}

static const char *how_it_scales(const struct amdahl *a)
{
	return a->share.low > 1	   ? "grows with the processors"
	       : a->share.high < 1 ? "scales"
				   : "shows no scaling";
}

static void find_scaling_of(const struct report *r, size_t single, const struct cell_figures *f,
			    double *work, struct text *t)
{
	struct amdahl a;
	size_t n = group_times(r, single, NULL, work, work + r->count);

	if (!stats_amdahl(work, work + r->count, n, &a) || !isfinite(a.share.high))
		return;
	text_add(t,
		 "%s and its kind: the boot %s; %.0f %% of it is serial (95 %%: %.0f to %.0f %%, "
		 "Amdahl's law fitted to %zu samples).\n",
		 r->cell[single].key, how_it_scales(&a), a.share.value * 100, a.share.low * 100,
		 a.share.high * 100, n);
	for (size_t i = 0; i < f->phases; i++) {
		const struct phase_figures *p = &f->phase[i];

		if (p->takes.mean < f->total.mean / 50) /* too short to be relevant */
			continue;
		n = group_times(r, single, p->name, work, work + r->count);
		if (stats_amdahl(work, work + r->count, n, &a) && isfinite(a.share.high))
			text_add(t, "  Phase %s %s: %.0f %% serial (%.0f to %.0f %%).\n", p->name,
				 how_it_scales(&a), a.share.value * 100, a.share.low * 100,
				 a.share.high * 100);
	}
}

static void find_scaling(const struct report *r, struct cell_figures *f, struct text *t)
{
	double *work = calloc(2 * r->count + 1, sizeof *work);

	for (size_t c = 0; work && c < r->cells; c++)
		if (report_reference_cell(r, c) == (int)c && report_figures(r, c, f))
			find_scaling_of(r, c, f, work, t);
	t->failed |= !work;
	free(work);
}

/* ---- variance ---- */

static void find_hosts(const struct report *r, const struct variance *v, struct text *t)
{
	size_t host[REPORT_PARTS];

	if (v->host_count < 2)
		return;
	if (isnan(v->hosts.p)) {
		text_add(t,
			 "%zu hosts were used; whether they differ cannot be tested, because %s.\n",
			 v->host_count,
			 r->by_cells ? "each cell was measured on one of them"
				     : "no cell has enough samples of several");
		return;
	}
	text_add(t,
		 "%zu hosts were used; they %s (F = %.2f with %.0f and %.0f degrees of freedom, ",
		 v->host_count,
		 v->hosts.p < SIGNIFICANT ? "differ" : "show no significant difference", v->hosts.f,
		 v->hosts.df, v->hosts.df_residual);
	add_p(v->hosts.p, t);
	text_add(t, ")");
	(void)report_hosts(r, host);
	for (size_t h = 0; h < v->host_count && h < FACTOR_LEVELS; h++) {
		size_t part = 0;

		while (host[part] != h)
			part++;
		text_add(t, "%s %s %+.1f %%", h ? "," : ":", report_host_name(r, part),
			 (exp(v->hosts.effect[h]) - 1) * 100);
	}
	text_add(t, ".\n");
}

/* The hosts of CELL's samples as bits; further hosts share bit 63. */
static uint64_t hosts_of(const struct report *r, size_t cell, const size_t host[REPORT_PARTS])
{
	uint64_t bits = 0;

	for (size_t i = 0; i < r->count; i++)
		if (counts(&r->sample[i], cell))
			bits |= UINT64_C(1) << (host[r->sample[i].part] & 63);
	return bits;
}

/* A speed-up T(1)/T(n) between two machines does not depend on n alone. */
static void find_mixed_speedups(const struct report *r, struct text *t)
{
	size_t host[REPORT_PARTS];

	if (report_hosts(r, host) < 2)
		return;
	for (size_t c = 0; c < r->cells; c++) {
		int single = report_reference_cell(r, c);

		if (single < 0 || single == (int)c ||
		    hosts_of(r, c, host) == hosts_of(r, (size_t)single, host))
			continue;
		text_add(t,
			 "%s and %s were not measured on the same hosts, so their speed-up is also "
			 "one of hosts.\n",
			 r->cell[single].key, r->cell[c].key);
	}
}

static void find_variance(const struct report *r, struct text *t)
{
	struct variance v;

	if (!report_variance(r, &v))
		return;
	text_add(t, "Of the variance, %.0f %% is between cells", v.cell * 100);
	double rest = 1 - v.cell;

	if (isfinite(v.host)) {
		text_add(t, ", %.1f %% between hosts", v.host * 100);
		rest -= v.host;
	}
	if (isfinite(v.round)) {
		text_add(t, ", %.1f %% between rounds%s", v.round * 100,
			 v.rounds.p < SIGNIFICANT ? " (the machine drifted)" : "");
		if (isfinite(v.host)) /* a round belongs to one host */
			rest += v.host;
		rest -= v.round;
	}
	text_add(t, ", %.1f %% within a cell and round.\n", fmax(0, rest) * 100);
	find_hosts(r, &v, t);
	find_mixed_speedups(r, t);
}

/* ---- the host's other work ---- */

struct pairs {
	size_t n;
	double mx, my, sxx, syy, sxy;
};

static void add_pair(struct pairs *p, double x, double y)
{
	double dx = x - p->mx;
	double dy = y - p->my;

	p->n++;
	p->mx += dx / (double)p->n;
	p->my += dy / (double)p->n;
	p->sxx += dx * (x - p->mx);
	p->syy += dy * (y - p->my);
	p->sxy += dx * (y - p->my);
}

static void find_load(const struct report *r, struct cell_figures *f, struct text *t)
{
	struct pairs p = {0};
	double waited = 0;
	double total = 0;
	double most = 0;

	for (size_t c = 0; c < r->cells; c++) {
		if (!report_figures(r, c, f) || f->total.n < 2)
			continue;
		for (size_t i = 0; i < r->count; i++) {
			const struct sample *s = &r->sample[i];

			if (!counts(s, c))
				continue;
			if (isfinite(s->others))
				add_pair(&p, s->others, s->total_ms / f->total.mean);
			if (isfinite(s->waited_ms)) {
				waited += s->waited_ms;
				total += s->total_ms;
				most = fmax(most, s->waited_ms / s->total_ms);
			}
		}
	}
	if (p.n > 3 && p.sxx > 0 && p.syy > 0) {
		double rho = p.sxy / sqrt(p.sxx * p.syy);
		double df = (double)p.n - 2;
		double pr = stats_t_p(rho * sqrt(df / fmax(1e-12, 1 - rho * rho)), df);

		text_add(t, "Other work kept %.2f processors busy on average", p.mx);
		if (pr < SIGNIFICANT)
			text_add(t, "; with each one more a boot took %.1f %% %s (",
				 fabs(p.sxy / p.sxx) * 100, p.sxy > 0 ? "longer" : "less");
		else
			text_add(t, "; no effect on the boots is seen (");
		add_p(pr, t);
		text_add(t, ").\n");
	}
	if (total > 0)
		text_add(t,
			 "QEMU's threads together waited for a processor for %.1f %% of the boots' "
			 "time, in one "
			 "sample for %.1f %%.\n",
			 waited / total * 100, most * 100);
}

static void find_unpinned(const struct report *r, struct text *t)
{
	size_t n = 0;

	for (size_t i = 0; r->pin && i < r->count; i++)
		n += r->sample[i].status == SAMPLE_OK && !(r->sample[i].pinned > 0);
	if (n)
		text_add(t,
			 "%zu samples were not pinned: their cells have more processors than the "
			 "host, or their user may not move QEMU's threads (CAP_SYS_NICE).\n",
			 n);
}

static void find_power(const struct report *r, struct cell_figures *f, struct text *t)
{
	double cv = 0;
	size_t cells = 0;
	size_t least = SIZE_MAX;

	for (size_t c = 0; c < r->cells; c++)
		if (report_figures(r, c, f) && f->total.n > 1 && f->total.mean > 0) {
			cv += pow(f->total.stdev / f->total.mean, 2);
			cells++;
			least = f->total.n < least ? f->total.n : least;
		}
	if (cells)
		text_add(t,
			 "A comparison with as many samples (%zu) finds a change of %.1f %% in "
			 "four of five cases.\n",
			 least,
			 stats_detectable((double)least, 0.8) * sqrt(cv / (double)cells) * 100);
}

void report_findings(const struct report *r, struct text *t)
{
	struct cell_figures *f = malloc(sizeof *f);

	if (!f) {
		t->failed = true;
		return;
	}
	find_slowest(r, f, t);
	find_baseline(r, f, t);
	find_scaling(r, f, t);
	find_variance(r, t);
	find_load(r, f, t);
	find_unpinned(r, t);
	find_power(r, f, t);
	free(f);
}
