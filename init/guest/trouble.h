/* trouble.h - errors of the host's disk under the guest (QMP event BLOCK_IO_ERROR).
 *
 * No space left: QEMU pauses the guest before it has noticed (werror=enospc, QEMU's default). While
 * it stands still, and only then, the file system is looked at once a second, and when there is
 * room the guest runs on by itself. Every other error is the guest's own, as a real disk's would
 * be. Either is said once for an episode, not for each of the thousand writes that it may concern.
 */
#ifndef VM_GUEST_TROUBLE_H
#define VM_GUEST_TROUBLE_H

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
};

/* QEMU tells of an error: DATA of BLOCK_IO_ERROR. */
void trouble_on_error(struct supervisor *v, const struct json *doc, const struct json_value *data);
/* The guest runs again, by us or by somebody's `cont`. */
void trouble_on_resume(struct supervisor *v);
/* TIMER_DISK: is there room, or is it all over? TIMER_DISK_ERRORS: tell how many more there were.
 */
void trouble_look(struct supervisor *v);
void trouble_sum_up(struct supervisor *v);
/* What is wrong, as one line for `vm health`; NULL when nothing is. */
const char *trouble_text(const struct supervisor *v);

#endif
