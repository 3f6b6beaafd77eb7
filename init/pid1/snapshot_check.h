/* snapshot_check.h - may `vm snapshot` be done now, and what does the image say of it?
 *
 * The table of snapshots in the image is somebody else's data: `vm snapshot-table` reads it
 * (proto/snapshot_helper.h).
 */
#ifndef VM_PID1_SNAPSHOT_CHECK_H
#define VM_PID1_SNAPSHOT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "format/snapshot_list.h"
#include "pid1/helper.h"
#include "pid1/snapshot.h"

/* What can be known before the image is looked at: NAME, the guest's disks, and its state. */
bool snapshot_possible(const struct env *env, enum snapshot_action action, const char *name,
		       struct error *err);
/* Is the guest in a state that permits ACTION? */
bool snapshot_idle(const struct env *env, enum snapshot_action action, struct error *err);
/* Is there room for the memory, if an older snapshot of OLD bytes goes? A save that fails half-way
 * leaves what it has written in the image. */
bool snapshot_has_room(const struct env *env, uint64_t old, struct error *err);

/* Ask for what the table says of ACTION ("save", "load", "delete", "size") with snapshot NAME. DONE
 * hears of the helper's end, with ARG; what it says comes into SAID. */
bool snapshot_ask_table(const struct env *env, const char *action, const char *name, bool force,
			struct tail *said, helper_done *done, void *arg, struct error *err);
/* The line TAG MEMORY that the helper says. False: it is none. */
bool snapshot_parse_entry(const char *line, char tag[SNAPSHOT_TAG_MAX], uint64_t *memory);

/* Take the disk back to snapshot NAME: no QEMU has it. DONE hears of the helper's end, with ARG. */
bool snapshot_revert(const struct env *env, const char *name, helper_done *done, void *arg,
		     struct error *err);

/* A helper answers client SLOT with the list. False: it could not be started. */
bool snapshot_answer_list(const struct env *env, int slot, bool json, struct error *err);

#endif
