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

struct env;
struct json;
struct json_value;

enum saving { SAVING_NOTHING, SAVING_WARM, SAVING_SUSPENDED };

struct savestate {
	const struct env *env;
	enum saving saving;
	bool migrating; /* QEMU writes, and will say how it ended */
	bool mapped_ram;
	bool fdset; /* QEMU has its file in a set of descriptors, not by a name of its own */
	bool was_running;
	bool resuming; /* QEMU reads */
	bool refused;  /* it did not take the state */
	uint64_t since_ns;
	char dir[STATE_PATH_MAX], part[STATE_PATH_MAX];
};

void savestate_init(struct savestate *s, const struct env *env);

/* Can this guest's state be saved at all, now or later? */
bool savestate_possible(const struct savestate *s, enum saving what, struct error *err);
/* Begin to save. False, with the reason, when that cannot be. A warm state ends in
 * NOTICE_WARM_ENDS; a suspended one in NOTICE_VERDICT and NOTICE_RUNG_ENDS. */
bool savestate_begin(struct savestate *s, enum saving what, struct error *err);
/* Give up what is being saved, and let the guest run on. */
void savestate_abort(struct savestate *s);

/* QMP is ready. True: the machine's state is being read; NOTICE_STATE_RESUMED comes, or QEMU ends.
 */
bool savestate_resume(struct savestate *s);
/* Event MIGRATION: DATA. */
void savestate_event(struct savestate *s, const struct json *doc, const struct json_value *data);
/* QEMU has ended, and its last WORDS were these: did it not take a state? Then the plan is that of
 * a cold start now, and another QEMU is to be started. False: ERR says why not, if there was one.
 */
bool savestate_cold(struct savestate *s, const char *words, struct error *err);

/* QEMU has ended and its disks are closed: remove what could not be removed before. */
void savestate_sweep(void);

#endif
