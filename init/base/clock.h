/* clock.h - the clock for deadlines: CLOCK_MONOTONIC without standstills of this process.
 *
 * docker pause, a cgroup freezer, SIGSTOP and a hypervisor that stops its machine suspend the
 * process without notice, while CLOCK_MONOTONIC continues. (A suspended host stops that clock,
 * too.) The only sign is a sleep that lasted much too long. So each wait for a deadline is divided
 * into sleeps of CLOCK_TICK_NS; if one ends more than CLOCK_LATE_NS late, the excess was a
 * standstill and is excluded from clock_now() from then on, which postpones every deadline by it.
 * A busy host may sometimes look the same; then a deadline comes later, but it comes, because each
 * sleep counts for its intended length.
 */
#ifndef VM_BASE_CLOCK_H
#define VM_BASE_CLOCK_H

#include <poll.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_TICK_NS UINT64_C(250000000)
#define CLOCK_LATE_NS UINT64_C(1000000000)

/* Nanoseconds of CLOCK_MONOTONIC without standstills. */
uint64_t clock_now(void);
/* Milliseconds until END_NS of clock_now(), for poll(2): rounded up, 0 if it has passed. */
int clock_left_ms(uint64_t end_ns);
/* AT_NS of clock_now() as a time of CLOCK_MONOTONIC, for timerfd_settime(2). */
uint64_t clock_monotonic(uint64_t at_ns);
/* Nanoseconds of CLOCK_MONOTONIC, standstills included, since clock_start() was first called. */
uint64_t clock_since_start(void);
void clock_start(void);
/* When clock_start() was first called (CLOCK_MONOTONIC). A program started by execve(2) inherits
 * it. */
uint64_t clock_started(void);
void clock_started_at(uint64_t ns);

/* A sleep begins; it ends at DUE_NS (CLOCK_MONOTONIC) at the latest; 0: no limit. */
void clock_sleeps(uint64_t due_ns);
/* The sleep has ended. Returns the length of the standstill, 0 for none. */
uint64_t clock_woke(void);

/* poll(2) until END_NS of clock_now(); 0: no limit. */
int clock_poll(struct pollfd *fds, nfds_t n, uint64_t end_ns);
/* Sleep for NS, at most CLOCK_TICK_NS, or until a signal. */
void clock_nap(uint64_t ns);

/* The time of day as in qemu.log: RFC 3339, UTC, milliseconds, CLOCK_UTC characters without a NUL
 * (2026-01-31T23:59:59.999Z). */
#define CLOCK_UTC 24
void clock_utc(char out[CLOCK_UTC]);
/* The same for the time WHEN, which must be after 1970. */
void clock_utc_of(const struct timespec *when, char out[CLOCK_UTC]);

/* For tests: use SOURCE instead of CLOCK_MONOTONIC; NULL: CLOCK_MONOTONIC again. */
void clock_source(uint64_t (*source)(void));

#endif
