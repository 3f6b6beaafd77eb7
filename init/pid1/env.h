/* env.h - what every room of PID 1 gets: the tools that all of them use, and what they may read.
 *
 * A room is one .c with the struct that it owns. It calls tools (this file's, and the few rooms
 * that are tools for others: helper, control, port_probe, cpu_query, console_tail, savestate), and
 * posts notices to everybody else (notice.h). struct supervisor is for supervisor.c, reactions.c
 * and requests.c only.
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

/* The deadlines. */
enum timer_id {
	TIMER_GREETING,	   /* QEMU has not answered yet */
	TIMER_LADDER,	   /* the present rung's time is over, or the guest is to be asked again */
	TIMER_BOOT,	   /* VM_BOOT_TIMEOUT */
	TIMER_DIRECT,	   /* nothing is heard of a kernel that was loaded directly */
	TIMER_RUN,	   /* VM_RUN_TIMEOUT */
	TIMER_SILENCE,	   /* nothing came on the serial line */
	TIMER_SCREEN,	   /* a screenshot takes too long */
	TIMER_PROBES,	   /* an attempt to reach the guest is over */
	TIMER_PANIC,	   /* the guest announced its end: look at it (again) */
	TIMER_HEALTH,	   /* the answer to `vm health` is due */
	TIMER_DISK,	   /* is there room for the disk again? (disk_error.h) */
	TIMER_CLOCK,	   /* set a resumed guest's clock */
	TIMER_WARM,	   /* the guest's ssh server does not answer */
	TIMER_DISK_ERRORS, /* tell how many more errors the disk had */
	TIMER_STUCK,	   /* has a load at the monitor come to its end? */
	TIMER_PAUSED,	   /* the guest has been paused long enough for a log line */
	TIMER_ATTACH,	   /* hand a client over to QEMU again */
	TIMER_SNAPSHOT,	   /* has QEMU read what was typed before a snapshot? */
};
_Static_assert(TIMER_SNAPSHOT < TIMERS_MAX, "a deadline for each");

struct env {
	struct plan *plan;
	int epoll;
	struct timers *timers;
	struct qmp *qmp;
	struct relay **relays; /* of RELAY_COUNT */
	struct control *control;
	struct helpers *helpers;
	struct prompt *prompt; /* on the serial line */
	const struct phases *phases;
	const struct lifecycle *life;
	notice_handler *handler;
	void *handler_arg;
};

/* For a room's calls. */
static inline const struct settings *env_settings(const struct env *env)
{
	return &env->plan->s;
}

static inline void env_timer(const struct env *env, enum timer_id id, uint64_t at_ns)
{
	timers_set(env->timers, id, at_ns);
}

/* A QMP command without arguments whose answer does not matter. False: QEMU does not answer. */
static inline bool env_qmp(const struct env *env, const char *command)
{
	return qmp_send(env->qmp, command, NULL, NULL, NULL);
}

#endif
