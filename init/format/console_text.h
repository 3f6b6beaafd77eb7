/* console_text.h - the text of a console's stream, without what steers a terminal.
 *
 * Escape sequences (ECMA-48: ESC x, CSI … final byte, OSC and its like up to BEL or ST) and NULs
 * are left out. A sequence that takes the cursor to another line becomes the end of a line, so that
 * what GRUB or a menu puts in different places of the screen is not read as one line. The stream
 * may be cut anywhere; text costs two memchr(3).
 */
#ifndef VM_FORMAT_CONSOLE_TEXT_H
#define VM_FORMAT_CONSOLE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* All 0: at the start of a stream. */
struct console_text {
	uint8_t state;
	uint8_t length; /* of the sequence so far */
};

/* Take some of the N > 0 bytes at BUF and return how many; 0 where a sequence turns out to have
 * ended before, and the next call goes on. *TEXT and *TEXT_LEN become the text that they are: the
 * very bytes at BUF, or a line end of our own, or nothing. */
size_t console_text_next(struct console_text *t, const uint8_t *buf, size_t n, const uint8_t **text,
			 size_t *text_len);

/* All of the N bytes at IN: their text goes to OUT, of N bytes (IN == OUT is allowed). Returns its
 * length. */
size_t console_text_strip(struct console_text *t, const uint8_t *in, size_t n, uint8_t *out);

#endif
