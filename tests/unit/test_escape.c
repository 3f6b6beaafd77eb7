/* test_escape.c - escaping untrusted text in the log, in errors and in JSON: it cannot control a
 * terminal or start a new line, and printable UTF-8 is unchanged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/escape.h"
#include "base/log.h"
#include "format/json.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void invisible_characters_are_escaped(void **state)
{
	static const struct {
		const char *text, *out;
	} cases[] = {
		{"plain text, 100 %", "plain text, 100 %"},
		{"gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x90\x83",
		 "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x90\x83"},
		{"a\\b", "a\\b"},
		{"a\nvm: error: b\r\tc", "a\\nvm: error: b\\r\\tc"},
		{"\033[2J\007\177", "\\x1b[2J\\x07\\x7f"},
		{"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\\u0080\\u009b\\u009f\xc2\xa0"},
		{"\x9b\xff\xc3", "\\x9b\\xff\\xc3"},
		{"\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\x8f", "\\u202e\\u2066\\u061c\\u200f"},
		{"\xe2\x80\xa8\xef\xbb\xbf\xf3\xa0\x80\x81", "\\u2028\\ufeff\\U000e0001"},
		{"\xed\xa0\x80\xc0\xaf", "\\xed\\xa0\\x80\\xc0\\xaf"},
	};
	char out[128];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = escape_text(cases[i].text, strlen(cases[i].text), "", out, sizeof out);

		assert_string_equal(out, cases[i].out);
		assert_int_equal(n, strlen(out));
		assert_true(n <= ESCAPE_MAX * strlen(cases[i].text));
	}
	(void)escape_text("a\0b\n\t", 5, "\n\t", out, sizeof out);
	assert_string_equal(out, "a\\x00b\n\t");
}

static void text_is_cut_between_characters(void **state)
{
	static const char text[] = "ab\033\xc3\xbc\xc2\x80";
	char out[32];
	static const size_t whole[] = {0, 1, 2, 6, 8, 14};

	(void)state;
	for (size_t size = 1; size < sizeof out; size++) {
		size_t n = escape_text(text, sizeof text - 1, "", out, size);
		bool known = false;

		for (size_t i = 0; i < COUNT(whole); i++)
			known = known || n == whole[i];
		assert_true(known && n < size && out[n] == '\0');
	}
}

/* Call FN and copy what it writes to standard error to OUT. */
static void captured(void (*fn)(void), char *out, size_t size)
{
	int fds[2];
	int saved = dup(STDERR_FILENO);

	assert_int_equal(pipe(fds), 0);
	(void)dup2(fds[1], STDERR_FILENO);
	fn();
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	(void)close(fds[1]);
	ssize_t n = read(fds[0], out, size - 1);

	assert_true(n > 0);
	out[n] = '\0';
	(void)close(fds[0]);
}

static void log_two(void)
{
	log_warning("a%sb", "\nvm: error: \033[31mforged\xc2\x9b");
	log_output("qemu", "vm: ready\r");
}

static void log_long(void)
{
	static char text[4000];

	memset(text, '\001', sizeof text - 1);
	log_info("%s", text);
}

static void a_log_line_stays_one_line(void **state)
{
	static char out[8192];

	(void)state;
	captured(log_two, out, sizeof out);
	assert_string_equal(out, "vm: warning: a\\nvm: error: \\x1b[31mforged\\u009bb\n"
				 "qemu: vm: ready\\r\n");
	captured(log_long, out, sizeof out);
	assert_true(strlen(out) <= 4096);
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
	assert_int_equal(strncmp(out, "vm: \\x01\\x01", 12), 0);
}

static void print_two(void)
{
	static char text[5000];

	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	escape_print(stderr, "\033x\ny\n");
	escape_print(stderr, text);
}

static void text_of_any_length_is_printed(void **state)
{
	static char out[8192];

	(void)state;
	captured(print_two, out, sizeof out);
	assert_int_equal(strncmp(out, "\\x1bx\ny\n\xc3\xbc", 10), 0);
	assert_int_equal(strlen(out), 8 + 4998);
	assert_null(strstr(out + 8, "\\x"));
}

static void json_escapes_the_same_characters(void **state)
{
	char out[128];

	(void)state;
	assert_string_equal(
		json_quote("\177\xc2\x9b\xe2\x80\xae\xf3\xa0\x80\x81\xc3\xbc\n", out, sizeof out),
		"\"\\u007f\\u009b\\u202e\\udb40\\udc01\xc3\xbc\\u000a\"");
	/* A text that is cut is still a valid string. */
	for (size_t size = 8; size < 24; size++) {
		size_t n = strlen(json_quote("\xf3\xa0\x80\x81\xc2\x9b", out, size));

		assert_true(n < size && out[0] == '"' && out[n - 1] == '"');
		assert_int_equal((n - 2) % 6, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invisible_characters_are_escaped),
		cmocka_unit_test(text_is_cut_between_characters),
		cmocka_unit_test(a_log_line_stays_one_line),
		cmocka_unit_test(text_of_any_length_is_printed),
		cmocka_unit_test(json_escapes_the_same_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
