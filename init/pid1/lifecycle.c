/* lifecycle.c - see lifecycle.h. */
#include "pid1/lifecycle.h"

#include <stddef.h>
#include <sys/wait.h>

#include "base/error.h"

/* phase x event -> phase. DOWN is left only when another QEMU starts, or when QEMU keeps the ended
 * guest for a debugger. */
static const enum life_phase table[LIFE_PHASES][LIFE_EVENTS] = {
	/* SPAWNED, WAITS, RUNS, PAUSES, STOPS, ENDS, KEPT */
	[LIFE_STARTING] = {LIFE_STARTING, LIFE_PAUSED, LIFE_RUNNING, LIFE_STARTING, LIFE_STOPPING,
			   LIFE_DOWN, LIFE_PAUSED},
	[LIFE_PAUSED] = {LIFE_STARTING, LIFE_PAUSED, LIFE_RUNNING, LIFE_PAUSED, LIFE_STOPPING,
			 LIFE_DOWN, LIFE_PAUSED},
	[LIFE_RUNNING] = {LIFE_STARTING, LIFE_PAUSED, LIFE_RUNNING, LIFE_PAUSED, LIFE_STOPPING,
			  LIFE_DOWN, LIFE_PAUSED},
	[LIFE_STOPPING] = {LIFE_STARTING, LIFE_STOPPING, LIFE_STOPPING, LIFE_STOPPING,
			   LIFE_STOPPING, LIFE_DOWN, LIFE_PAUSED},
	[LIFE_DOWN] = {LIFE_STARTING, LIFE_DOWN, LIFE_DOWN, LIFE_DOWN, LIFE_DOWN, LIFE_DOWN,
		       LIFE_PAUSED},
};

bool lifecycle_event(struct lifecycle *l, enum life_event event)
{
	enum life_phase before = l->phase;

	/* A stop was requested while `cont` was under way: the guest is ended as one that never
	 * ran. */
	if (event == LIFE_EVENT_RUNS && !l->ran && l->rung != RUNG_NONE)
		return false;
	l->phase = table[before][event];
	if (event == LIFE_EVENT_RUNS)
		l->ran = true;
	return l->phase != before;
}

void lifecycle_restart(struct lifecycle *l)
{
	*l = (struct lifecycle){.phase = l->phase,
				.signalled = l->signalled,
				.qemu = l->qemu,
				.qemu_ended = l->qemu_ended,
				.qemu_status = l->qemu_status};
	(void)lifecycle_event(l, LIFE_EVENT_SPAWNED);
}

void lifecycle_judge(struct lifecycle *l, enum verdict v)
{
	if (v > l->verdict)
		l->verdict = v;
}

void lifecycle_reset(struct lifecycle *l)
{
	l->ready = l->login = false;
	l->ready_ns = 0;
	lifecycle_set(l, COND_READ_ONLY, false);
	if (l->verdict == VERDICT_DEAD)
		l->verdict = VERDICT_NONE;
}

void lifecycle_loaded(struct lifecycle *l)
{
	lifecycle_reset(l);
	if (lifecycle_over(l))
		l->verdict = VERDICT_NONE;
}

void lifecycle_ready(struct lifecycle *l, uint64_t now)
{
	l->ready = true;
	l->ready_ns = now;
}

void lifecycle_set(struct lifecycle *l, enum condition c, bool on)
{
	l->conditions = on ? l->conditions | 1u << c : l->conditions & ~(1u << c);
}

bool lifecycle_panicked(const struct lifecycle *l)
{
	return l->verdict == VERDICT_PANIC || l->verdict == VERDICT_BOOT_FAILED;
}

bool lifecycle_over(const struct lifecycle *l)
{
	return lifecycle_panicked(l) || l->verdict == VERDICT_HALTED;
}

bool lifecycle_hopeless(const struct lifecycle *l)
{
	return !l->ran || lifecycle_over(l) || l->verdict == VERDICT_LATE ||
	       l->verdict == VERDICT_DEAD;
}

/* ---- texts ------------------------------------------------------------------------------- */

const char *lifecycle_phase_name(enum life_phase phase)
{
	static const char *const names[LIFE_PHASES] = {[LIFE_STARTING] = "starting",
						       [LIFE_PAUSED] = "paused",
						       [LIFE_RUNNING] = "running",
						       [LIFE_STOPPING] = "stopping",
						       [LIFE_DOWN] = "down"};

	return names[phase];
}

const char *lifecycle_text(const struct lifecycle *l)
{
	switch (l->phase) {
	case LIFE_STARTING: return "QEMU is starting, the guest does not run yet";
	case LIFE_PAUSED:
		if (lifecycle_is(l, COND_CHECKING_WRITES))
			return "the guest is being stopped";
		return l->ran ? "the guest is paused, until the monitor says cont"
			      : "the guest is paused before its first instruction, until the "
				"monitor says cont";
	case LIFE_STOPPING: return "the guest is being stopped";
	case LIFE_DOWN: return "the guest has ended, and QEMU is ending";
	default: return "the guest runs";
	}
}

const char *lifecycle_snapshot_text(const struct lifecycle *l)
{
	if (lifecycle_is(l, COND_SNAPSHOT_SAVE))
		return "paused: a snapshot is being saved";
	if (lifecycle_is(l, COND_SNAPSHOT_LOAD))
		return "paused: a snapshot is being loaded";
	return NULL;
}

const char *lifecycle_problem(const struct lifecycle *l)
{
	/* The first condition that is set gives the text. */
	static const struct {
		enum condition condition;
		const char *text;
	} rows[] = {
		{COND_LOAD_FAILED,
		 "paused: a snapshot is being loaded at the monitor, or could not be"},
		{COND_INTERNAL_ERROR,
		 "stopped: QEMU has an internal error and cannot run the guest"},
		{COND_WATCHDOG, "paused: by the machine's watchdog"},
		{COND_DISK_FULL, "paused: no space left on the host for the guest's disk"},
		{COND_DISK_ERROR, "paused: the host could not read or write the disk"},
		{COND_NO_NETWORK, "passt has ended: the guest has no network"},
		{COND_READ_ONLY,
		 "the guest's root file system is read-only: it was not unmounted cleanly, or is "
		 "damaged; stop and start it (VM_FSCK=auto repairs it)"},
	};

	switch (l->verdict) {
	case VERDICT_BOOT_FAILED: return "the guest's boot failed";
	case VERDICT_PANIC: return "the guest panicked";
	case VERDICT_HALTED: return "the guest has shut down";
	case VERDICT_LATE: return "the guest was not ready in time";
	case VERDICT_TIME_OVER: return "the guest's time is over (VM_RUN_TIMEOUT)";
	default: break;
	}
	if (lifecycle_is(l, COND_SUSPENDING))
		return "the guest is being suspended";
	if (l->verdict == VERDICT_DEAD)
		return "the guest is dead: every processor is halted with interrupts off";
	if (l->phase == LIFE_PAUSED && lifecycle_snapshot_text(l))
		return lifecycle_snapshot_text(l);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (lifecycle_is(l, rows[i].condition))
			return rows[i].text;
	return NULL;
}

bool lifecycle_well(const struct lifecycle *l)
{
	return l->phase == LIFE_RUNNING && l->ready && !lifecycle_problem(l);
}

/* ---- the end ----------------------------------------------------------------------------- */

static bool ended_cleanly(const struct lifecycle *l)
{
	return WIFEXITED(l->qemu_status) && WEXITSTATUS(l->qemu_status) == 0;
}

/* Before QEMU 10, gdb's kill ends QEMU at once and without an event; the guest is stopped then. */
static bool by_debugger(const struct lifecycle *l, bool gdb)
{
	return l->cause == CAUSE_DEBUGGER || (l->cause == CAUSE_NONE && l->rung == RUNG_NONE &&
					      l->phase == LIFE_PAUSED && gdb && ended_cleanly(l));
}

/* The power switch of some machines that are not PCs ends QEMU by exit(0): hw/misc/sifive_test.c
 * before QEMU 9, semihosting's exit. So does gdb's kill. */
void lifecycle_exited(struct lifecycle *l, bool announced, bool pc, bool gdb)
{
	if (l->cause == CAUSE_NONE && l->ran && l->qemu_status == 0 && !pc && !gdb &&
	    (l->rung == RUNG_NONE || announced))
		l->cause = CAUSE_GUEST_OFF;
	if (l->cause == CAUSE_NONE && WIFSIGNALED(l->qemu_status) && l->rung > RUNG_NONE &&
	    l->rung < RUNG_QUIT)
		l->cause = CAUSE_KILLED;
}

enum life_outcome lifecycle_outcome(const struct lifecycle *l, bool gdb)
{
	switch (l->verdict) {
	case VERDICT_GAVE_UP: return OUTCOME_GAVE_UP;
	case VERDICT_PANIC:
	case VERDICT_BOOT_FAILED: return OUTCOME_PANIC;
	case VERDICT_LATE: return OUTCOME_LATE;
	case VERDICT_TIME_OVER: return OUTCOME_TIME_OVER;
	case VERDICT_SUSPENDED: return OUTCOME_SUSPENDED;
	case VERDICT_HALTED: return OUTCOME_CLEAN;
	case VERDICT_UNWRITTEN:
		if (l->cause == CAUSE_QUIT)
			return OUTCOME_CLEAN;
		break;
	default: break;
	}
	switch (l->cause) {
	case CAUSE_GUEST_OFF:
		return WIFEXITED(l->qemu_status) && WEXITSTATUS(l->qemu_status) ? OUTCOME_OWN_STATUS
										: OUTCOME_CLEAN;
	case CAUSE_GUEST_RESET: return OUTCOME_CLEAN;
	case CAUSE_GUEST_PANIC: return OUTCOME_PANIC;
	case CAUSE_KILLED: return OUTCOME_QEMU_FAILED;
	default: break;
	}
	bool lost = l->ran || l->resumed;

	if (by_debugger(l, gdb))
		return lost ? OUTCOME_CUT_OFF_BY_DEBUGGER : OUTCOME_DEBUGGER;
	if (l->cause == CAUSE_NONE && l->rung == RUNG_NONE)
		return OUTCOME_QEMU_FAILED;
	return lost ? OUTCOME_CUT_OFF : OUTCOME_CLEAN;
}

int lifecycle_status(const struct lifecycle *l, enum life_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_PANIC: return EXIT_PANIC;
	case OUTCOME_LATE: return EXIT_BOOT_DEADLINE;
	case OUTCOME_TIME_OVER: return EXIT_TIME_OVER;
	case OUTCOME_GAVE_UP:
	case OUTCOME_QEMU_FAILED: return EXIT_QEMU_FAILED;
	case OUTCOME_OWN_STATUS: return WEXITSTATUS(l->qemu_status);
	case OUTCOME_CUT_OFF:
	case OUTCOME_CUT_OFF_BY_DEBUGGER: return EXIT_CUT_OFF;
	default: return EXIT_CLEAN;
	}
}
