/* panic_check.h - the guest prints that it has ended: a panic, a shutdown, a failed boot.
 *
 * Any program in the guest can print such a line, so it counts only if the state of the processors
 * confirms it: NOTICE_PANIC or NOTICE_HALTED. A panic reported by a device (pvpanic) is not
 * checked.
 */
#ifndef VM_PID1_PANIC_CHECK_H
#define VM_PID1_PANIC_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct env;
struct marker;

struct panic_check {
	const struct env *env;
	const struct marker *marker; /* the marker that is being checked; NULL: none */
	uint64_t since_ns;
	unsigned samples;    /* consecutive samples of the processors that confirm it */
	bool by_device;	     /* pvpanic has reported it: no check */
	bool asked;	     /* QEMU has not answered yet */
	bool down;	     /* a shutdown marker has come, too */
	bool idle;	     /* an interrupt may wake a processor */
	uint64_t told_ns[2]; /* panic_check_is_news(): of a panic and a power-off; 0: never */
};

void panic_check_init(struct panic_check *p, const struct env *env);

/* Whether to report M, printed AT: unlike others, panics and power-offs match each time, and any
 * program in the guest may print them all the time. */
bool panic_check_is_news(struct panic_check *p, const struct marker *m, uint64_t at);

/* Marker M has been printed: begin to check it. */
void panic_check_begin(struct panic_check *p, const struct marker *m);
/* pvpanic. */
void panic_check_device(struct panic_check *p);
/* Stop checking: the guest starts again, or has ended. panic_check_ready(): stop checking a failed
 * boot, because the guest is ready. */
void panic_check_drop(struct panic_check *p);
void panic_check_ready(struct panic_check *p);
/* Whether a panic marker is being checked. */
bool panic_check_pending(const struct panic_check *p);
/* The same, for a marker of the last two seconds: resets and shutdowns now are caused by the
 * panic. */
bool panic_check_recent(const struct panic_check *p);
/* TIMER_PANIC. */
void panic_check_timer(struct panic_check *p);

#endif
