/* stop.c - the stop carried out rung by rung (ladder.h), and the exit status it all ends in. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "guest/supervisor.h"

/* A guest that is still booting misses the button: it is pressed again this often, until the
 * rung's time is over (and at once when the guest is ready). */
#define PRESS_AGAIN_NS UINT64_C(5000000000)

static void arm_timer(struct supervisor *v)
{
	uint64_t at = v->ladder.deadline_ns;
	uint64_t again = clock_now() + PRESS_AGAIN_NS;

	if (v->ladder.rung == RUNG_ACPI && again < at)
		at = again;
	timers_set(&v->timers, TIMER_LADDER, at);
}

void supervisor_press_again(struct supervisor *v)
{
	if (v->ladder.rung != RUNG_ACPI || v->state == VM_DOWN)
		return;
	(void)qmp_send(&v->qmp, "system_powerdown", NULL, NULL, NULL);
	arm_timer(v);
}

void supervisor_timeout(struct supervisor *v)
{
	if (v->ladder.rung == RUNG_ACPI && clock_now() < v->ladder.deadline_ns)
		supervisor_press_again(v);
	else
		supervisor_climb(v, LADDER_TIMEOUT);
}

static void kill_qemu(struct supervisor *v, int sig, bool group);

void supervisor_climb(struct supervisor *v, enum ladder_event what)
{
	enum rung rung = ladder_event(&v->ladder, what, clock_now());

	arm_timer(v);
	if (rung == RUNG_NONE || rung == RUNG_DOWN)
		return;
	bool paused = v->state == VM_PAUSED;

	if (v->state != VM_DOWN)
		supervisor_set_state(v, VM_STOPPING);
	log_info("stopping: %s", rung_name(rung));
	event("stop", "\"rung\":\"%s\"", rung_name(rung));
	switch (rung) {
	case RUNG_ACPI:
		/* Nobody sees the button in a guest that stands still. */
		if (v->io_error || (paused && !qmp_send(&v->qmp, "cont", NULL, NULL, NULL)) ||
		    !qmp_send(&v->qmp, "system_powerdown", NULL, NULL, NULL))
			supervisor_climb(v, LADDER_FAILED);
		break;
	case RUNG_QUIT:
		if (v->qmp.state != QMP_READY || !qmp_send(&v->qmp, "quit", NULL, NULL, NULL))
			supervisor_climb(v, LADDER_FAILED);
		break;
	case RUNG_TERM: kill_qemu(v, SIGTERM, false); break;
	case RUNG_KILL: kill_qemu(v, SIGKILL, true); break;
	default: break;
	}
}

static void kill_qemu(struct supervisor *v, int sig, bool group)
{
	if (v->qemu_ended || kill(group ? -v->qemu : v->qemu, sig) == 0)
		return;
	/* Another user's process and no CAP_KILL: as PID 1 our own end ends it too. */
	log_warning("QEMU cannot be signalled (%s); cap_add KILL allows it", strerror(errno));
	supervisor_climb(v, LADDER_FAILED);
}

void supervisor_stop(struct supervisor *v, enum ladder_event what)
{
	if (v->state == VM_DOWN && v->ladder.rung == RUNG_NONE)
		log_info("the guest is down already; QEMU is ending");
	/* A guest that never ran has nothing to lose and nothing to be asked. */
	supervisor_climb(v, v->ran ? what : LADDER_NOW);
}

/* QEMU's last line, which is what it died of, into BUF; "" when it said nothing. */
static const char *last_words(const struct supervisor *v, char *buf, size_t size)
{
	size_t end = v->tail_len;

	while (end > 0 && (v->tail[end - 1] == '\n' || v->tail[end - 1] == '\r'))
		end--;
	size_t start = end;

	while (start > 0 && v->tail[start - 1] != '\n')
		start--;
	(void)snprintf(buf, size, "%s%.*s", end > start ? ": " : "", (int)(end - start),
		       v->tail + start);
	return buf;
}

static int status_of_failure(const struct supervisor *v)
{
	char words[300];
	struct error err = {0};
	const char *fix = "read QEMU's message above and qemu.log; vm check and vm args show what "
			  "was started";
	int st = v->qemu_status;

	if (WIFSIGNALED(st))
		(void)error_set(&err, EXIT_QEMU_FAILED,
				v->ran ? "if it was SIGKILL, memory may have run out: lower "
					 "QEMU_RAM or raise the container's limit"
				       : fix,
				"QEMU was killed by signal %d (%s)%s", WTERMSIG(st),
				strsignal(WTERMSIG(st)),
				v->ran ? " while the guest ran: what it had not written is lost"
				       : "");
	else
		(void)error_set(&err, EXIT_QEMU_FAILED, fix,
				"QEMU ended with status %d before the guest %s%s", WEXITSTATUS(st),
				v->ran ? "did" : "ran", last_words(v, words, sizeof words));
	error_report(&err);
	return err.status;
}

/* The container's exit status, from why the guest ended rather than from QEMU's own code, which is
 * 0 after a SIGTERM too. */
int supervisor_outcome(const struct supervisor *v)
{
	bool stopping = v->ladder.rung != RUNG_NONE;

	/* A device such as isa-debug-exit, or an error on the way out: QEMU's code says more. */
	if (v->cause == CAUSE_GUEST_OFF && WIFEXITED(v->qemu_status) && WEXITSTATUS(v->qemu_status))
		return WEXITSTATUS(v->qemu_status);
	switch (v->cause) {
	case CAUSE_GUEST_OFF:
	case CAUSE_GUEST_RESET: return EXIT_CLEAN;
	case CAUSE_GUEST_PANIC: return EXIT_PANIC;
	default: break;
	}
	if (!v->ran && stopping)
		return EXIT_CLEAN;
	if (v->cause == CAUSE_NONE && !stopping)
		return status_of_failure(v);
	log_warning("the guest was cut off: what it had not written to its disk is lost, and its "
		    "file systems were not unmounted");
	return EXIT_CUT_OFF;
}
