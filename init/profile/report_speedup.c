/* report_speedup.c - the speed-up over the number of processors as a picture (report.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report_charts.h"
#include "profile/svg.h"

#define WIDTH	    900.0
#define PLOT_LEFT   70.0
#define PLOT_RIGHT  (WIDTH - 250)
#define PLOT_TOP    70.0
#define PLOT_BOTTOM 400.0

/* T(1)/T(n); NAN if either is missing. */
static double ratio(const struct report *r, const struct cell_figures *f, size_t cell)
{
	int single = report_reference_cell(r, cell);

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

/* The ideal, clipped to the plot: a curve over a logarithmic axis. */
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

/* The cells with the reference SINGLE, by their processors. Returns their number; 1 draws no line.
 */
static size_t collect_group(const struct report *r, const struct cell_figures *f, size_t single,
			    size_t group[REPORT_CELLS])
{
	size_t n = 0;

	for (size_t i = 0; i < r->cells; i++) {
		if (report_reference_cell(r, i) != (int)single || !isfinite(ratio(r, f, i)))
			continue;
		size_t at = n++;

		for (; at > 0 && report_cpus(r, group[at - 1]) > report_cpus(r, i); at--)
			group[at] = group[at - 1];
		group[at] = i;
	}
	return n;
}

/* Obstacles: points, and the centres of labels, which must not overlap. */
struct figures {
	size_t points, words;
	struct {
		double x, y, value; /* NAN: without a label */
	} point[REPORT_CELLS];
	struct {
		double x, y;
	} word[REPORT_CELLS];
};

static bool is_free(const struct figures *all, double x, double y)
{
	for (size_t i = 0; i < all->words; i++)
		if (fabs(all->word[i].x - x) < 32 && fabs(all->word[i].y - y) < 12)
			return false;
	for (size_t i = 0; i < all->points; i++)
		if (fabs(all->point[i].x - x) < 18 && fabs(all->point[i].y - y) < 10)
			return false;
	return true;
}

/* Place each label above, below or to the right of its point; if there is no free place, the value
 * is only in the table and the tooltip. */
static void add_figures(struct figures *all, struct text *t)
{
	static const struct {
		double x, y;
	} places[] = {{0, -14}, {0, 14}, {24, 0}};

	for (size_t i = 0; i < all->points; i++)
		for (size_t k = 0; isfinite(all->point[i].value) && k < 3; k++) {
			double x = all->point[i].x + places[k].x;
			double y = all->point[i].y + places[k].y;
			char words[32];

			if (!is_free(all, x, y))
				continue;
			(void)snprintf(words, sizeof words, "%.2f", all->point[i].value);
			svg_text(t, x, y + 4, "small fg", "middle", words);
			all->word[all->words].x = x;
			all->word[all->words++].y = y;
			break;
		}
}

static void add_point(struct figures *all, double x, double y, double value)
{
	if (all->points == REPORT_CELLS)
		return;
	all->point[all->points].x = x;
	all->point[all->points].y = y;
	all->point[all->points++].value = value;
}

static void add_legend(size_t row, const char *klass, bool square, const char *words,
		       struct text *t)
{
	double y = PLOT_TOP + 22 * (double)(row + 1) + 6;

	if (square)
		svg_rect(t, PLOT_RIGHT + 52, y - 4, 8, 8, klass, NULL);
	else
		svg_dot(t, PLOT_RIGHT + 56, y, 5, klass, NULL);
	svg_text(t, PLOT_RIGHT + 68, y + 4, "fg", "start", words);
}

static void add_group(const struct report *r, const struct cell_figures *f, const size_t *group,
		      size_t n, size_t series, const struct scale *x, const struct scale *y,
		      struct figures *figures, struct text *t)
{
	char line[32];
	char klass[32];
	char say[256];
	char label[LABEL_MAX];
	size_t before = n;

	(void)snprintf(line, sizeof line, "series s%zu", series % SVG_COLOURS);
	(void)snprintf(klass, sizeof klass, "c%zu", series % SVG_COLOURS);
	for (size_t i = 0; i < n; i++) {
		double s = ratio(r, f, group[i]);
		double cpus = (double)report_cpus(r, group[i]);
		double px = scale_at(x, log2(cpus));
		double py = scale_at(y, s);

		(void)snprintf(say, sizeof say, "%s: %.3f times as fast, efficiency %.0f %%",
			       r->cell[group[i]].key, s, s / cpus * 100);
		if (report_has_topology(r, group[i])) {
			svg_rect(t, px - 4, py - 4, 8, 8, klass, say);
			add_point(figures, px, py, NAN);
			continue;
		}
		if (before < n)
			svg_line(t, scale_at(x, log2((double)report_cpus(r, group[before]))),
				 scale_at(y, ratio(r, f, group[before])), px, py, line);
		svg_dot(t, px, py, 4.5, klass, say);
		/* the first value of every line is 1 */
		add_point(figures, px, py, i == 0 && series > 0 ? NAN : s);
		before = i;
	}
	const char *words = report_group_label(r, group[0], label);

	add_legend(series, klass, false, words ? words : "measured", t);
}

/* Width of the longest entry of the legend. */
static double legend_width(const struct report *r)
{
	char label[LABEL_MAX];
	size_t longest = 20;

	for (size_t i = 0; i < r->cells; i++) {
		const char *words = report_group_label(r, i, label);

		if (words && strlen(words) > longest)
			longest = strlen(words);
	}
	return 84 + SVG_CHARACTER * (double)longest;
}

/* Draw the lines or, if T is NULL, only count them. */
static size_t add_groups(const struct report *r, const struct cell_figures *f,
			 const struct scale *x, const struct scale *y, struct text *t)
{
	struct figures figures = {0};
	size_t group[REPORT_CELLS];
	size_t series = 0;
	bool squares = false;

	for (size_t i = 0; i < r->cells; i++) {
		size_t n = collect_group(r, f, i, group);

		if (n > 1 && t)
			add_group(r, f, group, n, series, x, y, &figures, t);
		series += n > 1;
		squares |= report_has_topology(r, i);
	}
	if (t)
		add_figures(&figures, t);
	if (squares && t)
		add_legend(series, "mute", true, "with another topology", t);
	return series + squares;
}

bool report_speedup(const struct report *r, struct text *t)
{
	struct cell_figures *f = report_all_figures(r);
	struct scale x = {.low = 0, .high = 0, .a = PLOT_LEFT, .b = PLOT_RIGHT};
	struct scale y = {.low = 0, .high = 1.6, .a = PLOT_BOTTOM, .b = PLOT_TOP};
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
		double legend = PLOT_TOP + 22 * (double)(add_groups(r, f, &x, &y, NULL) + 1);

		chart_subtitle(r, "T(1)/T(n) of the means; the broken line is n", subtitle,
			       sizeof subtitle);
		svg_begin(t, fmax(WIDTH, PLOT_RIGHT + legend_width(r)),
			  fmax(PLOT_BOTTOM + 56, legend + 16), "Speed-up", subtitle);
		add_speed_axes(r, &x, &y, t);
		add_ideal(&x, &y, t);
		(void)add_groups(r, f, &x, &y, t);
		svg_end(t);
	}
	free(f);
	return x.high > 0;
}
