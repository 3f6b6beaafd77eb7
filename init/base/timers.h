/* timers.h - several deadlines over one timerfd(2), CLOCK_MONOTONIC: a jump of the wall clock moves
 * none of them, and nothing wakes up before the earliest.
 */
#ifndef VM_BASE_TIMERS_H
#define VM_BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#define TIMERS_MAX 16

struct timers {
	int fd;
	uint64_t armed;		 /* what the descriptor is set to; 0: not */
	uint64_t at[TIMERS_MAX]; /* CLOCK_MONOTONIC, ns; 0: off */
};

/* False with errno when there is no timerfd. */
bool timers_init(struct timers *t);

/* Timer ID (below TIMERS_MAX) goes off at AT_NS (CLOCK_MONOTONIC); 0 turns it off. */
void timers_set(struct timers *t, unsigned id, uint64_t at_ns);

/* A timer that is due at NOW, turned off by this; -1 when there is none (the descriptor is armed
 * for the next one then). To be called until it says -1 whenever the descriptor is readable. */
int timers_due(struct timers *t, uint64_t now);

#endif
