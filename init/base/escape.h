/* escape.h - making untrusted text harmless for a terminal and for a line of a log.
 *
 * Names from images and manifests, values of the environment, and output of the guest and QEMU
 * can contain control characters that move a terminal's cursor, end a line and begin one that
 * looks like ours. The log (base/log.h) escapes every line; other output of such text calls
 * escape_text() or escape_print().
 */
#ifndef VM_BASE_ESCAPE_H
#define VM_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The length of the UTF-8 sequence at P of at most N (> 0) bytes, 0 when it is none: RFC 3629's
 * table, so no surrogates, nothing overlong, nothing above U+10FFFF. */
size_t utf8_length(const unsigned char *p, size_t n);

/* The code point of the sequence of LEN (1 to 4) bytes at P. */
uint32_t utf8_get(const unsigned char *p, size_t len);

/* Does C do something to a terminal or to the order of the text around it, instead of being seen:
 * C0 and C1 controls, DEL, the line and paragraph separators, the bidirectional controls (UAX #9),
 * the byte order mark, interlinear annotation and the tags of plane 14? */
bool escape_needed(uint32_t c);

/* The most bytes that one byte of text becomes. */
#define ESCAPE_MAX 4

/* Write the N bytes at TEXT into OUT (SIZE > 0 bytes), NUL-terminated: readable UTF-8 as it is, a
 * line end as \n, a carriage return as \r, a tab as \t, other controls as \x1b (one byte) or
 * \u202e, and bytes that are no UTF-8 as \xff. KEEP names characters below 128 that stay as they
 * are, e.g. "\n" for a text of several lines. A backslash stays one. Cut at a whole character when
 * SIZE is too small. Returns the length. */
size_t escape_text(const char *text, size_t n, const char *keep, char *out, size_t size);

/* Print the string TEXT to TO so; line ends and tabs stay. */
void escape_print(FILE *to, const char *text);

#endif
