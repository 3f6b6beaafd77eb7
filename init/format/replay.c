/* replay.c - see replay.h.
 *
 * Sources: ECMA-48; xterm's ctlseqs (which names the reports); the VT420 and VT510 manuals for
 * DECRQ*; console_codes(4) for ESC ] P and ESC ] R.
 */
#include "format/replay.h"

#include <string.h>

enum { ENQ = 5, BEL = 7, CAN = 0x18, SUB = 0x1a, ESC = 0x1b, DEL = 0x7f };

/* C1 controls; their 7-bit form is ESC and (code - 0x40). */
enum { C1_DCS = 0x90, C1_SOS = 0x98, C1_DECID = 0x9a, C1_CSI = 0x9b, C1_ST, C1_OSC, C1_PM, C1_APC };

enum state {
	TEXT,
	LEAD,	    /* 0xC2 is held: the beginning of a C1 control in UTF-8, or of a character */
	ESCAPE,	    /* after ESC and possibly intermediate bytes */
	CSI,	    /* parameters and intermediate bytes */
	STRING,	    /* in a control string, which is dropped */
	STRING_OSC, /* first byte of a string: the Linux console's palette sequence has no
		       terminator */
	STRING_ESC, /* ESC in a string */
	PALETTE	    /* palette digits, which are dropped */
};

/* Final bytes of sequences that query nothing. After a private marker or intermediate bytes other
 * rules apply (below). */
static const char plain_finals[] = "@ABCDEFGHIJKLMPSTXZ`abdefghlmrsu";
static const char dec_finals[] = "hlJKrs"; /* CSI ? */
/* CSI > (keyboard and pointer modes, kitty's stack of keyboard modes), CSI = and CSI <. */
static const char other_finals[] = "mnptTu";
/* Pairs of intermediate and final bytes. */
static const char pairs[] = " @ A q!p\"p\"q$r$t$v$x${*x'}'~#{#}#p#q";

/* Modes in which a terminal sends reports, at once or on changes: Tektronix and VT52 modes (with
 * other, unknown queries), focus, colour scheme and size reports. Setting or clearing them is
 * dropped. */
static const unsigned talking_modes[] = {2, 38, 1004, 2031, 2048};

/* 132 columns and the alternate screen: both replace the screen's contents. */
static const unsigned screen_modes[] = {3, 47, 1047, 1049};

/* Is one of the parameters in the N bytes among the COUNT modes at MODES? */
static bool names_mode(const char *parameters, size_t n, const unsigned *modes, size_t count)
{
	unsigned mode = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && parameters[i] >= '0' && parameters[i] <= '9') {
			mode = mode < 100000 ? mode * 10 + (unsigned)(parameters[i] - '0') : mode;
			continue;
		}
		for (size_t m = 0; m < count; m++)
			if (mode == modes[m])
				return true;
		mode = 0;
	}
	return false;
}

#define NAMES_MODE(text, n, modes) names_mode(text, n, modes, sizeof(modes) / sizeof *(modes))

static bool is_in(const char *set, char c)
{
	return strchr(set, c) != NULL;
}

/* May the control sequence of N bytes at TEXT (after CSI) be replayed? */
static bool sequence_passes(const char *text, size_t n)
{
	char final = text[n - 1];
	char marker = text[0] >= '<' && text[0] <= '?' ? text[0] : '\0';
	size_t begin = marker ? 1 : 0;
	size_t end = begin;

	while (end < n - 1 && text[end] >= '0' && text[end] <= ';')
		end++;
	if (n - 1 - end == 1 && !marker && text[end] >= ' ' && text[end] <= '/')
		for (size_t i = 0; i + 1 < sizeof pairs - 1; i += 2)
			if (pairs[i] == text[end] && pairs[i + 1] == final)
				return true;
	if (end != n - 1) /* misplaced parameters, or unknown intermediate bytes */
		return false;
	if (!marker)
		return is_in(plain_finals, final);
	if (marker == '?')
		return is_in(dec_finals, final) &&
		       !(is_in("hlr", final) && NAMES_MODE(text + 1, end - 1, talking_modes));
	/* CSI = n and CSI < n do not exist; CSI > n resets what CSI > m has set */
	return is_in(other_finals, final) && (marker == '>' || final == 'u');
}

/* Does it leave the screen's contents in place? */
static bool sequence_stays(char final)
{
	return is_in("mhlqpbsu@Xg", final);
}

/* Does it switch to another screen? */
static bool sequence_switches(const char *text, size_t n)
{
	return text[0] == '?' && is_in("hl", text[n - 1]) &&
	       NAMES_MODE(text + 1, n - 2, screen_modes);
}

static size_t emit(struct replay *f, uint8_t *out)
{
	size_t n = f->held_len;

	memcpy(out, f->held, n);
	f->held_len = 0;
	f->state = TEXT;
	return n;
}

static void drop(struct replay *f)
{
	f->held_len = 0;
	f->state = TEXT;
}

static void hold(struct replay *f, uint8_t c, enum state next)
{
	if (f->held_len == REPLAY_HELD) { /* without its beginning it is text */
		drop(f);
		return;
	}
	f->held[f->held_len++] = c;
	f->state = (uint8_t)next;
}

/* The held sequence is complete and queries nothing. STAYS: it moves nothing on the screen. */
static size_t pass(struct replay *f, bool stays, uint8_t *out)
{
	if (!stays && !f->printed) {
		drop(f);
		return 0;
	}
	f->moved = f->moved || !stays;
	return emit(f, out);
}

/* A C1 control; the held bytes, including C, encode it. */
static size_t control(struct replay *f, uint8_t c, uint8_t *out)
{
	switch (c) {
	case C1_CSI: f->state = CSI; return 0;
	case C1_OSC:
	case C1_DCS:
	case C1_SOS:
	case C1_PM:
	case C1_APC:
		drop(f);
		f->state = c == C1_OSC ? STRING_OSC : STRING;
		return 0;
	case C1_DECID: drop(f); return 0;
	default: return pass(f, true, out);
	}
}

/* First byte of a multi-byte UTF-8 character (RFC 3629): which bytes may follow. */
static void begin_character(struct replay *f, uint8_t c)
{
	f->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	f->utf8_from = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	f->utf8_to = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
}

static size_t text_byte(struct replay *f, uint8_t c, uint8_t *out)
{
	bool continues = f->utf8_left > 0 && c >= f->utf8_from && c <= f->utf8_to;

	f->utf8_left = continues ? (uint8_t)(f->utf8_left - 1) : 0;
	f->utf8_from = 0x80;
	f->utf8_to = 0xbf;
	if (c == ESC || c == 0xc2) {
		hold(f, c, c == ESC ? ESCAPE : LEAD);
		return 0;
	}
	if (!continues && c >= 0x80 && c < 0xa0) {
		hold(f, c, TEXT);
		return control(f, c, out);
	}
	if (c == ENQ)
		return 0;
	if (c > 0xc2 && c < 0xf5)
		begin_character(f, c);
	if (c > ' ' && c != DEL)
		f->printed = true;
	*out = c;
	return 1;
}

/* Process a byte of ESC and its continuation. Returns whether it belonged to it; *LEN: output
 * length. */
static bool escape_byte(struct replay *f, uint8_t c, uint8_t *out, size_t *len)
{
	bool first = f->held_len == 1;

	if (c < ' ' || c >= DEL) {
		drop(f);
		return false;
	}
	if (c <= '/') {
		hold(f, c, ESCAPE);
		return true;
	}
	/* DECID, and switching between UTF-8 and other character encodings. */
	if (first ? c == 'Z' : f->held[1] == '%') {
		drop(f);
		return true;
	}
	hold(f, c, ESCAPE);
	if (f->state != ESCAPE)
		return true;
	if (first && c >= '@' && c <= '_')
		*len = control(f, (uint8_t)(c + 0x40), out);
	else /* RIS clears; ESC # fills or changes lines; ESC 8 moves to an unknown place */
		*len = pass(f, !(first ? c == 'c' || c == '8' : f->held[1] == '#'), out);
	return true;
}

static bool csi_byte(struct replay *f, uint8_t c, uint8_t *out, size_t *len)
{
	size_t head = f->held[0] == C1_CSI ? 1 : 2;

	if (c < ' ' || c >= DEL) {
		drop(f);
		return false;
	}
	hold(f, c, CSI);
	if (f->state != CSI || c < '@')
		return true;
	const char *text = (const char *)f->held + head;

	size_t n = f->held_len - head;

	if (!sequence_passes(text, n)) {
		drop(f);
		return true;
	}
	f->moved = f->moved || sequence_switches(text, n);
	*len = pass(f, sequence_stays((char)c), out);
	return true;
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Process a byte of a control string. It ends at BEL or ST; another control character ends it as
 * well, because it may not have been a string: its beginning is dropped, the rest is text. */
static bool string_byte(struct replay *f, uint8_t c)
{
	bool palette = f->state == STRING_OSC && (c == 'P' || c == 'R');

	if (f->state == STRING_ESC) {
		drop(f);
		if (c == '\\')
			return true;
		hold(f, ESC, ESCAPE);
		return false;
	}
	if (palette) {
		f->digits_left = c == 'P' ? 7 : 0;
		f->state = c == 'P' ? PALETTE : TEXT;
	} else if (f->state == PALETTE) {
		f->state = is_hex(c) && --f->digits_left > 0 ? PALETTE : TEXT;
		return is_hex(c);
	} else if (c == ESC) {
		f->state = STRING_ESC;
	} else if (c < ' ') {
		f->state = TEXT;
		return c == BEL || c == CAN || c == SUB;
	} else {
		f->state = c == C1_ST ? TEXT : STRING;
	}
	return true;
}

/* Process one byte; repeated if held bytes turned out to be something else. */
static size_t filter_byte(struct replay *f, uint8_t c, uint8_t *out)
{
	size_t total = 0;
	bool taken = false;

	while (!taken) {
		size_t len = 0;

		switch ((enum state)f->state) {
		case TEXT:
			len = text_byte(f, c, out + total);
			taken = true;
			break;
		case LEAD:
			taken = c >= 0x80 && c <= 0xbf;
			if (taken && c < 0xa0) {
				hold(f, c, LEAD);
				len = control(f, c, out + total);
			} else {
				f->printed = true;
				len = emit(f, out + total);
				if (taken)
					out[total + len++] = c;
			}
			break;
		case ESCAPE: taken = escape_byte(f, c, out + total, &len); break;
		case CSI: taken = csi_byte(f, c, out + total, &len); break;
		default: taken = string_byte(f, c); break;
		}
		total += len;
	}
	return total;
}

size_t replay_filter(struct replay *f, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += filter_byte(f, in[i], out + len);
	return len;
}

bool replay_idle(const struct replay *f)
{
	return f->state == TEXT;
}

size_t replay_start(const uint8_t *buf, size_t n)
{
	const uint8_t *end = memchr(buf, '\n', n);

	if (!end)
		end = memchr(buf, '\r', n);
	return end ? (size_t)(end - buf) + 1 : 0;
}
