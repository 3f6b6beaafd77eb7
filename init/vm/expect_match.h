/* expect_match.h - matching regular expressions against console output as it arrives, and typing:
 * shared by vm expect, vm send and vm script. */
#ifndef VM_VM_EXPECT_MATCH_H
#define VM_VM_EXPECT_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/console_text.h"
#include "format/pattern.h"

#define WATCH_LINE 512

enum { WATCH_TIMEOUT = -1, WATCH_ENDED = -2 };

struct watch {
	int fd;	   /* a stream of the console (cmd.h, control_stream) */
	bool show; /* copy the output to standard output */
	/* Called with the output; may be NULL. */
	void (*take)(void *arg, const uint8_t *buf, size_t n);
	void *take_arg;
	struct console_text strip;
	size_t at, filled; /* the unread part of BUF */
	size_t len;
	char line[WATCH_LINE]; /* the current line, as far as it fits */
	char last[WATCH_LINE]; /* the previous line that was not empty */
	uint8_t buf[4096];
};

/* Wait until an expression of SET matches new output, at most until END (CLOCK_MONOTONIC ns; 0: no
 * limit). Returns the number of the first match, WATCH_TIMEOUT, or WATCH_ENDED if the guest has
 * ended. */
int watch_wait(struct watch *w, struct pattern_set *set, uint64_t end);

/* The line of the match, as far as it has arrived; otherwise the last line. */
const char *watch_line(const struct watch *w);

/* Append TEXT to OUT with its escapes (\r \n \t \e \\ \xHH) replaced. Returns the number of bytes,
 * or -1 for an unknown escape or if it does not fit. */
int send_unescape(const char *text, char *out, size_t size);

#endif
