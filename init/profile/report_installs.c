/* report_installs.c - the durations of a report's installations (report.h). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "profile/report.h"

void report_installs_json(const struct report *r, struct text *t)
{
	text_add(t, "[");
	for (size_t i = 0; i < r->installs; i++) {
		const struct install *in = &r->install[i];

		text_add(t, "%s", i ? ",\n" : "\n");
		text_add_json(t, JSON_LIST(J_TEXT("cell", r->cell[in->cell].key),
					   J_INT("part", in->part), J_TEXT("started", in->started),
					   J_NUMBER("total_ms", 3, in->total_ms)));
	}
	text_add(t, "]");
}

static bool read_one(const struct json *doc, const struct json_value *v, struct report *r)
{
	const char *key = json_string(doc, v, "cell");
	const char *started = json_string(doc, v, "started");
	struct install in = {0};
	int64_t part;

	while (key && in.cell < r->cells && strcmp(r->cell[in.cell].key, key) != 0)
		in.cell++;
	if (!key || in.cell == r->cells || !started || !json_integer(doc, v, "part", &part) ||
	    part < 0 || (uint64_t)part >= r->parts ||
	    !json_number(doc, v, "total_ms", &in.total_ms) || !isfinite(in.total_ms) ||
	    snprintf(in.started, sizeof in.started, "%s", started) >= (int)sizeof in.started)
		return false;
	in.part = (size_t)part;
	return report_add_install(r, &in);
}

bool report_installs_read(const struct json *doc, struct report *r)
{
	const struct json_value *all = json_get(doc, doc->values, "installs");

	if (!all) /* written before --install existed */
		return true;
	if (all->type != JSON_ARRAY)
		return false;
	for (int32_t i = all->first; i >= 0; i = doc->values[i].next)
		if (!read_one(doc, &doc->values[i], r))
			return false;
	return true;
}

void report_installs_text(const struct report *r, struct text *t)
{
	for (size_t c = 0; c < r->cells; c++) {
		double sum = 0;
		size_t n = 0;

		for (size_t i = 0; i < r->installs; i++)
			if (r->install[i].cell == c) {
				sum += r->install[i].total_ms;
				n++;
			}
		if (n)
			text_add(t, "  installed    %s in %.1f s%s\n", r->cell[c].key,
				 sum / 1e3 / (double)n, n > 1 ? " (mean of its shards)" : "");
	}
}
