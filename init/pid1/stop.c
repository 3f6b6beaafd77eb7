/* stop.c - the stop carried out rung by rung (stop_ladder.h), and the exit status it all ends in.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "pid1/supervisor.h"

/* A guest that is still booting misses the button: it is pressed again this often, until the
 * rung's time is over (and at once when the guest is ready). */
#define PRESS_AGAIN_NS UINT64_C(5000000000)
/* A QEMU that does not say what its guest has written for so long hangs. */
#define WEIGH_NS UINT64_C(2000000000)

static void kill_qemu(struct supervisor *v, int sig, bool group);

static void arm_timer(struct supervisor *v)
{
	uint64_t at = v->ladder.deadline_ns;
	uint64_t again = clock_now() + PRESS_AGAIN_NS;

	if (v->ladder.rung == RUNG_ACPI && again < at)
		at = again;
	timers_set(&v->timers, TIMER_LADDER, at);
}

/* ---- the gentle rungs ------------------------------------------------------------------ */

static void press_button(struct supervisor *v)
{
	if (!qmp_send(&v->qmp, "system_powerdown", NULL, NULL, NULL))
		supervisor_climb(v, LADDER_FAILED);
}

static void on_asked(struct supervisor *v, int status, const char *line)
{
	bool taken = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	(void)line;
	if (v->state == VM_DOWN || !rung_is_gentle(v->ladder.rung))
		return;
	if (taken)
		log_info("the guest has taken the command");
	supervisor_climb(v, taken ? LADDER_ACCEPTED : LADDER_FAILED);
}

/* What is left of the rung's time, in whole seconds, at least one. */
static int seconds_left(const struct supervisor *v)
{
	uint64_t now = clock_now();

	return v->ladder.deadline_ns > now + 2000000000u
		       ? (int)((v->ladder.deadline_ns - now) / 1000000000u)
		       : 1;
}

/* `vm exec --poweroff`, by this very program: it logs in and gives the guest's own command. */
static void ask_by(struct supervisor *v, const char *via)
{
	char timeout[16];
	struct error err = {0};
	char *argv[] = {(char *)"vm",
			(char *)"exec",
			(char *)"--poweroff",
			(char *)"--via",
			(char *)(uintptr_t)via,
			(char *)"--timeout",
			timeout,
			NULL};
	struct child c = {.path = "/proc/self/exe", .argv = argv, .envp = environ, .no_core = true};

	(void)snprintf(timeout, sizeof timeout, "%d", seconds_left(v));
	if (helper_start(v, HELPER_STOP, via, &c, on_asked, &err))
		return;
	error_report(&err);
	supervisor_climb(v, LADDER_FAILED);
}

/* Can the guest hear what is typed? Before its login prompt only the firmware or the boot loader
 * could, and it is what they are not to be disturbed for. */
static bool serial_listens(const struct supervisor *v)
{
	return v->login_seen || v->life.ready;
}

void supervisor_ask_again(struct supervisor *v)
{
	if (v->state == VM_DOWN)
		return;
	if (v->ladder.rung == RUNG_ACPI) {
		press_button(v);
		arm_timer(v);
	} else if (v->ladder.rung == RUNG_SERIAL && v->helpers[HELPER_STOP].pid == 0 &&
		   !v->ladder.accepted) {
		ask_by(v, "serial");
	}
}

/* Was the guest held to be weighed? It runs on. */
static bool stop_weighing(struct supervisor *v)
{
	if (!v->weighing)
		return false;
	v->weighing = false;
	(void)qmp_send(&v->qmp, "cont", NULL, NULL, NULL);
	return true;
}

void supervisor_timeout(struct supervisor *v)
{
	if (stop_weighing(v)) {
		supervisor_climb(v, LADDER_STOP);
	} else if (v->ladder.rung == RUNG_ACPI && clock_now() < v->ladder.deadline_ns) {
		supervisor_ask_again(v);
	} else {
		supervisor_climb(v, LADDER_TIMEOUT);
	}
}

/* "At a breakpoint" is no state in which QEMU can begin (system/runstate.c). */
static bool in_debugger(struct supervisor *v, bool paused)
{
	if (!paused || !v->plan->s.gdb)
		return false;
	log_warning(
		"a guest that stands in a debugger cannot be suspended: it runs on, and is asked "
		"to power off");
	(void)qmp_send(&v->qmp, "cont", NULL, NULL, NULL);
	return true;
}

static void suspend(struct supervisor *v, bool paused)
{
	struct error err = {0};

	if (in_debugger(v, paused)) {
		supervisor_climb(v, LADDER_FAILED);
		return;
	}
	if (state_save(v, SAVING_SUSPENDED, &err))
		return;
	error_report(&err);
	supervisor_climb(v, LADDER_FAILED);
}

/* ---- the ladder ------------------------------------------------------------------------ */

/* Is QEMU stopped (proc(5), stat: T by a signal, t by a debugger)? Then it hears nothing. */
static bool qemu_is_stopped(const struct supervisor *v)
{
	char path[40];
	char text[512];

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)v->qemu);
	/* Behind its name, which may have anything in it. */
	const char *end = read_small(path, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;

	return end && (end[1] == ' ') && (end[2] == 'T' || end[2] == 't');
}

/* A QEMU that somebody has stopped goes on, so that it can be asked. False: it does not, and every
 * way of asking would only take its time. */
static bool wake_qemu(struct supervisor *v)
{
	if (v->qemu <= 0 || v->qemu_ended || !qemu_is_stopped(v))
		return true;
	bool woken = kill(v->qemu, SIGCONT) == 0 && !qemu_is_stopped(v);

	log_warning("QEMU was stopped by a signal or a debugger%s",
		    woken ? ": it goes on (SIGCONT)" : ", and does not go on: it is ended at once");
	return woken;
}

/* Nobody in a guest that stands still can be asked; unless it was only paused, it will not run. */
static bool can_be_asked(struct supervisor *v, bool paused)
{
	return !v->io_error && !v->trouble.stuck &&
	       (!paused || qmp_send(&v->qmp, "cont", NULL, NULL, NULL));
}

static void carry_out(struct supervisor *v, enum rung rung, bool paused)
{
	if (rung_is_gentle(rung) && !can_be_asked(v, paused)) {
		supervisor_climb(v, LADDER_NOW);
		return;
	}
	switch (rung) {
	case RUNG_SUSPEND: suspend(v, paused); break;
	case RUNG_ACPI: press_button(v); break;
	case RUNG_SSH: ask_by(v, "ssh"); break;
	case RUNG_SERIAL:
		if (serial_listens(v))
			ask_by(v, "serial");
		else
			log_info("waiting for a login prompt");
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

void supervisor_climb(struct supervisor *v, enum ladder_event what)
{
	enum rung rung = ladder_event(&v->ladder, what, clock_now());

	arm_timer(v);
	if (rung == RUNG_NONE || rung == RUNG_DOWN)
		return;
	bool paused = v->state == VM_PAUSED;

	helper_kill(v, HELPER_STOP);
	state_abort(v);
	if (v->state != VM_DOWN)
		supervisor_set_state(v, VM_STOPPING);
	log_info("stopping: %s", rung_name(rung));
	event("stop", "\"rung\":\"%s\"", rung_name(rung));
	carry_out(v, rung, paused);
}

static void kill_qemu(struct supervisor *v, int sig, bool group)
{
	if (v->qemu_ended || kill(group ? -v->qemu : v->qemu, sig) == 0)
		return;
	/* Another user's process and no CAP_KILL: as PID 1 our own end ends it too. */
	log_warning("QEMU cannot be signalled (%s); cap_add KILL allows it", strerror(errno));
	supervisor_climb(v, LADDER_FAILED);
}

/* ---- is there anything to lose? --------------------------------------------------------- */

/* Has any disk been written to? (QMP query-blockstats: wr_operations of each device.) */
static bool has_written(const struct json *doc, const struct json_value *result)
{
	for (int32_t i = result->first; i >= 0; i = doc->values[i].next) {
		int64_t n;

		if (!json_integer(doc, json_get(doc, &doc->values[i], "stats"), "wr_operations",
				  &n) ||
		    n > 0)
			return true;
	}
	return false;
}

static void on_blockstats(struct qmp *q, const struct json *doc, const struct json_value *result,
			  const char *error, void *arg)
{
	struct supervisor *v = arg;

	(void)q, (void)error;
	if (!v->weighing) /* somebody could not wait */
		return;
	v->weighing = false;
	v->life.unwritten = result && !has_written(doc, result);
	if (v->life.unwritten)
		log_info(
			"the guest was not ready yet and has written nothing to its disk: there is "
			"nothing to lose");
	else if (result)
		(void)qmp_send(&v->qmp, "cont", NULL, NULL, NULL);
	supervisor_climb(v, v->life.unwritten ? LADDER_NOW : LADDER_STOP);
}

/* A guest that is stopped while it boots need not be waited for when it has not touched its disk.
 * It stands still while that is looked at, so that the answer stays true. */
static bool weigh(struct supervisor *v)
{
	if (v->life.ready || v->state != VM_RUNNING || v->ladder.rung != RUNG_NONE ||
	    !qmp_send(&v->qmp, "stop", NULL, NULL, NULL) ||
	    !qmp_send(&v->qmp, "query-blockstats", NULL, on_blockstats, v))
		return false;
	v->weighing = true;
	timers_set(&v->timers, TIMER_LADDER, clock_now() + WEIGH_NS);
	return true;
}

void supervisor_stop(struct supervisor *v, enum ladder_event what)
{
	bool hopeless =
		!v->ran || v->life.panicked || v->life.halted || v->life.late || v->life.dead;

	share_cancel(v);
	retry_cancel(v);
	if (!wake_qemu(v)) {
		supervisor_climb(v, LADDER_NOW);
		if (v->ladder.rung == RUNG_QUIT)
			supervisor_climb(v, LADDER_NOW);
		return;
	}
	if (v->state == VM_DOWN && v->ladder.rung == RUNG_NONE)
		log_info("the guest is down already; QEMU is ending");
	if (!stop_weighing(v) && !hopeless && what == LADDER_STOP && weigh(v))
		return;
	/* A guest that never ran has nothing to lose and nothing to be asked; one that has panicked
	 * does not hear. */
	supervisor_climb(v, hopeless ? LADDER_NOW : what);
}

/* gdb's kill: before QEMU 10 it ends at once, of a guest that stands still, without an event. */
static bool by_debugger(const struct supervisor *v)
{
	return v->cause == CAUSE_DEBUGGER ||
	       (v->cause == CAUSE_NONE && v->ladder.rung == RUNG_NONE && v->state == VM_PAUSED &&
		v->plan->s.gdb && WIFEXITED(v->qemu_status) && WEXITSTATUS(v->qemu_status) == 0);
}

/* The container's exit status, from why the guest ended rather than from QEMU's own code, which is
 * 0 after a SIGTERM too. */
int supervisor_outcome(const struct supervisor *v)
{
	bool stopping = v->ladder.rung != RUNG_NONE;

	if (v->given_up)
		return EXIT_QEMU_FAILED;
	if (v->life.panicked)
		return EXIT_PANIC;
	if (v->life.late)
		return EXIT_BOOT_DEADLINE;
	if (v->save.suspended) {
		log_info("the guest is suspended; the next start resumes it");
		return EXIT_CLEAN;
	}
	if (v->life.halted || (v->life.unwritten && v->cause == CAUSE_QUIT))
		return EXIT_CLEAN;

	/* A device such as isa-debug-exit, or an error on the way out: QEMU's code says more. */
	if (v->cause == CAUSE_GUEST_OFF && WIFEXITED(v->qemu_status) && WEXITSTATUS(v->qemu_status))
		return WEXITSTATUS(v->qemu_status);
	switch (v->cause) {
	case CAUSE_GUEST_OFF:
	case CAUSE_GUEST_RESET: return EXIT_CLEAN;
	case CAUSE_GUEST_PANIC: return EXIT_PANIC;
	default: break;
	}
	if (by_debugger(v))
		log_warning(
			"the debugger has ended QEMU (gdb: kill); detach lets the guest run on");
	else if (v->cause == CAUSE_NONE && !stopping)
		return failure_status(v);
	if (!v->ran && !v->save.resumed) /* there is nothing to lose */
		return EXIT_CLEAN;
	log_warning("the guest was cut off: what it had not written to its disk is lost, and its "
		    "file systems were not unmounted");
	return EXIT_CUT_OFF;
}
