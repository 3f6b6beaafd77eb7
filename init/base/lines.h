/* lines.h - reading another program's output line by line, and keeping its last lines. */
#ifndef VM_BASE_LINES_H
#define VM_BASE_LINES_H

#include <stddef.h>

/* A line under construction. Zeroed to begin with. */
struct line {
	size_t len;
	char text[240]; /* a longer one is told in pieces */
};

/* TEXT is a whole line, not empty, without its end and without control characters. */
typedef void line_done(void *arg, const char *text);

/* N bytes at BUF came: DONE(ARG) gets each line that they end. */
void line_feed(struct line *l, const char *buf, size_t n, line_done *done, void *arg);

/* Nothing more comes: what has no end yet is a line too. */
void line_end(struct line *l, line_done *done, void *arg);

/* The last bytes that came, NUL-terminated. Zeroed to begin with. */
struct tail {
	size_t len;
	char text[1024 + 1];
};

void tail_feed(struct tail *t, const char *buf, size_t n);

/* The last line of T that is not empty, without its end: *LEN bytes, which may be none. */
const char *tail_line(const struct tail *t, size_t *len);

#endif
