/* console_text.c - see console_text.h.
 *
 * A sequence that the guest leaves incomplete must not hide a panic message after it: a control
 * character ends a sequence and is text again, a line end ends a string, and the length of
 * sequences is limited.
 */
#include "format/console_text.h"

#include <stdbool.h>
#include <string.h>

enum { NUL = 0, BEL = 7, CAN = 0x18, SUB = 0x1a, ESC = 0x1b };

enum { SEQUENCE_MAX = 64, STRING_MAX = 255 };

/* Limits how far memchr() searches: the caller may stop at any byte and continue from there. */
enum { AHEAD = 512 };

enum state {
	TEXT,
	ESCAPE,	   /* after ESC and possibly intermediate bytes */
	CSI,	   /* after ESC [ and parameters */
	STRING,	   /* after ESC ] or another string introducer */
	STRING_ESC /* ESC in a string: the end (ST) if a \ follows */
};

/* Final bytes of CSI sequences that move the cursor to another line: CUU, CUD, CNL, CPL, CUP, ED,
 * VPA and HVP. */
static bool moves(uint8_t final)
{
	return memchr("ABEFHJdf", final, 8) != NULL;
}

/* The state after ESC, possible intermediate bytes, and C. */
static enum state escaped(uint8_t c)
{
	if (c == '[')
		return CSI;
	if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
		return STRING;
	return c >= ' ' && c <= '/' ? ESCAPE : TEXT;
}

/* Process byte C of a sequence. *MOVED: it ended a sequence that moves the cursor. False: C does
 * not belong to the sequence and is text. */
static bool take(struct console_text *t, uint8_t c, bool *moved)
{
	bool string = t->state == STRING || t->state == STRING_ESC;

	if (c == NUL)
		return true;
	if (t->length++ >= (string ? STRING_MAX - 1 : SEQUENCE_MAX) || c == '\n' || c == '\r' ||
	    (!string && c < ' ' && c != ESC && c != CAN && c != SUB)) {
		t->state = TEXT;
		return false;
	}
	if (c == CAN || c == SUB) {
		t->state = TEXT;
	} else if (c == ESC) {
		t->state = string ? STRING_ESC : ESCAPE;
		t->length = string ? t->length : 0;
	} else if (t->state == ESCAPE) {
		t->state = (uint8_t)escaped(c);
	} else if (t->state == CSI && c >= '@') {
		*moved = moves(c);
		t->state = TEXT;
	} else if (t->state == STRING_ESC) {
		t->state = c == '\\' ? TEXT : (uint8_t)escaped(c);
		t->length = 0;
	} else if (t->state == STRING && c == BEL) {
		t->state = TEXT;
	}
	return true;
}

size_t console_text_next(struct console_text *t, const uint8_t *buf, size_t n, const uint8_t **text,
			 size_t *text_len)
{
	size_t used = 0;
	bool moved = false;

	*text = buf;
	*text_len = 0;
	if (t->state == TEXT && buf[0] != ESC && buf[0] != NUL) {
		size_t len = n < AHEAD ? n : AHEAD;
		const uint8_t *stop = memchr(buf, ESC, len);

		len = stop ? (size_t)(stop - buf) : len;
		stop = memchr(buf, NUL, len);
		*text_len = stop ? (size_t)(stop - buf) : len;
		return *text_len;
	}
	if (t->state == TEXT) {
		t->state = buf[0] == ESC ? ESCAPE : TEXT;
		t->length = 0;
		used = 1;
	}
	while (used < n && t->state != TEXT && take(t, buf[used], &moved))
		used++;
	if (moved) {
		*text = (const uint8_t *)"\n";
		*text_len = 1;
	}
	return used;
}

size_t console_text_strip(struct console_text *t, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t len = 0;

	while (n > 0) {
		const uint8_t *text;
		size_t text_len;
		size_t used = console_text_next(t, in, n, &text, &text_len);

		memmove(out + len, text, text_len);
		len += text_len;
		in += used;
		n -= used;
	}
	return len;
}
