/* snapshot.h - `vm snapshot` on the running guest: its disk and its memory, in its own qcow2.
 *
 * QEMU does it (jobs snapshot-save, -load, -delete of qapi/migration.json) and stops the guest and
 * its own main loop meanwhile; PID 1 waits for the job's event. One at a time. The list of
 * snapshots is read from the image by a helper (proto/snapshot_helper.h).
 */
#ifndef VM_PID1_SNAPSHOT_H
#define VM_PID1_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lines.h"
#include "format/snapshot_list.h"

struct env;
struct json;
struct json_value;

enum snapshot_action { SNAPSHOT_NONE, SNAPSHOT_SAVE, SNAPSHOT_LOAD, SNAPSHOT_DELETE };

/* The snapshot that is at work. */
struct snapshot_work {
	const struct env *env;
	enum snapshot_action action;
	bool replacing;	  /* the old one is being deleted before its replacement is saved */
	bool was_running; /* the guest ran before it is loaded */
	bool stopped;	  /* QEMU has stopped the guest to load it */
	bool held;	  /* we have stopped it to save it */
	unsigned job;	  /* QEMU's job; counts from PID 1's start */
	int slot;	  /* slot and number of the client */
	uint64_t number;
	uint64_t since_ns, took_ns;
	uint64_t typed_end_ns; /* stop waiting then for QEMU to read what was typed */
	struct tail said;      /* output of the helper that reads the image */
	char name[SNAPSHOT_NAME_MAX + 1];
	char tag[SNAPSHOT_TAG_MAX];
	char error[400]; /* QEMU's error, if a load failed */
};

void snapshot_init(struct snapshot_work *w, const struct env *env);

/* `snapshot save NAME [--force]`, `load NAME`, `delete NAME`, `list [--json]` on the control
 * socket. */
void snapshot_request(struct snapshot_work *w, int slot, const char *arg);

/* Event JOB_STATUS_CHANGE: DATA. */
void snapshot_on_job(struct snapshot_work *w, const struct json *doc,
		     const struct json_value *data);

/* Event STOP. */
void snapshot_paused(struct snapshot_work *w);

/* TIMER_SNAPSHOT. */
void snapshot_timer(struct snapshot_work *w);

/* QEMU has ended. */
void snapshot_ended(struct snapshot_work *w);

#endif
