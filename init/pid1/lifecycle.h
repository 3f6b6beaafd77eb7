/* lifecycle.h - what is known of the guest and its QEMU: a state machine without a clock and
 * without I/O.
 *
 * Every room reads it (env.h); only supervisor.c and reactions.c change it, by the functions below,
 * when a notice comes. Exit status, the line of `vm health` and what may be asked of the guest
 * follow from it.
 */
#ifndef VM_PID1_LIFECYCLE_H
#define VM_PID1_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/stop_rungs.h"

enum life_phase {
	LIFE_STARTING, /* QEMU is being started, or has not answered yet */
	LIFE_PAUSED,   /* the guest does not run: as asked, by the monitor, or after an I/O error */
	LIFE_RUNNING,
	LIFE_STOPPING, /* the stop is under way */
	LIFE_DOWN,     /* the guest has ended; QEMU may still be flushing */
	LIFE_PHASES
};

enum life_event {
	LIFE_EVENT_SPAWNED, /* another QEMU was started */
	LIFE_EVENT_WAITS,   /* QEMU is ready, and its guest waits for somebody's `cont` */
	LIFE_EVENT_RUNS,    /* QMP RESUME */
	LIFE_EVENT_PAUSES,  /* QMP STOP */
	LIFE_EVENT_STOPS,   /* a rung of the stop is carried out */
	LIFE_EVENT_ENDS,    /* QMP SHUTDOWN */
	LIFE_EVENT_KEPT,    /* the guest has ended, and QEMU keeps it to be looked at */
	LIFE_EVENTS
};

/* Why the guest ended, as far as QEMU said: the reason of QMP's SHUTDOWN. */
enum shutdown_cause {
	CAUSE_NONE,	   /* QEMU said nothing */
	CAUSE_GUEST_OFF,   /* guest-shutdown */
	CAUSE_GUEST_RESET, /* guest-reset under no-reboot */
	CAUSE_GUEST_PANIC,
	CAUSE_QUIT,	/* host-qmp-quit: ours, or a user's */
	CAUSE_SIGNAL,	/* host-signal */
	CAUSE_DEBUGGER, /* gdb's kill */
	CAUSE_OTHER,
};

/* What was found out about the guest. A later line outranks the ones before it. */
enum verdict {
	VERDICT_NONE,
	VERDICT_DEAD,	   /* no processor can run any more */
	VERDICT_UNWRITTEN, /* stopped before it had written anything to its disk */
	VERDICT_HALTED,	   /* it has shut down, and QEMU does not know */
	VERDICT_SUSPENDED, /* its state is saved */
	VERDICT_TIME_OVER, /* VM_RUN_TIMEOUT has passed */
	VERDICT_LATE,	   /* the boot's deadline has passed */
	VERDICT_PANIC,	   /* proved, or told by pvpanic */
	VERDICT_BOOT_FAILED,
	VERDICT_GAVE_UP, /* QEMU or passt cannot be used */
};

/* What else is going on, as bits 1 << COND. Several may be true at once. */
enum condition {
	COND_CHECKING_WRITES, /* held while QEMU is asked whether the guest has written anything */
	COND_HELD,	      /* held for the reset button */
	COND_RESETTING,	      /* the reset button was pressed, nothing was printed since */
	COND_SNAPSHOT_SAVE,
	COND_SNAPSHOT_LOAD,
	COND_SNAPSHOT_DELETE,
	COND_SAVING_WARM,
	COND_SUSPENDING,
	COND_RESUMING,	     /* QEMU reads a saved state */
	COND_DISK_FULL,	     /* from the first failed write to the proof that there is room */
	COND_DISK_ERROR,     /* paused by an error of the host's disk */
	COND_LOAD_FAILED,    /* QEMU cannot let the guest run on: QAPI RunState restore-vm, */
	COND_INTERNAL_ERROR, /* internal-error, */
	COND_WATCHDOG,	     /* watchdog */
	COND_NO_NETWORK,     /* passt has ended under a running QEMU */
	COND_READ_ONLY,	     /* the guest says that it cannot write to its root file system */
	CONDITIONS
};

struct lifecycle {
	enum life_phase phase;
	enum shutdown_cause cause;
	enum verdict verdict;
	unsigned conditions;
	enum rung rung; /* of the stop that is under way */
	bool ran;	/* since QEMU's start: from now on the guest may have changed its disk */
	bool ready, login;
	bool resumed;	 /* it runs from a saved state */
	bool signalled;	 /* somebody asked for a stop */
	pid_t qemu;	 /* 0: none yet */
	bool qemu_ended; /* and was reaped */
	int qemu_status; /* of waitpid(2) */
	/* clock_now(), 0: not yet. */
	uint64_t spawned_ns, qmp_ns, running_ns, ready_ns;
};

/* EVENT has happened. Returns whether the phase is another one now. */
bool lifecycle_event(struct lifecycle *l, enum life_event event);
/* A QEMU begins with nothing known of its guest; what PID 1 was asked for stays. */
void lifecycle_restart(struct lifecycle *l);
/* V was found out; ignored when something of a higher rank is known. */
void lifecycle_judge(struct lifecycle *l, enum verdict v);
/* The machine was reset: it has to become ready again. A snapshot was loaded: what the guest has
 * come to since is undone, too. */
void lifecycle_reset(struct lifecycle *l);
void lifecycle_loaded(struct lifecycle *l);
void lifecycle_ready(struct lifecycle *l, uint64_t now);
void lifecycle_set(struct lifecycle *l, enum condition c, bool on);

static inline bool lifecycle_is(const struct lifecycle *l, enum condition c)
{
	return l->conditions >> c & 1;
}

/* A snapshot is at work; a state is being saved; QEMU cannot let the guest run on. */
#define COND_ANY_SNAPSHOT                                                                          \
	(1u << COND_SNAPSHOT_SAVE | 1u << COND_SNAPSHOT_LOAD | 1u << COND_SNAPSHOT_DELETE)
#define COND_ANY_SAVE  (1u << COND_SAVING_WARM | 1u << COND_SUSPENDING)
#define COND_ANY_STUCK (1u << COND_LOAD_FAILED | 1u << COND_INTERNAL_ERROR | 1u << COND_WATCHDOG)

static inline bool lifecycle_any(const struct lifecycle *l, unsigned conditions)
{
	return l->conditions & conditions;
}

/* Has the guest come to an end of its own: a panic, or a shutdown that QEMU does not know of? */
bool lifecycle_over(const struct lifecycle *l);
bool lifecycle_panicked(const struct lifecycle *l);
/* Is there nothing to be asked of this guest, or nothing to lose? */
bool lifecycle_hopeless(const struct lifecycle *l);

const char *lifecycle_phase_name(enum life_phase phase);
/* What is wrong, one line; NULL when nothing is known to be. */
const char *lifecycle_trouble(const struct lifecycle *l);
/* What the guest's pause is for, one line; NULL when no snapshot is the reason. */
const char *lifecycle_snapshot_text(const struct lifecycle *l);
/* The phase for people. */
const char *lifecycle_text(const struct lifecycle *l);
/* Does the guest run, is nothing wrong with it, and has it become ready? */
bool lifecycle_well(const struct lifecycle *l);

enum life_outcome {
	OUTCOME_CLEAN,
	OUTCOME_SUSPENDED,
	OUTCOME_PANIC,
	OUTCOME_LATE,
	OUTCOME_TIME_OVER,
	OUTCOME_GAVE_UP,
	OUTCOME_OWN_STATUS,  /* a device such as isa-debug-exit, or an error on the way out */
	OUTCOME_QEMU_FAILED, /* QEMU ended by itself: the reason is still to be looked for */
	OUTCOME_DEBUGGER,    /* gdb's kill, before the guest ran */
	OUTCOME_CUT_OFF,
	OUTCOME_CUT_OFF_BY_DEBUGGER,
};

/* QEMU has ended: how that is to be taken, under a GDB stub or not. Why the guest ended counts more
 * than QEMU's own status, which is 0 after a SIGTERM too. */
enum life_outcome lifecycle_outcome(const struct lifecycle *l, bool gdb);
/* PID 1's exit status for it (docs/lifecycle.md). */
int lifecycle_status(const struct lifecycle *l, enum life_outcome outcome);

#endif
