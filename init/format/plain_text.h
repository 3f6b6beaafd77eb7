/* plain_text.h - text files written by Windows tools: with a byte order mark, CR LF, UTF-16. */
#ifndef VM_FORMAT_PLAIN_TEXT_H
#define VM_FORMAT_PLAIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Remove a UTF-8 byte order mark at the beginning of TEXT, *N bytes of a file followed by a NUL.
 * Returns NULL, or the reason for rejecting the file, to be printed after its name: UTF-16 with a
 * byte order mark, or NUL bytes, which UTF-16 without one contains. */
const char *plain_text(char *text, size_t *n);

/* The same; also remove every CR before an LF or at the end. */
const char *plain_text_lines(char *text, size_t *n);

/* The fix for a file in another encoding. */
extern const char plain_text_fix[];

#endif
