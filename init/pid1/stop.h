/* stop.h - the stop carried out rung by rung (stop_ladder.h). */
#ifndef VM_PID1_STOP_H
#define VM_PID1_STOP_H

#include <stdbool.h>

#include "pid1/stop_ladder.h"

struct env;
struct savestate;

struct guest_stop {
	const struct env *env;
	struct savestate *save;
	struct ladder ladder;
	bool checking;	   /* held while QEMU is asked whether the guest has written anything */
	bool asked_button; /* QEMU, for what the guest has enabled */
	bool unarmed;	   /* the guest has not enabled the power button */
};

void stop_init(struct guest_stop *s, const struct env *env, struct savestate *save);
/* Another QEMU starts: nobody has asked it to end. */
void stop_restart(struct guest_stop *s);

/* SIGTERM, `vm stop`, or something that ends the guest: start the ladder, or go one rung further.
 */
void stop_ask(struct guest_stop *s, enum ladder_event what);
/* WHAT happened to the ladder: carry out the rung that follows. */
void stop_event(struct guest_stop *s, enum ladder_event what);
/* TIMER_LADDER. */
void stop_timer(struct guest_stop *s);
/* The guest is ready now: if it was asked to power off too early, ask it again. */
void stop_ask_again(struct guest_stop *s);

#endif
