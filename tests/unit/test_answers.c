/* test_answers.c - tells a terminal's answers from keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/answers.h"

static size_t answer_length(const char *text)
{
	return terminal_answer((const uint8_t *)text, strlen(text));
}

static void answers(void **state)
{
	static const char *const texts[] = {
		"\033[0n",
		"\033[3n",
		"\033[24;80R",
		"\033[?24;80;1R",
		"\033[?62;c",
		"\033[>41;354;0c",
		"\033[?12;2$y",
		"\033[4;1$y",
		"\033[2;1;1;112;112;1;0x",
		"\033[8;24;80t",
		"\033[?1u",
		"\033[?997;1n",
		"\033[?1;0;256S",
		"\033[>4;2m",
		"\033P1$r0m\033\\",
		"\033P0+r\033\\",
		"\033P>|xterm(379)\033\\",
		"\033P!|00000000\033\\",
		"\033P1!~ABCD\033\\",
		"\033]11;rgb:0000/0000/0000\007",
		"\033]4;1;rgb:ff/00/00\033\\",
		"\033]52;c;aGVsbG8=\007",
		"\033_Gi=31;OK\033\\",
	};
	char cut[64];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t n = strlen(texts[i]);

		assert_int_equal(answer_length(texts[i]), n);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(terminal_answer((const uint8_t *)texts[i], k), 0);
		memcpy(cut, texts[i], n);
		memcpy(cut + n, "text", 5);
		assert_int_equal(answer_length(cut), n);
	}
}

static void keys(void **state)
{
	static const char *const texts[] = {
		"x",	     "\033",	      "\033x",	       "\033[A",    "\033[1;5C",
		"\033[3~",   "\033[15;2~",    "\033OP",	       "\033OR",    "\033[R",
		"\033[a",    "\033[c",	      "\033[Z",	       "\033[I",    "\033[O",
		"\033[200~", "\033[97;5u",    "\033[<0;1;1M",  "\033[M !!", "\033]x\007",
		"\033P\n",   "\033]11;\nrgb", "\033P0$r\033x", "\033]no",   "\033_x\033\\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(answer_length(texts[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
