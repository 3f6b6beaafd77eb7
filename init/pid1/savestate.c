/* savestate.c - see savestate.h. */
#include "pid1/savestate.h"

#include <errno.h>
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

/* stop, and those of the migration */
#define SAVE_COMMANDS (1 + MIGRATION_COMMANDS)

void savestate_init(struct savestate *s, const struct env *env)
{
	*s = (struct savestate){.env = env, .migration = {.qmp = env->qmp}, .table = -1};
}

static void set_saving(struct savestate *s, enum saving what)
{
	s->saving = what;
	env_condition(s->env, COND_SAVING_WARM, what == SAVING_WARM);
	env_condition(s->env, COND_SUSPENDING, what == SAVING_SUSPENDED);
}

static const char *kind_of(enum saving what)
{
	return what == SAVING_WARM ? "warm" : "suspended";
}

/* Continue the guest, once, if it ran before. */
static void continue_guest(struct savestate *s)
{
	fd_close(&s->table);
	if (s->continued)
		return;
	s->continued = true;
	migration_end(&s->migration);
	if (s->was_running)
		(void)env_continue(s->env);
}

/* Saving has failed; WHY is the reason. */
static void failed(struct savestate *s, const char *why)
{
	enum saving what = s->saving;
	char line[400];

	s->migrating = false;
	state_discard(s->part);
	continue_guest(s);
	set_saving(s, SAVING_NOTHING);
	(void)snprintf(line, sizeof line, "the %s state cannot be saved: %.300s\n", kind_of(what),
		       why);
	log_warning("%.*s", (int)strlen(line) - 1, line);
	event("save", J_BOOL("saved", false));
	if (what == SAVING_WARM)
		post(s->env, NOTICE_WARM_ENDS, .value = EXIT_QEMU_FAILED, .text = line);
	else
		post(s->env, NOTICE_RUNG_ENDS, .value = LADDER_FAILED);
}

void savestate_abort(struct savestate *s)
{

	if (s->saving == SAVING_NOTHING)
		return;
	log_warning("saving the %s state was cancelled", kind_of(s->saving));
	if (s->migrating)
		(void)qmp_send(s->env->qmp, "migrate_cancel", NULL, NULL, NULL);
	s->migrating = false;
	helper_kill(s->env->helpers, HELPER_STATE);
	state_discard(s->part);
	continue_guest(s);
	set_saving(s, SAVING_NOTHING);
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
	m.memory = migration_format_name(s->migration.format);
	m.qemu = s->env->qmp->version;
	m.saved = (int64_t)time(NULL);
	m.ready = s->env->life->ready;
	m.login = s->env->life->login;
	/* The guest was stopped when saving began, so the last output may be incomplete. */
	m.console = prompt_state_name(prompt_state(s->env->prompt, s->since_ns));
	m.line = prompt_line(s->env->prompt);
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
	double took = (double)(clock_now() - s->begun_ns) / 1e9;
	unsigned long long memory =
		state_bytes(s->dir, STATE_MEMORY) + state_bytes(s->dir, STATE_DEVICES);

	for (int i = 0; i < STATE_OVERLAYS; i++)
		disk += state_bytes(s->dir, state_overlay(i));
	(void)snprintf(line, sizeof line,
		       "%s state saved in %.2f s (the guest stood still for %.2f s): %.1f MiB of "
		       "memory, %.1f MiB of disk, in %s\n",
		       kind_of(s->saving), took, (double)s->paused_ns / 1e9,
		       (double)memory / 1048576, (double)disk / 1048576, s->dir);
	log_info("%.*s", (int)strlen(line) - 1, line);
	event("save", J_BOOL("saved", true), J_NUMBER("ms", 1, took * 1e3),
	      J_NUMBER("still_ms", 1, (double)s->paused_ns / 1e6), J_INT("memory", memory),
	      J_INT("disk", disk));
	if (s->saving == SAVING_WARM) {
		set_saving(s, SAVING_NOTHING);
		post(s->env, NOTICE_WARM_ENDS, .value = EXIT_CLEAN, .text = line);
		return;
	}
	set_saving(s, SAVING_NOTHING);
	post(s->env, NOTICE_VERDICT, .value = VERDICT_SUSPENDED);
	post(s->env, NOTICE_RUNG_ENDS, .value = LADDER_NOW);
}

static bool run_helper(struct savestate *s, struct child *c, helper_done *done, struct error *err)
{
	c->path = s->env->plan->vm;
	c->envp = environ;
	c->no_core = true;
	return helper_start(s->env->helpers, HELPER_STATE, "state", c, done, s, err);
}

/* Whether the helper has succeeded. */
static bool helper_did(struct savestate *s, int status, const char *line)
{
	if (s->saving == SAVING_NOTHING)
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	failed(s, line[0] ? line : "its files could not be written");
	return false;
}

static void on_committed(void *arg, int status, const char *line)
{
	if (helper_did(arg, status, line))
		saved(arg);
}

/* The guest's memory and disk have been copied: continue it while the disk takes the rest. */
static void on_copied(void *arg, int status, const char *line)
{
	struct savestate *s = arg;
	char *argv[] = {(char *)"vm", (char *)"state-files", (char *)"commit", s->part, s->dir,
			NULL};
	struct child c = {.argv = argv};
	struct error err = {0};

	if (!helper_did(s, status, line))
		return;
	s->paused_ns = clock_now() - s->since_ns;
	fd_close(&s->table);
	if (s->saving == SAVING_WARM)
		continue_guest(s);
	if (!run_helper(s, &c, on_committed, &err))
		failed(s, err.message);
}

/* QEMU has written its stream. Copying takes time, so a helper does it. */
static bool copy(struct savestate *s, struct error *err)
{
	const struct plan *plan = s->env->plan;
	int overlays = plan->disk.overlays;
	char count[8];
	char *argv[] = {
		(char *)"vm", (char *)"state-files", (char *)"copy", s->part, count, NULL, NULL,
		NULL};
	struct child c = {.argv = argv};

	if (!write_manifest(s, err))
		return false;
	(void)snprintf(count, sizeof count, "%d", overlays);
	for (int i = 0; i < overlays; i++)
		c.fds[c.fd_count++] = (struct child_fd){.from = plan->disk.layers[i].fd,
							.to = STATE_FILES_FD + i};
	if (migration_leaves_memory(s->migration.format)) {
		argv[5] = (char *)(uintptr_t)migration_format_name(s->migration.format);
		c.fds[c.fd_count++] =
			(struct child_fd){.from = plan->ram.fd, .to = STATE_FILES_FD + overlays};
	}
	if (s->table >= 0) {
		argv[6] = (char *)"ahead";
		c.fds[c.fd_count++] =
			(struct child_fd){.from = s->table, .to = STATE_FILES_FD + overlays + 1};
	}
	return run_helper(s, &c, on_copied, err);
}

static void on_written(struct savestate *s)
{
	struct error err = {0};

	s->migrating = false;
	if (!copy(s, &err))
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
		return error_set(err, EXIT_NOT_READY, "try again when that is done",
				 "a state is being saved already");
	if (s->env->life->cause != CAUSE_NONE ||
	    (what == SAVING_WARM && s->env->life->rung != RUNG_NONE))
		return error_set(err, EXIT_NOT_READY, "", "the guest is being stopped");
	if (s->env->plan->no_state.status) {
		*err = s->env->plan->no_state;
		return false;
	}
	if (what == SAVING_WARM && s->env->plan->disk.count &&
	    s->env->plan->s.disk_mode != DISK_MODE_THROWAWAY)
		return error_set(
			err, EXIT_BAD_SETTING,
			"set QEMU_DISK_MODE=throwaway, or use VM_STOP=suspend",
			"a warm state needs a throwaway disk: with a persistent one, every start "
			"would revert the disk");
	if (s->env->plan->disk.overlays > STATE_OVERLAYS)
		return error_set(err, EXIT_BAD_SETTING, "shut it down once and start it cold",
				 "this guest was suspended and resumed too often");
	return true;
}

/* Does the guest run, and is it well enough to be saved? */
static bool is_well(const struct savestate *s, enum saving what, struct error *err)
{
	if (s->env->qmp->state != QMP_READY || !s->env->life->ran)
		return error_set(err, EXIT_NOT_READY, "wait until it runs (vm status)",
				 "the guest does not run");
	if (lifecycle_any(s->env->life, COND_ANY_STUCK | 1u << COND_DISK_ERROR))
		return error_set(err, EXIT_NOT_READY, "", "the guest has a problem: %s",
				 lifecycle_problem(s->env->life));
	if (what == SAVING_WARM && lifecycle_any(s->env->life, COND_ANY_SNAPSHOT))
		return error_set(err, EXIT_NOT_READY, "try again when it is done",
				 "a snapshot is at work");
	return qmp_has_room(s->env->qmp, SAVE_COMMANDS) ||
	       error_set(err, EXIT_QEMU_FAILED, "", "QEMU does not answer");
}

/* The guest stands still from here on, and QEMU writes. */
static bool halt(struct savestate *s, struct error *err)
{
	const struct lifecycle *l = s->env->life;
	int fd = state_create(
		s->part,
		migration_leaves_memory(s->migration.format) ? STATE_DEVICES : STATE_MEMORY, err);

	if (fd < 0)
		return false;
	s->was_running =
		l->phase == LIFE_RUNNING || l->phase == LIFE_STOPPING || lifecycle_is(l, COND_HELD);
	s->continued = false;
	s->since_ns = clock_now();
	s->migrating = env_qmp(s->env, "stop") &&
		       migration_begin(&s->migration, "migrate", fd, on_migrate, s);
	return s->migrating || error_set(err, EXIT_QEMU_FAILED, "", "QEMU does not answer");
}

static void on_ahead(void *arg, int status, const char *line)
{
	struct savestate *s = arg;
	struct error err = {0};

	if (!helper_did(s, status, line))
		return;
	if (s->env->life->cause != CAUSE_NONE)
		failed(s, "the guest has ended");
	else if (!is_well(s, s->saving, &err) || !halt(s, &err))
		failed(s, err.message);
}

/* Most of the memory is copied while the guest runs. */
static bool copy_ahead(struct savestate *s, struct error *err)
{
	char *argv[] = {(char *)"vm", (char *)"state-files", (char *)"ahead", s->part, NULL};
	struct child c = {.argv = argv};

	s->table = file_memory("table");
	c.fds[c.fd_count++] = (struct child_fd){.from = s->env->plan->ram.fd, .to = STATE_FILES_FD};
	c.fds[c.fd_count++] = (struct child_fd){.from = s->table, .to = STATE_FILES_FD + 1};
	return s->table >= 0 ? run_helper(s, &c, on_ahead, err)
			     : error_set(err, EXIT_INTERNAL, "give the container more memory",
					 "no memory: %s", strerror(errno));
}

bool savestate_begin(struct savestate *s, enum saving what, struct error *err)
{
	if (!is_well(s, what, err) || !savestate_possible(s, what, err) ||
	    !state_path(&s->env->plan->s, &s->env->plan->disk, kind_of(what), s->dir, err) ||
	    !state_begin(s->dir, s->part, err))
		return false;
	s->migration.format = migration_format(s->env->qmp, s->env->plan->s.state_format,
					       s->env->plan->ram.where);
	s->continued = true;
	s->begun_ns = clock_now();
	set_saving(s, what);
	if (s->migration.format == STATE_FORMAT_MAPPED ? copy_ahead(s, err) : halt(s, err)) {
		log_info("saving the guest's state");
		return true;
	}
	set_saving(s, SAVING_NOTHING);
	fd_close(&s->table);
	state_discard(s->part);
	return false;
}

void savestate_event(struct savestate *s, const struct json *doc, const struct json_value *data)
{
	const char *status = json_string(doc, data, "status");

	if (!s->migrating || !status)
		return;
	if (strcmp(status, "completed") == 0)
		on_written(s);
	else if (strcmp(status, "failed") == 0)
		(void)qmp_send(s->env->qmp, "query-migrate", NULL, on_query, s);
}
