/* report_charts.c - the pictures of a report (report.h), drawn with svg.h. A cell is a row. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"
#include "profile/report_charts.h"
#include "profile/svg.h"

#define WIDTH	 900.0
#define TOP	 64.0
#define ROW	 34.0
#define BAR	 20.0
#define RIGHT	 90.0 /* for the text after a row */
#define LEGEND_W 160.0

/* Room for the longest name on the left, and for the plot. */
static double left_of(const struct report *r)
{
	return 24 + SVG_CHARACTER * report_label_width(r);
}

static double width_of(double left)
{
	return fmax(WIDTH, left + 600);
}

void chart_subtitle(const struct report *r, const char *what, char *buf, size_t size)
{
	char hosts[OVER_HOSTS_MAX];

	(void)snprintf(buf, size, "%s; %s until %s, %ld sample%s of each%s%s", what, r->guest,
		       r->until, r->samples, r->samples == 1 ? "" : "s",
		       report_over_hosts(r, hosts), r->partial ? " (PARTIAL)" : "");
}

/* The names of the rows, with a note if a row was not measured. */
static void add_names(const struct report *r, const struct cell_figures *f, double left,
		      struct text *t)
{
	char label[LABEL_MAX];

	for (size_t i = 0; i < r->cells; i++) {
		double middle = TOP + ROW * (double)i + ROW / 2;

		svg_text(t, left - 10, middle + 4, "fg", "end", report_label(r, i, label));
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

/* The index of NAME, which is added if missing; the last one if there are too many. */
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

/* With more phases than colours, the colours are repeated in a lighter shade. */
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
	size_t columns = (size_t)((width_of(left) - left) / LEGEND_W);
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
	struct cell_figures *f = report_all_figures(r);
	struct legend legend = {0};
	double left = left_of(r);
	double bottom = TOP + ROW * (double)r->cells;
	struct scale s = {.low = 0, .high = 1, .a = left, .b = width_of(left) - RIGHT};
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
	size_t columns = (size_t)((width_of(left) - left) / LEGEND_W);
	size_t lines = (legend.count + columns - 1) / columns;

	chart_subtitle(r, "mean beginning of each phase", subtitle, sizeof subtitle);
	svg_begin(t, width_of(left), bottom + 64 + 20 * (double)lines, "Phases of the boot",
		  subtitle);
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
	struct cell_figures *f = report_all_figures(r);
	double left = left_of(r);
	double bottom = TOP + ROW * (double)r->cells;
	struct scale s = {.low = INFINITY, .high = -INFINITY, .a = left, .b = width_of(left) - 40};
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
	chart_subtitle(r, "box: quartiles and median; dots: samples; rings: outliers", subtitle,
		       sizeof subtitle);
	svg_begin(t, width_of(left), bottom + 48, "Time of the boot", subtitle);
	svg_time_axis(t, &s, TOP, bottom);
	add_names(r, f, left, t);
	for (size_t i = 0; i < r->cells; i++)
		if (f[i].total.n > 0)
			add_box(r, i, &f[i].total, TOP + ROW * (double)i + (ROW - BAR) / 2, &s, t);
	svg_end(t);
	free(f);
}
