/* start_failure.c - see start_failure.h. */
#include "pid1/start_failure.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "pid1/env.h"
#include "pid1/start_cause.h"

#define SECOND UINT64_C(1000000000)
/* QEMU takes tenths of a second from its start to its greeting; this is for a host that swaps. */
#define GREETING_S 120
/* Lower bound for a short VM_BOOT_TIMEOUT; a busy host takes seconds. */
#define GREETING_LEAST_S 15

/* The remedy, into BUF, from the causes that can be tested, not from QEMU's messages. */
static const char *fix_for(const struct env *env, char *buf, size_t size)
{
	const struct settings *s = &env->plan->s;

	if (!env->life->ran && (cause_port(env->plan, buf, size) || cause_memory(s, buf, size) ||
				cause_display(s, buf, size)))
		return buf;
	if (!env->life->ran && env->plan->unreadable[0])
		(void)snprintf(buf, size,
			       "QEMU runs as user %u:%u (VM_UID, VM_GID), which may not read and "
			       "write %.200s, which QEMU_EXTRA_ARGS names: chmod a+rw, or name it "
			       "in QEMU_DRIVE2, QEMU_CDROM or QEMU_FLOPPY",
			       (unsigned)env->plan->identity.uid, (unsigned)env->plan->identity.gid,
			       env->plan->unreadable);
	else
		(void)snprintf(buf, size,
			       "read QEMU's message above and qemu.log; vm check and vm args show "
			       "what was started");
	return buf;
}

int start_failure_report(const struct env *env, const char *words)
{
	char fix[512];
	struct error err = {0};
	int st = env->life->qemu_status;

	(void)fix_for(env, fix, sizeof fix);
	if (WIFSIGNALED(st))
		(void)error_set(
			&err, EXIT_QEMU_FAILED,
			env->life->ran ? "if it was SIGKILL, memory may have run out: lower "
					 "QEMU_RAM or raise the container's limit"
				       : fix,
			"QEMU was killed by signal %d (%s)%s", WTERMSIG(st),
			strsignal(WTERMSIG(st)),
			env->life->ran ? " while the guest ran: what it had not written is lost"
				       : "");
	else if (!env->life->ran && cause_image(&env->plan->disk))
		(void)error_set(&err, EXIT_BAD_IMAGE,
				"stop the other one, or use QEMU_DISK_MODE=throwaway for both",
				"%s is in use by another process", env->plan->disk.path);
	else
		(void)error_set(&err, EXIT_QEMU_FAILED, fix,
				"QEMU ended with status %d before the guest %s%s%s",
				WEXITSTATUS(st), env->life->ran ? "did" : "ran",
				words[0] ? ": " : "", words);
	error_report(&err);
	return err.status;
}

/* Without QMP, a guest that has not run yet cannot be started. */
static void give_up(const struct env *env, const char *what)
{
	log_error("%s: %s", env->plan->args.argv[0], what);
	log_line(LOG_ERROR, "  fix: ",
		 "if VM_QEMU is set, it has to name a QEMU that talks QMP on the descriptor it is "
		 "given (vm args); else read qemu.log");
	post(env, NOTICE_GAVE_UP);
}

void start_failure_await_greeting(const struct env *env)
{
	long limit = env->plan->s.boot_timeout;

	if (limit == 0 || limit > GREETING_S)
		limit = GREETING_S;
	if (limit < GREETING_LEAST_S)
		limit = GREETING_LEAST_S;
	env_timer(env, TIMER_GREETING, clock_now() + (uint64_t)limit * SECOND);
}

void start_failure_timer(const struct env *env)
{
	if (env->qmp->state != QMP_READY && !env->life->qemu_ended && env->life->rung == RUNG_NONE)
		give_up(env, "it does not answer on QMP");
}

void start_failure_qmp_lost(const struct env *env)
{
	char what[200];

	if (env->life->phase == LIFE_DOWN || env->life->rung != RUNG_NONE)
		return;
	(void)snprintf(what, sizeof what, "QMP: %s", env->qmp->why_closed);
	if (env->qmp->eof) /* usually QEMU is ending, and its exit will tell more */
		log_warning("%s", what);
	else if (env->life->ran)
		log_warning("%s; the guest runs on, and can only be stopped by a signal to QEMU",
			    what);
	else
		give_up(env, what);
}
