/* stop_ladder.h - how a guest is stopped: a table, state x event -> next state.
 *
 * Each rung is one way to end the guest, gentle ones first. The gentle ones (suspend, power
 * button, ssh, serial line) ask the guest, each for its share of VM_STOP_TIMEOUT; the others cut
 * it off. A rung ends when its time is over, when it cannot work, or when a second SIGTERM asks
 * for the next one; the ladder ends when the guest is down. A guest that has accepted a request
 * (it printed so, or ran the command) gets all the time for asking, even if another way of asking
 * fails meanwhile. Rungs that do not apply are skipped. The ladder has no clock and no side
 * effects: the caller passes the time and carries out the resulting rung.
 */
#ifndef VM_PID1_STOP_LADDER_H
#define VM_PID1_STOP_LADDER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/stop_rungs.h"

enum ladder_event {
	LADDER_STOP,	 /* SIGTERM, SIGINT, vm stop: begin, or go to the next rung */
	LADDER_NOW,	 /* vm stop --now, or nothing to lose: skip the gentle rungs */
	LADDER_ACCEPTED, /* the guest has accepted the request */
	LADDER_TIMEOUT,	 /* the rung's time is over */
	LADDER_FAILED,	 /* the rung cannot work (no QMP, no login, signal refused) */
	LADDER_GONE,	 /* QEMU has ended */
	LADDER_EVENTS
};

struct ladder {
	enum rung rung;
	unsigned applies;     /* bits 1 << rung */
	bool asked;	      /* the guest may be shutting down */
	bool accepted;	      /* it is shutting down */
	uint64_t budget_ns;   /* VM_STOP_TIMEOUT */
	uint64_t end_ns;      /* end of the whole budget; 0 before the stop */
	uint64_t deadline_ns; /* end of the present rung; 0 for none */
	uint64_t hurry_ns;    /* end of asking for a guest that does not react; 0: no such limit */
};

/* APPLIES has the bits of the rungs that apply; RUNG_KILL always does. BUDGET_S is in seconds. */
void ladder_init(struct ladder *l, unsigned applies, long budget_s);

/* Ask a guest that does not react until NS at most, with all rungs together. One that accepts gets
 * the full time. */
void ladder_hurry(struct ladder *l, uint64_t ns, uint64_t now);
/* End the present rung at NS, unless it ends earlier. */
void ladder_cut(struct ladder *l, uint64_t ns);

/* EVENT happened at NOW (CLOCK_MONOTONIC, ns). Returns the rung to carry out, RUNG_NONE if there
 * is nothing to do (the deadline may have changed). */
enum rung ladder_event(struct ladder *l, enum ladder_event event, uint64_t now);

#endif
