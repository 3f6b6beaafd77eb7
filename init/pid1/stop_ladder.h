/* stop_ladder.h - how a guest is stopped: a table, state x event -> next state.
 *
 * Each rung is one way to end the guest, gentler ones first. The gentle ones (power button, ssh,
 * serial line) ask the guest, each for its share of VM_STOP_TIMEOUT; the others cut it off. A rung
 * is left when its time is over, when it cannot work, or when a second SIGTERM asks for the next
 * one; the ladder ends at once when the guest is down. A guest that was asked and is at it (it said
 * so, or took the command) gets all the time that asking has, and is not cut off because a further
 * way of asking it failed meanwhile. Rungs that this guest or this moment does not have are passed
 * over. The ladder knows no clock and does nothing itself: the caller tells the time and carries
 * out the rung it lands on.
 */
#ifndef VM_PID1_STOP_LADDER_H
#define VM_PID1_STOP_LADDER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/stop_rungs.h"

enum ladder_event {
	LADDER_STOP,	 /* SIGTERM, SIGINT, vm stop: start, or go on to the next rung */
	LADDER_NOW,	 /* vm stop --now, or nothing to lose: no gentle rung */
	LADDER_ACCEPTED, /* the guest does what the present rung asked for */
	LADDER_TIMEOUT,	 /* the rung's time is over */
	LADDER_FAILED,	 /* the rung cannot work (no QMP, no login, signal refused) */
	LADDER_GONE,	 /* QEMU has ended */
	LADDER_EVENTS
};

struct ladder {
	enum rung rung;
	unsigned applies;     /* bit 1 << rung: this guest has it */
	bool asked;	      /* the guest may be going down already */
	bool accepted;	      /* it is */
	uint64_t budget_ns;   /* VM_STOP_TIMEOUT */
	uint64_t end_ns;      /* when the whole budget is over; 0 before the stop */
	uint64_t deadline_ns; /* when the present rung's time is over; 0 for none */
	uint64_t hurry_ns; /* until when a guest is asked that does not react; 0 for no such bound
			    */
};

/* Rungs that apply are the bits of APPLIES; RUNG_KILL always applies. BUDGET_S is in seconds. */
void ladder_init(struct ladder *l, unsigned applies, long budget_s);

/* From NOW on: ask a guest that does not react until NS at most, with all rungs together. One that
 * accepts gets all its time. */
void ladder_hurry(struct ladder *l, uint64_t ns, uint64_t now);
/* The present rung is over at NS, if it is not before. */
void ladder_cut(struct ladder *l, uint64_t ns);

/* EVENT happened at NOW (CLOCK_MONOTONIC, ns). Returns the rung to carry out now, RUNG_NONE when
 * there is nothing to do (the deadline may have changed). */
enum rung ladder_event(struct ladder *l, enum ladder_event event, uint64_t now);

#endif
