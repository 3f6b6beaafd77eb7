/* stop.c - see stop.h. */
#include "pid1/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "pid1/env.h"
#include "pid1/helper.h"
#include "pid1/power_button.h"
#include "pid1/savestate.h"

/* A guest that is still booting misses the button: it is pressed again this often, until the
 * rung's time is over (and at once when the guest is ready). */
#define PRESS_AGAIN_NS UINT64_C(5000000000)
/* A ready guest that has not enabled the button may poll for it all the same. */
#define UNARMED_NS UINT64_C(400000000)
/* A guest that has nothing to lose is asked for so long. */
#define NOTHING_TO_LOSE_NS UINT64_C(5000000000)
/* A QEMU that does not say what its guest has written for so long hangs. */
#define CHECK_NS UINT64_C(2000000000)

static void kill_qemu(struct guest_stop *s, int sig, bool group);
static bool wake_qemu(struct guest_stop *s);
static void quit_unless_written(struct guest_stop *s);

static void arm_timer(struct guest_stop *s)
{
	uint64_t at = s->ladder.deadline_ns;
	uint64_t again = clock_now() + PRESS_AGAIN_NS;

	if (s->ladder.rung == RUNG_ACPI && again < at)
		at = again;
	env_timer(s->env, TIMER_LADDER, at);
}

/* ---- the gentle rungs ------------------------------------------------------------------ */

/* What is pressed is still heard by a guest that polls for it. */
static void on_button(struct qmp *q, const struct json *doc, const struct json_value *result,
		      const char *error, void *arg)
{
	struct guest_stop *s = arg;

	(void)q, (void)doc, (void)error;
	if (s->ladder.rung != RUNG_ACPI || s->ladder.accepted || !power_button_off(result))
		return;
	log_info("the guest has not enabled the power button: it is not waited for");
	s->unarmed = true;
	ladder_cut(&s->ladder, clock_now() + UNARMED_NS);
	arm_timer(s);
}

static void press_button(struct guest_stop *s)
{
	if (!qmp_send(s->env->qmp, "system_powerdown", NULL, NULL, NULL))
		stop_event(s, LADDER_FAILED);
	else if (!s->asked_button && (s->env->life->ready || s->env->life->login))
		s->asked_button = power_button_ask(s->env, on_button, s);
}

static void on_asked(void *arg, int status, const char *line)
{
	struct guest_stop *s = arg;
	bool taken = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	(void)line;
	if (s->env->life->phase == LIFE_DOWN || !rung_is_gentle(s->ladder.rung))
		return;
	if (taken)
		log_info("the guest has taken the command");
	stop_event(s, taken ? LADDER_ACCEPTED : LADDER_FAILED);
}

/* What is left of the rung's time, in whole seconds, at least one. */
static int seconds_left(const struct guest_stop *s)
{
	uint64_t now = clock_now();

	return s->ladder.deadline_ns > now + 2000000000u
		       ? (int)((s->ladder.deadline_ns - now) / 1000000000u)
		       : 1;
}

/* `vm exec --poweroff`, by this very program: it logs in and gives the guest's own command. */
static void ask_by(struct guest_stop *s, const char *via)
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
	struct child c = {.path = s->env->plan->vm, .argv = argv, .envp = environ, .no_core = true};

	(void)snprintf(timeout, sizeof timeout, "%d", seconds_left(s));
	if (helper_start(s->env->helpers, HELPER_STOP, via, &c, on_asked, s, &err))
		return;
	error_report(&err);
	stop_event(s, LADDER_FAILED);
}

/* Can the guest hear what is typed? Before its login prompt only the firmware or the boot loader
 * could, and it is what they are not to be disturbed for. */
static bool serial_listens(const struct guest_stop *s)
{
	return s->env->life->login || s->env->life->ready;
}

void stop_ask_again(struct guest_stop *s)
{
	if (s->env->life->phase == LIFE_DOWN)
		return;
	if (s->ladder.rung == RUNG_ACPI) {
		press_button(s);
		arm_timer(s);
	} else if (s->ladder.rung == RUNG_SERIAL && helper_pid(s->env->helpers, HELPER_STOP) == 0 &&
		   !s->ladder.accepted) {
		ask_by(s, "serial");
	}
}

static void set_checking(struct guest_stop *s, bool on)
{
	s->checking = on;
	post(s->env, NOTICE_CONDITION, .value = COND_CHECKING_WRITES, .on = on);
}

/* Was the guest held for that? It runs on. */
static bool end_checking(struct guest_stop *s)
{
	if (!s->checking)
		return false;
	set_checking(s, false);
	(void)env_qmp(s->env, "cont");
	return true;
}

void stop_timer(struct guest_stop *s)
{
	/* It may have been stopped since it was asked, or have been about to be. */
	(void)wake_qemu(s);
	if (end_checking(s)) {
		stop_event(s, LADDER_STOP);
	} else if (s->ladder.rung == RUNG_ACPI && clock_now() < s->ladder.deadline_ns) {
		stop_ask_again(s);
	} else {
		/* Who does not hear the button was not asked. */
		stop_event(s, s->ladder.rung == RUNG_ACPI && s->unarmed ? LADDER_FAILED
									: LADDER_TIMEOUT);
	}
}

/* "At a breakpoint" is no state in which QEMU can begin (system/runstate.c). */
static bool in_debugger(struct guest_stop *s, bool paused)
{
	if (!paused || !s->env->plan->s.gdb)
		return false;
	log_warning(
		"a guest that stands in a debugger cannot be suspended: it runs on, and is asked "
		"to power off");
	(void)env_qmp(s->env, "cont");
	return true;
}

static void suspend(struct guest_stop *s, bool paused)
{
	struct error err = {0};

	if (in_debugger(s, paused)) {
		stop_event(s, LADDER_FAILED);
		return;
	}
	if (savestate_begin(s->save, SAVING_SUSPENDED, &err))
		return;
	error_report(&err);
	stop_event(s, LADDER_FAILED);
}

/* ---- the ladder ------------------------------------------------------------------------ */

/* Is QEMU stopped (proc(5), stat: T by a signal, t by a debugger)? Then it hears nothing. */
static bool qemu_is_stopped(const struct guest_stop *s)
{
	char path[40];
	char text[512];

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)s->env->life->qemu);
	/* Behind its name, which may have anything in it. */
	const char *end = read_small(path, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;

	return end && (end[1] == ' ') && (end[2] == 'T' || end[2] == 't');
}

/* A QEMU that somebody has stopped goes on, so that it can be asked. False: it does not, and every
 * way of asking would only take its time. */
static bool wake_qemu(struct guest_stop *s)
{
	if (s->env->life->qemu <= 0 || s->env->life->qemu_ended || !qemu_is_stopped(s))
		return true;
	bool woken = kill(s->env->life->qemu, SIGCONT) == 0 && !qemu_is_stopped(s);

	log_warning("QEMU was stopped by a signal or a debugger%s",
		    woken ? ": it goes on (SIGCONT)" : ", and does not go on: it is ended at once");
	return woken;
}

/* Nobody in a guest that stands still can be asked; unless it was only paused, it will not run. */
static bool can_be_asked(struct guest_stop *s, bool paused)
{
	return !lifecycle_is(s->env->life, COND_DISK_ERROR) &&
	       !lifecycle_any(s->env->life, COND_ANY_STUCK) && (!paused || env_qmp(s->env, "cont"));
}

static void quit(struct guest_stop *s)
{
	if (s->env->qmp->state != QMP_READY || !env_qmp(s->env, "quit"))
		stop_event(s, LADDER_FAILED);
}

static void carry_out(struct guest_stop *s, enum rung rung, bool paused)
{
	if (rung_is_gentle(rung) && !can_be_asked(s, paused)) {
		stop_event(s, LADDER_NOW);
		return;
	}
	switch (rung) {
	case RUNG_SUSPEND: suspend(s, paused); break;
	case RUNG_ACPI: press_button(s); break;
	case RUNG_SSH: ask_by(s, "ssh"); break;
	case RUNG_SERIAL:
		if (serial_listens(s))
			ask_by(s, "serial");
		else
			log_info("waiting for a login prompt");
		break;
	case RUNG_QUIT: quit_unless_written(s); break;
	case RUNG_TERM: kill_qemu(s, SIGTERM, false); break;
	case RUNG_KILL: kill_qemu(s, SIGKILL, true); break;
	default: break;
	}
}

void stop_event(struct guest_stop *s, enum ladder_event what)
{
	enum rung rung = ladder_event(&s->ladder, what, clock_now());

	arm_timer(s);
	if (rung == RUNG_NONE)
		return;
	if (rung == RUNG_DOWN) {
		post(s->env, NOTICE_RUNG, .value = (int)rung);
		return;
	}
	bool paused = s->env->life->phase == LIFE_PAUSED;

	helper_kill(s->env->helpers, HELPER_STOP);
	savestate_abort(s->save);
	post(s->env, NOTICE_RUNG, .value = (int)rung);
	log_info("stopping: %s", rung_name(rung));
	event("stop", J_TEXT("rung", rung_name(rung)));
	carry_out(s, rung, paused);
}

static void kill_qemu(struct guest_stop *s, int sig, bool group)
{
	if (s->env->life->qemu_ended ||
	    kill(group ? -s->env->life->qemu : s->env->life->qemu, sig) == 0)
		return;
	/* Another user's process and no CAP_KILL: as PID 1 our own end ends it too. */
	log_warning("QEMU cannot be signalled (%s); cap_add KILL allows it", strerror(errno));
	stop_event(s, LADDER_FAILED);
}

/* ---- is there anything to lose? --------------------------------------------------------- */

/* Has any disk been written to? (QMP query-blockstats of each device: wr_operations, and for a
 * floppy, whose controller counts none (QEMU: hw/block/fdc.c), the end of what was written.) */
static bool has_written(const struct json *doc, const struct json_value *result)
{
	for (int32_t i = result->first; i >= 0; i = doc->values[i].next) {
		const struct json_value *stats = json_get(doc, &doc->values[i], "stats");
		int64_t n;

		if (!json_integer(doc, stats, "wr_operations", &n) || n > 0 ||
		    (json_integer(doc, stats, "wr_highest_offset", &n) && n > 0))
			return true;
	}
	return false;
}

/* Of a guest that is held for the answer: it was not ready, or it does not react. */
static void on_blockstats(struct qmp *q, const struct json *doc, const struct json_value *result,
			  const char *error, void *arg)
{
	struct guest_stop *s = arg;
	bool in_vain = s->ladder.rung == RUNG_QUIT;

	(void)q, (void)error;
	if (!s->checking) /* somebody could not wait */
		return;
	bool unwritten = result && !has_written(doc, result);

	set_checking(s, false);
	if (unwritten) {
		post(s->env, NOTICE_VERDICT, .value = VERDICT_UNWRITTEN);
		log_info("the guest %s and has written nothing to its disk: there is nothing to "
			 "lose",
			 in_vain ? "does not react" : "was not ready yet");
	} else if (result && !in_vain) {
		(void)env_qmp(s->env, "cont");
	}
	if (in_vain)
		quit(s);
	else
		stop_event(s, unwritten ? LADDER_NOW : LADDER_STOP);
}

/* A guest that is stopped while it boots need not be waited for when it has not touched its disk.
 * It stands still while that is looked at, so that the answer stays true. */
static bool check_writes(struct guest_stop *s)
{
	if (!qmp_has_room(s->env->qmp, 2) || !env_qmp(s->env, "stop") ||
	    !qmp_send(s->env->qmp, "query-blockstats", NULL, on_blockstats, s))
		return false;
	set_checking(s, true);
	env_timer(s->env, TIMER_LADDER, clock_now() + CHECK_NS);
	return true;
}

/* Of a ready guest that is being asked. */
static void on_ready_blockstats(struct qmp *q, const struct json *doc,
				const struct json_value *result, const char *error, void *arg)
{
	struct guest_stop *s = arg;

	(void)q, (void)error;
	if (!rung_is_gentle(s->ladder.rung) || !result || has_written(doc, result))
		return;
	ladder_hurry(&s->ladder, clock_now() + NOTHING_TO_LOSE_NS, clock_now());
	arm_timer(s);
}

/* One that has nothing to lose is not asked for long; whether it has is looked at again before it
 * is cut off. A guest that is to be suspended loses nothing, and where one can log in, it is asked
 * in a way that works. */
static bool may_hurry(const struct guest_stop *s)
{
	const struct lifecycle *life = s->env->life;
	bool has_login = life->login && s->ladder.applies & 1u << RUNG_SERIAL;

	return life->ready && life->phase == LIFE_RUNNING && !has_login &&
	       !(s->ladder.applies & 1u << RUNG_SUSPEND);
}

static void quit_unless_written(struct guest_stop *s)
{
	if (!s->ladder.hurry_ns || s->env->qmp->state != QMP_READY ||
	    s->env->life->phase == LIFE_DOWN || !check_writes(s))
		quit(s);
}

void stop_ask(struct guest_stop *s, enum ladder_event what)
{
	bool hopeless = lifecycle_hopeless(s->env->life);

	/* What is done before the guest runs, or again after it was late, is not wanted any more;
	 * the tables of a disk that is taken back are written so that they are whole at any time.
	 */
	helper_end(s->env->helpers, HELPER_SHARE);
	helper_end(s->env->helpers, HELPER_DISK);
	if (!wake_qemu(s)) {
		stop_event(s, LADDER_NOW);
		if (s->ladder.rung == RUNG_QUIT)
			stop_event(s, LADDER_NOW);
		return;
	}
	if (s->env->life->phase == LIFE_DOWN && s->ladder.rung == RUNG_NONE)
		log_info("the guest is down already; QEMU is ending");
	bool first = s->ladder.rung == RUNG_NONE && !hopeless && what == LADDER_STOP;

	if (!end_checking(s) && first && !s->env->life->ready &&
	    s->env->life->phase == LIFE_RUNNING && check_writes(s))
		return;
	bool look = first && may_hurry(s);

	/* A guest that never ran has nothing to lose and nothing to be asked; one that has panicked
	 * does not hear. */
	stop_event(s, hopeless ? LADDER_NOW : what);
	if (look)
		(void)qmp_send(s->env->qmp, "query-blockstats", NULL, on_ready_blockstats, s);
}

void stop_init(struct guest_stop *s, const struct env *env, struct savestate *save)
{
	*s = (struct guest_stop){.env = env, .save = save};
	stop_restart(s);
}

void stop_restart(struct guest_stop *s)
{
	s->checking = s->unarmed = s->asked_button = false;
	ladder_init(&s->ladder, s->env->plan->rungs, env_settings(s->env)->stop_timeout);
	env_timer(s->env, TIMER_LADDER, 0);
}
