/* repair.h - repair a file system on a disk with e2fsck(8), so that a cut leaves the old or the
 * repaired one.
 *
 * e2fsck works on a file that is fetched from the disk as it is read (host/lazy_file.h). What it
 * changes goes to a log (format/repair_log.h), then to the disk; a log that is found at the next
 * start is finished first.
 */
#ifndef VM_HOST_REPAIR_H
#define VM_HOST_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "format/text.h"
#include "host/disk.h"
#include "host/privileges.h"

#define REPAIR_CPU_S  120u
#define REPAIR_WALL_S 300u

struct repair {
	const struct settings *s;
	const struct identity *identity; /* QEMU's */
	const struct disk *disk;
	const char *name; /* of the disk, for errors */
	const char *log;  /* its path; NULL where the disk has no name that outlives us */
};

struct repair_result {
	int status;	 /* e2fsck's */
	uint64_t pieces; /* written to the disk */
	bool decided;	 /* the log is whole: from here on the repair is carried out */
	struct text said;
};

/* Repair what lies in SIZE bytes at START with `e2fsck OPTION -f`. True also when e2fsck
 * says that it cannot (OUT->status is 4 or more): then nothing is changed. OUT->said is
 * text_free()d by the caller. Errors: EXIT_CLEAN (SIGTERM is pending; nothing or all is changed),
 * others: nothing was changed, or the log is there to go on. */
bool repair_part(const struct repair *r, uint64_t start, uint64_t size, const char *option,
		 struct repair_result *out, struct error *err);

/* Has e2fsck's STATUS been one that leaves a good file system? */
bool repair_good(int status);

/* Finish what R->log says, if it is there. *PIECES were written; *STALE: the disk has changed
 * since, and the log was dropped. */
bool repair_finish(const struct repair *r, uint64_t *pieces, bool *stale, struct error *err);

#endif
