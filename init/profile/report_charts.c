/* report_charts.c - the pictures of a report (report.h), drawn with svg.h. A cell is a row. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"
#include "profile/svg.h"

#define WIDTH	 900.0
#define TOP	 64.0
#define ROW	 34.0
#define BAR	 20.0
#define RIGHT	 90.0 /* for what stands behind a row */
#define LEGEND_W 160.0

/* All cells' figures, at once: axes depend on all of them. NULL: no memory. */
static struct cell_figures *all_figures(const struct report *r)
{
	struct cell_figures *f = calloc(r->cells + 1, sizeof *f);

	for (size_t i = 0; f && i < r->cells; i++)
		if (!report_figures(r, i, &f[i])) {
			free(f);
			return NULL;
		}
	return f;
}

/* Room for the longest name on the left. */
static double left_of(const struct report *r)
{
	size_t longest = 6;

	for (size_t i = 0; i < r->cells; i++)
		if (strlen(r->cell[i].key) > longest)
			longest = strlen(r->cell[i].key);
	return 24 + 7.5 * (double)(longest < 40 ? longest : 40);
}

static void subtitle_of(const struct report *r, const char *what, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s; %s until %s, %ld sample%s of each%s", what, r->guest,
		       r->until, r->samples, r->samples == 1 ? "" : "s",
		       r->partial ? " (PARTIAL)" : "");
}

/* The rows' names; what could not be measured is said. */
static void add_names(const struct report *r, const struct cell_figures *f, double left,
		      struct text *t)
{
	for (size_t i = 0; i < r->cells; i++) {
		double middle = TOP + ROW * (double)i + ROW / 2;

		svg_text(t, left - 10, middle + 4, "fg", "end", r->cell[i].key);
		if (f[i].total.n == 0)
			svg_text(t, left + 8, middle + 4, "mute", "start",
				 f[i].failed ? "no sample reached it" : "not measured");
	}
}

/* ---- timeline ---- */

#define NAMES_MAX 64

struct legend {
	const char *name[NAMES_MAX];
	size_t count;
};

/* The place of NAME, which is added; the last one when there are too many. */
static size_t legend_place(struct legend *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->name[i], name) == 0)
			return i;
	if (l->count == NAMES_MAX)
		return NAMES_MAX - 1;
	l->name[l->count] = name;
	return l->count++;
}

/* Colours come again, paler, when there are more phases than colours. */
static const char *segment_class(size_t place, char buf[32])
{
	(void)snprintf(buf, 32, "c%zu%s", place % SVG_COLOURS, place < SVG_COLOURS ? "" : " pale");
	return buf;
}

static void add_row(const struct cell *c, const struct cell_figures *f, double y,
		    const struct scale *s, struct legend *l, struct text *t)
{
	char say[256];
	char klass[32];
	char total[48];

	for (size_t i = 0; i < f->phases; i++) {
		const struct phase_figures *p = &f->phase[i];
		double x = scale_at(s, p->at.mean);
		double end = i + 1 < f->phases ? f->phase[i + 1].at.mean : f->total.mean;
		double w = scale_at(s, end) - x;
		if (!(w > 0))
			continue;
		(void)snprintf(say, sizeof say, "%s %s: %.1f ms, from %.1f ms on", c->key, p->name,
			       end - p->at.mean, p->at.mean);
		svg_rect(t, x, y, w, BAR, segment_class(legend_place(l, p->name), klass), say);
	}
	if (f->total.n == 0)
		return;
	(void)snprintf(total, sizeof total, "%.0f ms", f->total.mean);
	svg_text(t, scale_at(s, f->total.mean) + 6, y + BAR / 2 + 4, "small fg", "start", total);
}

static void add_legend(const struct legend *l, double left, double top, struct text *t)
{
	size_t columns = (size_t)((WIDTH - left) / LEGEND_W);
	char klass[32];

	for (size_t i = 0; i < l->count; i++) {
		double x = left + LEGEND_W * (double)(i % columns);
		size_t row = i / columns;
		double y = top + 20 * (double)row;

		svg_rect(t, x, y, 12, 12, segment_class(i, klass), NULL);
		svg_text(t, x + 18, y + 10, "fg", "start", l->name[i]);
	}
}

void report_timeline(const struct report *r, struct text *t)
{
	struct cell_figures *f = all_figures(r);
	struct legend legend = {0};
	double left = left_of(r);
	double bottom = TOP + ROW * (double)r->cells;
	struct scale s = {.low = 0, .high = 1, .a = left, .b = WIDTH - RIGHT};
	char subtitle[256];
	struct text rows = {0};

	if (!f) {
		t->failed = true;
		return;
	}
	for (size_t i = 0; i < r->cells; i++)
		if (f[i].total.mean > s.high)
			s.high = f[i].total.mean;
	for (size_t i = 0; i < r->cells; i++)
		add_row(&r->cell[i], &f[i], TOP + ROW * (double)i + (ROW - BAR) / 2, &s, &legend,
			&rows);
	size_t columns = (size_t)((WIDTH - left) / LEGEND_W);
	size_t lines = (legend.count + columns - 1) / columns;

	subtitle_of(r, "mean beginning of each phase", subtitle, sizeof subtitle);
	svg_begin(t, WIDTH, bottom + 64 + 20 * (double)lines, "Phases of the boot", subtitle);
	svg_time_axis(t, &s, TOP, bottom);
	if (rows.bytes)
		text_add(t, "%s", rows.bytes);
	t->failed |= rows.failed;
	add_names(r, f, left, t);
	add_legend(&legend, left, bottom + 48, t);
	svg_end(t);
	text_free(&rows);
	free(f);
}

/* ---- boxes ---- */

static bool in_cell(const struct sample *s, size_t cell)
{
	return s->cell == cell && !s->warm_up && s->status == SAMPLE_OK;
}

static void add_box(const struct report *r, size_t cell, const struct summary *f, double y,
		    const struct scale *s, struct text *t)
{
	double low = f->max;
	double high = f->min;
	double middle = y + BAR / 2;
	char say[160];

	for (size_t i = 0; i < r->count; i++) {
		double x = r->sample[i].total_ms;

		if (!in_cell(&r->sample[i], cell) || stats_outlier(f, x))
			continue;
		low = x < low ? x : low;
		high = x > high ? x : high;
	}
	(void)snprintf(say, sizeof say, "%s: median %.1f ms, quartiles %.1f and %.1f, %zu samples",
		       r->cell[cell].key, f->median, f->q1, f->q3, f->n);
	svg_line(t, scale_at(s, low), middle, scale_at(s, f->q1), middle, "whisker");
	svg_line(t, scale_at(s, f->q3), middle, scale_at(s, high), middle, "whisker");
	svg_line(t, scale_at(s, low), y + 5, scale_at(s, low), y + BAR - 5, "whisker");
	svg_line(t, scale_at(s, high), y + 5, scale_at(s, high), y + BAR - 5, "whisker");
	svg_rect(t, scale_at(s, f->q1), y, scale_at(s, f->q3) - scale_at(s, f->q1), BAR, "box",
		 say);
	svg_line(t, scale_at(s, f->median), y, scale_at(s, f->median), y + BAR, "median");
	for (size_t i = 0; i < r->count; i++) {
		const struct sample *one = &r->sample[i];
		bool out = stats_outlier(f, one->total_ms);

		if (!in_cell(one, cell))
			continue;
		(void)snprintf(say, sizeof say, "sample %ld: %.1f ms%s", one->round, one->total_ms,
			       out ? ", an outlier" : "");
		svg_dot(t, scale_at(s, one->total_ms), middle, out ? 4.5 : 2.5,
			out ? "out" : "mark", say);
	}
}

void report_boxes(const struct report *r, struct text *t)
{
	struct cell_figures *f = all_figures(r);
	double left = left_of(r);
	double bottom = TOP + ROW * (double)r->cells;
	struct scale s = {.low = INFINITY, .high = -INFINITY, .a = left, .b = WIDTH - 40};
	char subtitle[256];

	if (!f) {
		t->failed = true;
		return;
	}
	for (size_t i = 0; i < r->cells; i++) {
		s.low = f[i].total.min < s.low ? f[i].total.min : s.low;
		s.high = f[i].total.max > s.high ? f[i].total.max : s.high;
	}
	if (s.high < s.low) /* nothing was measured */
		s.low = s.high = 0;
	double pad = s.high > s.low ? 0.06 * (s.high - s.low) : 1;

	s.low = s.low > pad ? s.low - pad : 0;
	s.high += pad;
	subtitle_of(r, "box: quartiles and median; dots: samples; rings: outliers", subtitle,
		    sizeof subtitle);
	svg_begin(t, WIDTH, bottom + 48, "Time of the boot", subtitle);
	svg_time_axis(t, &s, TOP, bottom);
	add_names(r, f, left, t);
	for (size_t i = 0; i < r->cells; i++)
		if (f[i].total.n > 0)
			add_box(r, i, &f[i].total, TOP + ROW * (double)i + (ROW - BAR) / 2, &s, t);
	svg_end(t);
	free(f);
}

/* ---- speed-up ---- */

#define PLOT_LEFT   70.0
#define PLOT_RIGHT  (WIDTH - 250)
#define PLOT_TOP    70.0
#define PLOT_BOTTOM 400.0

/* T(1)/T(n); NAN where one of them is missing. */
static double ratio(const struct report *r, const struct cell_figures *f, size_t cell)
{
	int single = report_single(r, cell);

	return single < 0 ? NAN : f[single].total.mean / f[cell].total.mean;
}

static void add_speed_axes(const struct report *r, const struct scale *x, const struct scale *y,
			   struct text *t)
{
	double step = scale_step(y, 6);
	char words[32];

	for (long i = 0; (double)i * step <= y->high + 1e-9; i++) {
		double at = scale_at(y, (double)i * step);

		(void)snprintf(words, sizeof words, "%g", (double)i * step);
		svg_line(t, x->a, at, x->b, at, "grid");
		svg_text(t, x->a - 8, at + 4, "small mute", "end", words);
	}
	for (size_t i = 0; i < r->cells; i++) {
		long cpus = report_cpus(r, i);
		size_t first = 0;

		while (report_cpus(r, first) != cpus)
			first++;
		(void)snprintf(words, sizeof words, "%ld", cpus);
		if (first == i)
			svg_text(t, scale_at(x, log2((double)cpus)), y->a + 18, "small mute",
				 "middle", words);
	}
	svg_line(t, x->a, y->a, x->b, y->a, "axis");
	svg_text(t, x->b, y->a + 36, "small mute", "end", "processors");
}

/* The ideal, as far as it is in the plot: a curve over a logarithmic axis. */
static void add_ideal(const struct scale *x, const struct scale *y, struct text *t)
{
	const int steps = 64;

	for (int i = 0; i < steps; i++) {
		double a = x->low + (x->high - x->low) * i / steps;
		double b = x->low + (x->high - x->low) * (i + 1) / steps;

		if (exp2(b) > y->high)
			break;
		if (i % 2 == 0)
			svg_line(t, scale_at(x, a), scale_at(y, exp2(a)), scale_at(x, b),
				 scale_at(y, exp2(b)), "axis");
	}
}

/* The cells that SINGLE is the first of, by their processors. Returns how many; 1 draws no line. */
static size_t collect_group(const struct report *r, const struct cell_figures *f, size_t single,
			    size_t group[REPORT_CELLS])
{
	size_t n = 0;

	for (size_t i = 0; i < r->cells; i++) {
		if (report_single(r, i) != (int)single || !isfinite(ratio(r, f, i)))
			continue;
		size_t at = n++;

		for (; at > 0 && report_cpus(r, group[at - 1]) > report_cpus(r, i); at--)
			group[at] = group[at - 1];
		group[at] = i;
	}
	return n;
}

static void add_group(const struct report *r, const struct cell_figures *f, const size_t *group,
		      size_t n, size_t series, const struct scale *x, const struct scale *y,
		      struct text *t)
{
	char klass[32];
	char say[256];

	for (size_t i = 0; i < n; i++) {
		double s = ratio(r, f, group[i]);
		double cpus = (double)report_cpus(r, group[i]);
		double px = scale_at(x, log2(cpus));
		double py = scale_at(y, s);

		if (i > 0) {
			double before = ratio(r, f, group[i - 1]);

			(void)snprintf(klass, sizeof klass, "series s%zu", series % SVG_COLOURS);
			svg_line(t, scale_at(x, log2((double)report_cpus(r, group[i - 1]))),
				 scale_at(y, before), px, py, klass);
		}
		(void)snprintf(klass, sizeof klass, "c%zu", series % SVG_COLOURS);
		(void)snprintf(say, sizeof say, "%s: %.3f times as fast, efficiency %.0f %%",
			       r->cell[group[i]].key, s, s / cpus * 100);
		svg_dot(t, px, py, 4.5, klass, say);
		(void)snprintf(say, sizeof say, "%.2f", s);
		if (series == 0)
			svg_text(t, px, py - 10, "small fg", "middle", say);
	}
	(void)snprintf(klass, sizeof klass, "c%zu", series % SVG_COLOURS);
	svg_rect(t, PLOT_RIGHT + 24, PLOT_TOP + 22 * (double)(series + 1), 12, 12, klass, NULL);
	const char *rest = strchr(r->cell[group[0]].key + strlen("cpu_"), '_');

	svg_text(t, PLOT_RIGHT + 42, PLOT_TOP + 22 * (double)(series + 1) + 10, "fg", "start",
		 rest ? rest + 1 : "measured");
}

bool report_speedup(const struct report *r, struct text *t)
{
	struct cell_figures *f = all_figures(r);
	struct scale x = {.low = 0, .high = 0, .a = PLOT_LEFT, .b = PLOT_RIGHT};
	struct scale y = {.low = 0, .high = 1.6, .a = PLOT_BOTTOM, .b = PLOT_TOP};
	size_t group[REPORT_CELLS];
	size_t series = 0;
	char subtitle[256];

	if (!f) {
		t->failed = true;
		return true;
	}
	for (size_t i = 0; i < r->cells; i++) {
		double s = ratio(r, f, i);

		if (!isfinite(s))
			continue;
		y.high = 1.2 * s > y.high ? 1.2 * s : y.high;
		x.high = fmax(x.high, log2((double)report_cpus(r, i)));
	}
	if (x.high > 0) {
		subtitle_of(r, "T(1)/T(n) of the means; the broken line is n", subtitle,
			    sizeof subtitle);
		svg_begin(t, WIDTH, PLOT_BOTTOM + 56, "Speed-up", subtitle);
		add_speed_axes(r, &x, &y, t);
		add_ideal(&x, &y, t);
		for (size_t i = 0; i < r->cells; i++) {
			size_t n = collect_group(r, f, i, group);

			if (n > 1)
				add_group(r, f, group, n, series++, &x, &y, t);
		}
		svg_end(t);
	}
	free(f);
	return x.high > 0;
}
