/* savestate.h - saves the state of a guest (restore.h resumes it).
 *
 * If the guest's memory is shared with PID 1, a helper copies it while the guest runs. Then the
 * guest is stopped, QEMU writes its devices into a file that it gets over QMP (migration.h), and a
 * helper writes them to the disk with the memory that has changed and what the guest has written to
 * its disk (host/state_dir.h). Memory that only QEMU has goes into QEMU's file, too.
 *
 * A warm state is saved when the guest is ready, and the guest goes on as soon as everything is
 * copied. VM_STOP=suspend saves a state as the first step of the stop.
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
	bool migrating; /* QEMU is writing, and an event will report the end */
	struct migration migration;
	bool was_running;
	bool continued; /* the guest runs: it was not stopped yet, or has been continued */
	int table;	/* what the copy of the memory contains (host/ram_follow.h); -1: none */
	uint64_t begun_ns;
	uint64_t since_ns;  /* when the guest was stopped */
	uint64_t paused_ns; /* how long the guest was stopped */
	char dir[STATE_PATH_MAX], part[STATE_PATH_MAX];
};

void savestate_init(struct savestate *s, const struct env *env);

/* Whether this guest's state can be saved, now or later. */
bool savestate_possible(const struct savestate *s, enum saving what, struct error *err);
/* Begin to save. False with ERR. The end of a warm state is posted as NOTICE_WARM_ENDS, that of a
 * suspended one as NOTICE_VERDICT and NOTICE_RUNG_ENDS. */
bool savestate_begin(struct savestate *s, enum saving what, struct error *err);
/* Give up saving, and continue the guest. */
void savestate_abort(struct savestate *s);

/* Event MIGRATION: DATA. */
void savestate_event(struct savestate *s, const struct json *doc, const struct json_value *data);
#endif
