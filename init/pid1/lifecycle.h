/* lifecycle.h - what is known about the guest and its QEMU: a state machine without clock and I/O.
 *
 * Every room reads it (env.h); only supervisor.c and the reactions change it, through the
 * functions below. Exit status, the line of `vm health` and the requests that are allowed are
 * functions of it.
 */
#ifndef VM_PID1_LIFECYCLE_H
#define VM_PID1_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/stop_rungs.h"

enum life_phase {
	LIFE_STARTING, /* QEMU is being started, or has not answered yet */
	LIFE_PAUSED,   /* stopped by VM_START_PAUSED, monitor, debugger, I/O error */
	LIFE_RUNNING,
	LIFE_STOPPING, /* a step of the stop is under way */
	LIFE_DOWN,     /* the guest has ended; QEMU may still write to disks */
	LIFE_PHASES
};

enum life_event {
	LIFE_EVENT_SPAWNED, /* another QEMU was started */
	LIFE_EVENT_WAITS,   /* QEMU is ready; the guest waits for `cont` by a user */
	LIFE_EVENT_RUNS,    /* QMP RESUME */
	LIFE_EVENT_PAUSES,  /* QMP STOP */
	LIFE_EVENT_STOPS,   /* a step of the stop is carried out */
	LIFE_EVENT_ENDS,    /* QMP SHUTDOWN */
	LIFE_EVENT_KEPT,    /* the guest has ended; QEMU keeps it for a debugger */
	LIFE_EVENTS
};

/* Why the guest ended: the reason in QMP's event SHUTDOWN. */
enum shutdown_cause {
	CAUSE_NONE,	   /* no event yet */
	CAUSE_GUEST_OFF,   /* guest-shutdown */
	CAUSE_GUEST_RESET, /* guest-reset under no-reboot */
	CAUSE_GUEST_PANIC,
	CAUSE_QUIT,	/* host-qmp-quit: by PID 1 or by a user */
	CAUSE_SIGNAL,	/* host-signal */
	CAUSE_DEBUGGER, /* gdb's kill */
	CAUSE_KILLED,	/* during a stop, by a signal that PID 1 did not send */
	CAUSE_OTHER,
};

/* The conclusion about the guest. A later one outranks the ones before it. */
enum verdict {
	VERDICT_NONE,
	VERDICT_DEAD,	   /* no processor can run */
	VERDICT_UNWRITTEN, /* stopped before it had written to a disk */
	VERDICT_HALTED,	   /* it has shut down, but QEMU has no event for it */
	VERDICT_SUSPENDED, /* its state was saved */
	VERDICT_TIME_OVER, /* VM_RUN_TIMEOUT has passed */
	VERDICT_LATE,	   /* VM_BOOT_TIMEOUT has passed */
	VERDICT_PANIC,	   /* confirmed, or reported by pvpanic */
	VERDICT_BOOT_FAILED,
	VERDICT_GAVE_UP, /* QEMU or passt cannot be used */
};

/* Other facts, as bits 1 << COND. Several may hold at once. */
enum condition {
	COND_CHECKING_WRITES, /* stopped while QEMU is asked for the number of writes */
	COND_HELD,	      /* stopped during a press of the reset button */
	COND_CONTINUING,      /* QEMU was told to continue it, and has not replied */
	COND_RESETTING,	      /* the reset button was pressed, and nothing has been printed since */
	COND_SNAPSHOT_SAVE,
	COND_SNAPSHOT_LOAD,
	COND_SNAPSHOT_DELETE,
	COND_SAVING_WARM,
	COND_SUSPENDING,
	COND_RESUMING,	     /* QEMU is reading a saved state */
	COND_DISK_FULL,	     /* from the first failed write until the guest has run on */
	COND_DISK_ERROR,     /* paused by an error of the host's disk */
	COND_LOAD_FAILED,    /* run state restore-vm: QEMU cannot continue the guest */
	COND_INTERNAL_ERROR, /* run state internal-error */
	COND_WATCHDOG,	     /* run state watchdog */
	COND_NO_NETWORK,     /* passt ended while QEMU runs */
	COND_READ_ONLY,	     /* the guest reports that its root file system is read-only */
	CONDITIONS
};

struct lifecycle {
	enum life_phase phase;
	enum shutdown_cause cause;
	enum verdict verdict;
	unsigned conditions;
	enum rung rung; /* step of the stop; RUNG_NONE: no stop */
	bool ran;	/* since QEMU's start: the guest may have changed its disk */
	bool ready, login;
	bool resumed;	 /* from a saved state */
	bool signalled;	 /* a stop was asked for */
	pid_t qemu;	 /* 0: not started */
	bool qemu_ended; /* and was reaped */
	int qemu_status; /* of waitpid(2) */
	/* clock_now(); 0: not yet. */
	uint64_t spawned_ns, qmp_ns, running_ns, ready_ns;
};

/* Returns whether EVENT changed the phase. */
bool lifecycle_event(struct lifecycle *l, enum life_event event);
/* Another QEMU starts: forget the guest, but keep requests made to PID 1. */
void lifecycle_restart(struct lifecycle *l);
/* Set the verdict V, unless a higher one is set. */
void lifecycle_judge(struct lifecycle *l, enum verdict v);
/* The machine was reset: ready and VERDICT_DEAD are cleared. A snapshot was loaded: a panic or
 * shutdown of the guest is cleared, too. */
void lifecycle_reset(struct lifecycle *l);
void lifecycle_loaded(struct lifecycle *l);
void lifecycle_ready(struct lifecycle *l, uint64_t now);
void lifecycle_set(struct lifecycle *l, enum condition c, bool on);

static inline bool lifecycle_is(const struct lifecycle *l, enum condition c)
{
	return l->conditions >> c & 1;
}

/* A snapshot is at work; a state is being saved; QEMU cannot continue the guest. */
#define COND_ANY_SNAPSHOT                                                                          \
	(1u << COND_SNAPSHOT_SAVE | 1u << COND_SNAPSHOT_LOAD | 1u << COND_SNAPSHOT_DELETE)
#define COND_ANY_SAVE  (1u << COND_SAVING_WARM | 1u << COND_SUSPENDING)
#define COND_ANY_STUCK (1u << COND_LOAD_FAILED | 1u << COND_INTERNAL_ERROR | 1u << COND_WATCHDOG)

static inline bool lifecycle_any(const struct lifecycle *l, unsigned conditions)
{
	return l->conditions & conditions;
}

/* Whether the guest has panicked, or has shut down without QEMU's knowledge. */
bool lifecycle_over(const struct lifecycle *l);
bool lifecycle_panicked(const struct lifecycle *l);
/* Whether asking this guest to shut down is useless or unnecessary. */
bool lifecycle_hopeless(const struct lifecycle *l);

const char *lifecycle_phase_name(enum life_phase phase);
/* One line about what is wrong; NULL if nothing is known to be. */
const char *lifecycle_problem(const struct lifecycle *l);
/* One line about the snapshot that pauses the guest; NULL if there is none. */
const char *lifecycle_snapshot_text(const struct lifecycle *l);
/* The phase in words, for `vm status`. */
const char *lifecycle_text(const struct lifecycle *l);
/* Whether the guest runs, is ready, and nothing is wrong with it. */
bool lifecycle_well(const struct lifecycle *l);

/* QEMU has ended, and all its events have been read. Status 0 without an event counts as a
 * power-off if the machine is not a PC, there is no debugger, and either no stop is under way or
 * the guest has ANNOUNCED its shutdown. */
void lifecycle_exited(struct lifecycle *l, bool announced, bool pc, bool gdb);

enum life_outcome {
	OUTCOME_CLEAN,
	OUTCOME_SUSPENDED,
	OUTCOME_PANIC,
	OUTCOME_LATE,
	OUTCOME_TIME_OVER,
	OUTCOME_GAVE_UP,
	OUTCOME_OWN_STATUS,  /* isa-debug-exit or the like, or an error during a shutdown */
	OUTCOME_QEMU_FAILED, /* QEMU ended by itself; the cause is not known yet */
	OUTCOME_DEBUGGER,    /* gdb's kill, before the guest ran */
	OUTCOME_CUT_OFF,
	OUTCOME_CUT_OFF_BY_DEBUGGER,
};

/* QEMU has ended: interpret it, with or without a gdbstub. The reason of the guest's end outranks
 * QEMU's own status, which is 0 after a SIGTERM, too. */
enum life_outcome lifecycle_outcome(const struct lifecycle *l, bool gdb);
/* The exit status of PID 1 for OUTCOME (docs/lifecycle.md). */
int lifecycle_status(const struct lifecycle *l, enum life_outcome outcome);

#endif
