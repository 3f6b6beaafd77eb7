/* clock.c - see clock.h; clock_gettime(2), poll(2). */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static uint64_t (*read_source)(void);
static uint64_t started, stood, due;

static uint64_t monotonic(void)
{
	struct timespec ts;

	if (read_source)
		return read_source();
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t clock_now(void)
{
	return monotonic() - stood;
}

int clock_left_ms(uint64_t end_ns)
{
	uint64_t now = clock_now();

	return now < end_ns ? (int)((end_ns - now) / 1000000) + 1 : 0;
}

uint64_t clock_monotonic(uint64_t at_ns)
{
	return at_ns + stood;
}

void clock_start(void)
{
	if (!started)
		started = monotonic();
}

uint64_t clock_started(void)
{
	return started;
}

void clock_started_at(uint64_t ns)
{
	started = ns;
}

uint64_t clock_since_start(void)
{
	return started ? monotonic() - started : 0;
}

void clock_sleeps(uint64_t due_ns)
{
	due = due_ns;
}

uint64_t clock_woke(void)
{
	uint64_t now = monotonic();
	uint64_t late = due && now > due + CLOCK_LATE_NS ? now - due : 0;

	due = 0;
	stood += late;
	return late;
}

int clock_poll(struct pollfd *fds, nfds_t n, uint64_t end_ns)
{
	int ready;

	if (end_ns == 0)
		return poll(fds, n, -1);
	do {
		uint64_t tick = clock_now() + CLOCK_TICK_NS;
		uint64_t until = end_ns < tick ? end_ns : tick;

		clock_sleeps(clock_monotonic(until));
		ready = poll(fds, n, clock_left_ms(until));
		(void)clock_woke();
	} while (ready == 0 && clock_now() < end_ns);
	return ready;
}

void clock_nap(uint64_t ns)
{
	const struct timespec time = {.tv_nsec = (long)(ns < CLOCK_TICK_NS ? ns : CLOCK_TICK_NS)};

	clock_sleeps(monotonic() + ns);
	(void)nanosleep(&time, NULL);
	(void)clock_woke();
}

void clock_source(uint64_t (*source)(void))
{
	read_source = source;
	stood = due = 0;
}
