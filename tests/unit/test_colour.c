/* test_colour.c - when colours are used, and progress bars on a terminal of known width. */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/colour.h"
#include "base/log.h"

static int master = -1;
static int terminal = -1;

static int set_up(void **state)
{
	const struct winsize size = {.ws_row = 24, .ws_col = 60};

	(void)state;
	(void)unsetenv("NO_COLOR");
	(void)unsetenv("CLICOLOR");
	(void)unsetenv("CLICOLOR_FORCE");
	(void)setenv("TERM", "xterm", 1);
	return openpty(&master, &terminal, NULL, NULL, &size);
}

static int tear_down(void **state)
{
	(void)state;
	(void)close(master);
	(void)close(terminal);
	return 0;
}

static void test_terminal(void **state)
{
	(void)state;
	assert_true(colour_wanted(terminal));
	(void)setenv("TERM", "dumb", 1);
	assert_false(colour_wanted(terminal));
	assert_false(terminal_is_smart(terminal));
	(void)unsetenv("TERM");
	assert_false(colour_wanted(terminal));
	(void)setenv("TERM", "xterm", 1);
	(void)setenv("CLICOLOR", "0", 1);
	assert_false(colour_wanted(terminal));
	assert_true(terminal_is_smart(terminal));
	(void)setenv("CLICOLOR", "1", 1);
	assert_true(colour_wanted(terminal));
	(void)setenv("NO_COLOR", "1", 1);
	assert_false(colour_wanted(terminal));
	(void)setenv("NO_COLOR", "", 1);
	assert_true(colour_wanted(terminal));
}

static void test_pipe(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_false(colour_wanted(fds[1]));
	(void)setenv("CLICOLOR", "1", 1);
	assert_false(colour_wanted(fds[1]));
	(void)setenv("CLICOLOR_FORCE", "0", 1);
	assert_false(colour_wanted(fds[1]));
	(void)setenv("CLICOLOR_FORCE", "1", 1);
	assert_true(colour_wanted(fds[1]));
	assert_false(terminal_is_smart(fds[1]));
	(void)setenv("NO_COLOR", "1", 1);
	assert_false(colour_wanted(fds[1]));
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* The text that WRITE has written to standard error, the terminal. */
static const char *written(void (*write)(void))
{
	static char text[4096];
	int before = dup(STDERR_FILENO);

	assert_true(before >= 0 && dup2(terminal, STDERR_FILENO) >= 0);
	write();
	ssize_t n = read(master, text, sizeof text - 1);

	assert_true(dup2(before, STDERR_FILENO) >= 0);
	(void)close(before);
	assert_true(n > 0);
	text[n] = '\0';
	return text;
}

static void half(void)
{
	bar_draw(0.5, 0, "half of it");
}

static void unknown(void)
{
	bar_draw(-1, 26, "\033[31mred\n");
}

static void long_text(void)
{
	bar_draw(1, 0, "ααααααααααααααααααααααααααααααααααααααααααααααααααααααααααααααα");
}

static void test_bar(void **state)
{
	(void)state;
	assert_string_equal(written(half), "\r[############............] half of it\033[K");
	/* The third position; text cannot move the cursor. */
	assert_string_equal(written(unknown), "\r[..#.....................] \\x1b[31mred\\n\033[K");
	const char *text = written(long_text);

	/* 60 columns: only complete characters, and not more bytes than columns. */
	assert_int_equal(strlen(text), 1 + 27 + 32 + 3);
	assert_string_equal(text + strlen(text) - 5, "α\033[K");
}

static void warn(void)
{
	log_warning("the guest says %s", "\033[2J");
}

static void fix(void)
{
	log_line(LOG_ERROR, "  fix: ", "none");
}

static void inform(void)
{
	log_info("error: is a word of the text");
}

static void test_log(void **state)
{
	(void)state;
	assert_string_equal(written(warn),
			    "vm: \033[33mwarning:\033[0m the guest says \\x1b[2J\r\n");
	assert_string_equal(written(fix), "vm:   \033[36mfix:\033[0m none\r\n");
	assert_string_equal(written(inform), "vm: error: is a word of the text\r\n");
}

static void no_file_has_colours(void **state)
{
	char text[256];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	(void)setenv("CLICOLOR_FORCE", "1", 1);
	log_files(fds[1], -1);
	(void)written(warn);
	log_files(-1, -1);
	ssize_t n = read(fds[0], text, sizeof text - 1);

	assert_true(n > 0);
	text[n] = '\0';
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, " vm: warning: the guest says \\x1b[2J\n"));
	(void)close(fds[0]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_terminal), TEST(test_pipe),		TEST(test_bar),
		TEST(test_log),	     TEST(no_file_has_colours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
