/* report_hosts.c - the means of each host, if samples come from several hosts (report.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "profile/report.h"

size_t report_host_figures(const struct report *r, size_t cell, struct host_figures *out)
{
	size_t host[REPORT_PARTS];
	size_t hosts = report_hosts(r, host);
	double *x = calloc(2 * r->count + 1, sizeof *x);
	size_t *part = calloc(r->count + 1, sizeof *part);
	size_t n = x && part ? report_totals(r, cell, x, part) : 0;
	size_t found = 0;

	for (size_t h = 0; n > 0 && h < hosts; h++) {
		double *mine = x + r->count;
		struct host_figures f = {0};
		size_t k = 0;

		for (size_t i = 0; i < n; i++)
			if (host[part[i]] == h)
				mine[k++] = x[i];
		if (k == 0)
			continue;
		while (host[f.part] != h)
			f.part++;
		stats_summarise(mine, k, &f.total);
		out[found++] = f;
	}
	free(x);
	free(part);
	return found;
}

const char *report_host_name(const struct report *r, size_t part)
{
	const char *name = r->part[part].host.name;

	return name[0] ? name : "unknown";
}

const char *report_over_hosts(const struct report *r, char buf[OVER_HOSTS_MAX])
{
	size_t host[REPORT_PARTS];
	size_t hosts = report_hosts(r, host);

	buf[0] = '\0';
	if (hosts > 1)
		(void)snprintf(buf, OVER_HOSTS_MAX, ", over %zu hosts", hosts);
	return buf;
}

/* The parts that were measured on the host of PART. */
static void add_parts(const struct report *r, size_t part, struct text *t)
{
	size_t host[REPORT_PARTS];
	const char *before = "[";

	(void)report_hosts(r, host);
	for (size_t i = 0; i < r->parts; i++)
		if (host[i] == host[part]) {
			text_add(t, "%s%zu", before, i);
			before = ",";
		}
	text_add(t, "]");
}

void report_hosts_json(const struct report *r, size_t cell, struct text *t)
{
	struct host_figures *f = calloc(r->parts + 1, sizeof *f);
	size_t n = f ? report_host_figures(r, cell, f) : 0;

	text_add(t, "[");
	for (size_t i = 0; i < n; i++) {
		const struct summary *s = &f[i].total;
		struct text parts = {0};

		add_parts(r, f[i].part, &parts);
		text_add(t, "%s", i ? "," : "");
		text_add_json(t, JSON_LIST(J_TEXT("host", r->part[f[i].part].host.name),
					   J_RAW("parts", parts.bytes), J_INT("n", s->n),
					   J_NUMBER("mean_ms", 3, s->mean),
					   J_NUMBER("median_ms", 3, s->median),
					   J_NUMBER("stdev_ms", 3, s->stdev),
					   J_NUMBER("min_ms", 3, s->min),
					   J_NUMBER("max_ms", 3, s->max),
					   J_NUMBER("ci95_low_ms", 3, s->ci_low),
					   J_NUMBER("ci95_high_ms", 3, s->ci_high)));
		t->failed |= parts.failed;
		text_free(&parts);
	}
	text_add(t, "]");
	t->failed |= !f;
	free(f);
}

/* Width in columns of the longest host name. */
static int name_width(const struct report *r)
{
	int width = 4;

	for (size_t i = 0; i < r->parts; i++) {
		int n = snprintf(NULL, 0, "%s", report_host_name(r, i));

		width = n > width ? n : width;
	}
	return width;
}

void report_by_host(const struct report *r, struct text *t)
{
	size_t host[REPORT_PARTS];
	struct host_figures *f = calloc(r->parts + 1, sizeof *f);
	int width = report_key_width(r);
	int names = name_width(r);

	if (f && report_hosts(r, host) > 1) {
		text_add(t,
			 "\nhosts: all other means and pictures are over all of them\n  %-*s %-*s "
			 "%4s %10s %10s %8s %21s\n",
			 width, "cell", names, "host", "n", "mean ms", "median", "stdev",
			 "95 % interval");
		for (size_t c = 0; c < r->cells; c++) {
			size_t n = report_host_figures(r, c, f);

			for (size_t i = 0; i < n; i++) {
				const struct summary *s = &f[i].total;

				text_add(t, "  %-*s %-*s %4zu %10.1f %10.1f ", width,
					 r->cell[c].key, names, report_host_name(r, f[i].part),
					 s->n, s->mean, s->median);
				if (s->n > 1)
					text_add(t, "%8.1f %10.1f %10.1f\n", s->stdev, s->ci_low,
						 s->ci_high);
				else
					text_add(t, "%8s %10s %10s\n", "-", "-", "-");
			}
		}
	}
	t->failed |= !f;
	free(f);
}
