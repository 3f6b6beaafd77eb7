/* plain_text.h - text files as Windows' tools write them: with a byte order mark, CR LF, UTF-16. */
#ifndef VM_FORMAT_PLAIN_TEXT_H
#define VM_FORMAT_PLAIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* TEXT, *N bytes of a file and a NUL behind them, without a UTF-8 byte order mark at its beginning.
 * NULL, or what is wrong, to stand behind the file's name: UTF-16 with a byte order mark, or NUL
 * bytes, which UTF-16 without one has. */
const char *plain_text(char *text, size_t *n);

/* The same, and every CR that is in front of an LF or at the end is taken out. */
const char *plain_text_lines(char *text, size_t *n);

/* How a file in another encoding is to be written, for a fix. */
extern const char plain_text_fix[];

#endif
