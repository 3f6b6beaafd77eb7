/* savestate.h - a guest's state is saved, and resumed.
 *
 * Saving: the guest is stopped, QEMU writes memory and devices into a file that it gets over QMP
 * (migration to a file), and a helper puts it on the disk with what the guest has written
 * (host/state_dir.h). A warm state is saved when the guest is ready, which then goes on; VM_STOP=
 * suspend saves one as the first rung of the stop. Resuming is the same backwards, before the guest
 * runs: `-incoming defer`, and the file over QMP. A state that QEMU does not take costs one line
 * and a cold start.
 */
#ifndef VM_PID1_SAVESTATE_H
#define VM_PID1_SAVESTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "host/state_dir.h"

/* The helper `vm commit-state PART DIR N` finds the N overlays from this descriptor on. */
#define STATE_COMMIT_FD 3

struct supervisor;
struct json;
struct json_value;

enum saving { SAVING_NOTHING, SAVING_WARM, SAVING_SUSPENDED };

struct state {
	enum saving saving;
	bool migrating; /* QEMU writes, and will say how it ended */
	bool mapped_ram;
	bool fdset; /* QEMU has its file in a set of descriptors, not by a name of its own */
	bool was_running;
	bool resuming;	 /* QEMU reads */
	bool refused;	 /* it did not take the state */
	bool resumed;	 /* the guest runs from a saved state */
	bool suspended;	 /* its state is saved, and QEMU may go */
	bool warm_asked; /* by vm warm, before the guest was ready */
	bool awaits_ssh; /* it is ready: saved when ssh answers, too */
	uint64_t since_ns;
	char dir[STATE_PATH_MAX], part[STATE_PATH_MAX];
};

/* Can this guest's state be saved at all, now or later? */
bool state_possible(const struct supervisor *v, enum saving what, struct error *err);
/* Begin to save. False, with the reason, when that cannot be. */
bool state_save(struct supervisor *v, enum saving what, struct error *err);
/* Give up what is being saved, and let the guest run on. */
void state_abort(struct supervisor *v);

/* QMP is ready. True: the machine's state is being read, and state_on_migration() goes on. */
bool state_resume(struct supervisor *v);
/* Event MIGRATION: DATA. */
void state_on_migration(struct supervisor *v, const struct json *doc,
			const struct json_value *data);
/* QEMU has ended: did it not take a state? Starts a cold one; true until that cannot be. */
bool state_retry_cold(struct supervisor *v);

/* warm_start.c. The guest is ready: save it if VM_WARM=1 or `vm warm` wants that. */
void state_ready(struct supervisor *v);
/* The guest's ssh server has answered; or TIMER_WARM: it has not. */
void state_ssh_answered(struct supervisor *v);
void state_no_ssh(struct supervisor *v);
/* The guest starts again, or is stopped. */
void state_await_no_ssh(struct supervisor *v);

/* `vm warm`, on the control socket. */
struct control;
void state_request(struct supervisor *v, struct control *c, int slot, const char *arg);

/* QEMU has ended and its disks are closed: remove what could not be removed before. */
void state_sweep(void);

#endif
