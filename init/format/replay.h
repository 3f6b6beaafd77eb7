/* replay.h - what may be shown again of a console's stream: everything but the questions that a
 * terminal answers.
 *
 * A terminal answers certain sequences by typing (device attributes, cursor position, modes, size,
 * colours, clipboard, ...). Replayed to a new client they would be answered again, into the guest.
 * The filter lets through text and those sequences that are known to ask nothing; it drops all
 * others, and every control string (DCS, OSC, APC, PM, SOS). It is a filter by what is allowed, so
 * that a question invented tomorrow does not pass.
 *
 * The stream may be cut anywhere. Sequences are read as a terminal reads them (ECMA-48, xterm's
 * ctlseqs): 7-bit forms, 8-bit C1 controls, and C1 controls encoded in UTF-8. A byte that continues
 * a valid UTF-8 character is that, and no C1 control. A sequence that holds a control character or
 * a byte above 127 is dropped up to there, and text goes on.
 */
#ifndef VM_FORMAT_REPLAY_H
#define VM_FORMAT_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest sequence that passes, in bytes. */
#define REPLAY_HELD 128

/* All 0: at the start of a replay. */
struct replay {
	uint8_t state;
	uint8_t held_len;
	uint8_t digits_left;	    /* of the Linux console's ESC ] P */
	uint8_t utf8_left;	    /* bytes that the character lacks */
	uint8_t utf8_from, utf8_to; /* what the next of them may be */
	bool printed;		    /* a character that is seen has passed */
	bool moved;		    /* and behind it something that clears or overwrites a screen */
	uint8_t held[REPLAY_HELD];  /* of the present sequence */
};

/* Filter the N bytes at IN to OUT (N + REPLAY_HELD bytes). Returns how many bytes they became.
 * Until something was printed, what clears the screen or moves the cursor is dropped too: a line
 * that the caller has put before the replay stays. */
size_t replay_filter(struct replay *f, const uint8_t *in, size_t n, uint8_t *out);

/* Is there no sequence under way? */
bool replay_idle(const struct replay *f);

/* Where a replay of the N bytes at BUF, the end of a longer stream, begins: behind the first line
 * end, else behind the first CR, else where they begin. */
size_t replay_start(const uint8_t *buf, size_t n);

#endif
