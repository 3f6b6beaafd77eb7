/* interleave.h - writing guest output and log lines to one terminal.
 *
 * A log line that comes within a line of the guest waits for the end of that line, or until the
 * guest has been quiet for a moment (at a prompt nothing more comes), or for WEAVE_MOST_NS at
 * most.
 */
#ifndef VM_VM_INTERLEAVE_H
#define VM_VM_INTERLEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A UART at 9600 baud has a gap of 1 ms between two bytes; a shell that starts a program, more. */
#define WEAVE_QUIET_NS 100000000u
#define WEAVE_MOST_NS  1000000000u

struct weave {
	int out;
	bool mid_line;	   /* the cursor stands behind something */
	uint64_t guest_ns; /* when the guest last printed (CLOCK_MONOTONIC) */
	uint64_t held_ns;  /* since when the first of `held` waits */
	size_t held_len;
	char held[4096];
};

/* N bytes at BUF came from the guest. False with errno set: the terminal takes nothing more. */
bool weave_guest(struct weave *w, const char *buf, size_t n, uint64_t now_ns);

/* N bytes at BUF are log lines, each with its '\n'. False as above. */
bool weave_log(struct weave *w, const char *buf, size_t n, uint64_t now_ns);

/* When (CLOCK_MONOTONIC) the lines that wait do so no longer; 0: none waits. */
uint64_t weave_due(const struct weave *w);

/* Print what waits, on lines of its own. False as above. */
bool weave_flush(struct weave *w);

#endif
