/* report_merge.c - joins several reports (report.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "profile/report.h"

size_t report_shard_planned(const struct report *r, long shard)
{
	size_t n = 0;

	for (size_t c = 0; c < r->cells; c++) {
		for (long i = 1; i <= r->warm_up; i++)
			n += report_in_shard(r, shard, c, i, true);
		for (long i = 1; i <= r->samples; i++)
			n += report_in_shard(r, shard, c, i, false);
	}
	return n;
}

/* Every shard that has samples of a cell has that cell's warm-ups, which warm up its own host. */
bool report_in_shard(const struct report *r, long shard, size_t cell, long round, bool warm_up)
{
	if (r->by_cells)
		return (long)(cell % (size_t)r->shards) == shard - 1;
	return warm_up || (round - 1) % r->shards == shard - 1;
}

static const char *first_id(const struct report *r)
{
	return r->parts ? r->part[0].id : "";
}

/* Sort the most complete report of a shard first: of duplicate samples its own are kept. */
static int by_shard(const void *a, const void *b)
{
	const struct report *x = ((const struct merge_input *)a)->report;
	const struct report *y = ((const struct merge_input *)b)->report;
	int order = (x->shard > y->shard) - (x->shard < y->shard);

	if (order == 0)
		order = (x->count < y->count) - (x->count > y->count);
	if (order == 0)
		order = strcmp(x->created, y->created);
	return order ? order : strcmp(first_id(x), first_id(y));
}

/* The first of them that knows its files, or the first. */
static size_t with_files(const struct merge_input *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (in[i].report->files_known)
			return i;
	return 0;
}

static bool check_alike(const struct merge_input *in, size_t n, bool force, struct report *out,
			struct error *err)
{
	size_t known = with_files(in, n);
	bool ok = true;

	for (size_t i = 1; ok && i < n; i++) {
		struct text why = {0};
		bool matrix = false;
		bool alike = report_compatible(in[0].report, in[i].report, &why, &matrix);

		if (known > 0)
			report_compare_files(in[known].report, in[i].report, &why);
		alike = alike && why.len == 0;

		if (!alike && why.bytes && (matrix || !force))
			ok = error_set(err, EXIT_BAD_IMAGE,
				       matrix ? "join reports of one matrix"
					      : "join reports of one machine, or use --force",
				       "%s and %s cannot be joined: %s", in[0].name, in[i].name,
				       why.bytes);
		else if (!alike && why.bytes)
			ok = report_add_note(out, "joined by --force: %s", why.bytes) ||
			     error_set(err, EXIT_INTERNAL, "give the container more memory",
				       "no memory for a note");
		text_free(&why);
	}
	return ok;
}

/* Copy everything except samples, parts and notes: the common facts of reports that can be joined.
 */
static bool copy_head(const struct report *from, struct report *out)
{
	struct report *all = malloc(sizeof *all);
	bool ok = true;

	if (!all)
		return false;
	*all = *from;
	all->settings = all->notes = all->parts = all->count = all->planned = 0;
	all->installs = 0;
	all->install = NULL;
	all->setting = NULL;
	all->sample = NULL;
	all->note = out->note;
	all->notes = out->notes;
	all->shard = 0;
	*out = *all;
	free(all);
	for (size_t i = 0; ok && i < from->settings; i++)
		ok = report_add_setting(out, from->setting[i].name, from->setting[i].value);
	return ok;
}

/* The index of P among OUT's parts, to which it is added if missing; REPORT_PARTS: no room. */
static size_t take_part(struct report *out, const struct part *p)
{
	for (size_t i = 0; p->id[0] && i < out->parts; i++)
		if (strcmp(out->part[i].id, p->id) == 0)
			return i;
	struct part *mine = report_add_part(out);

	if (!mine)
		return REPORT_PARTS;
	*mine = *p;
	return out->parts - 1;
}

/* Shards measure each sample once, so a sample in two of them is a duplicate. In whole runs it is
 * one only if the same process measured it. */
static bool is_there(const struct report *out, const struct sample *s, size_t part)
{
	for (size_t i = 0; i < out->count; i++) {
		const struct sample *o = &out->sample[i];
		bool same_part =
			o->part == part ||
			(out->shards > 1 && out->part[o->part].shard == out->part[part].shard);

		if (same_part && o->cell == s->cell && o->round == s->round &&
		    o->warm_up == s->warm_up)
			return true;
	}
	return false;
}

static bool take_sample(struct report *out, const struct sample *s, size_t part, const char *dir,
			struct merge_origin *origin)
{
	struct sample *mine = report_add(out, s->phases);

	if (!mine)
		return false;
	struct sample_phase *phase = mine->phase;

	*mine = *s;
	mine->phase = phase;
	mine->part = part;
	memcpy(phase, s->phase, s->phases * sizeof *phase);
	if (s->log[0])
		(void)snprintf(mine->log, sizeof mine->log, "console/%03zu-%s", part,
			       path_base(s->log));
	origin[out->count - 1] = (struct merge_origin){dir, s->log};
	return true;
}

/* Add IN's samples that OUT lacks. */
static bool take_report(const struct merge_input *in, struct report *out,
			struct merge_origin *origin, size_t *twice, struct error *err)
{
	const struct report *r = in->report;
	size_t part[REPORT_PARTS] = {0};

	*twice = 0;
	for (size_t i = 0; i < r->parts; i++)
		if ((part[i] = take_part(out, &r->part[i])) == REPORT_PARTS)
			return error_set(err, EXIT_BAD_IMAGE, "join fewer of them",
					 "%s: more than %d parts are too many for one report",
					 in->name, REPORT_PARTS);
	for (size_t i = 0; i < r->installs; i++) {
		struct install mine = r->install[i];

		mine.part = part[mine.part];
		if (!report_add_install(out, &mine))
			return error_set(err, EXIT_INTERNAL, "give the container more memory",
					 "no memory for the joined report");
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct sample *s = &r->sample[i];

		if (is_there(out, s, part[s->part]))
			(*twice)++;
		else if (!take_sample(out, s, part[s->part], in->name, origin))
			return error_set(err, EXIT_BAD_IMAGE, "join fewer of them",
					 "%s: more than %d samples are too many for one report",
					 in->name, REPORT_SAMPLES);
	}
	return true;
}

/* Find the samples that the shards of OUT lack. */
static bool note_shards(struct report *out)
{
	bool ok = true;

	for (long shard = 1; shard <= out->shards; shard++) {
		size_t planned = report_shard_planned(out, shard);
		size_t here = 0;

		for (size_t i = 0; i < out->count; i++)
			here += out->part[out->sample[i].part].shard == shard;
		out->planned += planned;
		if (here == 0)
			ok &= report_add_note(out, "shard %ld of %ld is missing", shard,
					      out->shards);
		else if (here < planned)
			ok &= report_add_note(out,
					      "shard %ld of %ld is incomplete: %zu of its %zu "
					      "samples are here",
					      shard, out->shards, here, planned);
	}
	return ok;
}

static bool note_input(const struct merge_input *in, size_t twice, struct report *out)
{
	const struct report *r = in->report;
	bool ok = true;

	for (size_t i = 0; i < r->notes; i++)
		if (strncmp(r->note[i], "joined by", 9) == 0)
			ok &= report_add_note(out, "%s", r->note[i]);
	if (twice && r->shard)
		ok &= report_add_note(out,
				      "shard %ld of %ld, begun %s, was there already: %zu of its "
				      "samples were left out",
				      r->shard, r->shards, r->created, twice);
	else if (twice)
		ok &= report_add_note(
			out, "%zu samples of a report were there already and left out", twice);
	if (r->shards == 1 && twice < r->count) {
		out->planned += r->planned;
		if (r->count < r->planned)
			ok &= report_add_note(out,
					      "the run begun %s is incomplete: %zu of its %zu "
					      "samples are here",
					      r->created, r->count, r->planned);
	}
	return ok;
}

bool report_merge(struct merge_input *in, size_t n, bool force, struct report *out,
		  struct merge_origin origin[REPORT_SAMPLES], struct error *err)
{
	bool ok = true;

	qsort(in, n, sizeof *in, by_shard);
	const struct report *files = in[with_files(in, n)].report;

	if (!check_alike(in, n, force, out, err))
		return false;
	ok = copy_head(in[0].report, out);
	out->files_known = files->files_known;
	out->files = files->files;
	memcpy(out->file, files->file, sizeof out->file);
	for (size_t i = 0; ok && i < n; i++) {
		size_t twice;

		if (!take_report(&in[i], out, origin, &twice, err))
			return false;
		ok = note_input(&in[i], twice, out);
		if (strcmp(in[i].report->created, out->created) < 0)
			(void)snprintf(out->created, sizeof out->created, "%s",
				       in[i].report->created);
	}
	if (ok && out->shards > 1)
		ok = note_shards(out);
	out->partial = out->count < out->planned;
	return ok || error_set(err, EXIT_INTERNAL, "give the container more memory",
			       "no memory for the joined report");
}
