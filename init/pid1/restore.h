/* restore.h - a saved state is resumed before the guest runs (savestate.h saves it).
 *
 * QEMU waits for it (-incoming defer) and gets the stream over QMP. A memory that is not in the
 * stream is mapped by QEMU itself, or copied into the guest's by a helper while QEMU starts. A
 * state that QEMU does not take costs one line and a cold start.
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
	bool resuming; /* a state is to be read, or is being read */
	bool filling;  /* the helper copies the memory */
	bool greeted;  /* QEMU is ready to read the stream */
	bool refused;  /* QEMU did not take the state */
	char why[200]; /* the memory could not be copied; "" for none */
};

void restore_init(struct restore *r, const struct env *env);

/* QEMU has been started: its memory is filled meanwhile, if there is something to fill it with. */
void restore_fill(struct restore *r);
/* QMP is ready. True: the machine's state is being read; NOTICE_STATE_RESUMED comes, or QEMU ends.
 */
bool restore_begin(struct restore *r);
/* Event MIGRATION: DATA. */
void restore_event(struct restore *r, const struct json *doc, const struct json_value *data);
/* QEMU has ended: so does the helper. */
void restore_lost(struct restore *r);
/* QEMU has ended, and its last WORDS were these: did it not take a state? Then the plan is that of
 * a cold start now, and another QEMU is to be started. False: ERR says why not, if there was one.
 */
bool restore_cold(struct restore *r, const char *words, struct error *err);

#endif
