/* warm_start.h - when a warm state is saved: VM_WARM=1, `vm warm`. (savestate.h) */
#ifndef VM_PID1_WARM_START_H
#define VM_PID1_WARM_START_H

#include <stdbool.h>

#include "base/error.h"
#include "pid1/port_probe.h"

struct env;
struct savestate;

struct warm_start {
	const struct env *env;
	struct savestate *save;
	struct port_probes *probes;
	bool asked;	 /* by `vm warm`, before the guest was ready */
	bool awaits_ssh; /* the guest is ready; its ssh server does not answer yet */
	bool delayed;	 /* by a snapshot */
};

void warm_start_init(struct warm_start *w, const struct env *env, struct savestate *save,
		     struct port_probes *probes);

/* The guest is ready: save the state if that was requested. */
void warm_start_ready(struct warm_start *w);
/* warm_start_ssh_answered(): the guest's ssh server has answered. warm_start_timer(): TIMER_WARM,
 * it has not, or it is time to look whether a snapshot is done. */
void warm_start_ssh_answered(struct warm_start *w);
void warm_start_timer(struct warm_start *w);
/* The guest starts again, or is stopped: cancel the request. */
void warm_start_cancel(struct warm_start *w);
/* `vm warm`: save the state now, or when the guest is ready. False with ERR. */
bool warm_start_ask(struct warm_start *w, struct error *err);

#endif
