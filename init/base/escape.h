/* escape.h - makes untrusted text safe for a terminal and for one line of a log.
 *
 * Names from images and manifests, values of the environment, and output of the guest and of QEMU
 * can contain control characters that move a terminal's cursor, or end a line and begin one that
 * looks like ours. The log (base/log.h) escapes every line; other output of such text goes through
 * escape_text() or escape_print().
 */
#ifndef VM_BASE_ESCAPE_H
#define VM_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The length of the UTF-8 sequence at P of at most N (> 0) bytes; 0 if it is invalid (RFC 3629: no
 * surrogates, nothing overlong, nothing above U+10FFFF). */
size_t utf8_length(const unsigned char *p, size_t n);

/* The code point of the sequence of LEN (1 to 4) bytes at P. */
uint32_t utf8_get(const unsigned char *p, size_t len);

/* Whether C controls a terminal or the order of the text around it: C0 and C1 controls, DEL, line
 * and paragraph separators, bidirectional controls (UAX #9), byte order mark, interlinear
 * annotation, and the tags of plane 14. */
bool escape_needed(uint32_t c);

/* The greatest length of an escaped byte. */
#define ESCAPE_MAX 4

/* Write the N bytes at TEXT into OUT (SIZE > 0 bytes), NUL-terminated: valid UTF-8 unchanged, a
 * line end as \n, a carriage return as \r, a tab as \t, other controls as \x1b (one byte) or
 * \u202e, invalid bytes as \xff. KEEP lists characters below 128 that stay unchanged, e.g. "\n"
 * for a text of several lines. A backslash is not doubled. Cut at a character boundary if SIZE is
 * too small. Returns the length. */
size_t escape_text(const char *text, size_t n, const char *keep, char *out, size_t size);

/* Print the string TEXT to TO, escaped except for line ends and tabs. */
void escape_print(FILE *to, const char *text);

#endif
