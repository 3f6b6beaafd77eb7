/* report.c - the statistics of a report (report.h): summaries, speed-up, comparison with estimates.
 */
#include "profile/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *axis_name(enum axis a)
{
	static const char *const names[AXES] = {
		[AXIS_CPUS] = "cpus",	      [AXIS_CPU_MODEL] = "cpu_model",
		[AXIS_RAM] = "ram_mb",	      [AXIS_ACCEL] = "accel",
		[AXIS_MACHINE] = "machine",   [AXIS_BUS] = "bus",
		[AXIS_BOOT] = "boot",	      [AXIS_ARCH] = "arch",
		[AXIS_CACHE] = "cache",	      [AXIS_AIO] = "aio",
		[AXIS_THREADS] = "threads",   [AXIS_IOTHREADS] = "iothreads",
		[AXIS_TOPOLOGY] = "topology",
	};

	return names[a];
}

const char *sample_status_name(enum sample_status s)
{
	static const char *const names[] = {
		[SAMPLE_OK] = "ok",	    [SAMPLE_TIMEOUT] = "timeout", [SAMPLE_PANIC] = "panic",
		[SAMPLE_FAILED] = "failed", [SAMPLE_ENDED] = "ended",	  [SAMPLE_ERROR] = "error",
	};

	return names[s];
}

struct sample *report_add(struct report *r, size_t phases)
{
	if (r->count == REPORT_SAMPLES)
		return NULL;
	struct sample *all = realloc(r->sample, (r->count + 1) * sizeof *all);

	if (!all)
		return NULL;
	r->sample = all;
	struct sample *s = &all[r->count];

	*s = (struct sample){.total_ms = NAN,
			     .cpu_ms = NAN,
			     .peak_kib = NAN,
			     .instructions = NAN,
			     .exits = NAN,
			     .load = NAN,
			     .others = NAN,
			     .waited_ms = NAN,
			     .pinned = NAN,
			     .phases = phases,
			     .phase = calloc(phases ? phases : 1, sizeof *s->phase)};
	if (!s->phase)
		return NULL;
	r->count++;
	return s;
}

static bool counts(const struct sample *s, size_t cell)
{
	return s->cell == cell && !s->warm_up && s->status == SAMPLE_OK;
}

size_t report_totals(const struct report *r, size_t cell, double *x, size_t *part)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		if (counts(&r->sample[i], cell)) {
			x[n] = r->sample[i].total_ms;
			if (part)
				part[n] = r->sample[i].part;
			n++;
		}
	return n;
}

/* Collect one number of each valid sample in X. */
static void summarise(const struct report *r, size_t cell, size_t member, double *x,
		      struct summary *out)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct sample *s = &r->sample[i];
		double value;

		memcpy(&value, (const char *)s + member, sizeof value);
		if (counts(s, cell) && !isnan(value))
			x[n++] = value;
	}
	stats_summarise(x, n, out);
}

static void summarise_phase(const struct report *r, size_t cell, struct phase_figures *p, double *x)
{
	size_t n = 0;
	double *takes = x + r->count;

	for (size_t i = 0; i < r->count; i++) {
		const struct sample *s = &r->sample[i];

		for (size_t k = 0; counts(s, cell) && k < s->phases; k++) {
			if (strcmp(s->phase[k].name, p->name) != 0)
				continue;
			double end = k + 1 < s->phases ? s->phase[k + 1].at_ms : s->total_ms;

			x[n] = s->phase[k].at_ms;
			takes[n++] = end - s->phase[k].at_ms;
			break;
		}
	}
	stats_summarise(x, n, &p->at);
	stats_summarise(takes, n, &p->takes);
}

static int by_beginning(const void *a, const void *b)
{
	double x = ((const struct phase_figures *)a)->at.mean;
	double y = ((const struct phase_figures *)b)->at.mean;

	return (x > y) - (x < y);
}

/* The names of all phases in CELL's samples. */
static void collect_phases(const struct report *r, size_t cell, struct cell_figures *out)
{
	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; counts(&r->sample[i], cell) && k < r->sample[i].phases; k++) {
			const char *name = r->sample[i].phase[k].name;
			size_t known = 0;

			while (known < out->phases && strcmp(out->phase[known].name, name) != 0)
				known++;
			if (known == out->phases && known < REPORT_PHASES)
				out->phase[out->phases++].name = name;
		}
}

bool report_figures(const struct report *r, size_t cell, struct cell_figures *out)
{
	double *x = calloc(2 * r->count + 1, sizeof *x);

	memset(out, 0, sizeof *out);
	if (!x)
		return false;
	for (size_t i = 0; i < r->count; i++) {
		const struct sample *s = &r->sample[i];

		out->failed += s->cell == cell && !s->warm_up && s->status != SAMPLE_OK;
	}
	summarise(r, cell, offsetof(struct sample, total_ms), x, &out->total);
	summarise(r, cell, offsetof(struct sample, cpu_ms), x, &out->cpu);
	summarise(r, cell, offsetof(struct sample, peak_kib), x, &out->peak);
	summarise(r, cell, offsetof(struct sample, instructions), x, &out->instructions);
	summarise(r, cell, offsetof(struct sample, exits), x, &out->exits);
	collect_phases(r, cell, out);
	for (size_t i = 0; i < out->phases; i++)
		summarise_phase(r, cell, &out->phase[i], x);
	qsort(out->phase, out->phases, sizeof *out->phase, by_beginning);
	free(x);
	return true;
}

long report_cpus(const struct report *r, size_t cell)
{
	return strtol(r->cell[cell].value[AXIS_CPUS], NULL, 10);
}

int report_reference_cell(const struct report *r, size_t cell)
{
	for (size_t i = 0; i < r->cells; i++) {
		bool alike = report_cpus(r, i) == 1;

		for (int a = 0; a < AXES; a++)
			alike &= a == AXIS_CPUS || a == AXIS_TOPOLOGY ||
				 strcmp(r->cell[i].value[a], r->cell[cell].value[a]) == 0;
		if (alike)
			return (int)i;
	}
	return -1;
}

struct cell_figures *report_all_figures(const struct report *r)
{
	struct cell_figures *f = calloc(r->cells + 1, sizeof *f);

	for (size_t i = 0; f && i < r->cells; i++)
		if (!report_figures(r, i, &f[i])) {
			free(f);
			return NULL;
		}
	return f;
}
