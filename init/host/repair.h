/* repair.h - repairs a file system on a disk with e2fsck(8), atomically: an interruption leaves the
 * old or the repaired file system.
 *
 * e2fsck works on a file that is fetched from the disk on demand (host/lazy_file.h). Its changes go
 * to a log (format/repair_log.h), then to the disk; a log found at the next start is applied first.
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
	const char *log;  /* path of the log; NULL if the disk has no name that outlives this
			     container */
};

struct repair_result {
	int status;	 /* e2fsck's exit status */
	uint64_t pieces; /* number written to the disk */
	bool decided;	 /* the log is complete: the repair will be carried out */
	struct text said;
};

/* Repair the SIZE bytes at START with `e2fsck OPTION -f`. Also true if e2fsck cannot repair them
 * (OUT->status is 4 or more): then nothing is changed. The caller calls text_free() on OUT->said.
 * Errors: EXIT_CLEAN (SIGTERM is pending; nothing or everything is changed); others: nothing was
 * changed, or the log exists to continue. */
bool repair_part(const struct repair *r, uint64_t start, uint64_t size, const char *option,
		 struct repair_result *out, struct error *err);

/* Does e2fsck's STATUS mean a consistent file system? */
bool repair_succeeded(int status);

/* Apply the log R->log, if it exists. *PIECES were written; *STALE: the disk has changed since, and
 * the log was dropped. */
bool repair_apply_log(const struct repair *r, uint64_t *pieces, bool *stale, struct error *err);

#endif
