/* lines.h - splits another program's output into lines, and keeps its last lines. */
#ifndef VM_BASE_LINES_H
#define VM_BASE_LINES_H

#include <stddef.h>

/* An incomplete line. Initially all zeros. */
struct line {
	size_t len;
	char text[240]; /* a longer line is split */
};

/* TEXT is a complete, non-empty line without its end and without control characters. */
typedef void line_done(void *arg, const char *text);

/* Add N bytes at BUF; DONE is called with ARG for each line that they complete. */
void line_feed(struct line *l, const char *buf, size_t n, line_done *done, void *arg);

/* End of the output: an incomplete line is passed to DONE, too. */
void line_end(struct line *l, line_done *done, void *arg);

/* The last bytes of the output, NUL-terminated. Initially all zeros. */
struct tail {
	size_t len;
	char text[1024 + 1];
};

void tail_feed(struct tail *t, const char *buf, size_t n);

/* The last non-empty line of T, without its end; *LEN is its length, possibly 0. */
const char *tail_line(const struct tail *t, size_t *len);

#endif
