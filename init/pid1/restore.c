/* restore.c - see restore.h. */
#include "pid1/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "format/json.h"
#include "pid1/env.h"
#include "pid1/helper.h"
#include "proto/between.h"

void restore_init(struct restore *r, const struct env *env)
{
	*r = (struct restore){.env = env, .migration = {.qmp = env->qmp}};
}

static void set_resuming(struct restore *r, bool on)
{
	r->resuming = on;
	env_condition(r->env, COND_RESUMING, on);
}

/* The state cannot be used: QEMU is ended, and another one starts cold. */
static void refuse(struct restore *r, const char *why)
{
	if (r->refused)
		return;
	r->refused = true;
	log_warning("%s is not resumed: %s; this is a cold start", r->env->plan->resume.dir, why);
	if (r->env->qmp->state != QMP_READY || !env_qmp(r->env, "quit"))
		(void)kill(r->env->life->qemu, SIGKILL);
}

static void on_incoming(struct qmp *q, const struct json *doc, const struct json_value *result,
			const char *error, void *arg)
{
	struct restore *r = arg;

	(void)q, (void)doc, (void)result;
	if (error && !r->env->life->qemu_ended && r->resuming && q->state == QMP_READY)
		refuse(r, error);
}

/* Memory and QEMU are ready: read the stream. */
static void read_stream(struct restore *r)
{
	const struct resume *resume = &r->env->plan->resume;
	int fd = fcntl(resume->stream, F_DUPFD_CLOEXEC, 3);

	(void)lseek(resume->stream, 0, SEEK_SET);
	r->migration.format = resume->format;
	if (fd < 0 || !migration_begin(&r->migration, "migrate-incoming", fd, on_incoming, r))
		refuse(r, "QEMU does not answer");
}

static void proceed(struct restore *r)
{
	if (r->why[0])
		refuse(r, r->why);
	else
		read_stream(r);
}

static void on_filled(void *arg, int status, const char *line)
{
	struct restore *r = arg;

	r->filling = false;
	fd_close(&r->env->plan->ram.from);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		(void)snprintf(r->why, sizeof r->why, "%s",
			       line[0] ? line : "its memory could not be read");
	if (r->greeted && !r->refused)
		proceed(r);
}

void restore_fill(struct restore *r)
{
	struct plan *plan = r->env->plan;
	struct error err = {0};
	char bytes[24];
	char *argv[] = {(char *)"vm", (char *)"state-files",
			(char *)(plan->ram.packed ? "unpack" : "fill"), bytes, NULL};
	struct child c = {.path = plan->vm,
			  .argv = argv,
			  .envp = environ,
			  .identity = &plan->identity,
			  .no_core = true,
			  .confined = true,
			  .fds = {{.from = plan->ram.from, .to = STATE_FILES_FD},
				  {.from = plan->ram.fd, .to = STATE_FILES_FD + 1}},
			  .fd_count = 2};

	r->greeted = r->refused = false;
	r->why[0] = '\0';
	if (plan->resume.kind == RESUME_NONE || plan->ram.from < 0)
		return;
	(void)snprintf(bytes, sizeof bytes, "%" PRIu64, (uint64_t)plan->s.ram_mb << 20);
	r->filling = helper_start(r->env->helpers, HELPER_STATE, "state", &c, on_filled, r, &err);
	if (!r->filling)
		(void)snprintf(r->why, sizeof r->why, "%.190s", err.message);
}

bool restore_begin(struct restore *r)
{
	const struct resume *resume = &r->env->plan->resume;
	char why[160];

	if (resume->kind == RESUME_NONE)
		return false;
	set_resuming(r, true);
	r->greeted = true;
	if (strcmp(resume->qemu, r->env->qmp->version) != 0) {
		(void)snprintf(why, sizeof why, "QEMU %s saved it, and this is %s", resume->qemu,
			       r->env->qmp->version);
		refuse(r, why);
	} else if (!r->filling) {
		proceed(r);
	}
	return true;
}

/* A suspended guest is resumed only once, because its disk changes from here on. */
static bool consume(const struct resume *resume)
{
	char used[STATE_PATH_MAX + 8];

	if (resume->kind != RESUME_SUSPENDED)
		return true;
	(void)snprintf(used, sizeof used, "%s.used", resume->dir);
	(void)state_remove(used);
	if (!state_rename(resume->dir, path_base(used)))
		return false;
	state_discard(used);
	return true;
}

static void on_read(struct restore *r)
{
	struct resume *resume = &r->env->plan->resume;
	int64_t age = (int64_t)time(NULL) - resume->saved;

	set_resuming(r, false);
	if (!consume(resume)) {
		refuse(r, strerror(errno));
		return;
	}
	migration_end(&r->migration);
	fd_close(&resume->stream);
	if (resume->ready || resume->login)
		prompt_loaded(r->env->prompt, resume->console, resume->line, clock_now());
	log_info("resumed from %s, saved %" PRId64 " s ago", resume->dir, age);
	if (r->env->plan->ram.copied[0])
		log_info("its memory was copied, because it cannot be shared: %s",
			 r->env->plan->ram.copied);
	event("resume", J_TEXT("kind", resume->kind == RESUME_WARM ? "warm" : "suspended"),
	      J_INT("age_s", age), J_BOOL("mapped", r->env->plan->ram.where == RAM_MAPPED));
	post(r->env, NOTICE_STATE_RESUMED, .on = resume->login);
}

void restore_event(struct restore *r, const struct json *doc, const struct json_value *data)
{
	const char *status = json_string(doc, data, "status");

	if (!r->resuming || !status)
		return;
	if (strcmp(status, "completed") == 0)
		on_read(r);
	else if (strcmp(status, "failed") == 0)
		refuse(r, "QEMU cannot read it (qemu.log says more)");
}

void restore_ended(struct restore *r)
{
	if (!r->filling)
		return;
	r->filling = false;
	helper_kill(r->env->helpers, HELPER_STATE);
}

static void on_repaired(void *arg, int status, const char *line)
{
	struct restore *r = arg;

	r->repairing = false;
	if (r->env->life->signalled)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		post(r->env, NOTICE_BOOT_AGAIN);
		return;
	}
	log_error("the disk is not repaired, and not booted: %s", line);
	post(r->env, NOTICE_SHARE_FAILED, .value = EXIT_BAD_IMAGE);
}

/* The disk that was in the middle of the state's life, as a start without the state repairs it
 * (plan/fsck.h). */
static bool repair(struct restore *r, struct error *err)
{
	struct plan *plan = r->env->plan;
	bool overlay = plan->disk.overlays > 0;
	char *argv[] = {(char *)"vm", (char *)"state-files", (char *)"repair",
			(char *)(overlay ? "1" : "0"), NULL};
	struct child c = {.path = plan->vm, .argv = argv, .envp = environ, .no_core = true};

	disk_unlock(&plan->disk);
	if (overlay)
		c.fds[c.fd_count++] =
			(struct child_fd){.from = plan->disk.layers[0].fd, .to = STATE_FILES_FD};
	r->repairing = helper_start(r->env->helpers, HELPER_DISK, "fsck", &c, on_repaired, r, err);
	return r->repairing;
}

bool restore_cold(struct restore *r, const char *words, struct error *err)
{
	struct plan *plan = r->env->plan;
	const struct lifecycle *life = r->env->life;

	/* A QEMU that cannot map the memory ends before its greeting. */
	if (plan->resume.kind == RESUME_NONE || life->ran || life->rung != RUNG_NONE ||
	    (!r->resuming && !r->refused && plan->ram.where != RAM_MAPPED))
		return false;
	if (!r->refused)
		log_warning("%s is not resumed: QEMU ended%s%.*s; this is a cold start",
			    plan->resume.dir, words[0] ? ": " : "", (int)strcspn(words, "\n"),
			    words);
	set_resuming(r, false);
	restore_init(r, r->env);
	plan_cold(plan);
	return disk_keep_overlay(&plan->disk, &plan->identity, err) &&
	       (!plan->fsck.cold || repair(r, err));
}
