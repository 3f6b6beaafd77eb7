/* start_failure.c - a QEMU that does not start, cannot be talked to, or dies: what it was and what
 * helps.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "pid1/start_cause.h"
#include "pid1/supervisor.h"

#define SECOND UINT64_C(1000000000)
/* From its start to its greeting QEMU takes tenths of a second; this is for a host that swaps. */
#define GREETING_S	 120
#define GREETING_LEAST_S 15 /* also with a short VM_BOOT_TIMEOUT: a busy host takes seconds */

/* QEMU's last line, which is what it died of, into BUF; "" when it said nothing. */
static const char *last_words(const struct supervisor *v, char *buf, size_t size)
{
	size_t len;
	const char *line = tail_line(&v->tail, &len);

	(void)snprintf(buf, size, "%s%.*s", len ? ": " : "", (int)len, line);
	return buf;
}

/* What helps, into BUF: the causes that can be asked for, not what QEMU calls them. */
static const char *fix_for(const struct supervisor *v, char *buf, size_t size)
{
	const struct settings *s = &v->plan->s;
	char path[4096];

	if (!v->ran && (cause_port(v->plan, buf, size) || cause_memory(s, buf, size) ||
			cause_display(s, buf, size)))
		return buf;
	if (!v->ran && plan_extra_unreadable(v->plan, path, sizeof path))
		(void)snprintf(buf, size,
			       "QEMU runs as user %u:%u (VM_UID, VM_GID), who may not read and "
			       "write %.200s, which QEMU_EXTRA_ARGS names: chmod a+rw, or for a "
			       "second disk QEMU_DRIVE2",
			       (unsigned)v->plan->identity.uid, (unsigned)v->plan->identity.gid,
			       path);
	else
		(void)snprintf(buf, size,
			       "read QEMU's message above and qemu.log; vm check and vm args show "
			       "what was started");
	return buf;
}

int failure_status(const struct supervisor *v)
{
	char fix[512];
	struct error err = {0};
	int st = v->qemu_status;

	(void)fix_for(v, fix, sizeof fix);
	if (WIFSIGNALED(st))
		(void)error_set(&err, EXIT_QEMU_FAILED,
				v->ran ? "if it was SIGKILL, memory may have run out: lower "
					 "QEMU_RAM or raise the container's limit"
				       : fix,
				"QEMU was killed by signal %d (%s)%s", WTERMSIG(st),
				strsignal(WTERMSIG(st)),
				v->ran ? " while the guest ran: what it had not written is lost"
				       : "");
	else {
		char words[300];

		(void)error_set(&err, EXIT_QEMU_FAILED, fix,
				"QEMU ended with status %d before the guest %s%s", WEXITSTATUS(st),
				v->ran ? "did" : "ran", last_words(v, words, sizeof words));
	}
	error_report(&err);
	return err.status;
}

/* A guest that has not run cannot be made to without QMP. */
static void give_up(struct supervisor *v, const char *what)
{
	log_error("%s: %s", v->plan->args.argv[0], what);
	log_line(LOG_ERROR, "  fix: ",
		 "if VM_QEMU is set, it has to name a QEMU that talks QMP on the descriptor it is "
		 "given (vm args); else read qemu.log");
	v->given_up = true;
	supervisor_climb(v, LADDER_NOW);
}

void failure_await_greeting(struct supervisor *v)
{
	long limit = v->plan->s.boot_timeout;

	if (limit == 0 || limit > GREETING_S)
		limit = GREETING_S;
	if (limit < GREETING_LEAST_S)
		limit = GREETING_LEAST_S;
	timers_set(&v->timers, TIMER_GREETING, clock_now() + (uint64_t)limit * SECOND);
}

void failure_no_greeting(struct supervisor *v)
{
	if (v->qmp.state != QMP_READY && !v->qemu_ended && v->ladder.rung == RUNG_NONE)
		give_up(v, "it does not answer on QMP");
}

void failure_qmp_lost(struct supervisor *v)
{
	char what[200];

	if (v->state == VM_DOWN || v->ladder.rung != RUNG_NONE)
		return;
	(void)snprintf(what, sizeof what, "QMP: %s", v->qmp.why_closed);
	if (v->qmp.eof) /* most often QEMU ends, and why is still to be seen */
		log_warning("%s", what);
	else if (v->ran)
		log_warning("%s; the guest runs on, and can only be stopped by a signal to QEMU",
			    what);
	else
		give_up(v, what);
}
