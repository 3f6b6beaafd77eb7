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
#include "pid1/env.h"
#include "pid1/helper.h"
#include "pid1/stop_ladder.h"
#include "proto/between.h"

#define FDSET 99 /* a number that the vector does not use (QEMU_FD_DISK + n) */

/* stop, migrate-set-capabilities, migrate-set-parameters, add-fd, migrate */
#define SAVE_COMMANDS 5

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
static bool use_fdset(const struct savestate *s)
{
	return has_version(s->env->qmp, 9, 1);
}

static bool use_mapped_ram(const struct savestate *s)
{
	switch (s->env->plan->s.state_format) {
	case STATE_FORMAT_STREAM: return false;
	case STATE_FORMAT_MAPPED_RAM: return true;
	default: return use_fdset(s);
	}
}

static bool set_capabilities(struct savestate *s, bool on, bool mapped_ram)
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
	return qmp_send(s->env->qmp, "migrate-set-capabilities", arguments, NULL, NULL);
}

/* Hand FD over to QEMU, and start COMMAND ("migrate", "migrate-incoming") with it. */
static bool migrate(struct savestate *s, const char *command, int fd, qmp_reply *reply)
{
	char set[64];

	(void)snprintf(set, sizeof set, "{\"fdset-id\":%d,\"opaque\":\"state\"}", FDSET);
	if (s->fdset)
		return qmp_send_fd(s->env->qmp, "add-fd", set, fd, NULL, NULL) &&
		       qmp_send(s->env->qmp, command, "{\"uri\":\"file:/dev/fdset/99\"}", reply, s);
	return qmp_send_fd(s->env->qmp, "getfd", "{\"fdname\":\"state\"}", fd, NULL, NULL) &&
	       qmp_send(s->env->qmp, command, "{\"uri\":\"fd:state\"}", reply, s);
}

/* Its own copy of the file may go. */
static void release(struct savestate *s)
{
	char set[32];

	(void)snprintf(set, sizeof set, "{\"fdset-id\":%d}", FDSET);
	if (s->fdset)
		(void)qmp_send(s->env->qmp, "remove-fd", set, NULL, NULL);
	(void)set_capabilities(s, false, s->mapped_ram);
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
void savestate_sweep(void)
{
	static const struct timespec moment = {.tv_nsec = 50000000};

	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		for (int tries = 0; left[i][0] && !state_remove(left[i]) && tries < 20; tries++)
			(void)nanosleep(&moment, NULL);
}

void savestate_init(struct savestate *s, const struct env *env)
{
	*s = (struct savestate){.env = env};
}

static void set_saving(struct savestate *s, enum saving what)
{
	s->saving = what;
	post(s->env, NOTICE_CONDITION, .value = COND_SAVING_WARM, .on = what == SAVING_WARM);
	post(s->env, NOTICE_CONDITION, .value = COND_SUSPENDING, .on = what == SAVING_SUSPENDED);
}

static void set_resuming(struct savestate *s, bool on)
{
	s->resuming = on;
	post(s->env, NOTICE_CONDITION, .value = COND_RESUMING, .on = on);
}

static const char *kind_of(enum saving what)
{
	return what == SAVING_WARM ? "warm" : "suspended";
}

static void go_on(struct savestate *s)
{
	release(s);
	if (s->was_running)
		(void)env_qmp(s->env, "cont");
}

/* It cannot be saved, for the reason WHY. */
static void failed(struct savestate *s, const char *why)
{
	enum saving what = s->saving;
	char line[400];

	set_saving(s, SAVING_NOTHING);
	s->migrating = false;
	discard(s->part);
	go_on(s);
	(void)snprintf(line, sizeof line, "the %s state cannot be saved: %.300s\n", kind_of(what),
		       why);
	log_warning("%.*s", (int)strlen(line) - 1, line);
	event("state", J_BOOL("saved", false));
	if (what == SAVING_WARM)
		post(s->env, NOTICE_WARM_ENDS, .value = EXIT_QEMU_FAILED, .text = line);
	else
		post(s->env, NOTICE_RUNG_ENDS, .value = LADDER_FAILED);
}

void savestate_abort(struct savestate *s)
{

	if (s->saving == SAVING_NOTHING)
		return;
	log_warning("the %s state is given up", kind_of(s->saving));
	set_saving(s, SAVING_NOTHING);
	if (s->migrating)
		(void)qmp_send(s->env->qmp, "migrate_cancel", NULL, NULL, NULL);
	s->migrating = false;
	helper_kill(s->env->helpers, HELPER_STATE);
	discard(s->part);
	go_on(s);
	post(s->env, NOTICE_WARM_ENDS, .value = EXIT_NOT_READY,
	     .text = "the guest is being stopped\n");
}

static bool write_manifest(struct savestate *s, struct error *err)
{
	static char text[MANIFEST_MAX];
	struct manifest m;

	if (!plan_machine(s->env->plan, &m, err))
		return false;
	m.kind = kind_of(s->saving);
	m.memory = s->mapped_ram ? "mapped-ram" : "stream";
	m.qemu = s->env->qmp->version;
	m.saved = (int64_t)time(NULL);
	m.ready = s->env->life->ready;
	m.login = s->env->life->login;
	/* It was stopped when the saving began: what came last may be the half of something. */
	m.console = prompt_state_name(prompt_state(s->env->prompt, s->since_ns));
	m.overlays = s->env->plan->disk.overlays;
	size_t n = manifest_write(&m, text);
	_cleanup_fd_ int fd = n ? state_create(s->part, STATE_MANIFEST, err) : -1;

	if (fd >= 0 && write_all(fd, text, n))
		return true;
	return fd < 0 && n ? false
			   : error_set(err, EXIT_NO_PERMISSION, "", "%s/" STATE_MANIFEST ": %s",
				       s->part, n ? strerror(errno) : "too long");
}

static void saved(struct savestate *s)
{
	char line[STATE_PATH_MAX + 160];
	unsigned long long disk = 0;
	double took = (double)(clock_now() - s->since_ns) / 1e9;
	unsigned long long memory = state_bytes(s->dir, STATE_MEMORY);

	for (int i = 0; i < STATE_OVERLAYS; i++)
		disk += state_bytes(s->dir, state_overlay(i));
	(void)snprintf(line, sizeof line,
		       "%s state saved in %.2f s: %.1f MiB of memory, %.1f MiB of disk, in %s\n",
		       kind_of(s->saving), took, (double)memory / 1048576, (double)disk / 1048576,
		       s->dir);
	log_info("%.*s", (int)strlen(line) - 1, line);
	event("state", J_BOOL("saved", true), J_NUMBER("ms", 1, took * 1e3),
	      J_INT("memory", memory), J_INT("disk", disk));
	if (s->saving == SAVING_WARM) {
		set_saving(s, SAVING_NOTHING);
		go_on(s);
		post(s->env, NOTICE_WARM_ENDS, .value = EXIT_CLEAN, .text = line);
		return;
	}
	set_saving(s, SAVING_NOTHING);
	post(s->env, NOTICE_VERDICT, .value = VERDICT_SUSPENDED);
	post(s->env, NOTICE_RUNG_ENDS, .value = LADDER_NOW);
}

static void on_committed(void *arg, int status, const char *line)
{
	struct savestate *s = arg;

	if (s->saving == SAVING_NOTHING)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		saved(s);
	else
		failed(s, line[0] ? line : "its files could not be written");
}

/* QEMU has written it: the rest takes its time, so that another process does it. */
static bool commit(struct savestate *s, struct error *err)
{
	char count[8];
	char *argv[] = {(char *)"vm", (char *)"commit-state", s->part, s->dir, count, NULL};
	struct child c = {.path = s->env->plan->vm, .argv = argv, .envp = environ, .no_core = true};

	if (!write_manifest(s, err))
		return false;
	for (int i = 0; i < s->env->plan->disk.overlays; i++)
		c.fds[c.fd_count++] = (struct child_fd){.from = s->env->plan->disk.layers[i].fd,
							.to = STATE_COMMIT_FD + i};
	(void)snprintf(count, sizeof count, "%d", s->env->plan->disk.overlays);
	return helper_start(s->env->helpers, HELPER_STATE, "state", &c, on_committed, s, err);
}

static void on_written(struct savestate *s)
{
	struct error err = {0};

	s->migrating = false;
	if (!commit(s, &err))
		failed(s, err.message);
}

static void on_query(struct qmp *q, const struct json *doc, const struct json_value *result,
		     const char *error, void *arg)
{
	struct savestate *s = arg;
	const char *why = result ? json_string(doc, result, "error-desc") : error;

	(void)q;
	if (s->saving != SAVING_NOTHING)
		failed(s, why ? why : "QEMU does not say why");
}

static void on_migrate(struct qmp *q, const struct json *doc, const struct json_value *result,
		       const char *error, void *arg)
{
	struct savestate *s = arg;

	(void)q, (void)doc, (void)result;
	if (error && s->saving != SAVING_NOTHING)
		failed(s, error);
}

bool savestate_possible(const struct savestate *s, enum saving what, struct error *err)
{
	if (s->saving != SAVING_NOTHING)
		return error_set(err, EXIT_NOT_READY, "", "a state is being saved already");
	if (s->env->life->cause != CAUSE_NONE ||
	    (what == SAVING_WARM && s->env->life->rung != RUNG_NONE))
		return error_set(err, EXIT_NOT_READY, "", "the guest is being stopped");
	if (s->env->plan->disk2.count)
		return error_set(err, EXIT_BAD_SETTING, "start without QEMU_DRIVE2",
				 "a state has the first disk only, and this guest has a second");
	if (what == SAVING_WARM && s->env->plan->disk.count &&
	    s->env->plan->s.disk_mode != DISK_MODE_THROWAWAY)
		return error_set(
			err, EXIT_BAD_SETTING,
			"set QEMU_DISK_MODE=throwaway, or use VM_STOP=suspend",
			"a warm state needs a throwaway disk: every start would take a disk "
			"that is kept back to this moment");
	if (s->env->plan->disk.overlays > STATE_OVERLAYS)
		return error_set(err, EXIT_BAD_SETTING, "begin again from a cold start",
				 "it was saved and resumed too often");
	return true;
}

bool savestate_begin(struct savestate *s, enum saving what, struct error *err)
{

	if (s->env->qmp->state != QMP_READY || !s->env->life->ran)
		return error_set(err, EXIT_NOT_READY, "", "the guest does not run");
	if (lifecycle_any(s->env->life, COND_ANY_STUCK | 1u << COND_DISK_ERROR))
		return error_set(err, EXIT_NOT_READY, "", "the guest is not well: %s",
				 lifecycle_trouble(s->env->life));
	if (!qmp_has_room(s->env->qmp, SAVE_COMMANDS))
		return error_set(err, EXIT_QEMU_FAILED, "", "QEMU does not answer");
	if (!savestate_possible(s, what, err) ||
	    !state_path(&s->env->plan->s, &s->env->plan->disk, kind_of(what), s->dir, err) ||
	    !state_begin(s->dir, s->part, err))
		return false;
	int fd = state_create(s->part, STATE_MEMORY, err);

	if (fd < 0) {
		discard(s->part);
		return false;
	}
	set_saving(s, what);
	s->mapped_ram = use_mapped_ram(s);
	s->fdset = s->mapped_ram || use_fdset(s);
	s->was_running = s->env->life->phase == LIFE_RUNNING ||
			 s->env->life->phase == LIFE_STOPPING ||
			 lifecycle_is(s->env->life, COND_HELD);
	s->since_ns = clock_now();
	s->migrating = true;
	log_info("saving the guest's state");
	if (env_qmp(s->env, "stop") && set_capabilities(s, true, s->mapped_ram) &&
	    qmp_send(s->env->qmp, "migrate-set-parameters", "{\"max-bandwidth\":" UNBOUNDED "}",
		     NULL, NULL) &&
	    migrate(s, "migrate", fd, on_migrate))
		return true;
	set_saving(s, SAVING_NOTHING);
	s->migrating = false;
	discard(s->part);
	return error_set(err, EXIT_QEMU_FAILED, "", "QEMU does not answer");
}

/* ---- resuming ------------------------------------------------------------------------------- */

/* Not this state: QEMU ends, and another one starts cold. */
static void refuse(struct savestate *s, const char *why)
{
	if (s->refused)
		return;
	s->refused = true;
	log_warning("%s is not resumed: %s; this is a cold start", s->env->plan->resume.dir, why);
	if (s->env->qmp->state != QMP_READY || !env_qmp(s->env, "quit"))
		(void)kill(s->env->life->qemu, SIGKILL);
}

static void on_incoming(struct qmp *q, const struct json *doc, const struct json_value *result,
			const char *error, void *arg)
{
	struct savestate *s = arg;

	(void)q, (void)doc, (void)result;
	if (error && !s->env->life->qemu_ended && s->resuming && q->state == QMP_READY)
		refuse(s, error);
}

bool savestate_resume(struct savestate *s)
{
	const struct resume *r = &s->env->plan->resume;

	if (r->kind == RESUME_NONE)
		return false;
	set_resuming(s, true);
	s->mapped_ram = r->mapped_ram;
	s->fdset = s->mapped_ram || use_fdset(s);
	if (strcmp(r->qemu, s->env->qmp->version) != 0) {
		char why[160];

		(void)snprintf(why, sizeof why, "QEMU %s saved it, and this is %s", r->qemu,
			       s->env->qmp->version);
		refuse(s, why);
		return true;
	}
	int fd = fcntl(r->memory, F_DUPFD_CLOEXEC, 3);

	(void)lseek(r->memory, 0, SEEK_SET);
	if (fd < 0 || !set_capabilities(s, true, r->mapped_ram) ||
	    !migrate(s, "migrate-incoming", fd, on_incoming))
		refuse(s, "QEMU does not answer");
	return true;
}

/* A suspended guest is resumed once: from here on its disk goes another way. */
static bool use_up(struct savestate *s)
{
	const struct resume *r = &s->env->plan->resume;
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

static void on_read(struct savestate *s)
{
	struct resume *r = &s->env->plan->resume;
	int64_t age = (int64_t)time(NULL) - r->saved;

	set_resuming(s, false);
	if (!use_up(s)) {
		refuse(s, strerror(errno));
		return;
	}
	release(s);
	fd_close(&r->memory);
	if (r->ready || r->login)
		prompt_loaded(s->env->prompt, r->console, clock_now());
	log_info("resumed from %s, saved %" PRId64 " s ago", r->dir, age);
	event("resume", J_TEXT("kind", r->kind == RESUME_WARM ? "warm" : "suspended"),
	      J_INT("age_s", age));
	post(s->env, NOTICE_STATE_RESUMED, .on = r->login);
}

bool savestate_cold(struct savestate *s, const char *words, struct error *err)
{
	struct plan *plan = s->env->plan;

	if (!s->resuming || s->env->life->ran || s->env->life->rung != RUNG_NONE)
		return false;
	if (!s->refused)
		log_warning("%s is not resumed: QEMU ended%s%.*s; this is a cold start",
			    plan->resume.dir, words[0] ? ": " : "", (int)strcspn(words, "\n"),
			    words);
	set_resuming(s, false);
	savestate_init(s, s->env);
	plan_cold(plan);
	return disk_keep_overlay(&plan->disk, &plan->identity, err);
}

void savestate_event(struct savestate *s, const struct json *doc, const struct json_value *data)
{
	const char *status = json_string(doc, data, "status");
	bool done = status && strcmp(status, "completed") == 0;
	bool bad = status && strcmp(status, "failed") == 0;

	if (s->resuming && done)
		on_read(s);
	else if (s->resuming && bad)
		refuse(s, "QEMU cannot read it (qemu.log says more)");
	else if (s->migrating && done)
		on_written(s);
	else if (s->migrating && bad)
		(void)qmp_send(s->env->qmp, "query-migrate", NULL, on_query, s);
}
