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
	bool awaits_ssh; /* it is ready: saved when ssh answers, too */
};

void warm_start_init(struct warm_start *w, const struct env *env, struct savestate *save,
		     struct port_probes *probes);

/* The guest is ready: save it if that is wanted. */
void warm_start_ready(struct warm_start *w);
/* The guest's ssh server has answered; or TIMER_WARM: it has not. */
void warm_start_ssh_answered(struct warm_start *w);
void warm_start_timer(struct warm_start *w);
/* The guest starts again, or is stopped: nothing is waited for. */
void warm_start_cancel(struct warm_start *w);
/* `vm warm`: it is saved now, or when it is ready. False: ERR says why not. */
bool warm_start_ask(struct warm_start *w, struct error *err);

#endif
