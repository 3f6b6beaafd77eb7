/* supervisor.h - the life of one QEMU, from its start to the exit status.
 *
 * One epoll loop; PID 1 sleeps in it when nothing happens. What it waits for: signals (signalfd),
 * deadlines (timerfd), QEMU's QMP, serial line, monitor and output, the people connected to these,
 * and requests on the control socket.
 */
#ifndef VM_GUEST_SUPERVISOR_H
#define VM_GUEST_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/timers.h"
#include "guest/consoles.h"
#include "guest/control.h"
#include "guest/ladder.h"
#include "guest/plan.h"
#include "guest/relay.h"
#include "guest/watch.h"
#include "qemu/qmp.h"

/* What a descriptor of the loop is: loop_ref.type. */
enum ref_type { REF_SIGNAL, REF_TIMER, REF_QMP, REF_OUTPUT, REF_RELAY, REF_CONTROL };

/* loop_ref.index of the relays. */
enum relay_id { RELAY_SERIAL, RELAY_MONITOR, RELAY_COUNT };

/* The supervisor's deadlines. */
enum timer_id {
	TIMER_LADDER, /* the present rung's time is over, or the button is to be pressed again */
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
	CAUSE_QUIT,   /* host-qmp-quit: ours, or a user's */
	CAUSE_SIGNAL, /* host-signal */
	CAUSE_OTHER,
};

#define OUTPUT_TAIL 1024 /* QEMU's last words that are kept for the error */

struct supervisor {
	struct plan *plan;
	int epoll, signals;
	struct timers timers;
	enum vm_state state;
	enum shutdown_cause cause;
	bool ran;	/* QEMU reached RESUME: from now on the guest may have changed its disk */
	bool retried;	/* with TCG, after KVM chosen automatically failed */
	bool resetting; /* by our reset button: a reboot does not end QEMU until the guest prints */
	bool io_error;	/* paused by a disk error of the host's */
	pid_t qemu;	/* 0: none */
	int qemu_status; /* of waitpid(2) */
	bool qemu_ended;
	int output; /* QEMU's standard error */
	struct qmp qmp;
	bool qmp_armed; /* EPOLLOUT is asked for */
	struct relay *relays[RELAY_COUNT];
	struct consoles consoles;
	struct control control;
	struct ladder ladder;
	struct watch watch;
	uint64_t spawned_ns, qmp_ns, running_ns; /* CLOCK_MONOTONIC; 0: not yet */
	size_t tail_len;
	char tail[OUTPUT_TAIL + 1];
};

/* To be called first of all: a signal that comes from now on waits for the loop, also while the
 * plan is made. */
void supervisor_block_signals(void);

/* Run the guest of PLAN, whose errors are none, to its end. Returns the exit status. */
int supervise(struct plan *plan);

/* The rest is shared between the files of the supervisor: spawn.c, monitor.c, stop.c, requests.c.
 */

/* Start QEMU (again): socketpairs, process, QMP. */
bool supervisor_spawn(struct supervisor *v, struct error *err);

void supervisor_set_state(struct supervisor *v, enum vm_state state);
const char *supervisor_state_name(enum vm_state state);

/* Is the guest well and ready? *WHY gets one line either way. */
bool supervisor_ready(const struct supervisor *v, char *why, size_t size);

/* N bytes at BUF came from the guest's serial line; they are in the log already. */
void supervisor_on_serial(struct supervisor *v, const uint8_t *buf, size_t n);

/* QMP's descriptor has EVENTS (epoll); EPOLLOUT is armed only while something waits. */
void supervisor_qmp_io(struct supervisor *v, uint32_t events);
void supervisor_qmp_rearm(struct supervisor *v);
void supervisor_on_qmp(struct qmp *q, const char *name, const struct json *doc,
		       const struct json_value *data, void *arg);

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
/* The guest is ready now: if its power button was pressed too early, press it again. */
void supervisor_press_again(struct supervisor *v);
/* QEMU has ended: the exit status, with the reason said. */
int supervisor_outcome(const struct supervisor *v);

/* One request of the control socket (control.h). */
void requests_handle(struct control *c, int slot, char *request, void *arg);
/* Answer those who wait: the guest became ready, or all is over with STATUS. */
void requests_ready(struct supervisor *v);
void requests_gone(struct supervisor *v, int status);

#endif
