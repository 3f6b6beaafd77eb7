/* report_compare_svg.c - a picture of the comparison of two reports (report.h): for each cell the
 * mean of A above that of B, with its interval and the samples. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "profile/report.h"
#include "profile/svg.h"

#define WIDTH 900.0
#define TOP   64.0
#define ROW   46.0

struct side {
	const struct report *r;
	size_t cell;
	struct cell_figures *f;
	struct interval i;
};

static bool load_side(struct side *s, const struct report *r, int cell)
{
	s->r = r;
	s->cell = (size_t)cell;
	if (cell < 0 || !report_figures(r, s->cell, s->f))
		return false;
	report_interval(r, s->cell, &s->f->total, &s->i);
	return s->f->total.n > 0;
}

static void stretch(struct scale *s, const struct side *side)
{
	const struct summary *t = &side->f->total;

	s->low = fmin(s->low, isfinite(side->i.low) ? fmin(side->i.low, t->min) : t->min);
	s->high = fmax(s->high, isfinite(side->i.high) ? fmax(side->i.high, t->max) : t->max);
}

static void draw_side(const struct side *side, const char *name, int colour, double y,
		      const struct scale *s, struct text *t)
{
	const struct summary *total = &side->f->total;
	char klass[8];
	char say[256];

	(void)snprintf(say, sizeof say, "%s %s: mean %.1f ms, %zu samples", name,
		       side->r->cell[side->cell].key, total->mean, total->n);
	for (size_t i = 0; i < side->r->count; i++) {
		const struct sample *x = &side->r->sample[i];

		if (x->cell == side->cell && !x->warm_up && x->status == SAMPLE_OK)
			svg_dot(t, scale_at(s, x->total_ms), y, 2, "mark", NULL);
	}
	(void)snprintf(klass, sizeof klass, "s%d", colour);
	if (isfinite(side->i.low)) {
		svg_line(t, scale_at(s, side->i.low), y, scale_at(s, side->i.high), y, klass);
		svg_line(t, scale_at(s, side->i.low), y - 4, scale_at(s, side->i.low), y + 4,
			 klass);
		svg_line(t, scale_at(s, side->i.high), y - 4, scale_at(s, side->i.high), y + 4,
			 klass);
	}
	(void)snprintf(klass, sizeof klass, "c%d", colour);
	svg_dot(t, scale_at(s, total->mean), y, 4.5, klass, say);
	(void)snprintf(say, sizeof say, "%s %.1f", name, total->mean);
	svg_text(t, s->b + 8, y + 4, "small fg", "start", say);
}

/* Draw the cells that both have or, if T is NULL, determine the range of S. Returns their number.
 */
static size_t each(const struct report *a, const struct report *b, struct side side[2],
		   struct scale *s, struct text *t)
{
	size_t n = 0;

	for (size_t i = 0; i < a->cells; i++) {
		char label[LABEL_MAX];
		double y = TOP + ROW * (double)n;

		if (!load_side(&side[0], a, (int)i) ||
		    !load_side(&side[1], b, report_cell_like(b, &a->cell[i])))
			continue;
		n++;
		if (!t) {
			stretch(s, &side[0]);
			stretch(s, &side[1]);
			continue;
		}
		svg_text(t, s->a - 10, y + ROW / 2 + 4, "fg", "end", report_label(a, i, label));
		draw_side(&side[0], "A", 0, y + ROW / 2 - 8, s, t);
		draw_side(&side[1], "B", 5, y + ROW / 2 + 8, s, t);
	}
	return n;
}

size_t report_compare_svg(const struct report *a, const struct report *b, struct text *t)
{
	struct cell_figures *f = calloc(2, sizeof *f);
	struct side side[2] = {{.f = f}, {.f = f ? f + 1 : NULL}};
	double left = 24 + SVG_CHARACTER * report_label_width(a);
	double width = fmax(WIDTH, left + 600);
	struct scale s = {.low = INFINITY, .high = -INFINITY, .a = left, .b = width - 90};
	char subtitle[256];
	char on[2][OVER_HOSTS_MAX];
	size_t n = f ? each(a, b, side, &s, NULL) : 0;

	t->failed |= !f;
	if (n > 0) {
		double pad = s.high > s.low ? 0.06 * (s.high - s.low) : 1;

		s.low = fmax(0, s.low - pad);
		s.high += pad;
		(void)snprintf(subtitle, sizeof subtitle,
			       "A: %.31s%s; B: %.31s%s; means with 95 %% intervals, dots: samples",
			       a->created, report_over_hosts(a, on[0]), b->created,
			       report_over_hosts(b, on[1]));
		svg_begin(t, width, TOP + ROW * (double)n + 48, "Two profiles compared", subtitle);
		svg_time_axis(t, &s, TOP, TOP + ROW * (double)n);
		(void)each(a, b, side, &s, t);
		svg_end(t);
	}
	free(f);
	return n;
}
