/* test_prompt.c - detecting a prompt on the serial line, with a clock driven by the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "console/prompt.h"

static struct prompt p;
static uint64_t now;

static int set_up(void **state)
{
	(void)state;
	memset(&p, 0, sizeof p);
	now = 1000 * PROMPT_QUIET_NS;
	return 0;
}

static void output(const char *text)
{
	prompt_output(&p, (const uint8_t *)text, strlen(text), now);
}

static void input(const char *text)
{
	prompt_input(&p, (const uint8_t *)text, strlen(text), now);
}

static bool shown_after_quiet(void)
{
	now += PROMPT_QUIET_NS;
	return prompt_shown(&p, now);
}

static void prompts_of_logins_and_shells(void **state)
{
	static const char *const good[] = {"\nlinux login: ",
					   "\r\n# ",
					   "\r\nroot@hurd:~# ",
					   "\r\nuser@hurd:/tmp$ ",
					   "\r\nmachsh# ",
					   "\033[H\033[J# ",
					   "\r\n\033[1;32mroot\033[m# \033[6n",
					   "\r\nPlease press Enter to activate this console. "};
	static const char *const bad[] = {
		"\r\n",		  "text",	 "\r\n> ",   "\r\npostgres=# ",
		"\r\n#### ",	  "\r\n>>> ",	 "\r\n45% ", "\033[3;1Hroot@hurd:~# ",
		"\r\nPassword: ", "\r\n# ls\r\n"};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		(void)set_up(state);
		output(good[i]);
		assert_true(shown_after_quiet());
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)set_up(state);
		output(bad[i]);
		assert_false(shown_after_quiet());
	}
}

static void a_shell_prompt_needs_silence_a_login_prompt_does_not(void **state)
{
	(void)state;
	output("\r\n# ");
	assert_false(prompt_shown(&p, now));
	output("a comment in a file\r\n");
	assert_false(shown_after_quiet());
	output("\r\nlinux login: ");
	assert_true(prompt_shown(&p, now));
}

static void kernel_messages_after_a_prompt_are_ignored(void **state)
{
	(void)state;
	output("\r\n# ");
	assert_true(shown_after_quiet());
	output("[ 12.3] e1000: link is up\r\n[ 12.4] more\r\n");
	assert_true(shown_after_quiet());
	/* A login prompt in the same piece with it, once it is known. */
	input("ls\r");
	output("ls\r\n");
	output("\r\nlinux login: ");
	input("root\r");
	assert_false(shown_after_quiet());
	output("root\r\nlogged out\r\nlinux login: [ 20.0] sda: error\r\n");
	assert_true(shown_after_quiet());
}

static void an_entered_line_ends_the_prompt(void **state)
{
	static const char *const entered[] = {"\r", "\n", "\003", "\004", "\032", "\022"};

	for (size_t i = 0; i < sizeof entered / sizeof *entered; i++) {
		(void)set_up(state);
		output("\r\n# ");
		assert_true(shown_after_quiet());
		input("cat >busy");
		output("cat >busy");
		assert_true(shown_after_quiet());
		input(entered[i]);
		output("\r\n");
		assert_false(shown_after_quiet());
	}
}

static void an_echo_is_no_prompt(void **state)
{
	(void)state;
	output("\r\n# ");
	input("cat >busy\r");
	output("cat >busy\r\n");
	input("foo# ");
	output("foo# ");
	assert_false(shown_after_quiet());
	input("\r");
	output("\r\n");
	assert_false(shown_after_quiet());
	input("\003");
	output("^C\r\n# ");
	assert_true(shown_after_quiet());
}

/* As scripts type: at once. */
static void input_before_the_silence_does_not_hide_a_prompt(void **state)
{
	(void)state;
	output("\r\nmachsh# ");
	input("echo half");
	output("echo half");
	assert_true(shown_after_quiet());
	input("\r");
	assert_false(shown_after_quiet());

	output("\r\n# "); /* a program's prompt, which continues */
	input("x");
	output("x of a longer line");
	assert_false(shown_after_quiet());
	(void)set_up(state);
	output("\r\n# ");
	input("xyz");
	output("\r\n");
	assert_false(shown_after_quiet());
}

static void a_terminals_answer_is_not_input(void **state)
{
	(void)state;
	input("ls\r");
	output("\r\n# \033[6n");
	input("\033[24;3R");
	assert_true(shown_after_quiet());
	input("\033[A");
	assert_true(shown_after_quiet());
	input("\033\r");
	assert_false(shown_after_quiet());
}

static void an_editor_shows_no_prompt(void **state)
{
	(void)state;
	output("\r\n# ");
	input("vi busy\r");
	output("vi busy\r\n\033[?1049h\033[1;1H\033[J\033[2;1H~\033[3;1H~\033[24;1H- busy 1/1 "
	       "\033[1;1H");
	assert_false(shown_after_quiet());
	input("iroot# \033");
	output("root# \033[1;6H");
	assert_false(shown_after_quiet());
	input(":q!\r");
	output("\033[24;1H\033[K\033[?10");
	output("49l# \033[6n");
	assert_true(shown_after_quiet());
}

static void prompts_that_are_registered(void **state)
{
	(void)state;
	output("\r\nodd prompt: ");
	assert_false(shown_after_quiet());
	prompt_learn(&p, "odd prompt: ");
	assert_true(shown_after_quiet());
	for (int i = 0; i < PROMPT_KNOWN; i++) {
		char text[] = "0 more: ";

		text[0] = (char)('0' + i);
		prompt_learn(&p, text);
	}
	input("\r");
	output("\r\nodd prompt: ");
	assert_false(shown_after_quiet());
	output("\r\n3 more: ");
	assert_true(shown_after_quiet());
}

static void prompts_at_other_times(void **state)
{
	(void)state;
	assert_false(p.ever);
	output("\r\n# ");
	assert_true(shown_after_quiet());
	assert_true(p.ever);
	prompt_reset(&p);
	assert_false(shown_after_quiet());
	assert_false(p.ever);
	prompt_login(&p);
	assert_true(shown_after_quiet());
	prompt_loaded(&p, PROMPT_NONE, "", now);
	assert_false(shown_after_quiet());
	prompt_loaded(&p, PROMPT_SHOWN, "", now);
	assert_true(prompt_shown(&p, now));
}

/* A client has seen its command's end in front of it: no quiet is needed. */
static void a_prompt_that_was_seen(void **state)
{
	static const char *const others[] = {"~ #", "", "x~ # "};

	(void)state;
	output("\r\nE0123.E0123.\r\n~ # ");
	for (size_t i = 0; i < 3; i++) {
		prompt_seen(&p, others[i]);
		assert_false(prompt_shown(&p, now));
	}
	prompt_seen(&p, "~ # ");
	assert_true(prompt_shown(&p, now));
	/* Not behind something that is typed, and not when more came. */
	input("ls\r");
	output("\r\n~ # ");
	input("x");
	prompt_seen(&p, "~ # ");
	assert_false(prompt_shown(&p, now));
	input("\r");
	prompt_seen(&p, "~ # ");
	assert_false(prompt_shown(&p, now));
	output("\r\n~ # [   20.0] kernel says something");
	prompt_seen(&p, "~ # ");
	assert_false(prompt_shown(&p, now));
}

/* What it was goes with a saved state. */
static void a_prompt_whose_line_is_known(void **state)
{
	(void)state;
	output("\r\nlinux log");
	assert_string_equal(prompt_line(&p), "linux log");
	input("r");
	output("r");
	assert_string_equal(prompt_line(&p), "");
	input("\r");
	output("\r\nlinux login: ");
	assert_string_equal(prompt_line(&p), "linux login: ");
	prompt_loaded(&p, PROMPT_SHOWN, "linux login: ", now);
	assert_true(prompt_shown(&p, now));
	assert_string_equal(p.line, "linux login: ");
	prompt_loaded(&p, PROMPT_MAYBE, "~ # ", now);
	assert_false(prompt_shown(&p, now));
	assert_true(shown_after_quiet());
	assert_string_equal(prompt_line(&p), "~ # ");
	prompt_loaded(&p, PROMPT_NONE, "~ # ", now);
	assert_string_equal(p.line, "");
	/* It was saved while the prompt was printed. */
	prompt_loaded(&p, PROMPT_NONE, "linux log", now);
	assert_false(shown_after_quiet());
	output("in: ");
	assert_true(prompt_shown(&p, now));
	output("\r\n[   20.0] kernel says something");
	assert_string_equal(prompt_line(&p), "");
}

/* Saved during the silence after a prompt: the guest's output after the load decides. */
static void a_prompt_that_is_not_confirmed_yet(void **state)
{
	(void)state;
	output("\r\nbuilding");
	assert_int_equal(prompt_state(&p, now), PROMPT_NONE);
	output("\r\n# ");
	assert_int_equal(prompt_state(&p, now), PROMPT_MAYBE);
	assert_int_equal(prompt_state(&p, now - 1), PROMPT_MAYBE); /* it came after that moment */
	prompt_loaded(&p, PROMPT_MAYBE, "", now);
	assert_false(prompt_shown(&p, now));
	assert_true(shown_after_quiet());
	assert_int_equal(prompt_state(&p, now), PROMPT_SHOWN);
	prompt_loaded(&p, PROMPT_MAYBE, "", now);
	output("a comment in a file\r\n");
	assert_false(shown_after_quiet());
	assert_int_equal(prompt_state(&p, now), PROMPT_NONE);

	for (int i = PROMPT_NONE; i <= PROMPT_SHOWN; i++)
		assert_int_equal(prompt_state_named(prompt_state_name((enum prompt_state)i)), i);
	assert_int_equal(prompt_state_named(NULL), PROMPT_NONE);
	assert_int_equal(prompt_state_named("other"), PROMPT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(prompts_of_logins_and_shells, set_up),
		cmocka_unit_test_setup(a_shell_prompt_needs_silence_a_login_prompt_does_not,
				       set_up),
		cmocka_unit_test_setup(kernel_messages_after_a_prompt_are_ignored, set_up),
		cmocka_unit_test_setup(an_entered_line_ends_the_prompt, set_up),
		cmocka_unit_test_setup(an_echo_is_no_prompt, set_up),
		cmocka_unit_test_setup(input_before_the_silence_does_not_hide_a_prompt, set_up),
		cmocka_unit_test_setup(a_terminals_answer_is_not_input, set_up),
		cmocka_unit_test_setup(an_editor_shows_no_prompt, set_up),
		cmocka_unit_test_setup(prompts_that_are_registered, set_up),
		cmocka_unit_test_setup(prompts_at_other_times, set_up),
		cmocka_unit_test_setup(a_prompt_that_was_seen, set_up),
		cmocka_unit_test_setup(a_prompt_whose_line_is_known, set_up),
		cmocka_unit_test_setup(a_prompt_that_is_not_confirmed_yet, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
