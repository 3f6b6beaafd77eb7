/* report_milestones.c - milestones of a boot, as in Alpine's boot analysis, and warnings
 * (report.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/report.h"

static const struct {
	const char *phase, *words;
} milestones[] = {
	{"kernel", "first kernel message"}, {"init", "init starts"},
	{"mdev", "devices are scanned"},    {"network", "network is up"},
	{"sshd", "ssh server starts"},	    {"login", "login prompt"},
};

static void add_time(const struct summary *s, const char *words, struct text *t)
{
	text_add(t, "  T+%.2fs  %-24s median %.2f s, %.2f to %.2f s, %zu sample%s\n", s->mean / 1e3,
		 words, s->median / 1e3, s->min / 1e3, s->max / 1e3, s->n, s->n == 1 ? "" : "s");
}

static size_t add_milestones(const struct cell_figures *f, struct text *t)
{
	size_t n = 0;

	for (size_t m = 0; m < sizeof milestones / sizeof *milestones; m++)
		for (size_t i = 0; i < f->phases; i++)
			if (strcmp(f->phase[i].name, milestones[m].phase) == 0) {
				add_time(&f->phase[i].at, milestones[m].words, t);
				n++;
			}
	return n;
}

static bool has(const char *list, const char *name, size_t len)
{
	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == len && memcmp(list, name, len) == 0)
			return true;
	return false;
}

/* The hint markers of CELL's samples, without duplicates. */
static void add_hints(const struct report *r, size_t cell, struct text *t)
{
	char known[1024] = "";

	for (size_t i = 0; i < r->count; i++) {
		const char *name = r->sample[i].cell == cell ? r->sample[i].hints : "";

		for (; *name; name += strcspn(name, ","), name += *name == ',') {
			size_t len = strcspn(name, ",");
			size_t used = strlen(known);
			size_t with = 0;
			size_t all = 0;

			if (has(known, name, len) || used + len + 2 > sizeof known)
				continue;
			(void)snprintf(known + used, sizeof known - used, "%s%.*s", used ? "," : "",
				       (int)len, name);
			for (size_t k = 0; k < r->count; k++)
				if (r->sample[k].cell == cell) {
					all++;
					with += has(r->sample[k].hints, name, len);
				}
			text_add(t, "  warning: %.*s, in %zu of %zu boots\n", (int)len, name, with,
				 all);
		}
	}
}

bool report_milestones(const struct report *r, struct text *t)
{
	struct cell_figures *f = malloc(sizeof *f);
	bool server = strcmp(r->until, "ssh") == 0 || strcmp(r->until, "http") == 0;
	char label[LABEL_MAX];
	char hosts[OVER_HOSTS_MAX];
	size_t found = 0;

	text_add(t, "Milestones of the boot of %s, seconds since the start of QEMU (means%s)\n",
		 r->guest, report_over_hosts(r, hosts));
	for (size_t c = 0; f && c < r->cells; c++) {
		if (!report_figures(r, c, f))
			continue;
		text_add(t, "\n%s\n", report_label(r, c, label));
		if (f->total.n)
			found += add_milestones(f, t);
		if (server && f->total.n)
			add_time(&f->total,
				 r->until[0] == 's' ? "ssh answers" : "web server answers", t);
		add_hints(r, c, t);
	}
	t->failed |= !f;
	free(f);
	return found > 0;
}
