/* stop.h - carries out the rungs of a stop (stop_ladder.h). */
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
	bool checking; /* the guest is paused while QEMU is asked whether it has written anything */
	bool armed;    /* the guest has enabled the power button, as far as is known */
	bool unarmed;  /* it has not, and is not going to */
};

void stop_init(struct guest_stop *s, const struct env *env, struct savestate *save);
/* Another QEMU starts: no stop is under way. */
void stop_restart(struct guest_stop *s);

/* SIGTERM, `vm stop`, or an event that ends the guest: begin the stop, or go to the next rung. */
void stop_ask(struct guest_stop *s, enum ladder_event what);
/* WHAT happened: carry out the rung that follows. */
void stop_event(struct guest_stop *s, enum ladder_event what);
/* TIMER_LADDER. */
void stop_timer(struct guest_stop *s);
/* The guest has become ready: if it was asked too early, ask it again. */
void stop_ask_again(struct guest_stop *s);

#endif
