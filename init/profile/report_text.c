/* report_text.c - a report for people and for spreadsheets: text, CSV (RFC 4180), and two reports
 * compared (report.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

/* Differences that chance makes in one of twenty comparisons are not told as differences. */
#define SIGNIFICANT 0.05

static int key_width(const struct report *r)
{
	size_t width = 4;

	for (size_t i = 0; i < r->cells; i++)
		if (strlen(r->cell[i].key) > width)
			width = strlen(r->cell[i].key);
	return (int)width;
}

/* ---- text ---- */

static void add_head(const struct report *r, struct text *t)
{
	size_t failed = 0;

	for (size_t i = 0; i < r->count; i++)
		failed += r->sample[i].status != SAMPLE_OK;
	text_add(t, "Boot profile of %s, until %s, %s\n", r->guest, r->until, r->created);
	text_add(t, "  image        %s\n  program      %s, %s\n  accelerator  %s\n",
		 r->image[0] ? r->image : "none", r->program, r->qemu, r->accelerator);
	text_add(t,
		 "  samples      %ld of each cell after %ld warm-up%s, in turns; %zu of %zu are "
		 "here%s, %zu failed\n",
		 r->samples, r->warm_up, r->warm_up == 1 ? "" : "s", r->count, r->planned,
		 r->partial ? " (PARTIAL)" : "", failed);
	text_add(t,
		 "  clock        a byte's time is %.1f us late (median; 99 %%: %.1f us, most: %.1f "
		 "us)\n",
		 r->resolution.median_us, r->resolution.p99_us, r->resolution.max_us);
	if (r->baseline[0])
		text_add(t, "  baseline     %s\n", r->baseline);
}

/* A figure in WIDTH columns, or a dash. */
static void add_figure(struct text *t, int width, int digits, double x)
{
	if (isfinite(x))
		text_add(t, " %*.*f", width, digits, x);
	else
		text_add(t, " %*s", width, "-");
}

static void add_line(const struct report *r, size_t cell, const struct cell_figures *f,
		     double single, int width, struct text *t)
{
	const struct cell *c = &r->cell[cell];
	double speed = single / f->total.mean;

	text_add(t, "%-*s %3zu %4zu", width, c->key, f->total.n, f->failed);
	add_figure(t, 10, 1, f->total.mean);
	add_figure(t, 10, 1, f->total.median);
	add_figure(t, 8, 1, f->total.stdev);
	add_figure(t, 10, 1, f->total.min);
	add_figure(t, 10, 1, f->total.max);
	add_figure(t, 10, 1, f->total.ci_low);
	add_figure(t, 10, 1, f->total.ci_high);
	add_figure(t, 8, 3, speed);
	add_figure(t, 6, 1, speed / (double)report_cpus(r, cell) * 100);
	add_figure(t, 9, 0, f->cpu.mean);
	add_figure(t, 7, 1, f->peak.max / 1024);
	if (isfinite(c->estimated_ms) && f->total.n > 0) {
		double error = report_error_percent(f->total.mean, c->estimated_ms);

		text_add(t, "  %.1f, off by %.1f %%: %s", c->estimated_ms, error,
			 report_verdict(error));
	}
	text_add(t, "\n");
}

static void add_phase_table(const struct cell *c, const struct cell_figures *f, struct text *t)
{
	text_add(t, "\n%s: phases (ms)\n  %-24s %10s %10s %8s %7s\n", c->key, "phase", "begins",
		 "takes", "stdev", "share");
	for (size_t i = 0; i < f->phases; i++) {
		const struct phase_figures *p = &f->phase[i];

		text_add(t, "  %-24s %10.1f %10.1f", p->name, p->at.mean, p->takes.mean);
		add_figure(t, 8, 1, p->takes.stdev);
		text_add(t, " %5.1f %%", p->takes.mean / f->total.mean * 100);
		if (p->at.n < f->total.n)
			text_add(t, "  (in %zu of %zu samples)", p->at.n, f->total.n);
		text_add(t, "\n");
	}
}

/* What is odd about single samples. */
static void add_notes(const struct report *r, size_t cell, const struct cell_figures *f,
		      struct text *t)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct sample *s = &r->sample[i];

		if (s->cell != cell)
			continue;
		if (s->status != SAMPLE_OK)
			text_add(t, "  %s %ld: %s after %.1f ms: %s (%s)\n",
				 s->warm_up ? "warm-up" : "sample", s->round,
				 sample_status_name(s->status),
				 isfinite(s->total_ms) ? s->total_ms : 0, s->why, s->log);
		else if (!s->warm_up && stats_outlier(&f->total, s->total_ms))
			text_add(t, "  sample %ld is an outlier: %.1f ms (it is in the figures)\n",
				 s->round, s->total_ms);
	}
}

void report_text(const struct report *r, struct text *t)
{
	struct cell_figures *f = malloc(sizeof *f);
	int width = key_width(r);

	if (!f) {
		t->failed = true;
		return;
	}
	add_head(r, t);
	text_add(t, "\n%-*s %3s %4s %10s %10s %8s %10s %10s %21s %8s %6s %9s %7s\n", width, "cell",
		 "n", "fail", "mean ms", "median", "stdev", "min", "max", "95 % interval (t)",
		 "speed-up", "eff.%", "CPU ms", "MiB");
	for (size_t i = 0; i < r->cells; i++) {
		int single = report_single(r, i);
		double mean = NAN;

		if (single >= 0 && report_figures(r, (size_t)single, f))
			mean = f->total.mean;
		if (report_figures(r, i, f))
			add_line(r, i, f, mean, width, t);
	}
	for (size_t i = 0; i < r->cells; i++)
		if (report_figures(r, i, f)) {
			add_phase_table(&r->cell[i], f, t);
			add_notes(r, i, f, t);
		}
	free(f);
}

/* ---- CSV ---- */

static void add_field(struct text *t, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		text_add(t, ",%s", s);
		return;
	}
	text_add(t, ",\"");
	for (; *s; s++)
		text_add(t, *s == '"' ? "\"\"" : "%c", *s);
	text_add(t, "\"");
}

static void add_number(struct text *t, double x, int digits)
{
	if (isfinite(x))
		text_add(t, ",%.*f", digits, x);
	else
		text_add(t, ",");
}

/* NAME behind the N names, unless it is there or the list is full. Returns how many there are. */
static size_t add_name(const char *names[REPORT_PHASES], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return n;
	if (n < REPORT_PHASES)
		names[n++] = name;
	return n;
}

/* Names of all phases of all samples, in the order in which they come first, cell by cell. */
static size_t all_phases(const struct report *r, const char *names[REPORT_PHASES])
{
	size_t n = 0;

	for (size_t c = 0; c < r->cells; c++)
		for (size_t i = 0; i < r->count; i++)
			for (size_t k = 0; r->sample[i].cell == c && k < r->sample[i].phases; k++)
				n = add_name(names, n, r->sample[i].phase[k].name);
	return n;
}

static double phase_at(const struct sample *s, const char *name)
{
	for (size_t i = 0; i < s->phases; i++)
		if (strcmp(s->phase[i].name, name) == 0)
			return s->phase[i].at_ms;
	return NAN;
}

static void add_record(const struct report *r, const struct sample *s, const char *const *names,
		       size_t phases, struct text *t)
{
	text_add(t, "%s", r->cell[s->cell].key);
	for (int a = 0; a < AXES; a++)
		add_field(t, r->cell[s->cell].value[a]);
	text_add(t, ",%ld,%d,%s", s->round, s->warm_up, sample_status_name(s->status));
	add_field(t, s->why);
	add_field(t, s->started);
	add_field(t, s->log);
	add_number(t, s->total_ms, 3);
	add_number(t, s->cpu_ms, 3);
	add_number(t, s->peak_kib, 0);
	add_number(t, s->bytes, 0);
	add_number(t, s->instructions, 0);
	add_number(t, s->exits, 0);
	for (size_t k = 0; k < phases; k++)
		add_number(t, phase_at(s, names[k]), 3);
	text_add(t, "\r\n");
}

void report_csv(const struct report *r, struct text *t)
{
	const char *names[REPORT_PHASES];
	size_t phases = all_phases(r, names);

	text_add(t, "cell");
	for (int a = 0; a < AXES; a++)
		text_add(t, ",%s", axis_name((enum axis)a));
	text_add(t, ",round,warm_up,status,why,started,log,total_ms,cpu_ms,peak_kib,serial_bytes,"
		    "instructions,exits");
	for (size_t i = 0; i < phases; i++)
		text_add(t, ",%s_ms", names[i]);
	text_add(t, "\r\n");
	for (size_t c = 0; c < r->cells; c++)
		for (size_t i = 0; i < r->count; i++)
			if (r->sample[i].cell == c)
				add_record(r, &r->sample[i], names, phases, t);
}

/* ---- two reports ---- */

static int cell_of(const struct report *r, const char *key)
{
	for (size_t i = 0; i < r->cells; i++)
		if (strcmp(r->cell[i].key, key) == 0)
			return (int)i;
	return -1;
}

static const char *judgement(bool tested, const struct welch *w)
{
	return !tested		     ? "too few samples"
	       : w->p >= SIGNIFICANT ? "no significant difference"
	       : w->difference < 0   ? "faster"
				     : "slower";
}

/* Both reports' figures of the cell at INDEX of A. False: B has no such cell. */
static bool both(const struct report *a, const struct report *b, size_t index,
		 struct cell_figures *fa, struct cell_figures *fb)
{
	int other = cell_of(b, a->cell[index].key);

	return other >= 0 && report_figures(a, index, fa) && report_figures(b, (size_t)other, fb);
}

static void add_comparison(const char *key, int width, const struct summary *a,
			   const struct summary *b, struct text *t)
{
	struct welch w = {0};
	bool tested = stats_welch(a, b, &w);

	text_add(t, "%-*s %4zu %4zu", width, key, a->n, b->n);
	add_figure(t, 10, 1, a->mean);
	add_figure(t, 10, 1, b->mean);
	add_figure(t, 9, 1, b->mean - a->mean);
	add_figure(t, 7, 2, (b->mean / a->mean - 1) * 100);
	add_figure(t, 10, 1, tested ? w.low : NAN);
	add_figure(t, 10, 1, tested ? w.high : NAN);
	add_figure(t, 7, 4, tested ? w.p : NAN);
	text_add(t, "  %s\n", judgement(tested, &w));
}

size_t report_compare(const struct report *a, const struct report *b, struct text *t)
{
	struct cell_figures *fa = malloc(sizeof *fa);
	struct cell_figures *fb = malloc(sizeof *fb);
	size_t common = 0;
	int width = key_width(a);

	text_add(t, "A: %s, %s, until %s%s\n", a->created, a->guest, a->until,
		 a->partial ? " (PARTIAL)" : "");
	text_add(t, "B: %s, %s, until %s%s\n", b->created, b->guest, b->until,
		 b->partial ? " (PARTIAL)" : "");
	text_add(t,
		 "Means in ms; the interval (95 %%) and p are Welch's, significant below %.2f\n\n",
		 SIGNIFICANT);
	text_add(t, "%-*s %4s %4s %10s %10s %9s %7s %21s %7s\n", width, "cell", "nA", "nB", "A",
		 "B", "B-A", "%", "95 % interval", "p");
	for (size_t i = 0; fa && fb && i < a->cells; i++)
		if (both(a, b, i, fa, fb)) {
			add_comparison(a->cell[i].key, width, &fa->total, &fb->total, t);
			common++;
		}
	t->failed |= !fa || !fb;
	free(fa);
	free(fb);
	return common;
}

/* Six digits of X, for J_RAW. */
static const char *digits(double x, char out[32])
{
	(void)snprintf(out, 32, isfinite(x) ? "%.6g" : "null", x);
	return out;
}

/* What came out of a comparison of A with B, as JSON. */
static void add_result(struct text *t, const struct summary *a, const struct summary *b)
{
	struct welch w = {0};
	bool tested = stats_welch(a, b, &w);
	char n[8][32];

	text_add_json(t, JSON_LIST(J_TEXT("verdict", judgement(tested, &w)),
				   J_RAW("a_mean_ms", digits(a->mean, n[0])),
				   J_RAW("b_mean_ms", digits(b->mean, n[1])),
				   J_RAW("difference_ms", digits(b->mean - a->mean, n[2])),
				   J_RAW("ci95_low_ms", digits(tested ? w.low : NAN, n[3])),
				   J_RAW("ci95_high_ms", digits(tested ? w.high : NAN, n[4])),
				   J_RAW("t", digits(tested ? w.t : NAN, n[5])),
				   J_RAW("df", digits(tested ? w.df : NAN, n[6])),
				   J_RAW("p", digits(tested ? w.p : NAN, n[7]))));
}

size_t report_compare_json(const struct report *a, const struct report *b, struct text *t)
{
	struct cell_figures *fa = malloc(sizeof *fa);
	struct cell_figures *fb = malloc(sizeof *fb);
	struct text results[REPORT_CELLS] = {{0}};
	struct json_member cells[REPORT_CELLS + 1] = {{0}};
	size_t common = 0;

	for (size_t i = 0; fa && fb && i < a->cells; i++) {
		if (!both(a, b, i, fa, fb))
			continue;
		text_add(&results[common], "\n");
		add_result(&results[common], &fa->total, &fb->total);
		t->failed |= results[common].failed;
		cells[common] = (struct json_member)J_RAW(a->cell[i].key, results[common].bytes);
		common++;
	}
	t->failed |= !fa || !fb;
	text_add_json(t, JSON_LIST(J_TEXT("test", "Welch"),
				   J_NUMBER("significant_below", 2, SIGNIFICANT),
				   J_MEMBERS("cells", cells)));
	text_add(t, "\n");
	for (size_t i = 0; i < common; i++)
		text_free(&results[i]);
	free(fa);
	free(fb);
	return common;
}
