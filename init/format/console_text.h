/* console_text.h - extracts text from a console's output by removing terminal control sequences.
 *
 * Escape sequences (ECMA-48: ESC x, CSI … final byte, OSC and other strings up to BEL or ST) and
 * NULs are removed. A sequence that moves the cursor to another line becomes a line end, so that
 * text that GRUB or a menu prints in different places of the screen is not joined to one line. The
 * stream may be cut anywhere; plain text costs two memchr(3).
 */
#ifndef VM_FORMAT_CONSOLE_TEXT_H
#define VM_FORMAT_CONSOLE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* All zero: start of a stream. */
struct console_text {
	uint8_t state;
	uint8_t length; /* of the present sequence */
};

/* Process some of the N > 0 bytes at BUF and return how many; 0 if a sequence turns out to have
 * ended earlier, in which case the next call continues. *TEXT and *TEXT_LEN become the resulting
 * text: the bytes at BUF, or a line end, or nothing. */
size_t console_text_next(struct console_text *t, const uint8_t *buf, size_t n, const uint8_t **text,
			 size_t *text_len);

/* Write the text of the N bytes at IN to OUT, of N bytes (IN == OUT is allowed). Returns its
 * length. */
size_t console_text_strip(struct console_text *t, const uint8_t *in, size_t n, uint8_t *out);

#endif
