/* timers.h - several deadlines on one timerfd(2), in the time of clock_now(): a jump of the wall
 * clock moves none of them, a standstill of the whole container (clock.h) postpones all by its
 * length. While there is a deadline, the descriptor expires at every tick; without one it never
 * does. */
#ifndef VM_BASE_TIMERS_H
#define VM_BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/error.h"

#define TIMERS_MAX 20

struct timers {
	int fd;
	uint64_t armed;		 /* setting of the descriptor, CLOCK_MONOTONIC; 0: off */
	uint64_t at[TIMERS_MAX]; /* clock_now(); 0: off */
};

/* False with errno if there is no timerfd. */
bool timers_init(struct timers *t);

/* loop_ref.type of the two descriptors that every event loop has. */
enum { LOOP_SIGNALS, LOOP_TIMERS };

/* Create *EPOLL, an event loop with the descriptor SIGNALS (signalfd(2)) and T, which is
 * initialised. */
bool timers_loop(struct timers *t, int signals, int *epoll, struct error *err);

/* Set timer ID (below TIMERS_MAX) to AT_NS (clock_now()); 0 turns it off. */
void timers_set(struct timers *t, unsigned id, uint64_t at_ns);

/* epoll_wait(2) for up to MOST events on EPOLL, in which T->fd is registered. A standstill is
 * excluded from clock_now(); *STANDSTILL_NS is its length, 0 for none. */
int timers_wait(struct timers *t, int epoll, struct epoll_event *events, int most,
		uint64_t *standstill_ns);

/* Returns a timer that is due at NOW, and turns it off; -1 if there is none, and the descriptor is
 * set to the next deadline. Call it until it returns -1 when the descriptor is readable. */
int timers_due(struct timers *t, uint64_t now);

#endif
