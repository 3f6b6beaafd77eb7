/* clock_sync.h - the clock of a guest that was resumed.
 *
 * The emulated clock chip goes on with the host's time; a system that has read it when it booted
 * does not notice. So it is told by its own command, where that is known (config/guest_profile.h):
 * by the first that anybody lets the guest's shell run, in the same line (`shell open` and
 * `clock-set` on the control socket), or else, where there is a key for it, over ssh by PID 1,
 * tried again when the guest's sshd does not answer. Nobody types on a console unasked.
 */
#ifndef VM_PID1_CLOCK_SYNC_H
#define VM_PID1_CLOCK_SYNC_H

#include <stdbool.h>

struct env;

struct clock_sync {
	const struct env *env;
	bool due; /* it stands where the state was saved */
	int tries;
};

void clock_init(struct clock_sync *c, const struct env *env);

/* The guest is ready; after a boot there is nothing to do. */
void clock_ready(struct clock_sync *c);
/* TIMER_CLOCK: nobody else has set it. */
void clock_timer(struct clock_sync *c);

/* Is it due? The command that sets it, with the time of now, into COMMAND, which the client runs.
 */
bool clock_command(struct clock_sync *c, char command[64]);

/* It was run. */
void clock_set(struct clock_sync *c);

#endif
