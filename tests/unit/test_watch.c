/* test_watch.c - when a guest counts as ready, whatever the pieces its output comes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/watch.h"

static bool feed(struct watch *w, const char *text, uint64_t now)
{
	return watch_feed(w, (const uint8_t *)text, strlen(text), now);
}

static void split_at_every_byte(void **state)
{
	static const char stream[] = "start machsh: \r\nmachsh on GNU Mach\r\n\r\nmachsh login: ";

	(void)state;
	for (size_t cut = 0; cut <= sizeof stream - 1; cut++) {
		struct watch w;

		watch_init(&w, "login: ");
		(void)watch_feed(&w, (const uint8_t *)stream, cut, 5);
		bool late =
			watch_feed(&w, (const uint8_t *)stream + cut, sizeof stream - 1 - cut, 6);

		assert_true(w.ready);
		assert_int_equal(late, cut < sizeof stream - 1);
		assert_int_equal(w.first_byte_ns, cut ? 5 : 6);
	}
}

static void byte_by_byte_it_is_ready_with_the_last_one(void **state)
{
	static const char stream[] = "linux login: ";
	struct watch w;

	(void)state;
	watch_init(&w, "login: ");
	for (size_t i = 0; i < sizeof stream - 1; i++)
		assert_int_equal(watch_feed(&w, (const uint8_t *)stream + i, 1, i + 1),
				 i == sizeof stream - 2);
	assert_int_equal(w.ready_ns, sizeof stream - 1);
}

static void escape_sequences_do_not_hide_it(void **state)
{
	struct watch w;

	(void)state;
	watch_init(&w, "login: ");
	assert_true(feed(&w, "\x1b[H\x1b[J\x1b[1;1Hlog\x1b[0min\x1b[1m: ", 1));
}

static void other_output_is_not_ready(void **state)
{
	struct watch w;

	(void)state;
	watch_init(&w, "login: ");
	assert_false(feed(&w, "login\r\n: \r\nlogin:\r\nLast login\n", 1));
	assert_false(w.ready);
}

static void a_line_without_end_is_bounded(void **state)
{
	struct watch w;
	char *flood = malloc(100000);

	(void)state;
	memset(flood, 'x', 100000);
	watch_init(&w, "login: ");
	assert_false(watch_feed(&w, (uint8_t *)flood, 100000, 1));
	assert_true(w.len < WATCH_LINE);
	assert_true(feed(&w, "\nlogin: ", 2));
	free(flood);
}

static void it_fires_once(void **state)
{
	struct watch w;

	(void)state;
	watch_init(&w, "login: ");
	assert_true(feed(&w, "login: ", 1));
	assert_false(feed(&w, "\r\nlogin: ", 2));
	assert_int_equal(w.ready_ns, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_at_every_byte),
		cmocka_unit_test(byte_by_byte_it_is_ready_with_the_last_one),
		cmocka_unit_test(escape_sequences_do_not_hide_it),
		cmocka_unit_test(other_output_is_not_ready),
		cmocka_unit_test(a_line_without_end_is_bounded),
		cmocka_unit_test(it_fires_once),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
