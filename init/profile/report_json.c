/* report_json.c - a report as JSON (docs/profile.md, Schema). NAN becomes null. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "profile/report_provenance.h"

enum { SUMMARY = 6 }; /* number of members of a summary */

static void summary_members(const struct summary *s, struct json_member out[SUMMARY + 1])
{
	out[0] = JSON_MEMBER J_NUMBER("n", 0, (double)s->n);
	out[1] = JSON_MEMBER J_NUMBER("mean_ms", 3, s->mean);
	out[2] = JSON_MEMBER J_NUMBER("median_ms", 3, s->median);
	out[3] = JSON_MEMBER J_NUMBER("stdev_ms", 3, s->stdev);
	out[4] = JSON_MEMBER J_NUMBER("min_ms", 3, s->min);
	out[5] = JSON_MEMBER J_NUMBER("max_ms", 3, s->max);
	out[SUMMARY] = JSON_MEMBER{.key = NULL};
}

static void add_statistics(struct text *t, const struct report *r, size_t cell,
			   const struct cell_figures *f)
{
	const struct summary *s = &f->total;
	struct interval i;

	report_interval(r, cell, s, &i);
	text_add_json(t, JSON_LIST(J_NUMBER("n", 0, (double)s->n), J_NUMBER("mean_ms", 3, s->mean),
				   J_NUMBER("median_ms", 3, s->median),
				   J_NUMBER("stdev_ms", 3, s->stdev), J_NUMBER("min_ms", 3, s->min),
				   J_NUMBER("max_ms", 3, s->max), J_NUMBER("q1_ms", 3, s->q1),
				   J_NUMBER("q3_ms", 3, s->q3), J_NUMBER("ci95_low_ms", 3, i.low),
				   J_NUMBER("ci95_high_ms", 3, i.high),
				   J_TEXT("ci95_method", i.method),
				   J_NUMBER("bca95_low_ms", 3, i.bca_low),
				   J_NUMBER("bca95_high_ms", 3, i.bca_high),
				   J_NUMBER("cpu_mean_ms", 3, f->cpu.mean),
				   J_NUMBER("peak_kib", 0, f->peak.max),
				   J_NUMBER("instructions_mean", 0, f->instructions.mean),
				   J_NUMBER("exits_mean", 0, f->exits.mean),
				   J_NUMBER("failed", 0, (double)f->failed)));
}

/* An object with a member for each phase. */
static void add_phases(struct text *t, const struct cell_figures *f)
{
	struct {
		struct json_member at[SUMMARY + 1], takes[SUMMARY + 1], both[3];
	} *values = calloc(f->phases + 1, sizeof *values);
	struct json_member *all = calloc(f->phases + 1, sizeof *all);

	for (size_t i = 0; values && all && i < f->phases; i++) {
		summary_members(&f->phase[i].at, values[i].at);
		summary_members(&f->phase[i].takes, values[i].takes);
		values[i].both[0] = JSON_MEMBER J_MEMBERS("at", values[i].at);
		values[i].both[1] = JSON_MEMBER J_MEMBERS("takes", values[i].takes);
		all[i] = JSON_MEMBER J_MEMBERS(f->phase[i].name, values[i].both);
	}
	if (values && all)
		text_add_json(t, all);
	t->failed |= !values || !all;
	free(values);
	free(all);
}

static void add_sample(struct text *t, const struct sample *s, const struct cell_figures *f)
{
	bool counts = !s->warm_up && s->status == SAMPLE_OK;
	struct json_member *phases = calloc(s->phases + 1, sizeof *phases);

	for (size_t k = 0; phases && k < s->phases; k++)
		phases[k] = JSON_MEMBER J_NUMBER(s->phase[k].name, 3, s->phase[k].at_ms);
	if (phases)
		text_add_json(
			t, JSON_LIST(J_INT("round", s->round), J_BOOL("warm_up", s->warm_up),
				     J_TEXT("status", sample_status_name(s->status)),
				     J_TEXT("why", s->why), J_TEXT("started", s->started),
				     J_TEXT("log", s->log), J_TEXT("overlay", s->overlay),
				     J_BOOL("outlier",
					    counts && stats_outlier(&f->total, s->total_ms)),
				     J_NUMBER("total_ms", 3, s->total_ms),
				     J_NUMBER("cpu_ms", 3, s->cpu_ms),
				     J_NUMBER("peak_kib", 0, s->peak_kib),
				     J_NUMBER("serial_bytes", 0, s->bytes),
				     J_NUMBER("instructions", 0, s->instructions),
				     J_NUMBER("exits", 0, s->exits), J_INT("part", s->part),
				     J_NUMBER("load", 2, s->load), J_NUMBER("others", 3, s->others),
				     J_NUMBER("waited_ms", 3, s->waited_ms),
				     J_NUMBER("pinned", 0, s->pinned), J_TEXT("hints", s->hints),
				     J_MEMBERS("phases_ms", phases)));
	t->failed |= !phases;
	free(phases);
}

/* One sample a line. */
static void add_samples(struct text *t, const struct report *r, size_t cell,
			const struct cell_figures *f)
{
	const char *before = "[\n";

	for (size_t i = 0; i < r->count; i++)
		if (r->sample[i].cell == cell) {
			text_add(t, "%s", before);
			add_sample(t, &r->sample[i], f);
			before = ",\n";
		}
	text_add(t, "%s]", before[0] == '[' ? "[" : "");
}

/* Texts of a cell's members that are computed separately. */
struct pieces {
	struct text statistics, hosts, phases, speedup, comparison, samples;
};

static void add_ratios(const struct report *r, size_t cell, const struct summary *total,
		       struct pieces *p)
{
	double estimated = r->cell[cell].estimated_ms;
	struct estimate ratio = report_speedup_of(r, cell);
	struct interval i;
	struct judgement j;

	if (isfinite(ratio.value))
		text_add_json(&p->speedup,
			      JSON_LIST(J_NUMBER("ratio", 4, ratio.value),
					J_NUMBER("efficiency_percent", 2,
						 ratio.value / (double)report_cpus(r, cell) * 100),
					J_NUMBER("ci95_low", 4, ratio.low),
					J_NUMBER("ci95_high", 4, ratio.high)));
	if (isfinite(estimated) && total->n > 0) {
		report_interval(r, cell, total, &i);
		report_judge(total, &i, estimated, &j);
		text_add_json(&p->comparison,
			      JSON_LIST(J_NUMBER("estimated_ms", 3, estimated),
					J_NUMBER("error_percent", 2, j.error),
					J_NUMBER("error_low_percent", 2, j.low),
					J_NUMBER("error_high_percent", 2, j.high),
					J_TEXT("status", j.word), J_INT("more_samples", j.more)));
	} else if (isfinite(estimated)) { /* no sample yet: keep the estimate */
		text_add_json(&p->comparison, JSON_LIST(J_NUMBER("estimated_ms", 3, estimated)));
	}
}

static void write_cell(const struct report *r, size_t cell, const struct pieces *p, struct text *t)
{
	const struct cell *c = &r->cell[cell];
	struct json_member m[AXES + 7] = {J_INT("cpus", report_cpus(r, cell))};
	size_t n = 1;

	for (int a = AXIS_CPUS + 1; a < AXES; a++)
		m[n++] = JSON_MEMBER J_TEXT(axis_name((enum axis)a), c->value[a]);
	m[n++] = JSON_MEMBER J_RAW("statistics", p->statistics.bytes);
	m[n++] = JSON_MEMBER J_RAW("hosts", p->hosts.bytes);
	m[n++] = JSON_MEMBER J_RAW("phases", p->phases.bytes);
	m[n++] = JSON_MEMBER J_RAW("speedup", p->speedup.bytes);
	m[n++] = JSON_MEMBER J_RAW(r->paper ? "whitepaper_comparison" : "comparison",
				   p->comparison.bytes);
	m[n] = JSON_MEMBER J_RAW("samples", p->samples.bytes);
	text_add(t, "\n");
	text_add_json(t, m);
}

static void add_cell(const struct report *r, size_t cell, struct cell_figures *f, struct text *t)
{
	struct pieces p = {0};

	if (!report_figures(r, cell, f)) {
		t->failed = true;
		return;
	}
	add_statistics(&p.statistics, r, cell, f);
	report_hosts_json(r, cell, &p.hosts);
	add_phases(&p.phases, f);
	add_ratios(r, cell, &f->total, &p);
	add_samples(&p.samples, r, cell, f);
	write_cell(r, cell, &p, t);
	t->failed |= p.statistics.failed || p.hosts.failed || p.phases.failed || p.speedup.failed ||
		     p.comparison.failed || p.samples.failed;
	text_free(&p.statistics);
	text_free(&p.hosts);
	text_free(&p.phases);
	text_free(&p.speedup);
	text_free(&p.comparison);
	text_free(&p.samples);
}

static const char *cell_names(const struct report *r, char *buf, size_t size)
{
	struct json_list list;

	json_list_begin(&list, buf, size);
	for (size_t i = 0; i < r->cells; i++)
		json_list_text(&list, r->cell[i].key, -1);
	return json_list_end(&list);
}

static void write_report(const struct report *r, const struct text *cells,
			 const struct text *installs, const struct report_pieces *p, struct text *t)
{
	static char names[REPORT_CELLS * 6 * sizeof r->cell[0].key];
	char seed[32];
	struct json_member m[REPORT_CELLS + 12] = {
		J_TEXT("schema", REPORT_SCHEMA),
		J_INT("version", REPORT_VERSION),
		J_BOOL("partial", r->partial),
		J_OBJECT("run", J_TEXT("created", r->created), J_TEXT("program", r->program),
			 J_TEXT("commit", r->commit), J_TEXT("qemu", r->qemu),
			 J_TEXT("qemu_version", r->qemu_version), J_TEXT("guest", r->guest),
			 J_TEXT("guest_line", r->guest_line), J_TEXT("image", r->image),
			 J_TEXT("image_sha256", r->image_sha256),
			 J_TEXT("kernel_sha256", r->kernel_sha256), J_TEXT("until", r->until),
			 J_TEXT("baseline", r->baseline), J_TEXT("accelerator", r->accelerator),
			 J_INT("samples", r->samples), J_INT("warm_up", r->warm_up),
			 J_INT("timeout_s", r->timeout_s), J_INT("jobs", r->jobs),
			 J_BOOL("pin", r->pin), J_TEXT("install_sha256", r->install_sha256),
			 J_TEXT("install_size", r->install_size), J_TEXT("seed", seed),
			 J_INT("shard", r->shard), J_INT("shards", r->shards),
			 J_TEXT("shard_by", r->by_cells ? "cells" : "samples"),
			 J_INT("planned", r->planned), J_INT("finished", r->count)),
		J_RAW("settings", p->settings.bytes),
		J_RAW("files", p->files.len ? p->files.bytes : NULL),
		J_RAW("notes", p->notes.bytes),
		J_RAW("parts", p->parts.bytes),
		J_RAW("installs", installs->bytes),
		J_OBJECT("resolution", J_TEXT("method", "pipe from another process, looped back"),
			 J_NUMBER("rounds", 0, r->resolution.rounds),
			 J_NUMBER("median_us", 3, r->resolution.median_us),
			 J_NUMBER("p99_us", 3, r->resolution.p99_us),
			 J_NUMBER("max_us", 3, r->resolution.max_us)),
		J_RAW("cells", cell_names(r, names, sizeof names))};
	const size_t head = 11;

	(void)snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
	for (size_t i = 0; i < r->cells; i++)
		m[head + i] = JSON_MEMBER J_RAW(r->cell[i].key, cells[i].bytes);
	text_add_json(t, m);
	text_add(t, "\n");
}

void report_json(const struct report *r, struct text *t)
{
	struct cell_figures *f = malloc(sizeof *f);
	struct text *cells = calloc(r->cells + 1, sizeof *cells);
	struct report_pieces p = {0};

	struct text installs = {0};

	report_json_pieces(r, &p);
	report_installs_json(r, &installs);
	t->failed |= installs.failed;
	t->failed |= p.settings.failed || p.files.failed || p.notes.failed || p.parts.failed;
	for (size_t i = 0; f && cells && i < r->cells; i++) {
		add_cell(r, i, f, &cells[i]);
		t->failed |= cells[i].failed;
	}
	if (f && cells)
		write_report(r, cells, &installs, &p, t);
	t->failed |= !f || !cells;
	for (size_t i = 0; cells && i < r->cells; i++)
		text_free(&cells[i]);
	text_free(&installs);
	text_free(&p.settings);
	text_free(&p.files);
	text_free(&p.notes);
	text_free(&p.parts);
	free(cells);
	free(f);
}
