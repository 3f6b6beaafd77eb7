/* test_replay.c - the filter of the replay: it removes terminal queries in any form, split at any
 * position, and keeps visible output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/replay.h"

#define T(text)                                                                                    \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

struct text {
	const char *bytes;
	size_t n;
};

/* The part of TEXT that passes the filter, in pieces of PIECE bytes, after a visible character. */
static size_t filtered(const char *text, size_t n, size_t piece, uint8_t *out)
{
	struct replay f = {0};
	size_t len = replay_filter(&f, (const uint8_t *)"x", 1, out);

	for (size_t at = 0; at < n; at += piece)
		len += replay_filter(&f, (const uint8_t *)text + at,
				     piece < n - at ? piece : n - at, out + len);
	return len;
}

static void expect(const struct text *in, const struct text *want)
{
	uint8_t out[4096];

	for (size_t piece = 1; piece <= in->n + 1; piece++) {
		size_t n = filtered(in->bytes, in->n, piece, out);

		assert_int_equal(n, want->n + 1);
		assert_memory_equal(out + 1, want->bytes, want->n);
	}
}

static void terminal_queries_are_removed(void **state)
{
	static const struct text questions[] = {
		T("\033[5n"),		 /* DSR: device status */
		T("\033[6n"),		 /* CPR */
		T("\033[?6n"),		 /* DECXCPR */
		T("\033[?15n"),		 /* printer */
		T("\033[?26;1n"),	 /* keyboard */
		T("\033[?996n"),	 /* colour scheme */
		T("\033[c"),		 /* DA1 */
		T("\033[0c"),		 /* the same */
		T("\033[>c"),		 /* DA2 */
		T("\033[>0c"),		 /* the same */
		T("\033[=c"),		 /* DA3 */
		T("\033Z"),		 /* DECID */
		T("\005"),		 /* ENQ */
		T("\033[x"),		 /* DECREQTPARM */
		T("\033[1x"),		 /* the same */
		T("\033[>q"),		 /* XTVERSION */
		T("\033[>0q"),		 /* the same */
		T("\033[?1049$p"),	 /* DECRQM */
		T("\033[4$p"),		 /* DECRQM, ANSI */
		T("\033[1$w"),		 /* DECRQPSR */
		T("\033[2$u"),		 /* DECRQTSR */
		T("\033[&u"),		 /* DECRQUPSS */
		T("\033[1;1;1;1;4;4*y"), /* DECRQCRA */
		T("\033[1'|"),		 /* DECRQLP */
		T("\033[\"v"),		 /* DECRQDE */
		T("\033[+x"),		 /* DECRQPKFM */
		T("\033[?u"),		 /* kitty: keyboard */
		T("\033[?1;1;0S"),	 /* XTSMGRAPHICS */
		T("\033[?4m"),		 /* XTQMODKEYS */
		T("\033[#|"),		 /* XTREPORTSGR */
		T("\033[#R"),		 /* XTREPORTCOLORS */
		T("\033[11t"),		 /* window: state */
		T("\033[18t"),		 /* size */
		T("\033[14;2t"),	 /* size in pixels */
		T("\033[21t"),		 /* title */
		T("\033P$qm\033\\"),	 /* DECRQSS */
		T("\033P+q544e\033\\"),	 /* XTGETTCAP */
		T("\033]4;1;?\007"),	 /* a colour of the palette */
		T("\033]10;?\033\\"),	 /* foreground */
		T("\033]11;?\007"),	 /* background */
		T("\033]52;c;?\007"),	 /* clipboard */
		T("\033]50;?\007"),	 /* font */
		T("\033]1337;ReportCellSize\007"),
		T("\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\033\\"), /* kitty: graphics */
		T("\033^x\033\\"),
		T("\033Xx\033\\"),
		T("\2336n"), /* CSI in 8 bits */
		T("\233>c"),
		T("\302\2336n"), /* and in UTF-8 */
		T("\302\233c"),
		T("\232"), /* DECID */
		T("\302\232"),
		T("\220$qm\234"), /* DCS and ST in 8 bits */
		T("\235"
		  "11;?\007"),
		T("\302\235"
		  "11;?\033\\"),
		T("\033[?1004h"), /* focus: answered at once by some */
		T("\033[?2048h"), /* size reports, the same */
		T("\033[?25;2031h"),
		T("\033[?2l"),	/* VT52 */
		T("\033[?38h"), /* Tektronix */
		T("\033%@"),	/* another coding, in which what follows may be something else */
	};

	(void)state;
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		expect(&questions[i], &(struct text){"", 0});
}

static void visible_output_is_kept(void **state)
{
	static const struct text texts[] = {
		T("login: \007\b\t\r\n"),
		T("\033[1;31mred\033[0m \033[38;2;10;20;30mtrue colour\033[m"),
		T("\033[2J\033[H\033[10;20H\033[K\033[3A\033[5B\033[6C\033[7D\033[4G\033[2d"),
		T("\033[?25l\033[?1049h\033[?2004h\033[?1000;1006h\033[4h\033[?7r\033[?7s"),
		T("\033[5;20r\033[2L\033[2M\033[2P\033[2@\033[2X\033[2S\033[2T\033[s\033[u"),
		T("\033[4 q\033[!p\033[\"q\033[>4;2m\033[>1u\033[<u\033[=1u"),
		T("\033(B\033)0\033=\033>\0337\0338\033D\033E\033M\033H\033c\033#8\033\\"),
		T("gr\303\274n \342\202\254 \360\237\230\200"), /* characters of 2, 3 and 4 bytes */
		T("v\304\233c"), /* 0x9B in a character, and then a c */
		T("\205\302\205\204"),
		T("\377\376\300\241"), /* no UTF-8, no controls */
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		expect(&texts[i], &texts[i]);
}

static void truncated_and_broken_sequences(void **state)
{
	static const struct {
		struct text in, want;
	} rows[] = {
		/* A terminal continues with the sequence after a control character: without its
		 * beginning it is text. */
		{T("\033[6\nn"), T("\nn")},
		{T("\033[\0006n"), T("\0006n")},
		{T("\033[6\005n"), T("n")},
		{T("\033[6\177n"), T("\177n")},
		{T("\033[6\033[6n"), T("")},
		{T("\033\033Z"), T("")},
		{T("\033[6\030n"), T("\030n")},
		/* GR bytes are GL to an 8-bit terminal: CSI 6 n. */
		{T("\033[\266\356 x"), T("\266\356 x")},
		/* An unterminated string does not remove the following line. */
		{T("\033]0;title\r\nnext"), T("\r\nnext")},
		{T("\220 binary\nnext"), T("\nnext")},
		{T("\033P+q\033[6nx"), T("x")},
		{T("\033]0;a\033]11;?\007x"), T("x")},
		/* The Linux console's palette ends by itself. */
		{T("\033]P0123456x"), T("x")},
		{T("\033]P01\033[6nx"), T("x")},
		{T("\033]Rx"), T("x")},
		/* 0xC2 in front of something else, and a broken character before a C1 control. */
		{T("\302a"), T("\302a")},
		{T("\302\2336"), T("")},
		{T("\342\202\2336n"), T("\342\202\2336n")},
		{T("\340\2336n"), T("\340")}, /* overlong: no character */
		{T("\033 F\033[x y"), T("\033 F y")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(&rows[i].in, &rows[i].want);
}

static void an_endless_sequence(void **state)
{
	char text[1000];
	uint8_t out[2000];
	size_t n;

	(void)state;
	memset(text, '1', sizeof text);
	memcpy(text, "\033[", 2);
	memcpy(text + sizeof text - 3, ";6n", 3);
	n = filtered(text, sizeof text, sizeof text, out);
	assert_null(memchr(out, 033, n));
}

/* A line that is already there is not cleared, and the caller is informed when to show it again. */
static void the_greeting_is_kept(void **state)
{
	static const char boot[] = "\033c\033[?7l\033[2J\033[0m\033[1;1H\r\n\033[K";
	static const char kept[] = "\033[?7l\033[0m\r\n";
	struct replay f = {0};
	uint8_t out[256];

	(void)state;
	assert_int_equal(replay_filter(&f, (const uint8_t *)boot, sizeof boot - 1, out),
			 sizeof kept - 1);
	assert_memory_equal(out, kept, sizeof kept - 1);
	assert_false(f.moved);
	assert_int_equal(replay_filter(&f, (const uint8_t *)"SeaBIOS\n", 8, out), 8);
	assert_false(f.moved);
	assert_int_equal(replay_filter(&f, (const uint8_t *)"\033[2J", 4, out), 4);
	assert_true(f.moved);
	f = (struct replay){0};
	assert_int_equal(replay_filter(&f, (const uint8_t *)"\033[?1049h", 8, out), 8);
	assert_true(f.moved);
	assert_true(replay_idle(&f));
	assert_int_equal(replay_filter(&f, (const uint8_t *)"\033[1", 3, out), 0);
	assert_false(replay_idle(&f));
}

static void start_of_a_replay(void **state)
{
	(void)state;
	assert_int_equal(replay_start((const uint8_t *)"31mred\nnext\n", 12), 7);
	assert_int_equal(replay_start((const uint8_t *)"31mred\rnext", 11), 7);
	assert_int_equal(replay_start((const uint8_t *)"no end", 6), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terminal_queries_are_removed),
		cmocka_unit_test(visible_output_is_kept),
		cmocka_unit_test(truncated_and_broken_sequences),
		cmocka_unit_test(an_endless_sequence),
		cmocka_unit_test(the_greeting_is_kept),
		cmocka_unit_test(start_of_a_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
