/* test_plain_text.c - byte order marks, UTF-16 and CR LF in text files that users write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/plain_text.h"

/* FUNCTION converts IN (SIZE bytes) to OUT. */
static void assert_becomes(const char *(*function)(char *, size_t *), const char *in, size_t size,
			   const char *out)
{
	char text[64] = "";
	size_t n = size;

	memcpy(text, in, size);
	assert_null(function(text, &n));
	assert_int_equal(n, strlen(out));
	assert_string_equal(text, out);
}

#define BECOMES(function, in, out) assert_becomes(function, in, sizeof(in) - 1, out)

static void refused(const char *in, size_t size, const char *why)
{
	char text[64] = "";
	size_t n = size;

	memcpy(text, in, size);
	assert_string_equal(plain_text(text, &n), why);
}

static void byte_order_marks(void **state)
{
	(void)state;
	BECOMES(plain_text, "", "");
	BECOMES(plain_text, "\xef\xbb\xbfsecret\r\n", "secret\r\n");
	BECOMES(plain_text, "\xef\xbb\xbf", "");
	BECOMES(plain_text, "\xef\xbb", "\xef\xbb");
	BECOMES(plain_text, "x\xef\xbb\xbf", "x\xef\xbb\xbf");
	BECOMES(plain_text_lines,
		"\xef\xbb\xbf"
		"a\r\nb\rc\r",
		"a\nb\rc");
	BECOMES(plain_text_lines, "\r\n\r\n", "\n\n");
	BECOMES(plain_text_lines, "a\n", "a\n");
}

static void utf_16(void **state)
{
	(void)state;
	refused("\xff\xfes\0e\0", 6, "is UTF-16");
	refused("\xfe\xff\0s", 4, "is UTF-16");
	refused("s\0e\0", 4, "is no text: it has NUL bytes, as UTF-16 has");
	refused("\xef\xbb\xbf"
		"a\0",
		5, "is no text: it has NUL bytes, as UTF-16 has");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(byte_order_marks),
		cmocka_unit_test(utf_16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
