/* profiler.c - the run of a whole matrix (profiler.h): checks, turns, progress, and what is kept.
 *
 * The samples take turns: every round boots each cell once, and begins one cell further than the
 * round before, so that what drifts (a warming processor, a filling cache, other work on the
 * machine) hits all cells alike.
 */
#include "profile/profiler.h"
#include "host/signals.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/colour.h"
#include "base/io.h"
#include "base/log.h"
#include "config/guest_profile.h"
#include "plan/plan.h"
#include "profile/sample.h"
#include "profile/sample_probe.h"

#define SECOND UINT64_C(1000000000)

/* One that is under way. */
struct turn {
	struct boot *boot; /* NULL: free */
	struct environment env;
	size_t cell;
	long round;
	bool warm_up;
};

struct profiler {
	const struct profiler_options *o;
	char *const *envp;
	struct report report;
	struct choice choice[REPORT_CELLS];
	struct markers markers;
	struct pattern_program patterns;
	struct goal goal;
	char dir[4096];
	int signals;
	int signal;  /* that ends the run; 0: none yet */
	size_t next; /* sample to start, of report.planned */
	size_t under_way;
	struct turn turns[PROFILER_JOBS];
	uint64_t began_ns;
	bool terminal;
};

/* ---- what is to be run ---------------------------------------------------------------------- */

/* The word behind OPTION in the vector; what the plan leaves to QEMU is not in there. */
static const char *argument_of(const struct args *a, const char *option)
{
	for (size_t i = 0; i + 1 < a->count; i++)
		if (strcmp(a->argv[i], option) == 0)
			return a->argv[i + 1];
	return "";
}

/* What the choices of a cell have come to. */
static void describe_cell(struct cell *c, const struct plan *plan, const char *boot)
{
	const char *machine = argument_of(&plan->args, "-machine");
	char bus[32];

	(void)snprintf(c->value[AXIS_CPUS], AXIS_VALUE, "%ld", plan->s.cpus);
	(void)snprintf(c->value[AXIS_CPU_MODEL], AXIS_VALUE, "%s",
		       argument_of(&plan->args, "-cpu"));
	(void)snprintf(c->value[AXIS_RAM], AXIS_VALUE, "%ld", plan->s.ram_mb);
	(void)snprintf(c->value[AXIS_ACCEL], AXIS_VALUE, "%s",
		       plan->accel.accel == ACCEL_KVM ? "kvm" : "tcg");
	(void)snprintf(c->value[AXIS_MACHINE], AXIS_VALUE, "%.*s", (int)strcspn(machine, ","),
		       machine);
	(void)snprintf(c->value[AXIS_BUS], AXIS_VALUE, "%s",
		       setting_choice(SETTING_QEMU_DISK_BUS, plan->s.disk_bus, bus, sizeof bus));
	(void)snprintf(c->value[AXIS_BOOT], AXIS_VALUE, "%s",
		       boot		   ? boot
		       : plan->s.kernel	   ? "kernel"
		       : plan->boot.direct ? "direct"
		       : plan->disk.count  ? "disk"
		       : plan->s.floppy	   ? "floppy"
		       : plan->s.cdrom	   ? "cdrom"
					   : "disk");
}

static bool name_is(const struct marker *m, const char *name)
{
	return strlen(name) == m->name_len && memcmp(m->name, name, m->name_len) == 0;
}

/* The phases that can be waited for, into BUF. */
static const char *list_phases(const struct markers *m, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < m->count && used < size; i++)
		if (m->list[i].kind == MARKER_PROGRESS || m->list[i].kind == MARKER_READY)
			used += (size_t)snprintf(buf + used, size - used, "%.*s, ",
						 (int)m->list[i].name_len, m->list[i].name);
	return buf;
}

static bool set_goal(struct profiler *p, const struct plan *plan, struct error *err)
{
	static const enum until of_ready[] = {
		[READY_AUTO] = UNTIL_ANY_READY,	  [READY_LOGIN] = UNTIL_MARKER,
		[READY_SSH] = UNTIL_SSH,	  [READY_HTTP] = UNTIL_HTTP,
		[READY_MARKER] = UNTIL_ANY_READY, [READY_RUNNING] = UNTIL_RUNNING,
	};
	const char *until = p->o->until;
	struct goal *g = &p->goal;
	char names[400];

	g->marker = "login";
	if (strcmp(until, "ready") == 0) {
		g->until = of_ready[plan->s.ready];
	} else if (strcmp(until, "ssh") == 0 || strcmp(until, "http") == 0) {
		g->until = until[0] == 's' ? UNTIL_SSH : UNTIL_HTTP;
	} else {
		g->until = UNTIL_MARKER;
		g->marker = until;
	}
	if ((g->until == UNTIL_SSH || g->until == UNTIL_HTTP) && plan->s.net != NET_USER)
		return error_set(err, EXIT_BAD_SETTING,
				 "set QEMU_NET=user, or wait for a phase of the console",
				 "--until %s: the guest has no network", until);
	for (size_t i = 0; g->until == UNTIL_MARKER && i < p->markers.count; i++) {
		const struct marker *m = &p->markers.list[i];

		if ((m->kind == MARKER_PROGRESS || m->kind == MARKER_READY) &&
		    name_is(m, g->marker))
			return true;
	}
	if (g->until != UNTIL_MARKER)
		return true;
	return error_set(err, EXIT_BAD_USAGE, "name one of these, or give --markers FILE",
			 "--until %s: there is no such phase; there are %sready, ssh, http",
			 g->marker, list_phases(&p->markers, names, sizeof names));
}

/* What is the same for the whole run comes from the first cell's plan. */
static bool describe_run(struct profiler *p, const struct plan *plan, struct error *err)
{
	struct report *r = &p->report;
	static char text[MARKERS_TEXT_MAX + 2]; /* the plan's own is read again by the next one */
	char when[CLOCK_UTC];

	memcpy(text, plan->markers_text, plan->markers_len);
	p->goal.markers = &p->markers;
	p->goal.patterns = &p->patterns;
	p->goal.timeout_ns = (uint64_t)p->o->timeout_s * SECOND;
	clock_utc(when);
	(void)snprintf(r->created, sizeof r->created, "%.*s", CLOCK_UTC, when);
	(void)snprintf(r->program, sizeof r->program, "vm %s", VM_VERSION);
	(void)snprintf(r->guest, sizeof r->guest, "%s",
		       profile_of((enum guest)plan->s.guest)->name);
	(void)snprintf(r->image, sizeof r->image, "%.511s",
		       plan->disk.count ? plan->disk.path
		       : plan->s.floppy ? plan->s.floppy
		       : plan->s.cdrom	? plan->s.cdrom
		       : plan->s.kernel ? plan->s.kernel
					: "");
	(void)snprintf(r->until, sizeof r->until, "%s", p->o->until);
	(void)snprintf(r->accelerator, sizeof r->accelerator, "%.255s", plan->accel.reason);
	(void)snprintf(r->qemu, sizeof r->qemu, "%.*s", (int)sizeof r->qemu - 1, plan->qemu);
	if (p->dir[0] == '\0')
		(void)snprintf(p->dir, sizeof p->dir, "%s/profiles/%.10sT%.2s%.2s%.2sZ",
			       plan->s.log_dir, when, when + 11, when + 14, when + 17);
	return markers_compile(text, plan->markers_len, &p->markers, &p->patterns, err) &&
	       set_goal(p, plan, err);
}

/* Plan every cell once, so that what is wrong with any of them is said before hours are spent. */
static bool check_cells(struct profiler *p, struct errors *errs)
{
	struct plan *plan = calloc(1, sizeof *plan);
	struct environment *env = calloc(1, sizeof *env);
	bool ok = plan && env;

	if (!ok)
		(void)errors_add(errs, EXIT_INTERNAL, "", "no memory for a plan");
	for (size_t i = 0; ok && i < p->report.cells; i++) {
		struct choice *c = &p->choice[i];
		struct error err = {0};

		memset(plan, 0, sizeof *plan);
		plan->facts.unattended = true;
		ok = environment_make(p->envp, c, p->o->markers, NULL, env) ||
		     errors_add(errs, EXIT_BAD_SETTING, "start it with fewer variables",
				"the environment is too large");
		if (ok && !plan_make(plan, env->vars)) {
			*errs = plan->errors;
			ok = false;
		}
		for (size_t k = 0; ok && i == 0 && k < plan->warnings.count; k++)
			log_warning("%s", plan->warnings.list[k].message);
		if (ok && c->value[AXIS_BOOT] && !plan->s.kernel &&
		    strcmp(c->value[AXIS_BOOT], "kernel") == 0)
			ok = errors_add(errs, EXIT_BAD_SETTING, "set QEMU_KERNEL",
					"--boot kernel: no kernel is given");
		if (ok && i == 0 && !describe_run(p, plan, &err))
			ok = errors_append(errs, &err);
		if (ok) {
			describe_cell(&p->report.cell[i], plan, c->value[AXIS_BOOT]);
			/* Proved once: all samples of a cell have the same accelerator. */
			c->value[AXIS_ACCEL] = p->report.cell[i].value[AXIS_ACCEL];
		}
		plan_release(plan);
	}
	free(plan);
	free(env);
	return ok;
}

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

/* ---- turns ---------------------------------------------------------------------------------- */

/* The sample at INDEX of the whole run. */
static void turn_at(const struct profiler *p, size_t index, struct turn *t)
{
	size_t cells = p->report.cells;
	long turn = (long)(index / cells);

	t->warm_up = turn < p->o->warm_up;
	t->round = (t->warm_up ? turn : turn - p->o->warm_up) + 1;
	t->cell = (index + (size_t)turn) % cells;
}

static void say_progress(const struct profiler *p, const char *what)
{
	const struct report *r = &p->report;
	double spent = (double)(clock_now() - p->began_ns) / 1e9;
	char text[400];
	int n = snprintf(text, sizeof text, "%3zu %%, %s", r->count * 100 / r->planned, what);

	if (r->count && r->count < r->planned && n < (int)sizeof text)
		(void)snprintf(text + n, sizeof text - (size_t)n, "; about %.0f s left",
			       spent / (double)r->count * (double)(r->planned - r->count));
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
	if (p->terminal && s->status != SAMPLE_OK) /* it is not to be overwritten */
		(void)fputc('\n', stderr);
}

/* A sample that could not even begin is one all the same. */
static bool add_failure(struct profiler *p, const struct turn *t, const struct error *why)
{
	struct sample *s = report_add(&p->report, 0);
	char when[CLOCK_UTC];

	if (!s)
		return false;
	clock_utc(when);
	s->cell = t->cell;
	s->round = t->round;
	s->warm_up = t->warm_up;
	s->status = SAMPLE_ERROR;
	(void)snprintf(s->why, sizeof s->why, "%.199s", why->message);
	(void)snprintf(s->started, sizeof s->started, "%.*s", CLOCK_UTC, when);
	return true;
}

/* Something was added, or (not OK) could not be for want of memory: say it and keep it. */
static bool keep(struct profiler *p, bool ok, struct error *err)
{
	if (!ok)
		return error_set(err, EXIT_INTERNAL, "", "no memory for another sample");
	p->report.partial = p->report.count < p->report.planned;
	say_finished(p, &p->report.sample[p->report.count - 1]);
	return profile_save(p->dir, &p->report, err);
}

/* Has one come that ends the run? */
static void take_signal(struct profiler *p)
{
	struct signalfd_siginfo info;

	if (read(p->signals, &info, sizeof info) == (ssize_t)sizeof info)
		p->signal = (int)info.ssi_signo;
}

static bool start_next(struct profiler *p, struct turn *t, struct error *err)
{
	struct error why = {0};
	char log[64 + sizeof p->report.cell[0].key];
	char forwards[32] = "none";
	bool probed = p->goal.until == UNTIL_SSH || p->goal.until == UNTIL_HTTP;
	uint16_t port = probed ? probe_free_port() : 0;

	turn_at(p, p->next, t);
	(void)snprintf(log, sizeof log, "console/%04zu-%s.log", p->next,
		       p->report.cell[t->cell].key);
	p->next++;
	if (probed)
		(void)snprintf(forwards, sizeof forwards, "tcp:%u:%u", (unsigned)port,
			       p->goal.until == UNTIL_SSH ? 22u : 80u);
	if (!environment_make(p->envp, &p->choice[t->cell], p->o->markers, forwards, &t->env))
		return error_set(err, EXIT_BAD_SETTING, "start it with fewer variables",
				 "the environment is too large");
	t->boot = boot_start(t->cell, &t->env, &p->goal, p->dir, log, port, &why);
	/* It was not the sample's fault that it could not begin. */
	take_signal(p);
	if (!t->boot)
		return p->signal || keep(p, add_failure(p, t, &why), err);
	p->under_way++;
	return true;
}

/* As many as may run at once. */
static bool fill(struct profiler *p, struct error *err)
{
	for (long i = 0; i < p->o->jobs; i++)
		while (!p->turns[i].boot && p->next < p->report.planned && p->signal == 0)
			if (!start_next(p, &p->turns[i], err))
				return false;
	return true;
}

static bool finish(struct profiler *p, struct turn *t, struct error *err)
{
	struct boot *b = t->boot;

	t->boot = NULL;
	p->under_way--;
	return keep(p, boot_finish(b, &p->report, t->round, t->warm_up), err);
}

/* One wait, and what it brought. */
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
		return error_set(err, EXIT_INTERNAL, "", "poll: %s", strerror(errno));
	now = clock_now();
	for (long i = 0; i < p->o->jobs; i++)
		if (p->turns[i].boot && first[i] &&
		    boot_events(p->turns[i].boot, fds + first[i], BOOT_FDS, now) &&
		    !finish(p, &p->turns[i], err))
			return false;
	take_signal(p);
	return true;
}

static bool run_all(struct profiler *p, struct error *err)
{
	bool ok = true;

	p->began_ns = clock_now();
	while (ok && p->signal == 0) {
		ok = fill(p, err);
		if (ok && p->under_way == 0)
			break;
		ok = ok && wait_once(p, err);
	}
	for (long i = 0; i < p->o->jobs; i++)
		if (p->turns[i].boot)
			(void)boot_finish(p->turns[i].boot, NULL, 0, false);
	if (p->terminal)
		(void)fputc('\n', stderr);
	return ok;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* 0 when every cell has been measured. */
static int outcome(const struct profiler *p)
{
	size_t measured = 0;

	if (p->signal)
		return 128 + p->signal;
	for (size_t c = 0; c < p->report.cells; c++)
		for (size_t i = 0; i < p->report.count; i++) {
			const struct sample *s = &p->report.sample[i];

			if (s->cell == c && !s->warm_up && s->status == SAMPLE_OK) {
				measured++;
				break;
			}
		}
	return measured == p->report.cells ? EXIT_CLEAN : EXIT_NOT_READY;
}

static int run(struct profiler *p, struct error *err)
{
	struct report *r = &p->report;
	struct text t = {0};

	if (!profile_dir_make(p->dir, err))
		return err->status;
	profile_resolution(&r->resolution);
	log_info("cells: %zu, samples: %zu with warm-ups; a byte's time is %.0f us late (99 %%: "
		 "%.0f us); report in %s",
		 r->cells, r->planned, r->resolution.median_us, r->resolution.p99_us, p->dir);
	if (!profile_save(p->dir, r, err) || !run_all(p, err) || !profile_documents(p->dir, r, err))
		return err->status;
	if (p->signal)
		log_warning("ended by signal %d: %zu of %zu samples are in %s/results.json",
			    p->signal, r->count, r->planned, p->dir);
	report_text(r, &t);
	if (t.bytes)
		(void)fwrite(t.bytes, 1, t.len, stdout);
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
	(void)snprintf(p->dir, sizeof p->dir, "%s", o->out ? o->out : "");
	if ((p->signals < 0 &&
	     !error_set(&err, EXIT_INTERNAL, "", "signalfd: %s", strerror(errno))) ||
	    !matrix_make(o, &p->report, p->choice, &err)) {
		status = (int)err.status;
		error_report(&err);
	} else if (!check_cells(p, errs)) {
		status = (int)errors_status(errs);
		errors_report(errs);
	} else {
		p->report.samples = o->samples;
		p->report.warm_up = o->warm_up;
		p->report.timeout_s = o->timeout_s;
		p->report.jobs = o->jobs;
		p->report.planned = p->report.cells * (size_t)(o->samples + o->warm_up);
		p->report.partial = true;
		status = read_baseline(p, &err) ? run(p, &err) : (int)err.status;
		if (err.message[0])
			error_report(&err);
	}
	report_free(&p->report);
	fd_close(&p->signals);
	free(errs);
	free(p);
	return status;
}
