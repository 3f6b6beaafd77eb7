/* console_log.h - what is kept of the serial line: console.log, console.timed.log, standard output.
 *
 * console.log has every byte as it came; console.timed.log (CONSOLE_TIMED) has before each line the
 * seconds since QEMU's start and the time of day at which it began. Both are rotated by
 * CONSOLE_LOG_SIZE and CONSOLE_LOG_KEEP (console/log_file.h). With CONSOLE_STDOUT the text, without
 * control sequences, goes to standard output too, for `docker logs`: whole lines, each behind
 * `guest: `, so that the guest cannot print a line that is taken for the log's.
 *
 * What a full disk or a full pipe does not take is counted and the guest runs on.
 */
#ifndef VM_CONSOLE_CONSOLE_LOG_H
#define VM_CONSOLE_CONSOLE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"
#include "console/log_file.h"
#include "format/console_text.h"

/* Bytes of a line on standard output; a longer one is printed in pieces. Escaped, it fits into one
 * write(2) that a pipe takes whole or not at all. */
#define CONSOLE_LINE 1000

struct console_log {
	struct log_file whole, timed;
	bool in_line; /* of the timed log */
	int out;      /* standard output, non-blocking; -1: not wanted */
	uint64_t out_lost;
	bool out_gap;	   /* the last bytes were lost */
	unsigned out_ends; /* line ends in a row, so that a screen that was cleared is no page of
			      them */
	size_t line_len;   /* what is there of the next line */
	char line[CONSOLE_LINE];
	struct console_text text;
};

/* Open the files. OUT: standard output is wanted, if CONSOLE_STDOUT says so, too. S is
 * kept. There is no failure: what cannot be opened is said. */
void console_log_open(struct console_log *l, const struct settings *s, bool out);

/* N bytes at BUF have come from the guest, whose QEMU was started at STARTED_NS (CLOCK_MONOTONIC).
 */
void console_log_write(struct console_log *l, const uint8_t *buf, size_t n, uint64_t started_ns);

/* Open the files again (SIGHUP): they were moved. */
void console_log_reopen(struct console_log *l);

void console_log_close(struct console_log *l);

#endif
