/* report_text.c - a report as text and as CSV (RFC 4180) (report.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

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
	if (r->shards > 1 && r->shard)
		text_add(t, "  shard        %ld of %ld, by %s\n", r->shard, r->shards,
			 r->by_cells ? "cells" : "samples");
	else if (r->shards > 1)
		text_add(t, "  shards       %ld, by %s, joined\n", r->shards,
			 r->by_cells ? "cells" : "samples");
	for (size_t i = 0; i < r->notes; i++)
		text_add(t, "  note         %s\n", r->note[i]);
	text_add(t,
		 "  clock        a byte's time is %.1f us late (median; 99 %%: %.1f us, most: %.1f "
		 "us)\n",
		 r->resolution.median_us, r->resolution.p99_us, r->resolution.max_us);
	report_installs_text(r, t);
	if (r->baseline[0])
		text_add(t, "  baseline     %s\n", r->baseline);
}

/* A number in WIDTH columns, or a dash. */
static void add_figure(struct text *t, int width, int digits, double x)
{
	if (isfinite(x))
		text_add(t, " %*.*f", width, digits, x);
	else
		text_add(t, " %*s", width, "-");
}

static void add_line(const struct report *r, size_t cell, const struct cell_figures *f, int width,
		     struct text *t)
{
	const struct cell *c = &r->cell[cell];
	struct estimate speed = report_speedup_of(r, cell);
	struct interval i;

	report_interval(r, cell, &f->total, &i);
	text_add(t, "%-*s %3zu %4zu", width, c->key, f->total.n, f->failed);
	add_figure(t, 10, 1, f->total.mean);
	add_figure(t, 10, 1, f->total.median);
	add_figure(t, 8, 1, f->total.stdev);
	add_figure(t, 10, 1, f->total.min);
	add_figure(t, 10, 1, f->total.max);
	add_figure(t, 10, 1, i.low);
	add_figure(t, 10, 1, i.high);
	add_figure(t, 8, 3, speed.value);
	add_figure(t, 6, 3, speed.low);
	add_figure(t, 6, 3, speed.high);
	add_figure(t, 6, 1, speed.value / (double)report_cpus(r, cell) * 100);
	add_figure(t, 9, 0, f->cpu.mean);
	add_figure(t, 7, 1, f->peak.max / 1024);
	if (isfinite(c->estimated_ms) && f->total.n > 0) {
		struct judgement j;
		char word[80];

		report_judge(&f->total, &i, c->estimated_ms, &j);
		text_add(t, "  %.1f, off by %.1f %%: %s", c->estimated_ms, j.error,
			 report_judgement(&j, word));
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

/* Notes about unusual samples. */
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
	int width = report_key_width(r);

	if (!f) {
		t->failed = true;
		return;
	}
	add_head(r, t);
	text_add(t, "\n%-*s %3s %4s %10s %10s %8s %10s %10s %21s %8s %13s %6s %9s %7s\n", width,
		 "cell", "n", "fail", "mean ms", "median", "stdev", "min", "max", "95 % interval",
		 "speed-up", "95 % interval", "eff.%", "CPU ms", "MiB");
	for (size_t i = 0; i < r->cells; i++)
		if (report_figures(r, i, f))
			add_line(r, i, f, width, t);
	report_by_host(r, t);
	text_add(t, "\nfindings\n");
	report_findings(r, t);
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

/* Append NAME to the N names, unless it is present or the list is full. Returns the new number. */
static size_t add_name(const char *names[REPORT_PHASES], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return n;
	if (n < REPORT_PHASES)
		names[n++] = name;
	return n;
}

/* The names of all phases of all samples, in order of first appearance, cell by cell. */
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
	add_field(t, r->part[s->part].host.name);
	add_number(t, s->load, 2);
	add_number(t, s->others, 3);
	add_number(t, s->waited_ms, 3);
	add_number(t, s->pinned, 0);
	add_field(t, s->hints);
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
		    "instructions,exits,host,load,others,waited_ms,pinned,hints");
	for (size_t i = 0; i < phases; i++)
		text_add(t, ",%s_ms", names[i]);
	text_add(t, "\r\n");
	for (size_t c = 0; c < r->cells; c++)
		for (size_t i = 0; i < r->count; i++)
			if (r->sample[i].cell == c)
				add_record(r, &r->sample[i], names, phases, t);
}
