/* report_tex.c - the pictures of a report for LaTeX (report.h): pgfplots, for \input. The colours
 * are those of svg.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

#define PHASES_SHOWN 16

/* Escape TeX's special characters; non-ASCII characters become question marks, because the
 * document's encoding is unknown. */
static void add_tex(struct text *t, const char *s)
{
	for (; *s; s++)
		if (strchr("#$%&_{}", *s))
			text_add(t, "\\%c", *s);
		else if (*s == '\\')
			text_add(t, "\\textbackslash{}");
		else if (*s == '~' || *s == '^')
			text_add(t, "\\%c{}", *s);
		else
			text_add(t, "%c", *s >= ' ' && *s <= '~' ? *s : '?');
}

/* Longer names are broken into lines of 0.38 of the text's width. */
#define NAME_WIDE 32

static bool are_wide(const struct report *r)
{
	return report_label_width(r) > NAME_WIDE;
}

/* The width that an axis leaves for the names beside it; pgfplots reserves 45 pt. */
static const char *axis_width(const struct report *r, char buf[64])
{
	double longest = report_label_width(r);

	if (are_wide(r))
		(void)snprintf(buf, 64, "0.6\\linewidth");
	else
		(void)snprintf(buf, 64, "\\dimexpr\\linewidth-%dpt\\relax",
			       (int)(5.4 * longest + 4));
	return buf;
}

/* Height in cm of a picture with a row for each cell and BESIDE for the rest, up to the length of a
 * page. */
static double height_of(const struct report *r, double beside)
{
	double height = beside + (are_wide(r) ? 1.05 : 0.75) * (double)r->cells;

	return r->cells > 24 ? height : fmin(height, 17);
}

static void add_head(const struct report *r, const char *what, struct text *t)
{
	text_add(t,
		 "%% %s, made by vm profile. For \\input; the preamble needs\n"
		 "%%   \\usepackage{pgfplots} \\usepgfplotslibrary{statistics} "
		 "\\pgfplotsset{compat=1.17}\n"
		 "%% %s until %s, %s, %zu of %zu samples\n"
		 "\\begin{tikzpicture}\n",
		 what, r->guest, r->until[0] && !strpbrk(r->until, "\r\n") ? r->until : "?",
		 r->created, r->count, r->planned);
	static const char *const colours[] = {"0072b2", "e69f00", "009e73", "cc79a7",
					      "56b4e9", "d55e00", "b3a200", "8c8c8c"};

	for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
		text_add(t, "\\definecolor{vmc%zu}{HTML}{%s}\n", i, colours[i]);
}

/* The names of cells at the ticks -1, -2, ... of an axis: the first cell is at the top. */
static void add_cells(const struct report *r, struct text *t)
{
	char label[LABEL_MAX];

	if (are_wide(r))
		text_add(t, "  yticklabel style={font=\\footnotesize, align=right, text "
			    "width=0.38\\linewidth},\n");
	text_add(t, "  ytick={");
	for (size_t i = 0; i < r->cells; i++)
		text_add(t, "%s%d", i ? "," : "", -(int)i - 1);
	text_add(t, "},\n  yticklabels={");
	for (size_t i = 0; i < r->cells; i++) {
		text_add(t, "%s{", i ? "," : "");
		add_tex(t, report_label(r, i, label));
		text_add(t, "}");
	}
	text_add(t, "},\n");
}

/* Names of phases in order of their first appearance. */
static size_t collect(const struct report *r, const struct cell_figures *f,
		      const char *names[PHASES_SHOWN])
{
	size_t n = 0;

	for (size_t c = 0; c < r->cells; c++)
		for (size_t i = 0; i < f[c].phases; i++) {
			size_t k = 0;

			while (k < n && strcmp(names[k], f[c].phase[i].name) != 0)
				k++;
			if (k == n && n < PHASES_SHOWN)
				names[n++] = f[c].phase[i].name;
		}
	return n;
}

void report_timeline_tex(const struct report *r, struct text *t)
{
	struct cell_figures *f = report_all_figures(r);
	const char *names[PHASES_SHOWN];
	char hosts[OVER_HOSTS_MAX];
	char width[64];

	if (!f) {
		t->failed = true;
		return;
	}
	size_t n = collect(r, f, names);

	add_head(r, "Phases of the boot", t);
	text_add(t,
		 "\\begin{axis}[xbar stacked, width=%s, "
		 "height=%.1fcm, bar width=8pt,\n"
		 "  xmin=0, ymin=%.1f, ymax=-0.4, axis x line*=bottom, axis y line*=left,\n"
		 "  xlabel={milliseconds since the start of QEMU%s}, xmajorgrids,\n"
		 "  legend style={draw=none, at={(0.5,1.02)}, anchor=south}, legend cell "
		 "align=left, legend columns=4,\n"
		 "  scaled x ticks=false, x tick label style={/pgf/number format/fixed},\n",
		 axis_width(r, width), height_of(r, 2.2), -(double)r->cells - 0.6,
		 report_over_hosts(r, hosts));
	add_cells(r, t);
	text_add(t, "]\n");
	for (size_t k = 0; k < n; k++) {
		text_add(t, "\\addplot[draw=none, fill=vmc%zu%s] coordinates {", k % 8,
			 k < 8 ? "" : "!50");
		for (size_t c = 0; c < r->cells; c++) {
			double takes = 0;

			for (size_t i = 0; i < f[c].phases; i++)
				if (strcmp(f[c].phase[i].name, names[k]) == 0)
					takes = fmax(0, (i + 1 < f[c].phases
								 ? f[c].phase[i + 1].at.mean
								 : f[c].total.mean) -
								f[c].phase[i].at.mean);
			text_add(t, " (%.3f,%d)", isfinite(takes) ? takes : 0, -(int)c - 1);
		}
		text_add(t, "};\n\\addlegendentry{");
		add_tex(t, names[k]);
		text_add(t, "}\n");
	}
	text_add(t, "\\end{axis}\n\\end{tikzpicture}\n");
	free(f);
}

/* The outermost samples within the fences. */
static void whiskers(const struct report *r, size_t cell, const struct summary *s, double *low,
		     double *high)
{
	*low = s->max;
	*high = s->min;
	for (size_t i = 0; i < r->count; i++) {
		const struct sample *x = &r->sample[i];

		if (x->cell != cell || x->warm_up || x->status != SAMPLE_OK ||
		    stats_outlier(s, x->total_ms))
			continue;
		*low = fmin(*low, x->total_ms);
		*high = fmax(*high, x->total_ms);
	}
}

static void add_box(const struct report *r, size_t cell, const struct summary *s, struct text *t)
{
	double low;
	double high;

	whiskers(r, cell, s, &low, &high);
	text_add(t,
		 "\\addplot+[boxplot prepared={draw position=%d, lower whisker=%.3f, lower "
		 "quartile=%.3f, median=%.3f, upper quartile=%.3f, upper whisker=%.3f}, draw=vmc0, "
		 "fill=vmc4!45, mark=o, mark options={draw=vmc5}, solid] coordinates {",
		 -(int)cell - 1, low, s->q1, s->median, s->q3, high);
	for (size_t i = 0; i < r->count; i++) {
		const struct sample *x = &r->sample[i];

		if (x->cell == cell && !x->warm_up && x->status == SAMPLE_OK &&
		    stats_outlier(s, x->total_ms))
			text_add(t, " (0,%.3f)", x->total_ms);
	}
	text_add(t, "};\n");
}

void report_boxes_tex(const struct report *r, struct text *t)
{
	struct cell_figures *f = report_all_figures(r);
	char hosts[OVER_HOSTS_MAX];
	char width[64];

	if (!f) {
		t->failed = true;
		return;
	}
	add_head(r, "Time of the boot: quartiles, median, whiskers within 1.5 interquartile ranges",
		 t);
	text_add(t,
		 "\\begin{axis}[boxplot/draw direction=x, width=%s, "
		 "height=%.1fcm,\n"
		 "  ymin=%.1f, ymax=-0.4, axis x line*=bottom, axis y line*=left,\n"
		 "  xlabel={milliseconds since the start of QEMU%s}, xmajorgrids,\n"
		 "  scaled x ticks=false, x tick label style={/pgf/number format/fixed},\n",
		 axis_width(r, width), height_of(r, 2.0), -(double)r->cells - 0.6,
		 report_over_hosts(r, hosts));
	add_cells(r, t);
	text_add(t, "]\n");
	size_t boxes = 0;

	for (size_t c = 0; c < r->cells; c++)
		if (f[c].total.n > 0) {
			add_box(r, c, &f[c].total, t);
			boxes++;
		}
	if (boxes == 0) /* an axis without a plot is an error in pgfplots */
		text_add(t, "\\addplot[draw=none] coordinates {(0,-1)};\n");
	text_add(t, "\\end{axis}\n\\end{tikzpicture}\n");
	free(f);
}

/* A line for the cells with the reference SINGLE. Returns the number of its points. */
static size_t add_line(const struct report *r, size_t single, size_t series, struct text *t)
{
	char label[LABEL_MAX];
	struct text line = {0};
	size_t n = 0;

	text_add(&line,
		 "\\addplot+[vmc%zu, mark=*, mark options={fill=vmc%zu}, error bars/.cd, y "
		 "dir=both, y explicit, error bar style={vmc%zu}] coordinates {",
		 series % 8, series % 8, series % 8);
	for (long cpus = 1; cpus <= 1024; cpus++)
		for (size_t i = 0; i < r->cells; i++) {
			struct estimate e = {NAN, NAN, NAN};

			if (report_cpus(r, i) == cpus &&
			    report_reference_cell(r, i) == (int)single &&
			    !report_has_topology(r, i))
				e = report_speedup_of(r, i);
			if (!isfinite(e.value))
				continue;
			text_add(&line, " (%ld,%.4f)", cpus, e.value);
			if (isfinite(e.high) && isfinite(e.low))
				text_add(&line, " += (0,%.4f) -= (0,%.4f)", e.high - e.value,
					 e.value - e.low);
			n++;
		}
	text_add(&line, "};\n\\addlegendentry{");
	const char *words = report_group_label(r, single, label);

	add_tex(&line, words ? words : "measured, 95 % interval");
	text_add(&line, "}\n");
	if (n > 1 && line.bytes)
		text_add(t, "%s", line.bytes);
	t->failed |= line.failed;
	text_free(&line);
	return n;
}

bool report_speedup_tex(const struct report *r, struct text *t)
{
	struct text lines = {0};
	char hosts[OVER_HOSTS_MAX];
	size_t series = 0;
	long most = 1;

	for (size_t i = 0; i < r->cells; i++)
		if (report_reference_cell(r, i) == (int)i && add_line(r, i, series, &lines) > 1)
			series++;
	for (size_t i = 0; i < r->cells; i++)
		most = report_cpus(r, i) > most ? report_cpus(r, i) : most;
	if (series > 0) {
		add_head(r, "Speed-up over processors", t);
		text_add(t,
			 "\\begin{axis}[width=\\dimexpr\\linewidth-20pt\\relax, height=7cm, "
			 "xmode=log, log basis x=2, "
			 "log ticks with fixed point,\n  ymin=0, xlabel={processors%s}, "
			 "ylabel={T(1)/T(n)}, "
			 "grid=major, legend cell align=left, legend columns=%d,\n  legend "
			 "style={draw=none, "
			 "at={(0.5,1.02)}, anchor=south}, restrict y to domain*=0:10000]\n"
			 "%s\\addplot[black, dashed, domain=1:%ld, samples=33] {x};\n"
			 "\\addlegendentry{ideal}\n\\end{axis}\n\\end{tikzpicture}\n",
			 report_over_hosts(r, hosts), are_wide(r) ? 1 : 2, lines.bytes, most);
	}
	t->failed |= lines.failed;
	text_free(&lines);
	return series > 0;
}
