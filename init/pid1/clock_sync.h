/* clock_sync.h - the clock of a guest that was resumed from a saved state.
 *
 * The emulated clock chip follows the host's time, but most systems read it only when they boot.
 * So the guest's own command sets the clock, if it is known (config/guest_preset.h): in the same
 * line in front of the first command that a client runs in the guest's shell (`shell open` and
 * `clock-set` on the control socket), or, if there is a key for it, over ssh by PID 1, repeated
 * until the guest's sshd answers. PID 1 itself types nothing on the console.
 */
#ifndef VM_PID1_CLOCK_SYNC_H
#define VM_PID1_CLOCK_SYNC_H

#include <stdbool.h>

struct env;

struct clock_sync {
	const struct env *env;
	bool due; /* the guest's clock still has the time of the saved state */
	int tries;
};

void clock_init(struct clock_sync *c, const struct env *env);

/* The guest is ready. Does nothing unless it was resumed. */
void clock_ready(struct clock_sync *c);
/* TIMER_CLOCK: no client has set the clock. */
void clock_timer(struct clock_sync *c);

/* Whether the clock is to be set. COMMAND gets the command for the current time, which the client
 * runs. */
bool clock_command(struct clock_sync *c, char command[64]);

/* A client has run the command. */
void clock_set(struct clock_sync *c);

#endif
