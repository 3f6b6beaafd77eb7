/* clock.c - see clock.h; clock_gettime(2), poll(2). */
#include "base/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
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

/* gmtime_r(3) and strftime(3) would add 5 KiB. Days are counted from 1 March of year 0, so that a
 * leap day is the last of a year; 400 years have 146097 days. */
void clock_utc_of(const struct timespec *when, char out[CLOCK_UTC])
{
	unsigned long days = (unsigned long)(when->tv_sec / 86400) + 719468;
	unsigned s = (unsigned)(when->tv_sec % 86400);
	unsigned long in_era = days % 146097;
	unsigned long year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned long in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned long month = (5 * in_year + 2) / 153; /* 0 is March */
	unsigned long day = in_year - (153 * month + 2) / 5 + 1;
	char text[128];

	year += days / 146097 * 400 + (month >= 10);
	month = month < 10 ? month + 3 : month - 9;
	(void)snprintf(text, sizeof text, "%04lu-%02lu-%02luT%02u:%02u:%02u.%03ldZ", year % 10000,
		       month, day, s / 3600, s / 60 % 60, s % 60, when->tv_nsec / 1000000);
	memcpy(out, text, CLOCK_UTC);
}

void clock_utc(char out[CLOCK_UTC])
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	clock_utc_of(&now, out);
}
