/* paper_dir.c - a report with the file names of the MINIX papers (profiler.h). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "profile/profiler.h"

/* Convert an RFC 3339 time to the form 20261129T193411188Z. */
static void compact(const char *when, char out[32])
{
	size_t n = 0;

	for (; *when && n < 31; when++)
		if (isalnum((unsigned char)*when))
			out[n++] = *when;
	out[n] = '\0';
}

bool profile_paper_names(const char *dir, struct report *r, struct error *err)
{
	char when[32];
	char name[128];
	char path[4400];
	struct text t = {0};

	compact(r->created, when);
	r->paper = true;
	report_json(r, &t);
	r->paper = false;
	(void)snprintf(name, sizeof name, "phase-7-5-results-%s.json", when);
	bool ok = file_write(dir, name, &t, err);

	text_free(&t);
	report_text(r, &t);
	(void)snprintf(name, sizeof name, "phase-7-5-report-%s.txt", when);
	ok = ok && file_write(dir, name, &t, err);
	text_free(&t);
	for (size_t i = 0; ok && i < r->count; i++) {
		const struct sample *s = &r->sample[i];

		if (!s->log[0] || strstr(s->log, "..") || s->log[0] == '/')
			continue;
		compact(s->started, when);
		(void)snprintf(name, sizeof name, "boot-%ldcpu-%s.log", report_cpus(r, s->cell),
			       when);
		(void)snprintf(path, sizeof path, "%s/%s", dir, s->log);
		ok = profile_copy(path, dir, name, err);
	}
	return ok;
}
