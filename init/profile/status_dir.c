/* status_dir.c - vm profile status: the progress of a run, from its directory (profiler.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/escape.h"
#include "base/log.h"
#include "profile/status.h"

static const char *const states[] = {
	[STATUS_STARTING] = "starting",
	[STATUS_INSTALLING] = "installing",
	[STATUS_RUNNING] = "running",
	[STATUS_WRITING] = "writing its documents",
	[STATUS_COMPLETE] = "complete",
	[STATUS_STOPPED] = "stopped before its end",
	[STATUS_INCOMPLETE] = "samples are missing",
};

/* "1 h 5 min", "3 min 20 s", "45 s" */
static const char *duration(double ms, char buf[32])
{
	long s = lround(ms / 1e3);

	if (s >= 3600)
		(void)snprintf(buf, 32, "%ld h %ld min", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		(void)snprintf(buf, 32, "%ld min %ld s", s / 60, s % 60);
	else
		(void)snprintf(buf, 32, "%ld s", s);
	return buf;
}

static void add_head(const struct status_look *l, struct text *t)
{
	const struct report *r = &l->r;
	char words[32];

	text_add(t, "%s: ", l->dir);
	if (l->state != STATUS_STARTING)
		text_add(t, "%zu of %zu samples, ", r->count, r->planned);
	text_add(t, "%s", states[l->state]);
	if (isfinite(l->left_ms))
		text_add(t, ", about %s left", duration(l->left_ms, words));
	if (r->shards > 1 && r->shard)
		text_add(t, ", shard %ld of %ld by %s", r->shard, r->shards,
			 r->by_cells ? "cells" : "samples");
	text_add(t, "\n");
}

static void add_install(const struct status_look *l, struct text *t)
{
	const char *key = l->r.cell[l->installing].key;
	char words[32];

	text_add(t, "  %s is installed", key);
	if (isfinite(l->install_spent_ms))
		text_add(t, " since %s", duration(l->install_spent_ms, words));
	text_add(t, "; %zu of %zu cells are installed", l->installed, l->to_install);
	if (isfinite(l->install_ms))
		text_add(t, ", in %s each", duration(l->install_ms, words));
	text_add(t, "\n  its log is %s/install/%s/script.log\n", l->dir, key);
}

static void add_cells(const struct report *r, struct text *t)
{
	struct cell_figures *f = malloc(sizeof *f);

	for (size_t c = 0; f && c < r->cells; c++) {
		if (!report_figures(r, c, f))
			continue;
		text_add(t, "  %-*s %4zu ok", report_key_width(r), r->cell[c].key, f->total.n);
		if (f->failed)
			text_add(t, ", %zu failed", f->failed);
		if (f->total.n)
			text_add(t, ", mean %.1f ms", f->total.mean);
		text_add(t, "\n");
	}
	t->failed |= !f;
	free(f);
}

static void add_whole(const struct status_look *l, struct text *t)
{
	const struct report *r = &l->r;
	const struct sample *last = status_newest(r);

	add_head(l, t);
	if (l->state == STATUS_INSTALLING)
		add_install(l, t);
	if (l->state == STATUS_RUNNING)
		text_add(t, "  now: %s %s %ld\n", r->cell[l->left.slot[0].cell].key,
			 l->left.slot[0].warm_up ? "warm-up" : "sample", l->left.slot[0].round);
	if (last)
		text_add(t, "  the last one, of %s, began %s and is %s\n", r->cell[last->cell].key,
			 last->started, sample_status_name(last->status));
	for (size_t i = 0; i < r->notes; i++)
		text_add(t, "  %s\n", r->note[i]);
	if (l->state == STATUS_STOPPED)
		text_add(t, "  `vm profile --resume %s` with its arguments goes on\n", l->dir);
	add_cells(r, t);
}

/* The changes since the previous check. */
static void add_change(const struct status_look *l, struct text *t)
{
	const struct sample *last = status_newest(&l->r);
	char words[32];

	if (l->state == STATUS_INSTALLING || !last) {
		add_head(l, t);
		if (l->state == STATUS_INSTALLING)
			add_install(l, t);
		return;
	}
	text_add(t, "%zu of %zu, %s: %.1f ms, %s", l->r.count, l->r.planned,
		 l->r.cell[last->cell].key, last->total_ms, sample_status_name(last->status));
	if (isfinite(l->left_ms))
		text_add(t, "; about %s left", duration(l->left_ms, words));
	text_add(t, "\n");
}

/* Print the findings of L unless they equal those of BEFORE (NULL: none). */
static bool print_look(const struct status_look *l, const struct status_look *before, bool json)
{
	bool changed = !before || l->r.count != before->r.count || l->state != before->state ||
		       l->installed != before->installed;
	struct text t = {0};

	if (changed && json)
		status_look_json(l, &t);
	else if (changed && before && status_is_running(l))
		add_change(l, &t);
	else if (changed)
		add_whole(l, &t);
	if (t.bytes && json)
		(void)fputs(t.bytes, stdout);
	else if (t.bytes)
		escape_print(stdout, t.bytes); /* another user may have written the report */
	bool ok = !t.failed && fflush(stdout) == 0;

	text_free(&t);
	return ok;
}

int profile_status(const char *dir, bool follow, bool json)
{
	const struct timespec pause = {.tv_nsec = 500000000};
	struct status_look *looks = calloc(2, sizeof *looks);
	struct error err = {0};
	int status = EXIT_INTERNAL;
	size_t now = 0;
	bool again = looks != NULL;

	for (bool first = true; again; first = false, now ^= 1) {
		struct status_look *l = &looks[now];

		if (!first)
			(void)nanosleep(&pause, NULL);
		status_free(l);
		if (!status_look(dir, l, &err)) {
			error_report(&err);
			status = (int)err.status;
			break;
		}
		if (!print_look(l, first ? NULL : &looks[now ^ 1], json)) {
			status = EXIT_INTERNAL;
			break;
		}
		again = follow && status_is_running(l);
		status = status_is_running(l) || l->state == STATUS_COMPLETE ? EXIT_CLEAN
									     : EXIT_NOT_READY;
	}
	for (size_t i = 0; looks && i < 2; i++)
		status_free(&looks[i]);
	free(looks);
	return status;
}
