/* console_log.h - what is kept of the serial line: console.log, console.timed.log, standard output.
 *
 * console.log has every byte as it came; console.timed.log (CONSOLE_TIMED) has before each line the
 * seconds since QEMU's start and the time of day at which it began. Both are rotated by
 * CONSOLE_LOG_SIZE and CONSOLE_LOG_KEEP (guest/log_file.h). With CONSOLE_STDOUT the text, without
 * control sequences, goes to standard output too, for `docker logs`.
 *
 * What a full disk or a full pipe does not take is counted and the guest runs on.
 */
#ifndef VM_GUEST_CONSOLE_LOG_H
#define VM_GUEST_CONSOLE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"
#include "format/console_text.h"
#include "guest/log_file.h"

struct console_log {
	struct log_file whole, timed;
	bool in_line; /* of the timed log */
	int out;      /* standard output, non-blocking; -1: not wanted */
	uint64_t out_lost;
	bool out_gap;	   /* the last bytes were lost */
	unsigned out_ends; /* line ends in a row, so that a screen that was cleared is no page of
			      them */
	struct console_text text;
};

/* Open the files. OUT: standard output is wanted, if CONSOLE_STDOUT says so, too. S and IDENTITY
 * are kept. There is no failure: what cannot be opened is said. */
void console_log_open(struct console_log *l, const struct settings *s,
		      const struct identity *identity, bool out);

/* N bytes at BUF have come from the guest, whose QEMU was started at STARTED_NS (CLOCK_MONOTONIC).
 */
void console_log_write(struct console_log *l, const uint8_t *buf, size_t n, uint64_t started_ns);

/* Open the files anew (SIGHUP): somebody else has moved them. */
void console_log_reopen(struct console_log *l);

void console_log_close(struct console_log *l);

#endif
