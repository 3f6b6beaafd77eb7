/* replay.h - filters console output for replay: removes all queries that a terminal answers.
 *
 * A terminal answers certain sequences by sending input (device attributes, cursor position, modes,
 * size, colours, clipboard, ...). If they were replayed to a new client, it would answer them
 * again, into the guest. The filter passes text and those sequences that are known to query
 * nothing; it drops all others, and every control string (DCS, OSC, APC, PM, SOS). It is an allow
 * list, so that unknown queries are dropped too.
 *
 * The stream may be cut anywhere. Sequences are parsed as by a terminal (ECMA-48, xterm's ctlseqs):
 * 7-bit forms, 8-bit C1 controls, and C1 controls encoded in UTF-8. A byte that continues a valid
 * UTF-8 character is not a C1 control. A sequence that contains a control character or a byte above
 * 127 is dropped up to there, and text continues.
 */
#ifndef VM_FORMAT_REPLAY_H
#define VM_FORMAT_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maximum length of a sequence that passes, in bytes. */
#define REPLAY_HELD 128

/* ENQ, which the filter drops: marks the end of a replay in a stream that goes on unfiltered. */
#define REPLAY_MARK 5

/* All zero: at the start of a replay. */
struct replay {
	uint8_t state;
	uint8_t held_len;
	uint8_t digits_left;	    /* missing digits of the Linux console's ESC ] P */
	uint8_t utf8_left;	    /* missing bytes of a character */
	uint8_t utf8_from, utf8_to; /* valid range of the next of them */
	bool printed;		    /* a visible character has passed */
	bool moved;		    /* and after it something that clears or overwrites a screen */
	uint8_t held[REPLAY_HELD];  /* the present sequence */
};

/* Filter the N bytes at IN to OUT (N + REPLAY_HELD bytes). Returns the length of the result. Until
 * a visible character was passed, sequences that clear the screen or move the cursor are dropped
 * too, so that a line printed before the replay stays. */
size_t replay_filter(struct replay *f, const uint8_t *in, size_t n, uint8_t *out);

/* Is the filter outside of a sequence? */
bool replay_idle(const struct replay *f);

/* The start of a replay of the N bytes at BUF, the end of a longer stream: after the first line
 * end, else after the first CR, else at the beginning. */
size_t replay_start(const uint8_t *buf, size_t n);

#endif
