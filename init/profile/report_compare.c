/* report_compare.c - compares two reports, cell by cell (report.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

/* Significance level: at most one in twenty comparisons shows a difference by chance. */
#define SIGNIFICANT 0.05

/* A cell that exists in both. */
struct match {
	size_t a, b;
	struct summary total_a, total_b;
	struct welch welch;
	bool tested;
	double holm; /* P, corrected for all cells */
	struct estimate shift, ratio;
	/* the phase whose duration changed most */
	char phase[MARKER_NAME_MAX + 1];
	double phase_ms;
};

struct matches {
	size_t n;
	struct match *list;
};

/* A value that a report of an earlier version lacks matches any value. */
static bool same_cell(const struct cell *a, const struct cell *b)
{
	for (int x = 0; x < AXES; x++)
		if (a->value[x][0] && b->value[x][0] && strcmp(a->value[x], b->value[x]) != 0)
			return false;
	return true;
}

int report_cell_like(const struct report *r, const struct cell *c)
{
	int found = -1;

	for (size_t i = 0; i < r->cells; i++) {
		if (!same_cell(&r->cell[i], c))
			continue;
		if (strcmp(r->cell[i].key, c->key) == 0)
			return (int)i;
		if (found < 0)
			found = (int)i;
	}
	return found;
}

static void find_phase(const struct cell_figures *a, const struct cell_figures *b, struct match *m)
{
	for (size_t i = 0; i < a->phases; i++)
		for (size_t k = 0; k < b->phases; k++) {
			double d = b->phase[k].takes.mean - a->phase[i].takes.mean;

			if (strcmp(a->phase[i].name, b->phase[k].name) != 0 ||
			    !(fabs(d) > fabs(m->phase_ms)))
				continue;
			(void)snprintf(m->phase, sizeof m->phase, "%s", a->phase[i].name);
			m->phase_ms = d;
		}
}

static struct estimate shift_of(const struct report *a, const struct report *b,
				const struct match *m)
{
	double *x = calloc(a->count + b->count + 1, sizeof *x);
	struct estimate e = {NAN, NAN, NAN};

	if (x) {
		size_t na = report_totals(a, m->a, x, NULL);
		size_t nb = report_totals(b, m->b, x + na, NULL);

		e = stats_shift(x, na, x + na, nb);
	}
	free(x);
	return e;
}

/* The pairs of A's and B's cells, with all their statistics. False: no memory. */
static bool match_all(const struct report *a, const struct report *b, struct matches *out)
{
	struct cell_figures *fa = malloc(sizeof *fa);
	struct cell_figures *fb = malloc(sizeof *fb);
	double *p = calloc(a->cells + 1, sizeof *p);

	*out = (struct matches){.list = calloc(a->cells + 1, sizeof *out->list)};
	bool ok = fa && fb && p && out->list;

	for (size_t i = 0; ok && i < a->cells; i++) {
		int other = report_cell_like(b, &a->cell[i]);
		struct match *m = &out->list[out->n];

		if (other < 0 || !report_figures(a, i, fa) || !report_figures(b, (size_t)other, fb))
			continue;
		*m = (struct match){
			.a = i, .b = (size_t)other, .total_a = fa->total, .total_b = fb->total};
		m->tested = stats_welch(&fa->total, &fb->total, &m->welch);
		m->ratio = stats_ratio(&fb->total, &fa->total);
		m->shift = shift_of(a, b, m);
		find_phase(fa, fb, m);
		p[out->n++] = m->tested ? m->welch.p : NAN;
	}
	ok = ok && stats_holm(p, out->n);
	for (size_t i = 0; ok && i < out->n; i++)
		out->list[i].holm = p[i];
	free(fa);
	free(fb);
	free(p);
	return ok;
}

static const char *judgement(const struct match *m)
{
	return !m->tested		 ? "too few samples"
	       : m->holm >= SIGNIFICANT	 ? "no significant difference"
	       : m->welch.difference < 0 ? "faster"
					 : "slower";
}

static void add_figure(struct text *t, int width, int digits, double x)
{
	if (isfinite(x))
		text_add(t, " %*.*f", width, digits, x);
	else
		text_add(t, " %*s", width, "-");
}

static void add_head(const char *name, const struct report *r, struct text *t)
{
	size_t host[REPORT_PARTS];
	size_t hosts = report_hosts(r, host);

	text_add(t, "%s: %s, %s, until %s%s", name, r->created, r->guest, r->until,
		 r->partial ? " (PARTIAL)" : "");
	if (hosts == 1 && r->part[0].host.name[0])
		text_add(t, ", on %s", r->part[0].host.name);
	else if (hosts > 1)
		text_add(t, ", on %zu hosts", hosts);
	text_add(t, "\n");
}

/* Was a sample of A and one of B taken on one host? */
static bool share_hosts(const struct report *a, const struct report *b)
{
	for (size_t i = 0; i < a->parts; i++)
		for (size_t k = 0; k < b->parts; k++)
			if (report_same_host(&a->part[i].host, &b->part[k].host))
				return true;
	return false;
}

static void add_match(const struct report *a, const struct report *b, const struct match *m,
		      int width, struct text *t)
{
	bool changed = m->tested && m->holm < SIGNIFICANT;

	text_add(t, "%-*s %4zu %4zu", width, a->cell[m->a].key, m->total_a.n, m->total_b.n);
	add_figure(t, 10, 1, m->total_a.mean);
	add_figure(t, 10, 1, m->total_b.mean);
	add_figure(t, 9, 1, m->total_b.mean - m->total_a.mean);
	add_figure(t, 7, 2, (m->total_b.mean / m->total_a.mean - 1) * 100);
	add_figure(t, 10, 1, m->tested ? m->welch.low : NAN);
	add_figure(t, 10, 1, m->tested ? m->welch.high : NAN);
	add_figure(t, 10, 1, m->total_a.median);
	add_figure(t, 10, 1, m->total_b.median);
	add_figure(t, 9, 1, m->shift.value);
	add_figure(t, 7, 4, m->tested ? m->holm : NAN);
	text_add(t, "  %s", judgement(m));
	if (changed && m->phase[0])
		text_add(t, ", most of it in %s (%+.1f ms)", m->phase, m->phase_ms);
	if (strcmp(a->cell[m->a].key, b->cell[m->b].key) != 0)
		text_add(t, "; in B it is %s", b->cell[m->b].key);
	text_add(t, "\n");
}

size_t report_compare(const struct report *a, const struct report *b, struct text *t)
{
	struct matches m;
	int width = report_key_width(a);

	t->failed |= !match_all(a, b, &m);
	add_head("A", a, t);
	add_head("B", b, t);
	if (!share_hosts(a, b))
		text_add(t, "A and B were measured on different hosts: each difference is also one "
			    "of hosts.\n");
	text_add(t,
		 "Milliseconds; the interval (95 %%) is Welch's, as is p, with Holm's correction, "
		 "significant below %.2f; the shift is Hodges and Lehmann's\n\n",
		 SIGNIFICANT);
	text_add(t, "%-*s %4s %4s %10s %10s %9s %7s %21s %10s %10s %9s %7s\n", width, "cell", "nA",
		 "nB", "A", "B", "B-A", "%", "95 % interval", "median A", "median B", "shift", "p");
	for (size_t i = 0; i < m.n; i++)
		add_match(a, b, &m.list[i], width, t);
	free(m.list);
	return m.n;
}

/* Format X with six digits, for J_RAW. */
static const char *digits(double x, char out[32])
{
	(void)snprintf(out, 32, isfinite(x) ? "%.6g" : "null", x);
	return out;
}

/* The result of comparing A with B as JSON. */
static void add_result(const struct report *b, const struct match *m, struct text *t)
{
	const struct welch *w = &m->welch;
	const double none = NAN;
	char n[20][32];

	text_add_json(
		t,
		JSON_LIST(J_TEXT("verdict", judgement(m)), J_TEXT("cell_b", b->cell[m->b].key),
			  J_RAW("a_mean_ms", digits(m->total_a.mean, n[0])),
			  J_RAW("b_mean_ms", digits(m->total_b.mean, n[1])),
			  J_RAW("difference_ms", digits(m->total_b.mean - m->total_a.mean, n[2])),
			  J_RAW("ci95_low_ms", digits(m->tested ? w->low : none, n[3])),
			  J_RAW("ci95_high_ms", digits(m->tested ? w->high : none, n[4])),
			  J_RAW("t", digits(m->tested ? w->t : none, n[5])),
			  J_RAW("df", digits(m->tested ? w->df : none, n[6])),
			  J_RAW("p", digits(m->tested ? w->p : none, n[7])),
			  J_RAW("p_holm", digits(m->tested ? m->holm : none, n[8])),
			  J_RAW("a_median_ms", digits(m->total_a.median, n[9])),
			  J_RAW("b_median_ms", digits(m->total_b.median, n[10])),
			  J_RAW("shift_ms", digits(m->shift.value, n[11])),
			  J_RAW("shift_low_ms", digits(m->shift.low, n[12])),
			  J_RAW("shift_high_ms", digits(m->shift.high, n[13])),
			  J_RAW("ratio", digits(m->ratio.value, n[14])),
			  J_RAW("ratio_low", digits(m->ratio.low, n[15])),
			  J_RAW("ratio_high", digits(m->ratio.high, n[16])),
			  J_TEXT("phase", m->phase),
			  J_RAW("phase_ms", digits(m->phase_ms, n[17]))));
}

size_t report_compare_json(const struct report *a, const struct report *b, struct text *t)
{
	struct matches m;
	struct text *results = calloc(a->cells + 1, sizeof *results);
	struct json_member *cells = calloc(a->cells + 1, sizeof *cells);

	t->failed |= !match_all(a, b, &m) || !results || !cells;
	for (size_t i = 0; results && cells && i < m.n; i++) {
		text_add(&results[i], "\n");
		add_result(b, &m.list[i], &results[i]);
		t->failed |= results[i].failed;
		cells[i] = (struct json_member)J_RAW(a->cell[m.list[i].a].key, results[i].bytes);
	}
	if (cells)
		text_add_json(t, JSON_LIST(J_TEXT("test", "Welch"), J_TEXT("correction", "Holm"),
					   J_NUMBER("significant_below", 2, SIGNIFICANT),
					   J_BOOL("common_host", share_hosts(a, b)),
					   J_MEMBERS("cells", cells)));
	text_add(t, "\n");
	for (size_t i = 0; results && i < m.n; i++)
		text_free(&results[i]);
	free(results);
	free(cells);
	free(m.list);
	return m.n;
}
