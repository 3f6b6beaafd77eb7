/* log_file.h - a file in VM_LOG_DIR, appended to across restarts and limited by rotation.
 *
 * NAME.2, NAME.1 and NAME, in this order, are the end of the whole output. Bytes that do not fit
 * on the disk are dropped and counted, with one warning, and the guest runs on.
 */
#ifndef VM_CONSOLE_LOG_FILE_H
#define VM_CONSOLE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"

struct log_file {
	const struct settings *s; /* for VM_LOG_DIR */
	const char *name;
	long limit_mb; /* of each file, MiB; 0: no limit */
	long keep;     /* number of rotated files */
	bool mark;     /* begin a file with a line about dropped ones */
	int fd;	       /* -1: none */
	uint64_t size;
	uint64_t lost;	  /* bytes that did not fit on the disk */
	unsigned dropped; /* number of removed files */
	bool failed;	  /* a warning about a failed write was logged */
};

/* Open F, or reopen it after it was renamed. The caller sets the members up to MARK; FD is -1 or
 * open. Never fails: an error is logged. */
void log_file_open(struct log_file *f);

/* Append N bytes at BUF to one file: if they would exceed the limit, files are rotated first. */
void log_file_append(struct log_file *f, const uint8_t *buf, size_t n);

#endif
