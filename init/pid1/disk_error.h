/* disk_error.h - causes outside the guest that stop it: errors of the host's disk (QMP event
 * BLOCK_IO_ERROR), and a QEMU that cannot continue the guest (event STOP, then query-status).
 *
 * No space left: QEMU pauses the guest before it notices (werror=enospc, QEMU's default). While
 * the guest is paused, and only then, the free space is read once a second, and the guest is
 * continued when there is enough. Every other error is passed to the guest, as by a real disk.
 * Both are logged once for each episode, not for each failed write.
 *
 * A failed `loadvm` at the monitor leaves the guest stopped with memory that may be partly loaded,
 * and is reported on the monitor only. QEMU also stops the guest after an internal error. PID 1
 * does not continue such a guest, not even to shut it down, because that could damage its disk.
 */
#ifndef VM_PID1_DISK_ERROR_H
#define VM_PID1_DISK_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "format/json.h"

struct env;

struct disk_error {
	const struct env *env;
	bool paused;		   /* by an error of the host's disk */
	bool full;		   /* no space: from the first failed write until writes succeed */
	uint64_t since_ns;	   /* CLOCK_MONOTONIC, of the first failed write */
	uint64_t room;		   /* free bytes at the last failed write */
	uint64_t retry_ns;	   /* when to continue regardless of the free space */
	uint64_t errors;	   /* reported by QEMU since PID 1's start */
	uint64_t unlogged;	   /* of these, not yet logged */
	const struct stuck *stuck; /* the run state QEMU cannot leave; NULL: none known */
	bool stuck_logged;
};

void disk_error_init(struct disk_error *d, const struct env *env);
/* Another QEMU starts; `errors` is kept. */
void disk_error_restart(struct disk_error *d);
/* QEMU reports an error: DATA of BLOCK_IO_ERROR. */
void disk_error_event(struct disk_error *d, const struct json *doc, const struct json_value *data);
/* QEMU has stopped the guest without a request of ours: find out why. */
void disk_error_paused(struct disk_error *d);
/* TIMER_STUCK: check again. */
void disk_error_stuck_timer(struct disk_error *d);
/* The guest runs again, by our `cont` or a user's. */
void disk_error_resumed(struct disk_error *d);
/* TIMER_DISK: check for free space, or end the episode. TIMER_DISK_ERRORS: log the number of
 * further errors. */
void disk_error_timer(struct disk_error *d);
void disk_error_count_timer(struct disk_error *d);

#endif
