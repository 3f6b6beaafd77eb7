/* merge_dir.c - vm profile merge: joins the directories of several reports (profiler.h). The inputs
 * are only read. The joined results.json is written last: an interrupted merge has none, and can be
 * repeated in the same directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "profile/profiler.h"

struct merge {
	size_t n;
	struct report **report;
	struct merge_input *in;
	struct merge_origin origin[REPORT_SAMPLES];
	struct report out;
};

/* A directory without a report belongs to a shard that has not begun, or ended during its start. */
static bool load_all(struct merge *m, char *const *dirs, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct report *r = calloc(1, sizeof *r);

		if (!r)
			return error_set(err, EXIT_INTERNAL, "give the container more memory",
					 "no memory for a report");
		if (profile_load(dirs[i], r, err)) {
			m->report[m->n] = r;
			m->in[m->n++] = (struct merge_input){r, dirs[i]};
			continue;
		}
		report_free(r);
		free(r);
		if (err->status != EXIT_NO_IMAGE || access(dirs[i], F_OK) != 0)
			return false;
		err->message[0] = '\0';
		log_warning("%s has no results.json and is skipped", dirs[i]);
	}
	return m->n > 0 || error_set(err, EXIT_NO_IMAGE, "name directories of reports",
				     "none of the directories has a report");
}

static bool copy_log(const char *out, const struct sample *s, const struct merge_origin *from,
		     struct error *err)
{
	char path[4400];
	size_t len = strlen(from->dir);
	bool is_file = len > 5 && strcmp(from->dir + len - 5, ".json") == 0;
	char dir[4096];

	if (!from->log[0] || strcmp(from->log, "..") == 0 || strstr(from->log, "../"))
		return true;
	if (!is_file)
		(void)snprintf(dir, sizeof dir, "%s", from->dir);
	else if (!path_dir(from->dir, dir, sizeof dir))
		return true;
	(void)snprintf(path, sizeof path, "%s/%s", dir, from->log);
	return profile_copy(path, out, s->log, err);
}

static bool write_all_of(const char *out, const struct merge *m, struct error *err)
{
	bool ok = profile_dir_make(out, false, err);
	_cleanup_fd_ int lock = ok ? profile_dir_lock(out, err) : -1;

	ok = ok && lock >= 0;
	if (ok)
		profile_dir_clean(out);
	for (size_t i = 0; ok && i < m->out.count; i++)
		ok = copy_log(out, &m->out.sample[i], &m->origin[i], err);
	return ok && profile_documents(out, &m->out, err) && profile_save(out, &m->out, err);
}

static int finish(const char *out, const struct merge *m)
{
	struct text t = {0};

	for (size_t i = 0; i < m->out.notes; i++)
		log_warning("the joined report: %s", m->out.note[i]);
	log_info("%zu of %zu samples of %zu report%s are in %s", m->out.count, m->out.planned, m->n,
		 m->n == 1 ? "" : "s", out);
	report_text(&m->out, &t);
	if (t.bytes)
		escape_print(stdout, t.bytes);
	text_free(&t);
	if (fflush(stdout) != 0)
		return EXIT_INTERNAL;
	return m->out.partial ? EXIT_NOT_READY : EXIT_CLEAN;
}

int profile_merge(const char *out, char *const *dirs, size_t n, bool force)
{
	struct merge *m = calloc(1, sizeof *m);
	struct error err = {0};
	int status = EXIT_INTERNAL;

	if (m) {
		m->report = calloc(n, sizeof *m->report);
		m->in = calloc(n, sizeof *m->in);
	}
	if (!m || !m->report || !m->in)
		(void)error_set(&err, EXIT_INTERNAL, "give the container more memory",
				"no memory for the reports");
	else if (load_all(m, dirs, n, &err) &&
		 report_merge(m->in, m->n, force, &m->out, m->origin, &err) &&
		 write_all_of(out, m, &err))
		status = finish(out, m);
	if (err.message[0]) {
		status = (int)err.status;
		error_report(&err);
	}
	for (size_t i = 0; m && m->report && i < m->n; i++) {
		report_free(m->report[i]);
		free(m->report[i]);
	}
	if (m) {
		report_free(&m->out);
		free(m->report);
		free(m->in);
	}
	free(m);
	return status;
}
