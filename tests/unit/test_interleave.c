/* test_interleave.c - log lines between a guest's lines on one terminal. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "vm/interleave.h"

#define MS 1000000u

struct bench {
	struct interleave w;
	int terminal; /* its contents */
	uint64_t now;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	int fds[2];

	assert_non_null(b);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	*b = (struct bench){.w.out = fds[1], .terminal = fds[0], .now = 5000000000u};
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	fd_close(&b->w.out);
	fd_close(&b->terminal);
	free(b);
	return 0;
}

static void guest(struct bench *b, const char *text)
{
	assert_true(interleave_guest(&b->w, text, strlen(text), b->now));
}

static void line(struct bench *b, const char *text)
{
	assert_true(interleave_log(&b->w, text, strlen(text), b->now));
}

/* Advance the clock by MS milliseconds and print what is due. */
static void pass(struct bench *b, unsigned ms)
{
	b->now += (uint64_t)ms * MS;
	uint64_t due = interleave_due(&b->w);

	if (due && b->now >= due)
		assert_true(interleave_flush(&b->w));
}

static void expect(struct bench *b, const char *want)
{
	char seen[65536];
	ssize_t n = read(b->terminal, seen, sizeof seen - 1);

	seen[n < 0 ? 0 : n] = '\0';
	assert_string_equal(seen, want);
}

static void test_at_once_between_lines(void **state)
{
	struct bench *b = *state;

	line(b, "vm: first\n");
	expect(b, "vm: first\r\n");
	guest(b, "boot\r\n");
	line(b, "vm: a\nvm: b\n");
	guest(b, "more\n\r");
	line(b, "vm: c\n");
	expect(b, "boot\r\nvm: a\r\nvm: b\r\nmore\n\rvm: c\r\n");
	assert_int_equal(interleave_due(&b->w), 0);
}

static void test_waits_for_the_end_of_the_guests_line(void **state)
{
	struct bench *b = *state;

	guest(b, "ha");
	line(b, "vm: phase stopping\n");
	pass(b, 50);
	expect(b, "ha");
	guest(b, "lt");
	pass(b, 99);
	guest(b, "ing\r\nne");
	line(b, "vm: b\n");
	pass(b, 10);
	guest(b, "xt\n\rlast");
	expect(b, "lting\r\nvm: phase stopping\r\nnext\n\rvm: b\r\nlast");
}

static void test_a_prompt_delays_only_briefly(void **state)
{
	struct bench *b = *state;

	guest(b, "login: ");
	line(b, "vm: ready\n");
	pass(b, 99);
	expect(b, "login: ");
	pass(b, 1);
	expect(b, "\r\nvm: ready\r\n");
	guest(b, "Password: ");
	pass(b, 500);
	line(b, "vm: late\n"); /* the guest has been quiet for a long time */
	pass(b, 0);
	expect(b, "Password: \r\nvm: late\r\n");
}

static void test_an_endless_line_delays_only_briefly(void **state)
{
	struct bench *b = *state;

	guest(b, "\r10%");
	line(b, "vm: x\n");
	for (int i = 0; i < 19; i++) {
		pass(b, 50);
		guest(b, "\r.");
	}
	assert_int_equal(b->w.held_len, 6);
	pass(b, 50);
	assert_int_equal(b->w.held_len, 0);
	assert_false(b->w.mid_line);
}

static void test_cr_alone_ends_no_line(void **state)
{
	struct bench *b = *state;

	guest(b, "10%\r");
	line(b, "vm: x\n");
	expect(b, "10%\r");
	guest(b, "\n");
	expect(b, "\nvm: x\r\n");
}

/* A log line that is read in two pieces is printed as one; one without an end is printed, too. */
static void test_pieces(void **state)
{
	struct bench *b = *state;

	line(b, "vm: half");
	expect(b, "");
	line(b, " and half\n");
	expect(b, "vm: half and half\r\n");
	guest(b, "x\n");
	line(b, "no end");
	pass(b, 100);
	expect(b, "x\nno end\r\n");
}

/* More than the buffer holds: nothing is lost. */
static void test_many_lines(void **state)
{
	static const char one[] = "vm: 0123456789abcdef0123456789abcdef\n";
	struct bench *b = *state;
	char seen[65536];
	size_t count = 0;

	guest(b, "mid");
	for (int i = 0; i < 300; i++)
		line(b, one);
	pass(b, 1000);
	ssize_t n = read(b->terminal, seen, sizeof seen - 1);

	assert_true(n > 0);
	seen[n] = '\0';
	for (char *at = strtok(seen, "\r\n"); at; at = strtok(NULL, "\r\n"), count++)
		assert_string_equal(at,
				    count == 0 ? "mid" : "vm: 0123456789abcdef0123456789abcdef");
	assert_int_equal(count, 301);
}

static void test_a_closed_terminal(void **state)
{
	struct bench *b = *state;

	fd_close(&b->w.out);
	assert_false(interleave_guest(&b->w, "x", 1, b->now));
	assert_true(interleave_log(&b->w, "y\n", 2, b->now));
	assert_false(interleave_flush(&b->w));
	b->w.mid_line = false;
	assert_false(interleave_log(&b->w, "y\n", 2, b->now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_at_once_between_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_waits_for_the_end_of_the_guests_line, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_prompt_delays_only_briefly, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_an_endless_line_delays_only_briefly, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_cr_alone_ends_no_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_closed_terminal, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
