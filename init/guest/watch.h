/* watch.h - what the guest says on its serial line: is it ready for somebody to log in?
 *
 * The stream is cut into lines, terminal escape sequences are left out, and each line is looked at
 * as it grows, because a prompt has no line end. A line is looked at once per read, and only its
 * first WATCH_LINE bytes, so that a flood costs the same per byte as any output.
 */
#ifndef VM_GUEST_WATCH_H
#define VM_GUEST_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_LINE 512

struct watch {
	const char *login; /* the text that means ready */
	bool ready;
	uint64_t ready_ns;	/* CLOCK_MONOTONIC, when the text's last byte had come */
	uint64_t first_byte_ns; /* when the first byte of all came; 0 before */
	size_t len;
	uint8_t escape; /* 0: plain; 1: after ESC; 2: in a CSI sequence */
	char line[WATCH_LINE];
};

/* Begin (again, after a restart of the guest) to look for LOGIN. */
void watch_init(struct watch *w, const char *login);

/* N bytes at BUF came at NOW. Returns true when the guest has just become ready. */
bool watch_feed(struct watch *w, const uint8_t *buf, size_t n, uint64_t now);

#endif
