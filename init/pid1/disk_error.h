/* disk_error.h - what stops the guest and is not its own doing: errors of the host's disk (QMP
 * event BLOCK_IO_ERROR), and a QEMU that cannot let it run on (event STOP, then query-status).
 *
 * No space left: QEMU pauses the guest before it has noticed (werror=enospc, QEMU's default). While
 * it stands still, and only then, the file system is looked at once a second, and when there is
 * room the guest runs on by itself. Every other error is the guest's own, as a real disk's would
 * be. Either is said once for an episode, not for each of the thousand writes that it may concern.
 *
 * A `loadvm` at the monitor that fails leaves the guest stopped with memory that may be half
 * another moment's, and says so on the monitor only; QEMU also stops it for an error of the
 * emulator's. Such a guest is not made to run by us, not even to be asked to power off: that could
 * damage its disk.
 */
#ifndef VM_PID1_DISK_ERROR_H
#define VM_PID1_DISK_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "format/json.h"

struct env;

struct disk_error {
	const struct env *env;
	bool paused;	   /* the guest, by an error of the host's disk */
	bool full;	   /* no space: from the first failed write to the proof that it is over */
	uint64_t since_ns; /* CLOCK_MONOTONIC, of that first write */
	uint64_t room;	   /* bytes that were free at the last failed write */
	uint64_t retry_ns; /* when to run on whatever the file system says */
	uint64_t errors;   /* of any kind since the start, as QEMU told them */
	uint64_t unsaid;   /* of these, not in the log yet */
	const struct stuck *stuck; /* QEMU cannot let the guest run on; NULL: not known to */
	bool stuck_said;
};

void disk_error_init(struct disk_error *d, const struct env *env);
/* Another QEMU starts; ERRORS are counted over all of them. */
void disk_error_restart(struct disk_error *d);
/* QEMU tells of an error: DATA of BLOCK_IO_ERROR. */
void disk_error_event(struct disk_error *d, const struct json *doc, const struct json_value *data);
/* QEMU has stopped the guest, and nothing of ours asked for it: find out why. */
void disk_error_paused(struct disk_error *d);
/* TIMER_STUCK: is that still so? */
void disk_error_stuck_timer(struct disk_error *d);
/* The guest runs again, by us or by somebody's `cont`. */
void disk_error_resumed(struct disk_error *d);
/* TIMER_DISK: is there room, or is it all over? TIMER_DISK_ERRORS: tell how many more there were.
 */
void disk_error_timer(struct disk_error *d);
void disk_error_count_timer(struct disk_error *d);

#endif
