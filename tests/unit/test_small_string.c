/* test_small_string.c - init's number parsing and searching, compared with the C library's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/small_string.h"

static void numbers(void **state)
{
	static const char *const texts[] = {"",
					    "0",
					    "7 rest",
					    " \t\n-42x",
					    "+5",
					    "-",
					    "+ 1",
					    "0x",
					    "0x1F",
					    "0xg",
					    "-0X10",
					    "ffff",
					    "deadBEEFcafe",
					    "18446744073709551615",
					    "18446744073709551616",
					    "-18446744073709551616",
					    "99999999999999999999999",
					    "9223372036854775807",
					    "9223372036854775808",
					    "-9223372036854775808",
					    "-9223372036854775809",
					    "00012",
					    "12.5",
					    "kB 3"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (int base = 10; base <= 16; base += 6) {
			char *want_end, *have_end;

			errno = 0;
			long want = strtol(texts[i], &want_end, base);
			int want_errno = errno;

			errno = 0;
			assert_true(small_strtol(texts[i], &have_end, base) == want);
			assert_int_equal(errno, want_errno);
			assert_ptr_equal(have_end, want_end);
			errno = 0;
			unsigned long long unsigned_want = strtoull(texts[i], &want_end, base);

			want_errno = errno;
			errno = 0;
			assert_true(small_strtoull(texts[i], &have_end, base) == unsigned_want);
			assert_int_equal(errno, want_errno);
			assert_ptr_equal(have_end, want_end);
			assert_true(small_strtoul(texts[i], NULL, base) == unsigned_want);
		}
}

static void searches(void **state)
{
	char in[25], what[8];

	(void)state;
	srand(1);
	for (int i = 0; i < 50000; i++) {
		size_t n = (size_t)rand() % 24, m = (size_t)rand() % 5;

		for (size_t k = 0; k < n; k++)
			in[k] = (char)('a' + rand() % 2);
		for (size_t k = 0; k < m; k++)
			what[k] = (char)('a' + rand() % 2);
		in[n] = what[m] = '\0';
		assert_ptr_equal(small_memmem(in, n, what, m), memmem(in, n, what, m));
		assert_ptr_equal(small_strstr(in, what), strstr(in, what));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(searches)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
