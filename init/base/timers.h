/* timers.h - several deadlines on one timerfd(2), in the time of clock_now(): a jump of the wall
 * clock moves none of them, a standstill of the whole container (clock.h) moves all by as much.
 * While there is a deadline, the descriptor expires at every tick of that clock; without one
 * nothing wakes up.
 */
#ifndef VM_BASE_TIMERS_H
#define VM_BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define TIMERS_MAX 20

struct timers {
	int fd;
	uint64_t armed;		 /* what the descriptor is set to, CLOCK_MONOTONIC; 0: not */
	uint64_t at[TIMERS_MAX]; /* clock_now(); 0: off */
};

/* False with errno when there is no timerfd. */
bool timers_init(struct timers *t);

/* Timer ID (below TIMERS_MAX) goes off at AT_NS (clock_now()); 0 turns it off. */
void timers_set(struct timers *t, unsigned id, uint64_t at_ns);

/* epoll_wait(2) for up to MOST events on EPOLL, in which T->fd is registered. A standstill
 * meanwhile is left out of clock_now(); *STANDSTILL_NS is how long it was, 0 for none. */
int timers_wait(struct timers *t, int epoll, struct epoll_event *events, int most,
		uint64_t *standstill_ns);

/* A timer that is due at NOW, turned off by this; -1 when there is none (the descriptor is armed
 * for the next one then). To be called until it says -1 whenever the descriptor is readable. */
int timers_due(struct timers *t, uint64_t now);

#endif
