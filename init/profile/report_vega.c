/* report_vega.c - the pictures of a report as a Vega-Lite specification (version 5) with its data
 * (report.h): the template charts.vl.json.in, filled in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "profile/report.h"

/* A row for each phase of each cell. */
static void add_phases(const struct report *r, struct text *t)
{
	struct cell_figures *f = report_all_figures(r);
	char label[LABEL_MAX];
	const char *before = "[\n";

	if (!f) {
		t->failed = true;
		return;
	}
	for (size_t c = 0; c < r->cells; c++)
		for (size_t i = 0; i < f[c].phases; i++) {
			const struct phase_figures *p = &f[c].phase[i];
			double end =
				i + 1 < f[c].phases ? f[c].phase[i + 1].at.mean : f[c].total.mean;

			text_add(t, "%s", before);
			text_add_json(t, JSON_LIST(J_TEXT("cell", report_label(r, c, label)),
						   J_TEXT("phase", p->name),
						   J_NUMBER("begins", 3, p->at.mean),
						   J_NUMBER("ends", 3, end)));
			before = ",\n";
		}
	text_add(t, "%s]", before[0] == '[' ? "[" : "");
	free(f);
}

/* In the order of cells, as in results.json, so that a report read back produces the same. */
static void add_samples(const struct report *r, struct text *t)
{
	char label[LABEL_MAX];
	const char *before = "[\n";

	for (size_t c = 0; c < r->cells; c++)
		for (size_t i = 0; i < r->count; i++) {
			const struct sample *s = &r->sample[i];

			if (s->cell != c || s->warm_up || s->status != SAMPLE_OK)
				continue;
			text_add(t, "%s", before);
			text_add_json(t, JSON_LIST(J_TEXT("cell", report_label(r, c, label)),
						   J_TEXT("host", r->part[s->part].host.name),
						   J_INT("round", s->round),
						   J_NUMBER("total", 3, s->total_ms)));
			before = ",\n";
		}
	text_add(t, "%s]", before[0] == '[' ? "[" : "");
}

static void add_speedups(const struct report *r, struct text *t)
{
	char label[LABEL_MAX];
	const char *before = "[\n";

	for (size_t c = 0; c < r->cells; c++) {
		struct estimate e = report_speedup_of(r, c);
		int single = report_reference_cell(r, c);
		const char *series =
			single < 0 ? NULL : report_group_label(r, (size_t)single, label);

		if (!isfinite(e.value) || single < 0)
			continue;
		text_add(t, "%s", before);
		text_add_json(t,
			      JSON_LIST(J_INT("cpus", report_cpus(r, c)),
					J_TEXT("series", series ? series : "measured"),
					J_TEXT("topology", report_has_topology(r, c)
								   ? r->cell[c].value[AXIS_TOPOLOGY]
								   : ""),
					J_NUMBER("speedup", 4, e.value), J_NUMBER("low", 4, e.low),
					J_NUMBER("high", 4, e.high)));
		before = ",\n";
	}
	text_add(t, "%s]", before[0] == '[' ? "[" : "");
}

/* The numbers of processors without duplicates: the ticks of their axis. */
static void add_ticks(const struct report *r, struct text *t)
{
	const char *before = "";

	for (size_t c = 0; c < r->cells; c++) {
		size_t first = 0;

		while (report_cpus(r, first) != report_cpus(r, c))
			first++;
		if (first != c)
			continue;
		text_add(t, "%s%ld", before, report_cpus(r, c));
		before = ",";
	}
}

static void add_hosts(const struct report *r, struct text *t)
{
	char hosts[OVER_HOSTS_MAX];

	(void)report_over_hosts(r, hosts);
	text_add(t, "%s", hosts);
}

/* ---- the template ---------------------------------------------------------------------------- */

EMBED(charts_vl_json, "init/profile/charts.vl.json.in");

/* The placeholders of the template, @NAME@. */
static const struct {
	const char *name;
	void (*add)(const struct report *r, struct text *t);
} parts[] = {{"phases", add_phases},
	     {"samples", add_samples},
	     {"speedups", add_speedups},
	     {"ticks", add_ticks},
	     {"hosts", add_hosts}};

/* Add what stands for the placeholder whose name begins at AT. Returns where the template goes on:
 * @several_hosts@ leaves out the rest of its line if there is one host. */
static const char *add_part(const struct report *r, const char *at, struct text *t)
{
	size_t n = strcspn(at, "@");
	const char *after = at + n + (at[n] == '@');
	char hosts[OVER_HOSTS_MAX];

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strlen(parts[i].name) == n && memcmp(parts[i].name, at, n) == 0) {
			parts[i].add(r, t);
			return after;
		}
	if (n != strlen("several_hosts") || memcmp(at, "several_hosts", n) != 0)
		t->failed = true;
	(void)report_over_hosts(r, hosts);
	return hosts[0] ? after : after + strcspn(after, "\n");
}

/* In the template, a line that begins with blanks continues the one before. */
void report_vega(const struct report *r, struct text *t)
{
	for (const char *at = charts_vl_json; *at;) {
		size_t n = strcspn(at, "@\n");

		text_add(t, "%.*s", (int)n, at);
		at += n;
		if (*at == '@') {
			at = add_part(r, at + 1, t);
		} else if (*at == '\n' && at[1] == ' ') {
			at += 1 + strspn(at + 1, " ");
		} else if (*at == '\n') {
			text_add(t, "\n");
			at++;
		}
	}
}
