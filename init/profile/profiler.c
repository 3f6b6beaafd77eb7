/* profiler.c - runs a whole matrix (profiler.h): order of the samples, progress, and storing
 * results. */
#include "profile/profiler.h"
#include "host/signals.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/colour.h"
#include "base/escape.h"
#include "base/io.h"
#include "base/log.h"
#include "profile/profiler_internal.h"
#include "profile/sample_probe.h"

/* ---- samples -------------------------------------------------------------------------------- */

static bool read_baseline(struct profiler *p, struct error *err)
{
	char *buf;
	size_t n;

	for (size_t i = 0; i < p->report.cells; i++)
		p->report.cell[i].estimated_ms = NAN;
	if (!p->o->baseline)
		return true;
	if (!file_read(p->o->baseline, &buf, &n, err))
		return false;
	struct error inner = {0};
	bool ok = report_baseline(&p->report, buf, n, &inner);

	free(buf);
	(void)snprintf(p->report.baseline, sizeof p->report.baseline, "%s", p->o->baseline);
	return ok ||
	       error_set(err, inner.status, inner.fix, "%s: %s", p->o->baseline, inner.message);
}

static void say_progress(const struct profiler *p, const char *what)
{
	const struct report *r = &p->report;
	struct schedule left;
	char text[400];
	int n = snprintf(text, sizeof text, "%3zu %% (%zu of %zu), %s", r->count * 100 / r->planned,
			 r->count, r->planned, what);
	double ms = schedule_make(r, &left)
			    ? progress_left_ms(r, left.slot, left.count, progress_now_ms())
			    : NAN;

	if (ms > 0 && n < (int)sizeof text)
		(void)snprintf(text + n, sizeof text - (size_t)n, "; about %.0f s left", ms / 1e3);
	free(left.slot);
	if (p->terminal)
		bar_draw((double)r->count / (double)r->planned, 0, text);
	else
		log_info("%s", text);
}

static void say_finished(const struct profiler *p, const struct sample *s)
{
	char what[320];
	int n = snprintf(what, sizeof what, "%s %s %ld: ", p->report.cell[s->cell].key,
			 s->warm_up ? "warm-up" : "sample", s->round);

	if (s->status == SAMPLE_OK)
		(void)snprintf(what + n, sizeof what - (size_t)n, "%.1f ms", s->total_ms);
	else
		(void)snprintf(what + n, sizeof what - (size_t)n, "%s, %s",
			       sample_status_name(s->status), s->why);
	say_progress(p, what);
	if (p->terminal && s->status != SAMPLE_OK) /* end the line, so that it is not overwritten */
		(void)fputc('\n', stderr);
}

/* Record a sample that could not be started. */
static bool add_failure(struct profiler *p, const struct turn *t, const struct error *why)
{
	struct sample *s = report_add(&p->report, 0);
	char when[CLOCK_UTC];

	if (!s)
		return false;
	s->part = p->report.parts - 1;
	clock_utc(when);
	s->cell = t->slot.cell;
	s->round = t->slot.round;
	s->warm_up = t->slot.warm_up;
	s->status = SAMPLE_ERROR;
	(void)snprintf(s->why, sizeof s->why, "%.199s", why->message);
	(void)snprintf(s->started, sizeof s->started, "%.*s", CLOCK_UTC, when);
	return true;
}

/* A sample was added: report and save it. */
static bool keep(struct profiler *p, struct error *err)
{
	p->report.partial = p->report.count < p->report.planned;
	say_finished(p, &p->report.sample[p->report.count - 1]);
	return profile_save(p->dir, &p->report, err);
}

static bool start_next(struct profiler *p, struct turn *t, struct error *err)
{
	struct error why = {0};
	char log[64 + sizeof p->report.cell[0].key];
	char forwards[32] = "none";
	char shard[24] = "";
	bool probed = p->goal.until == UNTIL_SSH || p->goal.until == UNTIL_HTTP;
	uint16_t port = probed ? probe_free_port() : 0;

	t->slot = p->schedule.slot[p->next++];
	/* Every shard has warm-ups, so the names of their logs include the shard. */
	if (p->report.shards > 1)
		(void)snprintf(shard, sizeof shard, "s%ld-", p->report.shard);
	(void)snprintf(log, sizeof log, "console/%s%04zu-%s.log", shard, t->slot.index,
		       p->report.cell[t->slot.cell].key);
	if (probed)
		(void)snprintf(forwards, sizeof forwards, "tcp:%u:%u", (unsigned)port,
			       p->goal.until == UNTIL_SSH ? 22u : 80u);
	if (!environment_make(p->envp, &p->choice[t->slot.cell], p->o->markers, forwards,
			      &t->env) ||
	    (p->o->install && !install_after(p, t->slot.cell, &t->env)))
		return error_set(err, EXIT_BAD_SETTING, "start it with fewer variables",
				 "the environment is too large");
	t->boot = boot_start(t->slot.cell, &t->env, &p->goal, p->dir, log, port, &why);
	/* If a signal interrupted the start, the failure is not recorded as a sample. */
	profiler_take_signal(p);
	if (!t->boot && p->signal)
		return true;
	if (!t->boot && !add_failure(p, t, &why))
		return error_set(err, EXIT_INTERNAL, "give the container more memory",
				 "no memory for another sample");
	if (!t->boot)
		return keep(p, err);
	p->under_way++;
	return true;
}

/* Start as many as may run at once. */
static bool fill(struct profiler *p, struct error *err)
{
	for (long i = 0; i < p->o->jobs; i++)
		while (!p->turns[i].boot && p->next < p->schedule.count && p->signal == 0)
			if (!start_next(p, &p->turns[i], err))
				return false;
	return true;
}

static bool finish(struct profiler *p, struct turn *t, struct error *err)
{
	struct boot *b = t->boot;

	t->boot = NULL;
	p->under_way--;
	return boot_finish(b, &p->report, &t->slot, err) && keep(p, err);
}

/* Wait once, and handle the events. */
static bool wait_once(struct profiler *p, struct error *err)
{
	struct pollfd fds[1 + PROFILER_JOBS * BOOT_FDS] = {{.fd = p->signals, .events = POLLIN}};
	size_t first[PROFILER_JOBS] = {0};
	size_t n = 1;
	uint64_t until = UINT64_MAX;
	uint64_t now = clock_now();

	for (long i = 0; i < p->o->jobs; i++)
		if (p->turns[i].boot) {
			first[i] = n;
			n += boot_poll(p->turns[i].boot, fds + n, &until);
		}
	uint64_t wait = until > now ? until - now : 0;
	struct timespec ts = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};

	if (ppoll(fds, n, &ts, NULL) < 0 && errno != EINTR)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "poll: %s", strerror(errno));
	now = clock_now();
	for (long i = 0; i < p->o->jobs; i++)
		if (p->turns[i].boot && first[i] &&
		    boot_events(p->turns[i].boot, fds + first[i], BOOT_FDS, now) &&
		    !finish(p, &p->turns[i], err))
			return false;
	profiler_take_signal(p);
	return true;
}

static bool run_all(struct profiler *p, struct error *err)
{
	bool ok = true;

	while (ok && p->signal == 0) {
		ok = fill(p, err);
		if (ok && p->under_way == 0)
			break;
		ok = ok && wait_once(p, err);
	}
	for (long i = 0; i < p->o->jobs; i++)
		if (p->turns[i].boot)
			(void)boot_finish(p->turns[i].boot, NULL, NULL, NULL);
	if (p->terminal)
		(void)fputc('\n', stderr);
	return ok;
}

/* ---- the run -------------------------------------------------------------------------------- */

/* 0 if every cell has been measured. */
static int outcome(const struct profiler *p)
{
	size_t measured = 0;
	size_t ours = 0;

	if (p->signal)
		return 128 + p->signal;
	for (size_t c = 0; c < p->report.cells; c++) {
		ours += !p->report.by_cells ||
			report_in_shard(&p->report, p->report.shard, c, 1, false);
		for (size_t i = 0; i < p->report.count; i++) {
			const struct sample *s = &p->report.sample[i];

			if (s->cell == c && !s->warm_up && s->status == SAMPLE_OK) {
				measured++;
				break;
			}
		}
	}
	return measured == ours ? EXIT_CLEAN : EXIT_NOT_READY;
}

/* Predict the run's precision before hours are spent on it. */
static void say_power(const struct profiler *p)
{
	long n = p->o->samples;

	if (n < 2)
		log_info("with one sample per cell there is no interval, and cells cannot be "
			 "compared");
	else
		log_info("with %ld samples per cell, two cells that differ by %.1f standard "
			 "deviations "
			 "are told apart in four of five cases",
			 n, stats_detectable((double)n, 0.8));
}

static void say_signal(const struct profiler *p)
{
	const struct report *r = &p->report;

	log_warning("ended by signal %d: %zu of %zu samples are in %s/results.json; the same "
		    "arguments with --resume %s go on",
		    p->signal, r->count, r->planned, p->dir, p->dir);
}

static int run(struct profiler *p, struct error *err)
{
	struct report *r = &p->report;
	struct text t = {0};

	if (!profile_dir_make(p->dir, p->o->resume != NULL, err) ||
	    (p->lock = profile_dir_lock(p->dir, err)) < 0 ||
	    (p->o->resume && !provenance_resume(p, err)) || !schedule_make(r, &p->schedule))
		return err->message[0] ? (int)err->status : EXIT_INTERNAL;
	profile_dir_clean(p->dir);
	r->partial = r->count < r->planned; /* a finished run stays finished if it is resumed */
	profile_resolution(&r->part[r->parts - 1].resolution);
	r->resolution = r->part[0].resolution;
	log_info("cells: %zu, samples: %zu with warm-ups; timestamps are %.0f us late (99 %%: "
		 "%.0f us); report in %s",
		 r->cells, r->planned, r->part[r->parts - 1].resolution.median_us,
		 r->part[r->parts - 1].resolution.p99_us, p->dir);
	if (r->count)
		log_info("%zu samples exist already", r->count);
	if (p->schedule.count == 0) /* nothing is scheduled for this process */
		r->parts--;
	say_power(p);
	r->quick = true; /* until the last sample */
	if (!profile_save(p->dir, r, err) || (p->o->install && !install_all(p, err)) ||
	    (!p->signal && !run_all(p, err))) {
		if (!err->message[0])
			say_signal(p);
		return err->message[0] ? (int)err->status : 128 + p->signal;
	}
	r->quick = false;
	if (!profile_documents(p->dir, r, err) || !profile_save(p->dir, r, err) ||
	    (p->o->paper && !profile_paper_names(p->dir, r, err)))
		return err->status;
	if (p->signal)
		say_signal(p);
	report_text(r, &t);
	if (t.bytes)
		escape_print(stdout, t.bytes);
	(void)fflush(stdout);
	text_free(&t);
	return outcome(p);
}

int profiler_run(const struct profiler_options *o, char *const envp[])
{
	struct profiler *p = calloc(1, sizeof *p);
	struct errors *errs = calloc(1, sizeof *errs);
	struct error err = {0};
	int status = EXIT_INTERNAL;

	if (!p || !errs) {
		free(p);
		free(errs);
		return EXIT_INTERNAL;
	}
	p->o = o;
	p->envp = envp;
	p->signals = signals_of_end();
	p->terminal = terminal_is_smart(STDERR_FILENO);
	p->lock = -1;
	(void)snprintf(p->dir, sizeof p->dir, "%s", o->resume ? o->resume : o->out ? o->out : "");
	p->report.samples = o->samples;
	p->report.warm_up = o->warm_up;
	p->report.timeout_s = o->timeout_s;
	p->report.jobs = o->jobs;
	p->report.shard = o->shard;
	p->report.shards = o->shards;
	p->report.by_cells = o->by_cells;
	p->report.pin = p->goal.pin = o->pin;
	p->report.partial = true;
	if ((p->signals < 0 &&
	     !error_set(&err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
			"signalfd: %s", strerror(errno))) ||
	    (o->install && !install_check(p, &err)) ||
	    !matrix_make(o, &p->report, p->choice, &err)) {
		status = (int)err.status;
		error_report(&err);
	} else if (!describe_all(p, errs)) {
		status = (int)errors_status(errs);
		errors_report(errs);
	} else {
		p->report.planned = report_shard_planned(&p->report, o->shard);
		status = read_baseline(p, &err) ? run(p, &err) : (int)err.status;
		if (err.message[0])
			error_report(&err);
	}
	report_free(&p->report);
	fd_close(&p->signals);
	fd_close(&p->lock);
	free(p->schedule.slot);
	free(errs);
	free(p);
	return status;
}
