/* report_read.c - reads a report from its JSON, and estimates from a baseline (report.h).
 * Statistics in the file are ignored: they are recomputed from the samples. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report_provenance.h"

static const char fix[] = "give the results.json of a `vm profile`";

/* A document has at most one value per two bytes. */
static bool parse(struct json *doc, char *buf, size_t n, struct error *err)
{
	*doc = (struct json){.room = (int32_t)(n / 2 + 1)};
	if (n > INT32_MAX)
		return error_set(err, EXIT_BAD_IMAGE, fix, "%zu bytes are too many", n);
	doc->values = malloc((size_t)doc->room * sizeof *doc->values);
	if (!doc->values)
		return error_set(err, EXIT_INTERNAL, "give the container more memory",
				 "no memory for %zu bytes of JSON", n);
	if (json_parse(doc, buf, n))
		return true;
	return error_set(err, EXIT_BAD_IMAGE, fix, "byte %zu: %s", doc->error_at, doc->error);
}

static bool take_text(const struct json *doc, const struct json_value *o, const char *name,
		      char *out, size_t size)
{
	const char *s = json_string(doc, o, name);

	return s && snprintf(out, size, "%s", s) < (int)size;
}

static double take_number(const struct json *doc, const struct json_value *o, const char *name)
{
	double x;

	return json_number(doc, o, name, &x) && isfinite(x) ? x : NAN;
}

/* A count; -1 if it is invalid. */
static long take_count(const struct json *doc, const struct json_value *o, const char *name)
{
	int64_t n;

	return json_integer(doc, o, name, &n) && n >= 0 && n <= INT32_MAX ? (long)n : -1;
}

static bool read_run(const struct json *doc, struct report *r)
{
	const struct json_value *run = json_get(doc, doc->values, "run");
	const struct json_value *res = json_get(doc, doc->values, "resolution");
	const struct {
		const char *name;
		char *out;
		size_t size;
	} texts[] = {{"created", r->created, sizeof r->created},
		     {"program", r->program, sizeof r->program},
		     {"qemu", r->qemu, sizeof r->qemu},
		     {"guest", r->guest, sizeof r->guest},
		     {"image", r->image, sizeof r->image},
		     {"until", r->until, sizeof r->until},
		     {"baseline", r->baseline, sizeof r->baseline},
		     {"accelerator", r->accelerator, sizeof r->accelerator}};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (!take_text(doc, run, texts[i].name, texts[i].out, texts[i].size))
			return false;
	r->samples = take_count(doc, run, "samples");
	r->warm_up = take_count(doc, run, "warm_up");
	r->timeout_s = take_count(doc, run, "timeout_s");
	r->jobs = take_count(doc, run, "jobs");
	long planned = take_count(doc, run, "planned");

	r->planned = planned < 0 ? 0 : (size_t)planned;
	r->partial = json_bool(doc, doc->values, "partial", true);
	r->resolution = (struct resolution){.rounds = take_number(doc, res, "rounds"),
					    .median_us = take_number(doc, res, "median_us"),
					    .p99_us = take_number(doc, res, "p99_us"),
					    .max_us = take_number(doc, res, "max_us")};
	/* Used as loop limits. */
	return r->samples >= 0 && r->samples <= REPORT_SAMPLES && r->warm_up >= 0 &&
	       r->warm_up <= REPORT_SAMPLES && r->timeout_s >= 0 && r->jobs >= 0 && planned >= 0;
}

static bool read_status(const char *name, enum sample_status *out)
{
	for (int s = SAMPLE_OK; name && s <= SAMPLE_ERROR; s++)
		if (strcmp(name, sample_status_name((enum sample_status)s)) == 0) {
			*out = (enum sample_status)s;
			return true;
		}
	return false;
}

static bool read_sample(const struct json *doc, const struct json_value *v, size_t cell,
			struct report *r)
{
	const struct json_value *phases = json_get(doc, v, "phases_ms");
	size_t n = 0;

	if (!phases || phases->type != JSON_OBJECT)
		return false;
	for (int32_t i = phases->first; i >= 0; i = doc->values[i].next)
		n++;
	struct sample *s = n <= REPORT_PHASES ? report_add(r, n) : NULL;

	if (!s)
		return false;
	s->cell = cell;
	s->round = take_count(doc, v, "round");
	s->warm_up = json_bool(doc, v, "warm_up", false);
	s->total_ms = take_number(doc, v, "total_ms");
	s->cpu_ms = take_number(doc, v, "cpu_ms");
	s->peak_kib = take_number(doc, v, "peak_kib");
	s->bytes = take_number(doc, v, "serial_bytes");
	s->instructions = take_number(doc, v, "instructions");
	s->exits = take_number(doc, v, "exits");
	s->load = take_number(doc, v, "load");
	s->others = take_number(doc, v, "others");
	s->waited_ms = take_number(doc, v, "waited_ms");
	s->pinned = take_number(doc, v, "pinned");
	if (json_get(doc, v, "hints") && !take_text(doc, v, "hints", s->hints, sizeof s->hints))
		return false;
	long part = take_count(doc, v, "part");

	s->part = part > 0 ? (size_t)part : 0;
	n = 0;
	for (int32_t i = phases->first; i >= 0; i = doc->values[i].next, n++) {
		if (snprintf(s->phase[n].name, sizeof s->phase[n].name, "%s",
			     doc->values[i].name) >= (int)sizeof s->phase[n].name)
			return false;
		s->phase[n].at_ms = take_number(doc, phases, doc->values[i].name);
		if (isnan(s->phase[n].at_ms))
			return false;
	}
	return s->round >= 0 && s->part < r->parts &&
	       read_status(json_string(doc, v, "status"), &s->status) &&
	       (s->status != SAMPLE_OK || isfinite(s->total_ms)) &&
	       take_text(doc, v, "why", s->why, sizeof s->why) &&
	       take_text(doc, v, "started", s->started, sizeof s->started) &&
	       take_text(doc, v, "log", s->log, sizeof s->log) &&
	       take_text(doc, v, "overlay", s->overlay, sizeof s->overlay);
}

static bool read_cell(const struct json *doc, const char *key, struct report *r)
{
	const struct json_value *v = json_get(doc, doc->values, key);
	const struct json_value *samples = json_get(doc, v, "samples");
	long cpus = take_count(doc, v, "cpus");

	if (r->cells == REPORT_CELLS || cpus < 1 || !samples || samples->type != JSON_ARRAY)
		return false;
	for (size_t i = 0; i < r->cells; i++)
		if (strcmp(r->cell[i].key, key) == 0)
			return false;
	struct cell *c = &r->cell[r->cells++];

	if (strncmp(key, "cpu_", 4) != 0 ||
	    snprintf(c->key, sizeof c->key, "%s", key) >= (int)sizeof c->key)
		return false;
	(void)snprintf(c->value[AXIS_CPUS], AXIS_VALUE, "%ld", cpus);
	for (int a = AXIS_CPUS + 1; a < AXES; a++)
		if (!take_text(doc, v, axis_name((enum axis)a), c->value[a], AXIS_VALUE) &&
		    json_get(doc, v, axis_name((enum axis)a)))
			return false;
	const struct json_value *comparison = json_get(doc, v, "comparison");

	if (!comparison)
		comparison = json_get(doc, v, "whitepaper_comparison");
	c->estimated_ms = take_number(doc, comparison, "estimated_ms");
	for (int32_t i = samples->first; i >= 0; i = doc->values[i].next)
		if (!read_sample(doc, &doc->values[i], r->cells - 1, r))
			return false;
	return true;
}

static bool read_all(const struct json *doc, struct report *r, struct error *err)
{
	const char *schema = json_string(doc, doc->values, "schema");
	const struct json_value *cells = json_get(doc, doc->values, "cells");
	int64_t version = 0;

	if (!schema || strcmp(schema, REPORT_SCHEMA) != 0 || !cells || cells->type != JSON_ARRAY)
		return error_set(err, EXIT_BAD_IMAGE, fix, "this is not a report of the profiler");
	if (!json_integer(doc, doc->values, "version", &version) || version < 1 ||
	    version > REPORT_VERSION)
		return error_set(err, EXIT_BAD_IMAGE, "use the `vm` that wrote it",
				 "a report of version %lld; this program reads versions 1 to %d",
				 (long long)version, REPORT_VERSION);
	if (!read_run(doc, r) || !report_read_pieces(doc, version, r))
		return error_set(err, EXIT_BAD_IMAGE, fix,
				 "its member run, settings, files, notes or parts is incomplete");
	for (int32_t i = cells->first; i >= 0; i = doc->values[i].next)
		if (doc->values[i].type != JSON_STRING || !read_cell(doc, doc->values[i].text, r))
			return error_set(err, EXIT_BAD_IMAGE, fix, "its cell %.80s is incomplete",
					 doc->values[i].type == JSON_STRING ? doc->values[i].text
									    : "?");
	/* Of a matrix that a run takes: other programs' lists are not to be endless. */
	if (r->cells * (size_t)(r->samples + r->warm_up) > REPORT_SAMPLES)
		return error_set(err, EXIT_BAD_IMAGE, fix, "%zu cells of %ld samples are too many",
				 r->cells, r->samples + r->warm_up);
	return report_installs_read(doc, r) ||
	       error_set(err, EXIT_BAD_IMAGE, fix, "its member installs is incomplete");
}

bool report_read(char *buf, size_t n, struct report *out, struct error *err)
{
	struct json doc;
	bool ok = parse(&doc, buf, n, err) && read_all(&doc, out, err);

	free(doc.values);
	return ok;
}

/* The estimate for one cell in the baseline V. */
static double estimate(const struct json *doc, const struct json_value *v)
{
	if (v && v->type == JSON_NUMBER)
		return strtod(v->text, NULL);
	double mean = take_number(doc, json_get(doc, v, "statistics"), "mean_ms");

	return isnan(mean) ? take_number(doc, v, "estimated_ms") : mean;
}

bool report_baseline(struct report *r, char *buf, size_t n, struct error *err)
{
	struct json doc;
	size_t found = 0;
	bool ok = parse(&doc, buf, n, err);

	for (size_t i = 0; ok && i < r->cells; i++) {
		double ms = estimate(&doc, json_get(&doc, doc.values, r->cell[i].key));

		r->cell[i].estimated_ms = ms > 0 ? ms : NAN;
		found += ms > 0;
	}
	free(doc.values);
	if (ok && found == 0)
		return error_set(err, EXIT_BAD_IMAGE,
				 "give an earlier results.json, or milliseconds by cell: "
				 "{\"cpu_1\": 65, \"cpu_2\": 60}",
				 "it has no time for any cell of this run (the first is %s)",
				 r->cells ? r->cell[0].key : "missing");
	return ok;
}
