/* report_markdown.c - a report as Markdown (report.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

/* Escape characters that are special in tables or Markdown; control characters become blanks. */
static void add_plain(struct text *t, const char *s)
{
	for (; *s; s++)
		if (strchr("|\\`*_<>[]#", *s))
			text_add(t, "\\%c", *s);
		else
			text_add(t, "%c", (unsigned char)*s < ' ' ? ' ' : *s);
}

static void add_figure(struct text *t, int digits, double x)
{
	if (isfinite(x))
		text_add(t, " %.*f |", digits, x);
	else
		text_add(t, " |");
}

static void add_row(const struct report *r, size_t cell, const struct summary *s, size_t failed,
		    struct text *t)
{
	char label[LABEL_MAX];
	struct estimate speed = report_speedup_of(r, cell);
	struct interval i;

	report_interval(r, cell, s, &i);
	text_add(t, "| ");
	add_plain(t, report_label(r, cell, label));
	text_add(t, " | %zu | %zu |", s->n, failed);
	add_figure(t, 1, s->mean);
	if (isfinite(i.low))
		text_add(t, " %.1f to %.1f |", i.low, i.high);
	else
		text_add(t, " |");
	add_figure(t, 1, s->median);
	add_figure(t, 1, s->stdev);
	add_figure(t, 2, speed.value);
	if (isfinite(speed.low))
		text_add(t, " %.2f to %.2f |\n", speed.low, speed.high);
	else
		text_add(t, " |\n");
}

/* The means of each host, if there are several. */
static void add_hosts(const struct report *r, struct text *t)
{
	struct host_figures *f = calloc(r->parts + 1, sizeof *f);
	size_t host[REPORT_PARTS];
	char label[LABEL_MAX];

	if (f && report_hosts(r, host) > 1) {
		text_add(t,
			 "\nMeans of each host; those above are over all of them.\n\n| cell | host "
			 "| n | mean ms | 95 %% interval | median | stdev "
			 "|\n|---|---|---:|---:|---|---:|---:|\n");
		for (size_t c = 0; c < r->cells; c++) {
			size_t n = report_host_figures(r, c, f);

			for (size_t i = 0; i < n; i++) {
				text_add(t, "| ");
				add_plain(t, report_label(r, c, label));
				text_add(t, " | ");
				add_plain(t, report_host_name(r, f[i].part));
				text_add(t, " | %zu |", f[i].total.n);
				add_figure(t, 1, f[i].total.mean);
				if (isfinite(f[i].total.ci_low))
					text_add(t, " %.1f to %.1f |", f[i].total.ci_low,
						 f[i].total.ci_high);
				else
					text_add(t, " |");
				add_figure(t, 1, f[i].total.median);
				add_figure(t, 1, f[i].total.stdev);
				text_add(t, "\n");
			}
		}
	}
	t->failed |= !f;
	free(f);
}

/* Each line of SENTENCES becomes an item; an indented one belongs to the item above. */
static void add_items(const char *sentences, struct text *t)
{
	while (sentences && *sentences) {
		size_t n = strcspn(sentences, "\n");
		char line[1024];

		(void)snprintf(line, sizeof line, "%.*s", (int)n, sentences);
		text_add(t, line[0] == ' ' ? "  - " : "- ");
		add_plain(t, line + strspn(line, " "));
		text_add(t, "\n");
		sentences += n + (sentences[n] == '\n');
	}
}

void report_markdown(const struct report *r, struct text *t)
{
	struct cell_figures *f = malloc(sizeof *f);
	struct text findings = {0};

	if (!f) {
		t->failed = true;
		return;
	}
	text_add(t, "# Boot profile of ");
	add_plain(t, r->guest);
	text_add(t, ", until ");
	add_plain(t, r->until);
	text_add(t, "\n\n%s, ", r->created);
	add_plain(t, r->program);
	text_add(t, ", QEMU ");
	add_plain(t, r->qemu_version[0] ? r->qemu_version : "of an unknown version");
	text_add(t, "; %zu of %zu samples%s.\n", r->count, r->planned,
		 r->partial ? ", incomplete" : "");
	for (size_t i = 0; i < r->notes; i++) {
		text_add(t, "\n**");
		add_plain(t, r->note[i]);
		text_add(t, "**\n");
	}
	text_add(
		t,
		"\n| cell | n | failed | mean ms | 95 %% interval | median | stdev | speed-up | 95 "
		"%% interval |\n|---|---:|---:|---:|---|---:|---:|---:|---|\n");
	for (size_t c = 0; c < r->cells; c++)
		if (report_figures(r, c, f))
			add_row(r, c, &f->total, f->failed, t);
	add_hosts(r, t);
	report_findings(r, &findings);
	if (findings.bytes) {
		text_add(t, "\n## Findings\n\n");
		add_items(findings.bytes, t);
	}
	t->failed |= findings.failed;
	text_free(&findings);
	free(f);
}
