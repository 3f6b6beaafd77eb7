/* env.h - what every room of PID 1 gets: shared tools, and state that it may read.
 *
 * A room is one .c with the struct that it owns. It calls tools (those of this file, and the rooms
 * that serve others: helper, control, port_probe, cpu_query, console_tail, savestate), and posts
 * notices to the others (notice.h). Only supervisor.c, the reactions and the control socket's
 * requests use struct supervisor.
 */
#ifndef VM_PID1_ENV_H
#define VM_PID1_ENV_H

#include <stddef.h>
#include <stdint.h>

#include "base/timers.h"
#include "console/mux.h"
#include "console/prompt.h"
#include "format/boot_phases.h"
#include "pid1/lifecycle.h"
#include "pid1/notice.h"
#include "plan/plan.h"
#include "qemu/qmp.h"

struct control;
struct helpers;

/* loop_ref.type: what a descriptor of the loop is. */
enum ref_type {
	REF_SIGNAL = LOOP_SIGNALS,
	REF_TIMER = LOOP_TIMERS,
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

enum timer_id {
	TIMER_GREETING,	   /* QEMU has not answered yet */
	TIMER_LADDER,	   /* the step's time is over, or the guest is to be asked again */
	TIMER_BOOT,	   /* VM_BOOT_TIMEOUT */
	TIMER_DIRECT,	   /* no output of a kernel that was loaded directly */
	TIMER_RUN,	   /* VM_RUN_TIMEOUT */
	TIMER_SILENCE,	   /* no output on the serial line */
	TIMER_SCREEN,	   /* a screenshot takes too long */
	TIMER_PROBES,	   /* an attempt to connect to the guest takes too long */
	TIMER_PANIC,	   /* check the processors after a panic or shutdown marker */
	TIMER_HEALTH,	   /* `vm health` is to be answered */
	TIMER_DISK,	   /* check for free disk space (disk_error.h) */
	TIMER_CLOCK,	   /* set a resumed guest's clock */
	TIMER_WARM,	   /* the ssh server does not answer, or a snapshot is at work */
	TIMER_DISK_ERRORS, /* log the number of further disk errors */
	TIMER_STUCK,	   /* check whether a load at the monitor has ended */
	TIMER_PAUSED,	   /* log that the guest is paused */
	TIMER_ATTACH,	   /* pass a connection to QEMU again */
	TIMER_SNAPSHOT,	   /* check whether QEMU has read the input typed before a snapshot */
};
_Static_assert(TIMER_SNAPSHOT < TIMERS_MAX, "a deadline for each");

struct env {
	struct plan *plan;
	int epoll;
	struct timers *timers;
	struct qmp *qmp;
	struct relay **relays; /* RELAY_COUNT of them */
	struct control *control;
	struct helpers *helpers;
	struct prompt *prompt; /* of the serial line */
	const struct phases *phases;
	const struct lifecycle *life;
	notice_handler *handler;
	void *handler_arg;
};

static inline const struct settings *env_settings(const struct env *env)
{
	return &env->plan->s;
}

static inline void env_timer(const struct env *env, enum timer_id id, uint64_t at_ns)
{
	timers_set(env->timers, id, at_ns);
}

/* Send a QMP command without arguments whose answer is ignored. False: QEMU does not answer. */
static inline bool env_qmp(const struct env *env, const char *command)
{
	return qmp_send(env->qmp, command, NULL, NULL, NULL);
}

/* Whether we may stop the guest for a moment: a debugger would take that for a breakpoint. */
static inline bool env_may_hold(const struct env *env)
{
	return env->life->phase == LIFE_RUNNING && !env_settings(env)->gdb;
}

/* From now on, C holds (or not, ON). */
void env_condition(const struct env *env, enum condition c, bool on);

/* Let QEMU continue a guest that was paused by us; COND_CONTINUING holds until QEMU has replied. */
bool env_continue(const struct env *env);

#endif
