/* health.h - is a guest that was ready still well? Asked by `vm health`, which Docker runs.
 *
 * Three things are looked at, in this order, and within four seconds: QEMU answers on QMP; at least
 * one processor can still run (all of them halted with interrupts off, twice in a row, is a dead
 * guest); and where ready means that the guest's sshd or web server answers, it answers now.
 * NOTICE_CHECKED has the result.
 */
#ifndef VM_PID1_HEALTH_H
#define VM_PID1_HEALTH_H

#include <stdint.h>

#include "pid1/port_probe.h"

struct env;

struct health {
	const struct env *env;
	struct port_probes *probes;
	enum { CHECK_NONE, CHECK_CPUS, CHECK_AGAIN, CHECK_SERVICE } step;
	unsigned dead; /* looks in a row at which no processor could run */
	uint64_t end_ns;
};

void health_init(struct health *h, const struct env *env, struct port_probes *probes);

/* Begin to look, if that is not under way. */
void health_check(struct health *h);
/* TIMER_HEALTH. */
void health_timer(struct health *h);
/* The guest answers through the forward that WHICH probes. */
void health_answered(struct health *h, enum probe_id which);

#endif
