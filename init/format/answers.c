/* answers.c - see answers.h. Source: xterm's ctlseqs; VT510 manual. */
#include "format/answers.h"

#include <stdbool.h>
#include <string.h>

enum { BEL = 7, ESC = 0x1b };

enum { CSI_MAX = 64, STRING_MAX = 1024 };

static bool begins(const uint8_t *in, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(in, with, strlen(with)) == 0;
}

/* Is the sequence with these parameters (PN bytes, possibly ending in an intermediate byte) and
 * this final byte an answer? */
static bool csi_answers(const uint8_t *p, size_t pn, uint8_t final)
{
	bool dec = pn > 0 && p[0] == '?';
	bool other = pn > 0 && (p[0] == '>' || p[0] == '=');
	bool dollar = pn > 0 && p[pn - 1] == '$';

	switch (final) {
	case 'c': /* attributes; without parameters a key of rxvt */
	case 'n':
	case 't':
	case 'x': return pn > 0;
	case 'R': return memchr(p, ';', pn) != NULL;
	case 'y': return dollar;
	case 'S':
	case 'u': return dec; /* otherwise a key of kitty's protocol */
	case 'm': return other;
	default: return false;
	}
}

static size_t csi(const uint8_t *in, size_t n)
{
	size_t i = 2;

	while (i < n && i < CSI_MAX && in[i] >= ' ' && in[i] < '@')
		i++;
	if (i == n || i == CSI_MAX || in[i] > '~')
		return 0;
	return csi_answers(in + 2, i - 2, in[i]) ? i + 1 : 0;
}

/* The length of a control string including its end. */
static size_t string(const uint8_t *in, size_t n)
{
	for (size_t i = 2; i < n && i < STRING_MAX; i++) {
		if (in[i] == BEL && in[1] == ']')
			return i + 1;
		if (in[i] == ESC)
			return i + 1 < n && in[i + 1] == '\\' ? i + 2 : 0;
		if (in[i] < ' ')
			return 0;
	}
	return 0;
}

static bool string_answers(const uint8_t *in, size_t n)
{
	static const char *const dcs[] = {"0$r", "1$r", "0+r", "1+r", ">|", "!|", "1$u", "2$u"};

	if (in[1] == 'P') {
		for (size_t i = 0; i < sizeof dcs / sizeof *dcs; i++)
			if (begins(in + 2, n - 2, dcs[i]))
				return true;
		return memmem(in, n, "!~", 2) != NULL; /* DECCKSR */
	}
	if (in[1] == '_')
		return begins(in + 2, n - 2, "G");
	return in[1] == ']' && in[2] >= '0' && in[2] <= '9';
}

size_t terminal_answer(const uint8_t *in, size_t n)
{
	if (n < 3 || in[0] != ESC)
		return 0;
	if (in[1] == '[')
		return csi(in, n);
	return string_answers(in, n) ? string(in, n) : 0;
}
