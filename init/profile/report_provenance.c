/* report_provenance.c - see report_provenance.h. */
#include "profile/report_provenance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_part(const struct part *p, struct text *t)
{
	const struct host_facts *h = &p->host;
	const struct resolution *r = &p->resolution;

	text_add_json(
		t, JSON_LIST(J_TEXT("id", p->id), J_TEXT("created", p->created),
			     J_INT("shard", p->shard), J_TEXT("accelerator", p->accelerator),
			     J_OBJECT("host", J_TEXT("name", h->name),
				      J_TEXT("boot_id", h->boot_id), J_TEXT("kernel", h->kernel),
				      J_TEXT("cpu", h->cpu), J_TEXT("microcode", h->microcode),
				      J_TEXT("governor", h->governor), J_NUMBER("cpus", 0, h->cpus),
				      J_NUMBER("allowed_cpus", 0, h->allowed),
				      J_NUMBER("cpu_limit", 3, h->cpu_limit),
				      J_NUMBER("memory_mib", 0, h->memory_mib),
				      J_NUMBER("memory_limit_mib", 0, h->memory_limit_mib)),
			     J_OBJECT("resolution", J_NUMBER("rounds", 0, r->rounds),
				      J_NUMBER("median_us", 3, r->median_us),
				      J_NUMBER("p99_us", 3, r->p99_us),
				      J_NUMBER("max_us", 3, r->max_us))));
}

void report_json_pieces(const struct report *r, struct report_pieces *out)
{
	struct json_member *m = calloc(r->settings + 1, sizeof *m);
	char quoted[8 * 1024];

	for (size_t i = 0; m && i < r->settings; i++)
		m[i] = JSON_MEMBER J_TEXT(r->setting[i].name, r->setting[i].value);
	if (m)
		text_add_json(&out->settings, m);
	out->settings.failed |= !m;
	free(m);
	report_files_json(r, &out->files);
	text_add(&out->notes, "[");
	for (size_t i = 0; i < r->notes; i++)
		text_add(&out->notes, "%s%s", i ? "," : "",
			 json_quote(r->note[i], quoted, sizeof quoted));
	text_add(&out->notes, "]");
	text_add(&out->parts, "[");
	for (size_t i = 0; i < r->parts; i++) {
		text_add(&out->parts, i ? ",\n" : "\n");
		add_part(&r->part[i], &out->parts);
	}
	text_add(&out->parts, "]");
}

/* ---- reading ---- */

/* An optional text. */
static bool take_text(const struct json *doc, const struct json_value *o, const char *name,
		      char *out, size_t size)
{
	const char *s = json_string(doc, o, name);

	return snprintf(out, size, "%s", s ? s : "") < (int)size;
}

static double take_number(const struct json *doc, const struct json_value *o, const char *name)
{
	double x;

	return json_number(doc, o, name, &x) && isfinite(x) ? x : NAN;
}

static bool read_part(const struct json *doc, const struct json_value *v, struct report *r)
{
	const struct json_value *host = json_get(doc, v, "host");
	const struct json_value *res = json_get(doc, v, "resolution");
	struct part *p = report_add_part(r);
	int64_t shard;

	if (!p || !json_integer(doc, v, "shard", &shard) || shard < 1 || shard > r->shards)
		return false;
	struct host_facts *h = &p->host;

	p->shard = (long)shard;
	h->cpus = take_number(doc, host, "cpus");
	h->allowed = take_number(doc, host, "allowed_cpus");
	h->cpu_limit = take_number(doc, host, "cpu_limit");
	h->memory_mib = take_number(doc, host, "memory_mib");
	h->memory_limit_mib = take_number(doc, host, "memory_limit_mib");
	p->resolution = (struct resolution){.rounds = take_number(doc, res, "rounds"),
					    .median_us = take_number(doc, res, "median_us"),
					    .p99_us = take_number(doc, res, "p99_us"),
					    .max_us = take_number(doc, res, "max_us")};
	return take_text(doc, v, "id", p->id, sizeof p->id) &&
	       take_text(doc, v, "created", p->created, sizeof p->created) &&
	       take_text(doc, v, "accelerator", p->accelerator, sizeof p->accelerator) &&
	       take_text(doc, host, "name", h->name, sizeof h->name) &&
	       take_text(doc, host, "boot_id", h->boot_id, sizeof h->boot_id) &&
	       take_text(doc, host, "kernel", h->kernel, sizeof h->kernel) &&
	       take_text(doc, host, "cpu", h->cpu, sizeof h->cpu) &&
	       take_text(doc, host, "microcode", h->microcode, sizeof h->microcode) &&
	       take_text(doc, host, "governor", h->governor, sizeof h->governor);
}

/* Version 1 had one part, without information about its host. */
static bool read_first_version(struct report *r)
{
	struct part *p = report_add_part(r);

	if (!p)
		return false;
	r->shard = r->shards = 1;
	(void)snprintf(p->created, sizeof p->created, "%s", r->created);
	(void)snprintf(p->accelerator, sizeof p->accelerator, "%s", r->accelerator);
	p->resolution = r->resolution;
	return true;
}

static bool read_run(const struct json *doc, struct report *r)
{
	const struct json_value *run = json_get(doc, doc->values, "run");
	const char *seed = json_string(doc, run, "seed");
	const char *by = json_string(doc, run, "shard_by");
	int64_t shard;
	int64_t shards;

	r->seed = seed ? strtoull(seed, NULL, 10) : 0;
	r->pin = json_bool(doc, run, "pin", false);
	/* Reports from before --install have neither. */
	(void)take_text(doc, run, "install_sha256", r->install_sha256, sizeof r->install_sha256);
	(void)take_text(doc, run, "install_size", r->install_size, sizeof r->install_size);
	r->by_cells = by && strcmp(by, "cells") == 0;
	if (!json_integer(doc, run, "shard", &shard) ||
	    !json_integer(doc, run, "shards", &shards) || shards < 1 || shards > REPORT_SAMPLES ||
	    shard < 0 || shard > shards)
		return false;
	r->shard = (long)shard;
	r->shards = (long)shards;
	return take_text(doc, run, "commit", r->commit, sizeof r->commit) &&
	       take_text(doc, run, "qemu_version", r->qemu_version, sizeof r->qemu_version) &&
	       take_text(doc, run, "guest_line", r->guest_line, sizeof r->guest_line) &&
	       take_text(doc, run, "image_sha256", r->image_sha256, sizeof r->image_sha256) &&
	       take_text(doc, run, "kernel_sha256", r->kernel_sha256, sizeof r->kernel_sha256);
}

bool report_read_pieces(const struct json *doc, int64_t version, struct report *r)
{
	const struct json_value *settings = json_get(doc, doc->values, "settings");
	const struct json_value *notes = json_get(doc, doc->values, "notes");
	const struct json_value *parts = json_get(doc, doc->values, "parts");

	if (version == 1)
		return read_first_version(r);
	if (!settings || settings->type != JSON_OBJECT || !notes || notes->type != JSON_ARRAY ||
	    !parts || parts->type != JSON_ARRAY || parts->first < 0 || !read_run(doc, r) ||
	    !report_files_read(doc, r))
		return false;
	for (int32_t i = settings->first; i >= 0; i = doc->values[i].next)
		if (doc->values[i].type != JSON_STRING ||
		    !report_add_setting(r, doc->values[i].name, doc->values[i].text))
			return false;
	for (int32_t i = notes->first; i >= 0; i = doc->values[i].next)
		if (doc->values[i].type != JSON_STRING ||
		    !report_add_note(r, "%s", doc->values[i].text))
			return false;
	for (int32_t i = parts->first; i >= 0; i = doc->values[i].next)
		if (!read_part(doc, &doc->values[i], r))
			return false;
	return true;
}
