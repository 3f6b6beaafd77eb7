/* panic_check.h - the guest says that it is at its end: a panic, a shutdown, a boot that failed.
 *
 * Anybody can print such a line, so it is believed when the processors agree with it:
 * NOTICE_PANIC or NOTICE_HALTED. What a device tells (pvpanic) needs no proof.
 */
#ifndef VM_PID1_PANIC_CHECK_H
#define VM_PID1_PANIC_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct env;
struct marker;

struct panic_check {
	const struct env *env;
	const struct marker *marker; /* of what is being looked into; NULL: nothing */
	uint64_t since_ns;
	unsigned samples; /* of the processors, in a row, that speak for it */
	bool told;	  /* by a device: nothing is to be proved */
	bool asked;	  /* QEMU has been asked and has not answered */
	bool down;	  /* it has said that it is shut down, too */
	bool idle;	  /* a processor may be woken up by an interrupt */
};

void panic_check_init(struct panic_check *p, const struct env *env);

/* Marker M has come. */
void panic_check_begin(struct panic_check *p, const struct marker *m);
/* pvpanic. */
void panic_check_device(struct panic_check *p);
/* Forget it: the guest starts again, or has ended. The guest is ready: so its boot did not fail. */
void panic_check_drop(struct panic_check *p);
void panic_check_ready(struct panic_check *p);
/* Has it said that it panicked, and that is being looked into? */
bool panic_check_suspects(const struct panic_check *p);
/* The same, within the last two seconds: what it does now is still its panic's doing. */
bool panic_check_just_said(const struct panic_check *p);
/* TIMER_PANIC. */
void panic_check_timer(struct panic_check *p);

#endif
