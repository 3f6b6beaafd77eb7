/* snapshot_check.h - whether `vm snapshot` is possible now, and what the image has.
 *
 * The table of snapshots in the image is untrusted data: `vm snapshot-table` reads it
 * (proto/snapshot_helper.h).
 */
#ifndef VM_PID1_SNAPSHOT_CHECK_H
#define VM_PID1_SNAPSHOT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "format/snapshot_list.h"
#include "pid1/helper.h"
#include "pid1/snapshot.h"

/* Checks before the image is read: NAME, the guest's disks, and its phase. */
bool snapshot_possible(const struct env *env, enum snapshot_action action, const char *name,
		       struct error *err);
/* Whether the guest's phase permits ACTION. */
bool snapshot_idle(const struct env *env, enum snapshot_action action, struct error *err);
/* Whether there is space for the memory, if a snapshot of OLD bytes is deleted first. A failed
 * save leaves what it has written in the image. */
bool snapshot_has_room(const struct env *env, uint64_t old, struct error *err);

/* Ask whether the table permits ACTION ("save", "load", "delete", "size") for snapshot NAME. DONE
 * is called with ARG at the helper's end; SAID gets its output. */
bool snapshot_ask_table(const struct env *env, const char *action, const char *name, bool force,
			struct tail *said, helper_done *done, void *arg, struct error *err);
/* Parse the helper's line TAG MEMORY. False if it is malformed. */
bool snapshot_parse_entry(const char *line, char tag[SNAPSHOT_TAG_MAX], uint64_t *memory);

/* Revert the disk to snapshot NAME, while no QEMU has it open. DONE is called with ARG at the
 * helper's end. */
bool snapshot_revert(const struct env *env, const char *name, helper_done *done, void *arg,
		     struct error *err);

/* A helper sends the list to client SLOT. False: it could not be started. */
bool snapshot_answer_list(const struct env *env, int slot, bool json, struct error *err);

#endif
