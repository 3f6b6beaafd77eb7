/* console_log.h - the copies of the serial line: console.log, console.timed.log, standard output.
 *
 * console.log has every byte as it came; console.timed.log (CONSOLE_TIMED) has the seconds since
 * QEMU's start and the time of day before each line. Both are rotated by CONSOLE_LOG_SIZE and
 * CONSOLE_LOG_KEEP (console/log_file.h). With CONSOLE_STDOUT the text without control sequences
 * also goes to standard output, for `docker logs`: whole lines with the prefix `guest: `, so that
 * the guest cannot print a line that looks like one of the log.
 *
 * Bytes that a full disk or pipe does not take are counted, and the guest runs on.
 */
#ifndef VM_CONSOLE_CONSOLE_LOG_H
#define VM_CONSOLE_CONSOLE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"
#include "console/log_file.h"
#include "format/console_text.h"

/* The longest line on standard output; a longer one is printed in pieces. When escaped, it still
 * fits into PIPE_BUF, so write(2) to a pipe is atomic. */
#define CONSOLE_LINE 1000

struct console_log {
	struct log_file whole, timed;
	bool in_line; /* of the timed log */
	int out;      /* standard output, non-blocking; -1: not used */
	uint64_t out_lost;
	bool out_gap;	   /* the last bytes were lost */
	unsigned out_ends; /* consecutive line ends; repeated empty lines are left out */
	size_t line_len;   /* bytes of the incomplete line */
	char line[CONSOLE_LINE];
	struct console_text text;
};

/* Open the files, and standard output if OUT and CONSOLE_STDOUT ask for it. S must stay valid.
 * Never fails: files that cannot be opened are logged. */
void console_log_open(struct console_log *l, const struct settings *s, bool out);

/* The guest has printed N bytes at BUF; its QEMU was started at STARTED_NS (CLOCK_MONOTONIC). */
void console_log_write(struct console_log *l, const uint8_t *buf, size_t n, uint64_t started_ns);

/* Reopen the files after they were renamed (SIGHUP). */
void console_log_reopen(struct console_log *l);

void console_log_close(struct console_log *l);

#endif
