/* report_vega.c - the pictures of a report as a Vega-Lite specification (version 5) with its data
 * (report.h). */
#include <math.h>
#include <stdlib.h>

#include "profile/report.h"

#define MEMBER (struct json_member)

/* A row for each phase of each cell. */
static void add_phases(const struct report *r, const struct cell_figures *f, struct text *t)
{
	char label[LABEL_MAX];
	const char *before = "[\n";

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

/* A limit of 0 disables cutting of names. */
#define BY_CELL                                                                                    \
	"\"y\":{\"field\":\"cell\",\"type\":\"nominal\",\"sort\":null,\"title\":null,"             \
	"\"axis\":{\"labelLimit\":0}},"
#define MS "\"title\":\"ms since the start of QEMU\""

static const char timeline[] =
	"\"width\":500,\"mark\":\"bar\",\"encoding\":{" BY_CELL
	"\"x\":{\"field\":\"begins\",\"type\":\"quantitative\"," MS "},\"x2\":{\"field\":\"ends\"},"
	"\"color\":{\"field\":\"phase\",\"type\":\"nominal\",\"sort\":null}}";
static const char boxes[] =
	"\"width\":500,\"mark\":{\"type\":\"boxplot\",\"extent\":1.5},\"encoding\":{" BY_CELL
	"\"x\":{\"field\":\"total\",\"type\":\"quantitative\",\"scale\":{\"zero\":false}," MS "}";
/* With several hosts, each has its own boxes. */
static const char by_host[] = ",\"yOffset\":{\"field\":\"host\",\"type\":\"nominal\"},"
			      "\"color\":{\"field\":\"host\",\"type\":\"nominal\"}";
static const char speedup[] =
	"\"width\":500,\"encoding\":{\"x\":{\"field\":\"cpus\",\"type\":\"quantitative\","
	"\"scale\":{\"type\":\"log\",\"base\":2},\"title\":\"processors\","
	"\"axis\":{\"values\":[%s],\"format\":\"d\"}},"
	"\"color\":{\"field\":\"series\",\"type\":\"nominal\",\"sort\":null,"
	"\"legend\":{\"labelLimit\":0}}},\"layer\":["
	"{\"transform\":[{\"filter\":\"datum.topology === ''\"}],"
	"\"mark\":{\"type\":\"line\",\"point\":true},\"encoding\":{\"y\":{\"field\":\"speedup\","
	"\"type\":\"quantitative\",\"title\":\"T(1)/T(n)\"}}},"
	"{\"transform\":[{\"filter\":\"datum.topology !== ''\"}],"
	"\"mark\":{\"type\":\"square\",\"opacity\":1},\"encoding\":{\"y\":{\"field\":\"speedup\","
	"\"type\":\"quantitative\"},\"tooltip\":[{\"field\":\"topology\"},{\"field\":\"speedup\"}]}"
	"},"
	"{\"mark\":\"rule\",\"encoding\":{\"y\":{\"field\":\"low\",\"type\":\"quantitative\"},"
	"\"y2\":{\"field\":\"high\"}}}]";

void report_vega(const struct report *r, struct text *t)
{
	struct cell_figures *f = report_all_figures(r);
	char hosts[OVER_HOSTS_MAX];
	struct text ticks = {0};

	if (!f) {
		t->failed = true;
		return;
	}
	add_ticks(r, &ticks);
	(void)report_over_hosts(r, hosts);
	text_add(t, "{\"$schema\":\"https://vega.github.io/schema/vega-lite/v5.json\","
		    "\"resolve\":{\"scale\":{\"color\":\"independent\"}},\"vconcat\":[\n"
		    "{\"data\":{\"values\":");
	add_phases(r, f, t);
	text_add(t, "},\"title\":\"Phases of the boot%s\",%s},\n{\"data\":{\"values\":", hosts,
		 timeline);
	add_samples(r, t);
	text_add(t, "},\"title\":\"Time of the boot\",%s%s}},\n{\"data\":{\"values\":", boxes,
		 hosts[0] ? by_host : "");
	add_speedups(r, t);
	text_add(t, "},\"title\":\"Speed-up with its 95 %% interval%s\",", hosts);
	text_add(t, speedup, ticks.bytes ? ticks.bytes : "");
	text_add(t, "}\n]}\n");
	t->failed |= ticks.failed;
	text_free(&ticks);
	free(f);
}
