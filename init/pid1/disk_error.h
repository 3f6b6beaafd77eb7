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

struct supervisor;

struct trouble {
	bool full;	   /* no space: from the first failed write to the proof that it is over */
	uint64_t since_ns; /* CLOCK_MONOTONIC, of that first write */
	uint64_t room;	   /* bytes that were free at the last failed write */
	uint64_t retry_ns; /* when to run on whatever the file system says */
	uint64_t errors;   /* of any kind since the start, as QEMU told them */
	uint64_t unsaid;   /* of these, not in the log yet */
	const struct stuck *stuck; /* QEMU cannot let the guest run on; NULL: not known to */
	bool stuck_said;
};

/* QEMU tells of an error: DATA of BLOCK_IO_ERROR. */
void trouble_on_error(struct supervisor *v, const struct json *doc, const struct json_value *data);
/* QEMU has stopped the guest, and nothing of ours asked for it: find out why. */
void trouble_on_stop(struct supervisor *v);
/* TIMER_STUCK: is that still so? */
void trouble_still_stuck(struct supervisor *v);
/* The guest runs again, by us or by somebody's `cont`. */
void trouble_on_resume(struct supervisor *v);
/* TIMER_DISK: is there room, or is it all over? TIMER_DISK_ERRORS: tell how many more there were.
 */
void trouble_look(struct supervisor *v);
void trouble_sum_up(struct supervisor *v);
/* What is wrong, as one line for `vm health`; NULL when nothing is. */
const char *trouble_text(const struct supervisor *v);

#endif
