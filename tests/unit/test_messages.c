/* test_messages.c - the table of vm messages, and searching it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vm/messages.h"

static const struct message sample = {.text = "QEMU_RAM=" MESSAGE_ANY ": the limit is " MESSAGE_ANY
					      " MiB",
				      .fix = "lower QEMU_RAM"};

static void test_part(void **state)
{
	(void)state;
	assert_int_equal(message_fits(&sample, "the limit"), MESSAGE_PART);
	assert_int_equal(message_fits(&sample, "THE Limit"), MESSAGE_PART);
	assert_int_equal(message_fits(&sample, "lower qemu"), MESSAGE_PART);
	assert_int_equal(message_fits(&sample, ""), MESSAGE_PART);
	assert_int_equal(message_fits(&sample, "the limits"), 0);
}

static void test_line(void **state)
{
	(void)state;
	assert_int_equal(
		message_fits(&sample, "2026-01-01 vm: error: QEMU_RAM=1: the limit is 2 MiB!"), 20);
	/* In another order, truncated, with a part missing. */
	assert_int_equal(message_fits(&sample, "the limit is 2 MiB QEMU_RAM=1"), 0);
	assert_int_equal(message_fits(&sample, "QEMU_RAM=1: the limit is 2"), 0);
	assert_int_equal(message_fits(&sample, "QEMU_RAM=1: the limit was 2 MiB"), 0);
}

static void test_few_letters(void **state)
{
	static const struct message all = {.text = MESSAGE_ANY ": " MESSAGE_ANY, .fix = ""};
	static const struct message four = {.text = MESSAGE_ANY " more", .fix = ""};

	(void)state;
	assert_int_equal(message_fits(&all, "vm: error: anything at all"), 0);
	assert_int_equal(message_fits(&four, "vm: error: 3 more of them"), 0);
}

/* Properties of every message. */
static void test_table(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct message *m = messages; m->text; m++, n++) {
		assert_non_null(m->file);
		assert_non_null(m->fix);
		assert_true(strlen(m->text) >= 4);
		assert_null(strchr(m->text, '\n'));
		assert_null(strstr(m->text, "%s"));
		assert_null(strstr(m->fix, "%s"));
		for (const struct message *o = messages; o < m; o++)
			assert_false(o->level == m->level && strcmp(o->text, m->text) == 0 &&
				     strcmp(o->fix, m->fix) == 0 &&
				     memcmp(o->status, m->status, sizeof m->status) == 0);
	}
	assert_true(n > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_part),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_few_letters),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
