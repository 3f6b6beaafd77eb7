/* supervisor.h - the life of one QEMU, from its start to the exit status.
 *
 * One epoll loop; PID 1 sleeps in it when nothing happens. What it waits for: signals (signalfd),
 * deadlines (timerfd), QEMU's QMP, serial line, monitor and output, the people connected to these,
 * and requests on the control socket.
 */
#ifndef VM_PID1_SUPERVISOR_H
#define VM_PID1_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/lines.h"
#include "base/timers.h"
#include "console/attach.h"
#include "console/debug_log.h"
#include "console/guard.h"
#include "console/mux.h"
#include "console/prompt.h"
#include "format/boot_phases.h"
#include "pid1/clock_sync.h"
#include "pid1/console.h"
#include "pid1/control.h"
#include "pid1/disk_error.h"
#include "pid1/helper.h"
#include "pid1/network.h"
#include "pid1/port_probe.h"
#include "pid1/readiness.h"
#include "pid1/savestate.h"
#include "pid1/snapshot.h"
#include "pid1/stop_ladder.h"
#include "plan/plan.h"
#include "qemu/qmp.h"

/* What a descriptor of the loop is: loop_ref.type. */
enum ref_type {
	REF_SIGNAL,
	REF_TIMER,
	REF_QMP,
	REF_OUTPUT,
	REF_DEBUG,
	REF_RELAY,
	REF_CONTROL,
	REF_PROBE,
	REF_HELPER,
	REF_ATTACH
};

/* loop_ref.index of the relays. */
enum relay_id { RELAY_SERIAL, RELAY_MONITOR, RELAY_COUNT };

/* The supervisor's deadlines. */
enum timer_id {
	TIMER_GREETING,	   /* QEMU has not answered yet */
	TIMER_LADDER,	   /* the present rung's time is over, or the guest is to be asked again */
	TIMER_BOOT,	   /* VM_BOOT_TIMEOUT */
	TIMER_SILENCE,	   /* nothing came on the serial line */
	TIMER_SCREEN,	   /* a screenshot takes too long */
	TIMER_PROBES,	   /* an attempt to reach the guest is over */
	TIMER_PROOF,	   /* the guest announced its end: look at it (again) */
	TIMER_HEALTH,	   /* who asked for the guest's health has to get an answer */
	TIMER_DISK,	   /* is there room for the disk again? (disk_error.h) */
	TIMER_CLOCK,	   /* set a resumed guest's clock */
	TIMER_WARM,	   /* the guest's ssh server does not answer */
	TIMER_DISK_ERRORS, /* tell how many more errors the disk had */
	TIMER_STUCK,	   /* has a load at the monitor come to its end? */
	TIMER_PAUSED,	   /* the guest has been paused long enough for a log line */
	TIMER_ATTACH,	   /* hand a client over to QEMU again */
};

enum vm_state {
	VM_STARTING, /* QEMU is being started, or has not answered yet */
	VM_PAUSED,   /* the guest does not run: as asked, by the monitor, or after an I/O error */
	VM_RUNNING,
	VM_STOPPING, /* the ladder is under way */
	VM_DOWN,     /* the guest has ended; QEMU may still be flushing */
};

/* Why the guest ended, as far as QEMU said: the reason of the SHUTDOWN event (QMP). */
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

struct supervisor {
	struct plan *plan;
	int epoll, signals;
	struct timers timers;
	enum vm_state state;
	enum shutdown_cause cause;
	bool ran;     /* QEMU reached RESUME: from now on the guest may have changed its disk */
	bool retried; /* with TCG, after KVM chosen automatically failed */
	/* By our reset button a reboot does not end QEMU until the guest prints after it. */
	enum { RESET_NONE, RESET_ASKED, RESET_SEEN } resetting;
	bool held;     /* for the reset button */
	bool given_up; /* QEMU cannot be talked to: that has been said, and it is being ended */
	bool net_lost; /* passt has ended under a running QEMU */
	bool io_error; /* paused by a disk error of the host's */
	uint64_t paused_ns; /* since when it is paused (CLOCK_MONOTONIC); 0: it runs */
	bool pause_told;    /* in the log */
	pid_t qemu;	    /* 0: none */
	int qemu_status;    /* of waitpid(2) */
	bool qemu_ended;
	int output; /* QEMU's standard error */
	struct qmp qmp;
	bool qmp_armed; /* EPOLLOUT is asked for */
	struct relay *relays[RELAY_COUNT];
	struct consoles consoles;
	struct debug_log debug_log;
	struct attach attach;
	struct guard guard;
	struct control control;
	struct ladder ladder;
	struct phases phases;
	struct prompt prompt; /* on the serial line */
	struct life life;
	struct trouble trouble;
	struct state save;
	struct guest_clock clock;
	struct snapshot_work snapshot;
	struct checkup checkup;
	struct probe probes[PROBE_COUNT];
	struct helper helpers[HELPER_COUNT];
	bool login_seen;  /* since the guest's last start */
	bool disk_kept;	  /* the disk has its boot's snapshot in it */
	bool retrying;	  /* a late boot is being undone */
	int ports_open;	  /* VM_PORTS=ready: 0: not yet on this QEMU; N: forward N comes next */
	int share_failed; /* exit status, when the disk of VM_SHARE=disk could not be made */
	bool signalled;	  /* somebody asked for a stop */
	bool weighing;	  /* whether the guest has written anything */
	void (*then)(struct supervisor *v);
	uint64_t spawned_ns, qmp_ns, running_ns; /* CLOCK_MONOTONIC; 0: not yet */
	uint64_t started_ns;			 /* when PID 1 did */
	struct line output_line;		 /* of QEMU's output, for the log */
	struct tail tail;			 /* QEMU's last words, for the error */
};

/* To be called first of all: a signal that comes from now on waits for the loop, also while the
 * plan is made. */
void supervisor_block_signals(void);

/* Run the guest of PLAN, whose errors are none, to its end. Returns the exit status. */
int supervise(struct plan *plan);

/* The rest is shared between the files of the supervisor: qemu_process.c, qmp_link.c, stop.c,
 * requests.c.
 */

/* Start QEMU (again): socketpairs, process, QMP. */
bool supervisor_spawn(struct supervisor *v, struct error *err);
/* Start QEMU, with VM_SHARE=disk as soon as the disk is made (share_disk.c). A stop ends the
 * making. */
bool share_make(struct supervisor *v, struct error *err);
void share_cancel(struct supervisor *v);
/* Another QEMU, from the beginning, after a late boot. */
bool supervisor_restart(struct supervisor *v, struct error *err);

void supervisor_set_state(struct supervisor *v, enum vm_state state);
const char *supervisor_state_name(enum vm_state state);

/* Is the guest well and ready? *WHY gets one line either way. */
bool supervisor_ready(const struct supervisor *v, char *why, size_t size);

/* N bytes at BUF came from the guest's serial line; they are in the log already. */
void supervisor_on_serial(struct supervisor *v, const uint8_t *buf, size_t n);

/* QMP's descriptor has EVENTS (epoll); EPOLLOUT is armed only while something waits. */
void supervisor_qmp_io(struct supervisor *v, uint32_t events);
void supervisor_qmp_rearm(struct supervisor *v);
/* TIMER_PAUSED */
void supervisor_tell_pause(struct supervisor *v);
void supervisor_on_qmp(struct qmp *q, const char *name, const struct json *doc,
		       const struct json_value *data, void *arg);

/* Everything is ready for the guest: it may run, if nobody wants it to wait. */
void supervisor_run_guest(struct supervisor *v);

/* The guest ends by a reset (reset.c): was it a fault? True: that is being said, and resets_end()
 * follows. */
bool resets_last(struct supervisor *v);
/* The guest has ended: QEMU, which stands still, is told to quit or kept for a debugger. */
void resets_end(struct supervisor *v);
/* The guest ends for REASON (of SHUTDOWN): was that only to look at it? True: it goes on. */
bool resets_caught(struct supervisor *v, const char *reason);
/* The machine was reset: by its guest or from outside. */
void resets_on_event(struct supervisor *v, bool guest);
/* The reset button. False when QEMU does not answer. */
bool supervisor_reset(struct supervisor *v);
/* The guest has come back from it. */
void supervisor_reset_done(struct supervisor *v);

/* SIGTERM, `vm stop`: start the ladder or go one rung further. */
void supervisor_stop(struct supervisor *v, enum ladder_event what);
/* WHAT happened to the ladder: carry out the rung that follows. */
void supervisor_climb(struct supervisor *v, enum ladder_event what);
/* The timer has run out. */
void supervisor_timeout(struct supervisor *v);
/* The guest is ready now: if it was asked to power off too early, ask it again. */
void supervisor_ask_again(struct supervisor *v);
/* The guest answers through the forward that WHICH probes. */
void supervisor_on_probe(struct supervisor *v, enum probe_id which);
/* Ask QEMU what its processors do; the answer's text is for cpu_states_parse(). */
bool cpus_ask(struct supervisor *v, qmp_reply *reply);
/* QEMU has ended: the exit status, with the reason said. */
int supervisor_outcome(const struct supervisor *v);
/* QEMU ended by itself: say why, and what helps (start_failure.c). Returns the exit status. */
int failure_status(const struct supervisor *v);
/* QEMU was started: it has to answer in time. TIMER_GREETING: it has not. QMP has ended: without it
 * a guest that has not run cannot be made to. */
void failure_await_greeting(struct supervisor *v);
void failure_no_greeting(struct supervisor *v);
void failure_qmp_lost(struct supervisor *v);

/* control_client.waits_for */
enum {
	WAITS_NOT,
	WAITS_READY,
	WAITS_LOGIN,
	WAITS_SSH,
	WAITS_HTTP,
	WAITS_GONE,
	WAITS_MONITOR,
	WAITS_HEALTH,
	WAITS_SCREEN,
	WAITS_WARM,
	WAITS_SHELL
};

/* One request of the control socket (control.h). */
void requests_handle(struct control *c, int slot, char *request, void *arg);
/* Answer those who wait: the guest became ready, or all is over with STATUS. */
void requests_ready(struct supervisor *v);
void requests_login(struct supervisor *v);
/* What may be true of the guest by now: is somebody answered who waits for a shell? */
void requests_shell(struct supervisor *v);
/* `wait ARG` for who wants a shell; false when it is none. `prompt ARG`. */
bool requests_wait_shell(struct supervisor *v, struct control *c, int slot, const char *arg);
void requests_prompt(struct supervisor *v, struct control *c, int slot, const char *arg);
/* WHICH has answered; start the probes that somebody waits for; something is wrong with the guest.
 */
void requests_answered(struct supervisor *v, enum probe_id which);
void requests_probe(struct supervisor *v);
void requests_trouble(struct supervisor *v);
/* A look at the guest's health is over; WRONG is what it found, NULL for nothing. */
void requests_checked(struct supervisor *v, const char *wrong);
/* Client SLOT waits for the warm state; it is there, or will not be: STATUS and LINE. */
void requests_await_warm(struct control *c, int slot);
void requests_warm(struct supervisor *v, int status, const char *line);
void requests_gone(struct supervisor *v, int status);

#endif
