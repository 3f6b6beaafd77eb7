/* direct_watch.c - see direct_watch.h. */
#include "pid1/direct_watch.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "pid1/env.h"
#include "pid1/helper.h"
#include "pid1/start_cause.h"
#include "proto/between.h"

#define SECOND UINT64_C(1000000000)
/* The first output of GNU Mach and Linux came after 1 to 4 s under TCG on a busy machine. */
#define KERNEL_S 60

/* At most half of the boot's deadline. */
static long limit_s(const struct env *env)
{
	long boot = env_settings(env)->boot_timeout;

	return boot > 0 && boot < 2 * KERNEL_S ? (boot + 1) / 2 : KERNEL_S;
}

static bool has_kernel_marker(const struct phases *p)
{
	for (size_t i = 0; i < p->markers->count; i++)
		if (p->markers->list[i].name_len == 6 &&
		    memcmp(p->markers->list[i].name, "kernel", 6) == 0)
			return true;
	return false;
}

static bool has_output(const struct phases *p)
{
	return p->seen > 0 || (p->first_byte_ns && !has_kernel_marker(p));
}

void direct_watch_init(struct direct_watch *w, const struct env *env)
{
	*w = (struct direct_watch){.env = env, .line = -1};
}

void direct_watch_runs(struct direct_watch *w)
{
	const struct env *env = w->env;

	if (env->plan->boot.automatic && !has_output(env->phases) && !env->timers->at[TIMER_DIRECT])
		env_timer(env, TIMER_DIRECT, clock_now() + (uint64_t)limit_s(env) * SECOND);
}

bool direct_watch_timer(struct direct_watch *w)
{
	const struct lifecycle *l = w->env->life;

	/* A paused guest prints nothing; its time starts again when it runs. */
	w->late = w->env->plan->boot.automatic && l->phase == LIFE_RUNNING &&
		  l->rung == RUNG_NONE && !has_output(w->env->phases);
	return w->late;
}

static void by_firmware(struct plan *plan, const char *why)
{
	args_by_firmware(&plan->args);
	args_by_firmware(&plan->args_tcg);
	plan->boot.direct = plan->boot.automatic = false;
	(void)snprintf(plan->boot.text, sizeof plan->boot.text, "firmware: booted directly, %s",
		       why);
	log_warning("boot: %s", plan->boot.text);
	log_line(LOG_WARNING, "  fix: ", "VM_BOOT=firmware does not try the direct boot");
	event("boot", J_TEXT("way", "firmware"), J_TEXT("why", why));
}

bool direct_watch_again(struct direct_watch *w)
{
	const struct env *env = w->env;
	struct plan *plan = env->plan;
	const struct lifecycle *l = env->life;
	char why[160];

	env_timer(env, TIMER_DIRECT, 0);
	if (!plan->boot.automatic || l->signalled || has_output(env->phases))
		return false;
	if (w->late)
		(void)snprintf(why, sizeof why, "its kernel printed nothing within %ld s",
			       limit_s(env));
	else if (!l->ran && cause_image(&plan->disk))
		return false;
	else if (!l->ran)
		(void)snprintf(why, sizeof why, "QEMU ended before its kernel ran");
	else if (l->cause == CAUSE_GUEST_RESET)
		(void)snprintf(why, sizeof why,
			       "its kernel reset the machine before it printed anything");
	else
		return false;
	w->late = false;
	by_firmware(plan, why);
	return true;
}

/* ---- reboots ----------------------------------------------------------------------------- */

#define LOOP_REBOOTS 16

/* The command line that FD has takes the place of the one in QEMU's arguments. */
static bool take_line(struct plan *plan, int fd)
{
	struct args *a = &plan->args;
	char *line = plan->boot.line;
	bool had = line[0];
	ssize_t n = pread(fd, line, sizeof plan->boot.line - 1, 0);

	if (n < 0 || (n > 0) != had)
		return false;
	line[n] = '\0';
	for (size_t i = a->direct_at; i < a->direct_at + a->direct_count; i += 2)
		if (strcmp(a->argv[i], "-append") == 0)
			a->argv[i + 1] = line;
	return true;
}

static void on_read(void *arg, int status, const char *said)
{
	struct direct_watch *w = arg;
	struct plan *plan = w->env->plan;
	bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0 && take_line(plan, w->line);

	fd_close(&w->line);
	w->reading = false;
	if (w->env->life->signalled)
		return;
	if (ok)
		(void)snprintf(plan->boot.text, sizeof plan->boot.text, "%s", said);
	else
		by_firmware(plan, said);
	post(w->env, NOTICE_BOOT_AGAIN);
}

static void give(struct child *c, int fd)
{
	c->fds[c->fd_count] =
		(struct child_fd){.from = fd, .to = STATE_FILES_FD + (int)c->fd_count};
	c->fd_count++;
}

static bool read_again(struct direct_watch *w, struct error *err)
{
	struct plan *plan = w->env->plan;
	const int *files = plan->kernel.fds;
	bool ramdisk = files[1] >= 0;
	bool overlay = plan->disk.overlays > 0;
	char *argv[] = {(char *)"vm",
			(char *)"state-files",
			(char *)"kernel",
			(char *)(ramdisk ? "1" : "0"),
			(char *)(overlay ? "1" : "0"),
			NULL};
	struct child c = {.path = plan->vm, .argv = argv, .envp = environ, .no_core = true};

	disk_unlock(&plan->disk);
	w->line = file_memory("line");
	give(&c, files[0]);
	give(&c, w->line);
	if (ramdisk)
		give(&c, files[1]);
	if (overlay)
		give(&c, plan->disk.layers[0].fd);
	return helper_start(w->env->helpers, HELPER_DISK, "boot", &c, on_read, w, err);
}

bool direct_watch_reboot(struct direct_watch *w)
{
	const struct lifecycle *l = w->env->life;
	struct error err = {0};

	if (!w->env->plan->boot.restarts || l->cause != CAUSE_GUEST_RESET ||
	    l->verdict != VERDICT_NONE || l->rung != RUNG_NONE || l->signalled)
		return false;
	w->loop = w->env->phases->current < 0 ? w->loop + 1 : 0;
	if (w->loop == LOOP_REBOOTS) {
		log_error("it rebooted %u times without coming to any phase", w->loop);
		post(w->env, NOTICE_VERDICT, .value = VERDICT_PANIC);
		return false;
	}
	if (!w->env->plan->boot.direct) {
		post(w->env, NOTICE_BOOT_AGAIN);
		return !l->qemu_ended;
	}
	w->reading = read_again(w, &err);
	if (!w->reading)
		error_report(&err);
	return w->reading;
}
