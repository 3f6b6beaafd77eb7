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

/* A booting guest misses the power button, so it is pressed again at this interval until the
 * rung's time is over (and at once when the guest is ready). */
#define PRESS_AGAIN_NS UINT64_C(5000000000)
/* A guest that has not enabled the button, and is not about to, may poll for it; wait this long. */
#define UNARMED_NS UINT64_C(400000000)
/* How long a guest that has nothing to lose is asked. */
#define NOTHING_TO_LOSE_NS UINT64_C(5000000000)
/* A QEMU that has not answered query-blockstats after this time hangs. */
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

/* Whether the guest is up, and will not enable the button any more. Before that it may, as Linux
 * does late in its boot; but a system that has not switched ACPI on has no file systems yet, or
 * will never react to the button (DOS, xv6). */
static bool is_up(const struct guest_stop *s)
{
	return s->env->life->ready || s->env->life->login ||
	       prompt_shown(s->env->prompt, clock_now());
}

/* The reply about the power button. The guest may poll for it, so it still gets UNARMED_NS. */
static void on_button(struct qmp *q, const struct json *doc, const struct json_value *result,
		      const char *error, void *arg)
{
	struct guest_stop *s = arg;

	(void)q, (void)doc, (void)error;
	if (s->ladder.rung != RUNG_ACPI || s->ladder.accepted || s->unarmed || s->armed)
		return;
	enum power_button button = power_button_state(&s->env->plan->button, result);

	s->armed = button == BUTTON_ON;
	if (s->armed || (button == BUTTON_OFF && !is_up(s)))
		return;
	log_info("the guest has not enabled the power button: not waiting for it");
	s->unarmed = true;
	ladder_cut(&s->ladder, clock_now() + UNARMED_NS);
	arm_timer(s);
}

static void press_button(struct guest_stop *s)
{
	if (!qmp_send(s->env->qmp, "system_powerdown", NULL, NULL, NULL))
		stop_event(s, LADDER_FAILED);
	else if (!s->armed)
		(void)power_button_ask(s->env, on_button, s);
}

static void on_asked(void *arg, int status, const char *line)
{
	struct guest_stop *s = arg;
	bool taken = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	(void)line;
	if (s->env->life->phase == LIFE_DOWN || !rung_is_gentle(s->ladder.rung))
		return;
	if (taken)
		log_info("the guest has accepted the command");
	stop_event(s, taken ? LADDER_ACCEPTED : LADDER_FAILED);
}

/* Seconds of the rung's time that are left, at least one. */
static int seconds_left(const struct guest_stop *s)
{
	uint64_t now = clock_now();

	return s->ladder.deadline_ns > now + 2000000000u
		       ? (int)((s->ladder.deadline_ns - now) / 1000000000u)
		       : 1;
}

/* `vm exec --poweroff` logs in and runs the guest's own command. */
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

/* Whether the guest reads its serial line. Before its login prompt, input would only disturb the
 * firmware or the boot loader. */
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
	env_condition(s->env, COND_CHECKING_WRITES, on);
}

/* Continue a guest that was stopped for the check. */
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
	/* QEMU may have been stopped by a signal since then. */
	(void)wake_qemu(s);
	if (end_checking(s)) {
		stop_event(s, LADDER_STOP);
	} else if (s->ladder.rung == RUNG_ACPI && clock_now() < s->ladder.deadline_ns) {
		stop_ask_again(s);
	} else {
		/* A guest that has not enabled the button has not been asked. */
		stop_event(s, s->ladder.rung == RUNG_ACPI && s->unarmed ? LADDER_FAILED
									: LADDER_TIMEOUT);
	}
}

/* QEMU cannot save a guest at a breakpoint (system/runstate.c). */
static bool in_debugger(struct guest_stop *s, bool paused)
{
	if (!paused || !s->env->plan->s.gdb)
		return false;
	log_warning(
		"a guest stopped by a debugger cannot be suspended: it is continued, and asked to "
		"shut down");
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

/* Whether QEMU is stopped (proc(5), stat: T by a signal, t by a debugger) and cannot answer. */
static bool qemu_is_stopped(const struct guest_stop *s)
{
	char path[40];
	char text[512];

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)s->env->life->qemu);
	/* The state follows the name, which may contain any character. */
	const char *end = read_small(path, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;

	return end && (end[1] == ' ') && (end[2] == 'T' || end[2] == 't');
}

/* Continue a QEMU that was stopped by a signal. False: it stays stopped, and asking it would only
 * take time. */
static bool wake_qemu(struct guest_stop *s)
{
	if (s->env->life->qemu <= 0 || s->env->life->qemu_ended || !qemu_is_stopped(s))
		return true;
	bool woken = kill(s->env->life->qemu, SIGCONT) == 0 && !qemu_is_stopped(s);

	log_warning("QEMU was stopped by a signal or a debugger%s",
		    woken ? ": continued (SIGCONT)"
			  : ", and cannot be continued: it is ended at once");
	return woken;
}

/* A guest stopped by an error cannot be asked; a paused one is continued. */
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
	/* Another user's process, and no CAP_KILL. The end of PID 1 ends it, too. */
	log_warning("QEMU cannot be signalled: %s", strerror(errno));
	log_line(LOG_WARNING, "  fix: ", "add the capability KILL (docker run --cap-add KILL)");
	stop_event(s, LADDER_FAILED);
}

/* ---- is there anything to lose? --------------------------------------------------------- */

/* Whether any disk has been written to: QMP query-blockstats, wr_operations, and for a floppy,
 * whose controller does not count them (QEMU: hw/block/fdc.c), wr_highest_offset. UEFI writes its
 * variables at every start (args_firmware.c), so they are excluded. */
static bool has_written(const struct json *doc, const struct json_value *result)
{
	for (int32_t i = result->first; i >= 0; i = doc->values[i].next) {
		const struct json_value *stats = json_get(doc, &doc->values[i], "stats");
		const struct json_value *node = json_get(doc, &doc->values[i], "node-name");
		int64_t n;

		if (node && node->text && strcmp(node->text, "variables") == 0)
			continue;
		if (!json_integer(doc, stats, "wr_operations", &n) || n > 0 ||
		    (json_integer(doc, stats, "wr_highest_offset", &n) && n > 0))
			return true;
	}
	return false;
}

/* For a guest that is stopped for the answer: it was not ready, or it does not react. */
static void on_blockstats(struct qmp *q, const struct json *doc, const struct json_value *result,
			  const char *error, void *arg)
{
	struct guest_stop *s = arg;
	bool unresponsive = s->ladder.rung == RUNG_QUIT;

	(void)q, (void)error;
	if (!s->checking) /* a second stop request has ended the check */
		return;
	bool unwritten = result && !has_written(doc, result);

	set_checking(s, false);
	if (unwritten) {
		post(s->env, NOTICE_VERDICT, .value = VERDICT_UNWRITTEN);
		log_info("the guest %s and has written nothing to its disk: there is nothing to "
			 "lose",
			 unresponsive ? "does not react" : "was not ready yet");
	} else if (result && !unresponsive) {
		(void)env_qmp(s->env, "cont");
	}
	if (unresponsive) {
		arm_timer(s);
		quit(s);
	} else {
		stop_event(s, unwritten ? LADDER_NOW : LADDER_STOP);
	}
}

/* A guest that is stopped while it boots is cut off at once if it has not written to a disk. It is
 * paused during the check, so that the answer stays true. */
static bool check_writes(struct guest_stop *s)
{
	if (!qmp_has_room(s->env->qmp, 2) || !env_qmp(s->env, "stop") ||
	    !qmp_send(s->env->qmp, "query-blockstats", NULL, on_blockstats, s))
		return false;
	set_checking(s, true);
	env_timer(s->env, TIMER_LADDER, clock_now() + CHECK_NS);
	return true;
}

/* For a ready guest that is being asked to shut down. */
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

/* Whether the time for asking may be cut if the guest has written nothing; that is checked again
 * before it is cut off. Not for a guest that is to be suspended, nor for one with a login on the
 * serial line, where asking works. */
static bool may_hurry(const struct guest_stop *s)
{
	const struct lifecycle *life = s->env->life;
	bool has_login = life->login && s->ladder.applies & 1u << RUNG_SERIAL;

	return life->ready && life->phase == LIFE_RUNNING && !has_login &&
	       !(s->ladder.applies & 1u << RUNG_SUSPEND);
}

static void quit_unless_written(struct guest_stop *s)
{
	if ((!s->ladder.hurry_ns && s->env->life->verdict != VERDICT_DEAD) ||
	    s->env->qmp->state != QMP_READY || s->env->life->phase == LIFE_DOWN || !check_writes(s))
		quit(s);
}

void stop_ask(struct guest_stop *s, enum ladder_event what)
{
	bool hopeless = lifecycle_hopeless(s->env->life);

	/* End helpers that prepare a start or revert the disk. qemu-img writes the tables in an
	 * order that keeps the image consistent. */
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

	/* A guest that never ran has nothing to lose and cannot be asked; one that has panicked
	 * does not react. */
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
	s->checking = s->unarmed = s->armed = false;
	ladder_init(&s->ladder, s->env->plan->rungs, env_settings(s->env)->stop_timeout);
	env_timer(s->env, TIMER_LADDER, 0);
}
