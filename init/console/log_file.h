/* log_file.h - a file in VM_LOG_DIR that is appended to across restarts and bounded by rotation.
 *
 * NAME.2, NAME.1 and NAME, in this order, are the end of the whole output. Bytes that do not fit on
 * the disk are dropped and counted, with one warning, and the guest runs on.
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
	long limit_mb; /* of one file; 0: no limit */
	long keep;     /* rotated ones */
	bool mark;     /* the first line says what was dropped before it */
	int fd;	       /* -1: none */
	uint64_t size;
	uint64_t lost;	  /* bytes that the disk did not take */
	unsigned dropped; /* files that were rotated away */
	bool failed;	  /* that it cannot be written has been said */
};

/* Open F, or open it again after it was moved; what is filled in before is F's first
 * members up to MARK, and FD is -1 or open. There is no failure: what cannot be opened is said. */
void log_file_open(struct log_file *f);

/* N bytes at BUF, which stay together: a file that would be too large by them is rotated before. */
void log_file_append(struct log_file *f, const uint8_t *buf, size_t n);

#endif
