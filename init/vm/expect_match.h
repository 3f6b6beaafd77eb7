/* expect_match.h - matching regular expressions against console output as it comes, and typing:
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
	int fd;	   /* a stream of the console (cmd.h, client_stream) */
	bool show; /* print what comes on standard output */
	struct console_text strip;
	size_t at, filled; /* what of BUF is still to be looked at */
	size_t len;
	char line[WATCH_LINE]; /* the present one, or what of it fits */
	char last[WATCH_LINE]; /* the one before, if it was not empty */
	uint8_t buf[4096];
};

/* Wait until one of SET's expressions matches behind what was looked at before, but no longer than
 * END (CLOCK_MONOTONIC ns; 0: any time). Returns the first one's number, WATCH_TIMEOUT, or
 * WATCH_ENDED when the guest has ended. */
int watch_wait(struct watch *w, struct pattern_set *set, uint64_t end);

/* The line in which it matched, as far as it has come; or the last one. */
const char *watch_line(const struct watch *w);

/* Append TEXT with its escapes undone (\r \n \t \e \\ \xHH) to OUT. Returns the bytes, or -1 at an
 * unknown escape or when it does not fit. */
int send_unescape(const char *text, char *out, size_t size);

/* The byte of a key: ctrl-c, ctrl-], enter, tab, escape, backspace. -1: none such. */
int send_key(const char *name);

#endif
