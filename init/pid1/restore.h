/* restore.h - resumes a saved state before the guest runs (savestate.h saves it).
 *
 * QEMU waits for it (-incoming defer) and gets the stream over QMP. Memory that is not in the
 * stream is mapped by QEMU itself, or copied into the guest's memory by a helper while QEMU
 * starts. A state that QEMU refuses costs a log line and a cold start.
 */
#ifndef VM_PID1_RESTORE_H
#define VM_PID1_RESTORE_H

#include <stdbool.h>

#include "base/error.h"
#include "pid1/migration.h"

struct env;
struct json;
struct json_value;

struct restore {
	const struct env *env;
	struct migration migration;
	bool resuming;	/* a state is to be read, or is being read */
	bool filling;	/* a helper is copying the memory */
	bool greeted;	/* QEMU is ready to read the stream */
	bool refused;	/* QEMU refused the state */
	bool repairing; /* a helper repairs the disk for the cold start */
	char why[200];	/* why the memory could not be copied; "": no error */
};

void restore_init(struct restore *r, const struct env *env);

/* QEMU was started: copy its memory meanwhile, if it is not mapped. */
void restore_fill(struct restore *r);
/* QMP is ready. True: QEMU reads the state, and NOTICE_STATE_RESUMED follows, or QEMU ends. */
bool restore_begin(struct restore *r);
/* Event MIGRATION: DATA. */
void restore_event(struct restore *r, const struct json *doc, const struct json_value *data);
/* QEMU has ended: kill the helper. */
void restore_ended(struct restore *r);
/* QEMU has ended; WORDS is its last output. True: it refused a state, the plan is now that of a
 * cold start, and another QEMU is to be started: at once, or (repairing) at NOTICE_BOOT_AGAIN.
 * False: no state was to be read, or ERR says why there is no cold start. */
bool restore_cold(struct restore *r, const char *words, struct error *err);

#endif
