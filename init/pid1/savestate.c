/* savestate.c - see savestate.h. The commands are those of QEMU's qapi/migration.json. */
#include "pid1/savestate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "pid1/supervisor.h"

#define FDSET 99 /* a number that the vector does not use (QEMU_FD_DISK + n) */

/* The bandwidth that is asked for: none would be QEMU's 128 MiB/s. */
#define UNBOUNDED "1099511627776"

static bool has_version(const struct qmp *q, int major, int minor)
{
	char *end;
	long have_major = strtol(q->version, &end, 10);
	long have_minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	return (have_major > major || (have_major == major && have_minor >= minor));
}

/* A file in a set of descriptors can be the target of a migration since 9.1 (`file:/dev/fdset/N`).
 * A descriptor by its own name (`fd:`), the only way until then, has to be a pipe or a socket since
 * 11.0 (QEMU's docs/about/removed-features.rst). */
static bool use_fdset(const struct supervisor *v)
{
	return has_version(&v->qmp, 9, 1);
}

static bool use_mapped_ram(const struct supervisor *v)
{
	switch (v->plan->s.state_format) {
	case STATE_FORMAT_STREAM: return false;
	case STATE_FORMAT_MAPPED_RAM: return true;
	default: return use_fdset(v);
	}
}

static bool set_capabilities(struct supervisor *v, bool on, bool mapped_ram)
{
	char arguments[160];
	const char *state = on ? "true" : "false";
	char mapped[64] = "";

	if (mapped_ram)
		(void)snprintf(mapped, sizeof mapped,
			       ",{\"capability\":\"mapped-ram\",\"state\":%s}", state);
	(void)snprintf(arguments, sizeof arguments,
		       "{\"capabilities\":[{\"capability\":\"events\",\"state\":%s}%s]}", state,
		       mapped);
	return qmp_send(&v->qmp, "migrate-set-capabilities", arguments, NULL, NULL);
}

/* Hand FD over to QEMU, and start COMMAND ("migrate", "migrate-incoming") with it. */
static bool migrate(struct supervisor *v, const char *command, int fd, qmp_reply *reply)
{
	char set[64];

	(void)snprintf(set, sizeof set, "{\"fdset-id\":%d,\"opaque\":\"state\"}", FDSET);
	if (v->save.fdset)
		return qmp_send_fd(&v->qmp, "add-fd", set, fd, NULL, NULL) &&
		       qmp_send(&v->qmp, command, "{\"uri\":\"file:/dev/fdset/99\"}", reply, v);
	return qmp_send_fd(&v->qmp, "getfd", "{\"fdname\":\"state\"}", fd, NULL, NULL) &&
	       qmp_send(&v->qmp, command, "{\"uri\":\"fd:state\"}", reply, v);
}

/* Its own copy of the file may go. */
static void release(struct supervisor *v)
{
	char set[32];

	(void)snprintf(set, sizeof set, "{\"fdset-id\":%d}", FDSET);
	if (v->save.fdset)
		(void)qmp_send(&v->qmp, "remove-fd", set, NULL, NULL);
	(void)set_capabilities(v, false, v->save.mapped_ram);
}

/* ---- saving ------------------------------------------------------------------------------- */

/* Directories that could not be removed because files in them are open: FUSE keeps these under
 * another name. */
static char left[4][STATE_PATH_MAX + 8];

static void discard(const char *dir)
{
	for (size_t i = 0; !state_remove(dir) && i < sizeof left / sizeof *left; i++)
		if (!left[i][0]) {
			(void)snprintf(left[i], sizeof left[i], "%s", dir);
			return;
		}
}

/* FUSE closes files behind our back, a moment later. */
void state_sweep(void)
{
	static const struct timespec moment = {.tv_nsec = 50000000};

	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		for (int tries = 0; left[i][0] && !state_remove(left[i]) && tries < 20; tries++)
			(void)nanosleep(&moment, NULL);
}

static const char *kind_of(enum saving what)
{
	return what == SAVING_WARM ? "warm" : "suspended";
}

static void go_on(struct supervisor *v)
{
	release(v);
	if (v->save.was_running)
		(void)qmp_send(&v->qmp, "cont", NULL, NULL, NULL);
}

/* It cannot be saved, for the reason WHY. */
static void failed(struct supervisor *v, const char *why)
{
	struct state *st = &v->save;
	enum saving what = st->saving;
	char line[400];

	st->saving = SAVING_NOTHING;
	st->migrating = false;
	discard(st->part);
	go_on(v);
	(void)snprintf(line, sizeof line, "the %s state cannot be saved: %.300s\n", kind_of(what),
		       why);
	log_warning("%.*s", (int)strlen(line) - 1, line);
	event("state", "\"saved\":false");
	if (what == SAVING_WARM)
		requests_warm(v, EXIT_QEMU_FAILED, line);
	else
		supervisor_climb(v, LADDER_FAILED);
}

void state_abort(struct supervisor *v)
{
	struct state *st = &v->save;

	state_await_no_ssh(v);
	if (st->saving == SAVING_NOTHING)
		return;
	log_warning("the %s state is given up", kind_of(st->saving));
	st->saving = SAVING_NOTHING;
	if (st->migrating)
		(void)qmp_send(&v->qmp, "migrate_cancel", NULL, NULL, NULL);
	st->migrating = false;
	helper_kill(v, HELPER_STATE);
	discard(st->part);
	go_on(v);
	requests_warm(v, EXIT_NOT_READY, "the guest is being stopped\n");
}

static bool write_manifest(struct supervisor *v, struct error *err)
{
	static char text[MANIFEST_MAX];
	struct state *st = &v->save;
	struct manifest m;

	if (!plan_machine(v->plan, &m, err))
		return false;
	m.kind = kind_of(st->saving);
	m.memory = st->mapped_ram ? "mapped-ram" : "stream";
	m.qemu = v->qmp.version;
	m.saved = (int64_t)time(NULL);
	m.ready = v->life.ready;
	m.login = v->login_seen;
	/* It was stopped when the saving began: what came last may be the half of something. */
	m.console = prompt_state_name(prompt_state(&v->prompt, st->since_ns));
	m.overlays = v->plan->disk.overlays;
	size_t n = manifest_write(&m, text);
	_cleanup_fd_ int fd = n ? state_create(st->part, STATE_MANIFEST, err) : -1;

	if (fd >= 0 && write_all(fd, text, n))
		return true;
	return fd < 0 && n ? false
			   : error_set(err, EXIT_NO_PERMISSION, "", "%s/" STATE_MANIFEST ": %s",
				       st->part, n ? strerror(errno) : "too long");
}

static void saved(struct supervisor *v)
{
	struct state *st = &v->save;
	char line[STATE_PATH_MAX + 160];
	unsigned long long disk = 0;
	double s = (double)(clock_now() - st->since_ns) / 1e9;
	unsigned long long memory = state_bytes(st->dir, STATE_MEMORY);

	for (int i = 0; i < STATE_OVERLAYS; i++)
		disk += state_bytes(st->dir, state_overlay(i));
	(void)snprintf(line, sizeof line,
		       "%s state saved in %.2f s: %.1f MiB of memory, %.1f MiB of disk, in %s\n",
		       kind_of(st->saving), s, (double)memory / 1048576, (double)disk / 1048576,
		       st->dir);
	log_info("%.*s", (int)strlen(line) - 1, line);
	event("state", "\"saved\":true,\"ms\":%.1f,\"memory\":%llu,\"disk\":%llu", s * 1e3, memory,
	      disk);
	if (st->saving == SAVING_WARM) {
		st->saving = SAVING_NOTHING;
		go_on(v);
		requests_warm(v, EXIT_CLEAN, line);
		return;
	}
	st->saving = SAVING_NOTHING;
	st->suspended = true;
	supervisor_climb(v, LADDER_NOW);
}

static void on_committed(struct supervisor *v, int status, const char *line)
{
	if (v->save.saving == SAVING_NOTHING)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		saved(v);
	else
		failed(v, line[0] ? line : "its files could not be written");
}

/* QEMU has written it: the rest takes its time, so that another process does it. */
static bool commit(struct supervisor *v, struct error *err)
{
	struct state *st = &v->save;
	char count[8];
	char *argv[] = {(char *)"vm", (char *)"commit-state", st->part, st->dir, count, NULL};
	struct child c = {.path = "/proc/self/exe", .argv = argv, .envp = environ, .no_core = true};

	if (!write_manifest(v, err))
		return false;
	for (int i = 0; i < v->plan->disk.overlays; i++)
		c.fds[c.fd_count++] = (struct child_fd){.from = v->plan->disk.layers[i].fd,
							.to = STATE_COMMIT_FD + i};
	(void)snprintf(count, sizeof count, "%d", v->plan->disk.overlays);
	return helper_start(v, HELPER_STATE, "state", &c, on_committed, err);
}

static void on_written(struct supervisor *v)
{
	struct error err = {0};

	v->save.migrating = false;
	if (!commit(v, &err))
		failed(v, err.message);
}

static void on_query(struct qmp *q, const struct json *doc, const struct json_value *result,
		     const char *error, void *arg)
{
	struct supervisor *v = arg;
	const char *why = result ? json_string(doc, result, "error-desc") : error;

	(void)q;
	if (v->save.saving != SAVING_NOTHING)
		failed(v, why ? why : "QEMU does not say why");
}

static void on_migrate(struct qmp *q, const struct json *doc, const struct json_value *result,
		       const char *error, void *arg)
{
	struct supervisor *v = arg;

	(void)q, (void)doc, (void)result;
	if (error && v->save.saving != SAVING_NOTHING)
		failed(v, error);
}

bool state_possible(const struct supervisor *v, enum saving what, struct error *err)
{
	if (v->save.saving != SAVING_NOTHING)
		return error_set(err, EXIT_NOT_READY, "", "a state is being saved already");
	if (v->cause != CAUSE_NONE || (what == SAVING_WARM && v->ladder.rung != RUNG_NONE))
		return error_set(err, EXIT_NOT_READY, "", "the guest is being stopped");
	if (v->plan->disk2.count)
		return error_set(err, EXIT_BAD_SETTING, "start without QEMU_DRIVE2",
				 "a state has the first disk only, and this guest has a second");
	if (what == SAVING_WARM && v->plan->disk.count &&
	    v->plan->s.disk_mode != DISK_MODE_THROWAWAY)
		return error_set(
			err, EXIT_BAD_SETTING,
			"set QEMU_DISK_MODE=throwaway, or use VM_STOP=suspend",
			"a warm state needs a throwaway disk: every start would take a disk "
			"that is kept back to this moment");
	if (v->plan->disk.overlays > STATE_OVERLAYS)
		return error_set(err, EXIT_BAD_SETTING, "begin again from a cold start",
				 "it was saved and resumed too often");
	return true;
}

bool state_save(struct supervisor *v, enum saving what, struct error *err)
{
	struct state *st = &v->save;

	if (v->qmp.state != QMP_READY || !v->ran)
		return error_set(err, EXIT_NOT_READY, "", "the guest does not run");
	if (v->io_error || v->trouble.stuck)
		return error_set(err, EXIT_NOT_READY, "", "the guest is not well: %s",
				 trouble_text(v));
	if (!state_possible(v, what, err) ||
	    !state_path(&v->plan->s, &v->plan->disk, kind_of(what), st->dir, err) ||
	    !state_begin(st->dir, st->part, err))
		return false;
	int fd = state_create(st->part, STATE_MEMORY, err);

	if (fd < 0) {
		discard(st->part);
		return false;
	}
	st->saving = what;
	st->mapped_ram = use_mapped_ram(v);
	st->fdset = st->mapped_ram || use_fdset(v);
	st->was_running = v->state == VM_RUNNING || v->state == VM_STOPPING || v->held;
	st->since_ns = clock_now();
	st->migrating = true;
	log_info("saving the guest's state");
	if (qmp_send(&v->qmp, "stop", NULL, NULL, NULL) &&
	    set_capabilities(v, true, st->mapped_ram) &&
	    qmp_send(&v->qmp, "migrate-set-parameters", "{\"max-bandwidth\":" UNBOUNDED "}", NULL,
		     NULL) &&
	    migrate(v, "migrate", fd, on_migrate))
		return true;
	st->saving = SAVING_NOTHING;
	st->migrating = false;
	discard(st->part);
	return error_set(err, EXIT_QEMU_FAILED, "", "QEMU does not answer");
}

/* ---- resuming ------------------------------------------------------------------------------- */

/* Not this state: QEMU ends, and another one starts cold. */
static void refuse(struct supervisor *v, const char *why)
{
	if (v->save.refused)
		return;
	v->save.refused = true;
	log_warning("%s is not resumed: %s; this is a cold start", v->plan->resume.dir, why);
	if (v->qmp.state != QMP_READY || !qmp_send(&v->qmp, "quit", NULL, NULL, NULL))
		(void)kill(v->qemu, SIGKILL);
}

static void on_incoming(struct qmp *q, const struct json *doc, const struct json_value *result,
			const char *error, void *arg)
{
	struct supervisor *v = arg;

	(void)q, (void)doc, (void)result;
	if (error && !v->qemu_ended && v->save.resuming && q->state == QMP_READY)
		refuse(v, error);
}

bool state_resume(struct supervisor *v)
{
	const struct resume *r = &v->plan->resume;
	struct state *st = &v->save;

	if (r->kind == RESUME_NONE)
		return false;
	st->resuming = true;
	st->mapped_ram = r->mapped_ram;
	st->fdset = st->mapped_ram || use_fdset(v);
	if (strcmp(r->qemu, v->qmp.version) != 0) {
		char why[160];

		(void)snprintf(why, sizeof why, "QEMU %s saved it, and this is %s", r->qemu,
			       v->qmp.version);
		refuse(v, why);
		return true;
	}
	int fd = fcntl(r->memory, F_DUPFD_CLOEXEC, 3);

	(void)lseek(r->memory, 0, SEEK_SET);
	if (fd < 0 || !set_capabilities(v, true, r->mapped_ram) ||
	    !migrate(v, "migrate-incoming", fd, on_incoming))
		refuse(v, "QEMU does not answer");
	return true;
}

/* A suspended guest is resumed once: from here on its disk goes another way. */
static bool use_up(struct supervisor *v)
{
	const struct resume *r = &v->plan->resume;
	char used[STATE_PATH_MAX + 8];

	if (r->kind != RESUME_SUSPENDED)
		return true;
	(void)snprintf(used, sizeof used, "%s.used", r->dir);
	(void)state_remove(used);
	if (!state_rename(r->dir, path_base(used)))
		return false;
	discard(used);
	return true;
}

static void on_read(struct supervisor *v)
{
	struct resume *r = &v->plan->resume;
	struct state *st = &v->save;
	int64_t age = (int64_t)time(NULL) - r->saved;

	st->resuming = false;
	if (!use_up(v)) {
		refuse(v, strerror(errno));
		return;
	}
	release(v);
	fd_close(&r->memory);
	st->resumed = true;
	v->login_seen = r->login;
	if (r->ready || r->login)
		prompt_loaded(&v->prompt, r->console, clock_now());
	log_info("resumed from %s, saved %" PRId64 " s ago", r->dir, age);
	event("resume", "\"kind\":\"%s\",\"age_s\":%" PRId64,
	      r->kind == RESUME_WARM ? "warm" : "suspended", age);
	if (v->login_seen)
		requests_login(v);
	retry_keep_disk(v, supervisor_run_guest);
}

bool state_retry_cold(struct supervisor *v)
{
	struct error err = {0};

	if (!v->save.resuming || v->ran || v->ladder.rung != RUNG_NONE)
		return false;
	if (!v->save.refused)
		log_warning("%s is not resumed: QEMU ended%s%.*s; this is a cold start",
			    v->plan->resume.dir, v->tail.len ? ": " : "",
			    (int)strcspn(v->tail.text, "\n"), v->tail.text);
	v->save = (struct state){.warm_asked = v->save.warm_asked};
	v->cause = CAUSE_NONE;
	if (plan_cold(v->plan, &err) &&
	    disk_keep_overlay(&v->plan->disk, &v->plan->identity, &err) &&
	    supervisor_restart(v, &err))
		return true;
	error_report(&err);
	return false;
}

void state_on_migration(struct supervisor *v, const struct json *doc, const struct json_value *data)
{
	const char *status = json_string(doc, data, "status");
	struct state *st = &v->save;
	bool done = status && strcmp(status, "completed") == 0;
	bool bad = status && strcmp(status, "failed") == 0;

	if (st->resuming && done)
		on_read(v);
	else if (st->resuming && bad)
		refuse(v, "QEMU cannot read it (qemu.log says more)");
	else if (st->migrating && done)
		on_written(v);
	else if (st->migrating && bad)
		(void)qmp_send(&v->qmp, "query-migrate", NULL, on_query, v);
}
