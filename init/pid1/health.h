/* health.h - the check behind `vm health`, which Docker runs: does a guest that was ready still
 * work?
 *
 * Three checks, in this order and within four seconds: QEMU answers on QMP; at least one processor
 * can run (all of them halted with interrupts off, twice in a row, means a dead guest); and, if
 * VM_READY waits for ssh or http, that server answers now. The result is posted as NOTICE_CHECKED.
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
	unsigned dead; /* samples in a row in which no processor could run */
	uint64_t end_ns;
};

void health_init(struct health *h, const struct env *env, struct port_probes *probes);

/* Start a check, unless one is under way. */
void health_check(struct health *h);
/* TIMER_HEALTH. */
void health_timer(struct health *h);
/* The guest has answered the probe WHICH. */
void health_answered(struct health *h, enum probe_id which);

#endif
