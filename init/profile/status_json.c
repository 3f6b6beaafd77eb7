/* status_json.c - the progress of a run as JSON (status.h). */
#include <stdio.h>
#include <stdlib.h>

#include "profile/status.h"

static const char *const states[] = {
	[STATUS_STARTING] = "starting",	    [STATUS_INSTALLING] = "installing",
	[STATUS_RUNNING] = "running",	    [STATUS_WRITING] = "writing",
	[STATUS_COMPLETE] = "complete",	    [STATUS_STOPPED] = "stopped",
	[STATUS_INCOMPLETE] = "incomplete",
};

static void add_slots(const struct status_look *l, struct text *t)
{
	char label[LABEL_MAX];
	size_t jobs = l->r.jobs > 1 ? (size_t)l->r.jobs : 1;

	text_add(t, "[");
	for (size_t i = 0; l->state == STATUS_RUNNING && i < l->left.count && i < jobs; i++) {
		const struct slot *s = &l->left.slot[i];

		text_add(t, "%s", i ? "," : "");
		text_add_json(t,
			      JSON_LIST(J_TEXT("cell", l->r.cell[s->cell].key),
					J_TEXT("label", report_label(&l->r, s->cell, label)),
					J_INT("round", s->round), J_BOOL("warm_up", s->warm_up)));
	}
	text_add(t, "]");
}

static void add_last(const struct report *r, struct text *t)
{
	const struct sample *s = status_newest(r);

	if (!s)
		text_add(t, "null");
	else
		text_add_json(t, JSON_LIST(J_TEXT("cell", r->cell[s->cell].key),
					   J_INT("round", s->round), J_BOOL("warm_up", s->warm_up),
					   J_TEXT("status", sample_status_name(s->status)),
					   J_TEXT("why", s->why), J_TEXT("started", s->started),
					   J_NUMBER("total_ms", 3, s->total_ms)));
}

static void add_all_cells(const struct status_look *l, struct text *t)
{
	const struct report *r = &l->r;
	struct cell_figures *f = malloc(sizeof *f);
	char label[LABEL_MAX];

	text_add(t, "[");
	for (size_t c = 0; f && c < r->cells; c++) {
		size_t finished = 0;
		size_t left = 0;

		for (size_t i = 0; i < r->count; i++)
			finished += r->sample[i].cell == c;
		for (size_t i = 0; i < l->left.count; i++)
			left += l->left.slot[i].cell == c;
		t->failed |= !report_figures(r, c, f);
		text_add(t, "%s", c ? "," : "");
		text_add_json(t, JSON_LIST(J_TEXT("cell", r->cell[c].key),
					   J_TEXT("label", report_label(r, c, label)),
					   J_INT("finished", finished),
					   J_INT("planned", finished + left),
					   J_INT("ok", f->total.n), J_INT("failed", f->failed),
					   J_NUMBER("mean_ms", 3, f->total.mean)));
	}
	text_add(t, "]");
	t->failed |= !f;
	free(f);
}

static void add_installs(const struct status_look *l, struct text *t)
{
	const char *key = l->state == STATUS_INSTALLING ? l->r.cell[l->installing].key : NULL;
	char log[256];

	if (!l->r.install_sha256[0]) {
		text_add(t, "null");
		return;
	}
	(void)snprintf(log, sizeof log, "install/%s/script.log", key ? key : "");
	text_add_json(t, JSON_LIST(J_INT("finished", l->installed), J_INT("planned", l->to_install),
				   J_NUMBER("mean_ms", 3, l->install_ms), J_TEXT("cell", key),
				   J_TEXT("log", key ? log : NULL),
				   J_NUMBER("spent_ms", 0, l->install_spent_ms),
				   J_NUMBER("left_ms", 0, l->install_left_ms)));
}

void status_look_json(const struct status_look *l, struct text *t)
{
	const struct report *r = &l->r;
	struct text now = {0};
	struct text last = {0};
	struct text cells = {0};
	struct text installs = {0};
	size_t failed = 0;

	for (size_t i = 0; i < r->count; i++)
		failed += r->sample[i].status != SAMPLE_OK;
	add_slots(l, &now);
	add_last(r, &last);
	add_all_cells(l, &cells);
	add_installs(l, &installs);
	text_add_json(
		t, JSON_LIST(J_TEXT("schema", "vm-profile-status"), J_INT("version", 1),
			     J_TEXT("dir", l->dir), J_TEXT("state", states[l->state]),
			     J_BOOL("running", status_is_running(l)), J_INT("finished", r->count),
			     J_INT("planned", r->planned), J_INT("failed", failed),
			     J_NUMBER("percent", 1,
				      r->planned ? 100 * (double)r->count / (double)r->planned : 0),
			     J_NUMBER("elapsed_ms", 0, l->elapsed_ms),
			     J_NUMBER("left_ms", 0, l->left_ms), J_INT("shard", r->shard),
			     J_INT("shards", r->shards),
			     J_TEXT("shard_by", r->by_cells ? "cells" : "samples"),
			     J_TEXT("until", r->until), J_RAW("now", now.bytes),
			     J_RAW("last", last.bytes), J_RAW("installs", installs.bytes),
			     J_RAW("cells", cells.bytes)));
	text_add(t, "\n");
	t->failed |= now.failed || last.failed || cells.failed || installs.failed;
	text_free(&now);
	text_free(&last);
	text_free(&cells);
	text_free(&installs);
}
