/* timers.c - see timers.h. */
#include "base/timers.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

#define SECOND UINT64_C(1000000000)

bool timers_init(struct timers *t)
{
	memset(t, 0, sizeof *t);
	t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return t->fd >= 0;
}

bool timers_loop(struct timers *t, int signals, int *epoll, struct error *err)
{
	*epoll = epoll_create1(EPOLL_CLOEXEC);
	if (*epoll >= 0 && timers_init(t) &&
	    loop_add(*epoll, signals, EPOLLIN, (struct loop_ref){.type = LOOP_SIGNALS}) &&
	    loop_add(*epoll, t->fd, EPOLLIN, (struct loop_ref){.type = LOOP_TIMERS}))
		return true;
	return error_set(err, EXIT_INTERNAL,
			 "raise the limit on open files (ulimit -n); the kernel needs epoll, "
			 "signalfd and timerfd",
			 "no event loop: %s", strerror(errno));
}

/* Set the descriptor to the first deadline, or to the next tick if that is earlier (clock.h). */
static void arm(struct timers *t)
{
	uint64_t first = 0;
	uint64_t tick = clock_now() + CLOCK_TICK_NS;

	for (unsigned i = 0; i < TIMERS_MAX; i++)
		if (t->at[i] && (first == 0 || t->at[i] < first))
			first = t->at[i];
	uint64_t at = first == 0 ? 0 : clock_monotonic(first < tick ? first : tick);

	if (at == t->armed || (at && t->armed && t->armed < at))
		return;
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)}};

	/* All zeros disarm the timer. */
	if (timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
		t->armed = at;
}

void timers_set(struct timers *t, unsigned id, uint64_t at_ns)
{
	t->at[id] = at_ns;
	arm(t);
}

int timers_wait(struct timers *t, int epoll, struct epoll_event *events, int most,
		uint64_t *standstill_ns)
{
	clock_sleeps(t->armed);
	int n = epoll_wait(epoll, events, most, -1);

	/* A missed deadline is counted once, even if its event comes in a later round. */
	if ((*standstill_ns = clock_woke()) > 0)
		t->armed = 0;
	return n;
}

int timers_due(struct timers *t, uint64_t now)
{
	uint64_t ticks;

	if (read(t->fd, &ticks, sizeof ticks) == (ssize_t)sizeof ticks)
		t->armed = 0;
	for (unsigned i = 0; i < TIMERS_MAX; i++)
		if (t->at[i] && t->at[i] <= now) {
			t->at[i] = 0;
			return (int)i;
		}
	arm(t);
	return -1;
}
