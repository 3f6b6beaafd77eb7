/* timers.c - see timers.h. */
#include "base/timers.h"

#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

bool timers_init(struct timers *t)
{
	memset(t, 0, sizeof *t);
	t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return t->fd >= 0;
}

static void arm(struct timers *t)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < TIMERS_MAX; i++)
		if (t->at[i] && (first == 0 || t->at[i] < first))
			first = t->at[i];
	if (first == t->armed)
		return;
	struct itimerspec when = {.it_value = {.tv_sec = (time_t)(first / SECOND),
					       .tv_nsec = (long)(first % SECOND)}};

	/* All zeros disarm it. */
	if (timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
		t->armed = first;
}

void timers_set(struct timers *t, unsigned id, uint64_t at_ns)
{
	t->at[id] = at_ns;
	arm(t);
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
