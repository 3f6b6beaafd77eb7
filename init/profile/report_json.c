/* report_json.c - a report as JSON (docs/profile.md, Schema). What is NAN is null. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

static void number(struct text *t, double x, int digits)
{
	if (isfinite(x))
		text_add(t, "%.*f", digits, x);
	else
		text_add(t, "null");
}

/* The name of an object's next member, with the comma in front that it needs. */
static void key(struct text *t, const char *name)
{
	size_t at = t->len;

	while (at > 0 && strchr(" \n", t->bytes[at - 1]))
		at--;
	text_add(t, at > 0 && strchr("{,", t->bytes[at - 1]) ? "" : ", ");
	text_add_json(t, name);
	text_add(t, ": ");
}

static void member(struct text *t, const char *name, double x, int digits)
{
	key(t, name);
	number(t, x, digits);
}

static void text_member(struct text *t, const char *name, const char *value)
{
	key(t, name);
	text_add_json(t, value);
}

static void add_summary(struct text *t, const struct summary *s)
{
	member(t, "n", (double)s->n, 0);
	member(t, "mean_ms", s->mean, 3);
	member(t, "median_ms", s->median, 3);
	member(t, "stdev_ms", s->stdev, 3);
	member(t, "min_ms", s->min, 3);
	member(t, "max_ms", s->max, 3);
}

static void add_statistics(struct text *t, const struct cell_figures *f)
{
	text_add(t, "    \"statistics\": {");
	add_summary(t, &f->total);
	member(t, "q1_ms", f->total.q1, 3);
	member(t, "q3_ms", f->total.q3, 3);
	member(t, "ci95_low_ms", f->total.ci_low, 3);
	member(t, "ci95_high_ms", f->total.ci_high, 3);
	member(t, "cpu_mean_ms", f->cpu.mean, 3);
	member(t, "peak_kib", f->peak.max, 0);
	member(t, "instructions_mean", f->instructions.mean, 0);
	member(t, "exits_mean", f->exits.mean, 0);
	member(t, "failed", (double)f->failed, 0);
	text_add(t, "},\n");
}

static void add_phases(struct text *t, const struct cell_figures *f)
{
	text_add(t, "    \"phases\": {");
	for (size_t i = 0; i < f->phases; i++) {
		text_add(t, "%s\n      ", i ? "," : "");
		text_add_json(t, f->phase[i].name);
		text_add(t, ": {\"at\": {");
		add_summary(t, &f->phase[i].at);
		text_add(t, "}, \"takes\": {");
		add_summary(t, &f->phase[i].takes);
		text_add(t, "}}");
	}
	text_add(t, "},\n");
}

static void add_sample(struct text *t, const struct sample *s, const struct cell_figures *f)
{
	bool counts = !s->warm_up && s->status == SAMPLE_OK;

	text_add(t, "      {\"round\": %ld, \"warm_up\": %s", s->round,
		 s->warm_up ? "true" : "false");
	text_member(t, "status", sample_status_name(s->status));
	text_member(t, "why", s->why);
	text_member(t, "started", s->started);
	text_member(t, "log", s->log);
	text_member(t, "overlay", s->overlay);
	text_add(t, ", \"outlier\": %s",
		 counts && stats_outlier(&f->total, s->total_ms) ? "true" : "false");
	member(t, "total_ms", s->total_ms, 3);
	member(t, "cpu_ms", s->cpu_ms, 3);
	member(t, "peak_kib", s->peak_kib, 0);
	member(t, "serial_bytes", s->bytes, 0);
	member(t, "instructions", s->instructions, 0);
	member(t, "exits", s->exits, 0);
	text_add(t, ", \"phases_ms\": {");
	for (size_t k = 0; k < s->phases; k++)
		member(t, s->phase[k].name, s->phase[k].at_ms, 3);
	text_add(t, "}}");
}

static void add_ratios(const struct report *r, size_t cell, double mean, double single,
		       struct text *t)
{
	long cpus = report_cpus(r, cell);
	double estimated = r->cell[cell].estimated_ms;

	if (isfinite(single) && isfinite(mean)) {
		text_add(t, "    \"speedup\": {");
		member(t, "ratio", single / mean, 4);
		member(t, "efficiency_percent", single / mean / (double)cpus * 100, 2);
		text_add(t, "},\n");
	}
	if (isfinite(estimated) && isfinite(mean)) {
		double error = report_error_percent(mean, estimated);

		text_add(t, "    \"comparison\": {");
		member(t, "estimated_ms", estimated, 3);
		member(t, "error_percent", error, 2);
		text_member(t, "status", report_verdict(error));
		text_add(t, "},\n");
	} else if (isfinite(estimated)) { /* no sample yet: the estimate must not be lost */
		text_add(t, "    \"comparison\": {");
		member(t, "estimated_ms", estimated, 3);
		text_add(t, "},\n");
	}
}

static void add_cell(const struct report *r, size_t cell, struct cell_figures *f, struct text *t)
{
	const struct cell *c = &r->cell[cell];
	int single = report_single(r, cell);
	double single_mean = NAN;
	const char *separator = "";

	if (single >= 0 && report_figures(r, (size_t)single, f))
		single_mean = f->total.mean;
	if (!report_figures(r, cell, f)) {
		t->failed = true;
		return;
	}
	text_add(t, ",\n  ");
	text_add_json(t, c->key);
	text_add(t, ": {\n    \"cpus\": %ld", report_cpus(r, cell));
	for (int a = AXIS_CPUS + 1; a < AXES; a++)
		text_member(t, axis_name((enum axis)a), c->value[a]);
	text_add(t, ",\n");
	add_statistics(t, f);
	add_phases(t, f);
	add_ratios(r, cell, f->total.mean, single_mean, t);
	text_add(t, "    \"samples\": [");
	for (size_t i = 0; i < r->count; i++)
		if (r->sample[i].cell == cell) {
			text_add(t, "%s\n", separator);
			add_sample(t, &r->sample[i], f);
			separator = ",";
		}
	text_add(t, "]\n  }");
}

static void add_run(const struct report *r, struct text *t)
{
	const struct {
		const char *name, *value;
	} texts[] = {{"created", r->created},	{"program", r->program},
		     {"qemu", r->qemu},		{"guest", r->guest},
		     {"image", r->image},	{"until", r->until},
		     {"baseline", r->baseline}, {"accelerator", r->accelerator}};

	text_add(t, "  \"run\": {");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		text_member(t, texts[i].name, texts[i].value);
		text_add(t, ",\n    ");
	}
	text_add(t,
		 "\"samples\": %ld, \"warm_up\": %ld, \"timeout_s\": %ld, \"jobs\": %ld, "
		 "\"planned\": %zu, \"finished\": %zu},\n",
		 r->samples, r->warm_up, r->timeout_s, r->jobs, r->planned, r->count);
	text_add(t, "  \"resolution\": {\"method\": \"pipe from another process, looped back\"");
	member(t, "rounds", r->resolution.rounds, 0);
	member(t, "median_us", r->resolution.median_us, 3);
	member(t, "p99_us", r->resolution.p99_us, 3);
	member(t, "max_us", r->resolution.max_us, 3);
	text_add(t, "}");
}

void report_json(const struct report *r, struct text *t)
{
	struct cell_figures *f = malloc(sizeof *f);

	if (!f) {
		t->failed = true;
		return;
	}
	text_add(t, "{\n  \"schema\": \"%s\", \"version\": %d, \"partial\": %s,\n", REPORT_SCHEMA,
		 REPORT_VERSION, r->partial ? "true" : "false");
	add_run(r, t);
	text_add(t, ",\n  \"cells\": [");
	for (size_t i = 0; i < r->cells; i++) {
		text_add(t, "%s", i ? ", " : "");
		text_add_json(t, r->cell[i].key);
	}
	text_add(t, "]");
	for (size_t i = 0; i < r->cells; i++)
		add_cell(r, i, f, t);
	text_add(t, "\n}\n");
	free(f);
}
