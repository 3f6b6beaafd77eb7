/* interleave.h - writing guest output and log lines to one terminal.
 *
 * A log line that arrives within a line of the guest is held until that line ends, or until the
 * guest has been quiet for a moment (a prompt is not followed by a line end), or for
 * INTERLEAVE_MOST_NS at most.
 */
#ifndef VM_VM_INTERLEAVE_H
#define VM_VM_INTERLEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A UART at 9600 baud has gaps of 1 ms between bytes; a shell that starts a program pauses for
 * longer. */
#define INTERLEAVE_QUIET_NS 100000000u
#define INTERLEAVE_MOST_NS  1000000000u

struct interleave {
	int out;
	bool mid_line;	   /* the cursor is not at the start of a line */
	uint64_t guest_ns; /* when the guest last printed (CLOCK_MONOTONIC) */
	uint64_t held_ns;  /* time of the oldest line in `held` */
	size_t held_len;
	char held[4096];
};

/* Write N bytes of guest output at BUF. False with errno if the terminal accepts no more. */
bool interleave_guest(struct interleave *w, const char *buf, size_t n, uint64_t now_ns);

/* Write N bytes of log lines at BUF, each with its '\n'. False as above. */
bool interleave_log(struct interleave *w, const char *buf, size_t n, uint64_t now_ns);

/* Time (CLOCK_MONOTONIC) at which the held lines are due; 0: there are none. */
uint64_t interleave_due(const struct interleave *w);

/* Print the held lines, each on its own line. False as above. */
bool interleave_flush(struct interleave *w);

#endif
