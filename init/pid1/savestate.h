/* savestate.h - a guest's state is saved (restore.h resumes it).
 *
 * The guest is stopped, QEMU writes its devices into a file that it gets over QMP (migration.h),
 * and a helper puts them on the disk with the guest's memory and with what the guest has written
 * (host/state_dir.h). Where the memory is QEMU's own, QEMU writes that into its file, too. A warm
 * state is saved when the guest is ready; the guest goes on as soon as all is copied.
 * VM_STOP=suspend saves one as the first rung of the stop.
 */
#ifndef VM_PID1_SAVESTATE_H
#define VM_PID1_SAVESTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "host/state_dir.h"
#include "pid1/migration.h"

struct env;
struct json;
struct json_value;

enum saving { SAVING_NOTHING, SAVING_WARM, SAVING_SUSPENDED };

struct savestate {
	const struct env *env;
	enum saving saving;
	bool migrating; /* QEMU writes, and will say how it ended */
	struct migration migration;
	bool was_running;
	bool gone_on; /* the guest runs again */
	uint64_t since_ns;
	uint64_t still_ns; /* how long the guest stood still */
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

/* Event MIGRATION: DATA. */
void savestate_event(struct savestate *s, const struct json *doc, const struct json_value *data);
#endif
