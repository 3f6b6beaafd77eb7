/* test_small_printf.c - init's printf, compared with the C library's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/small_printf.h"

/* Both must write and return the same for every buffer size. */
static void compare(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void compare(const char *format, ...)
{
	static const size_t sizes[] = {200, 17, 5, 1};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char want[200], have[200];
		va_list ap;

		memset(want, '#', sizeof want);
		memset(have, '#', sizeof have);
		va_start(ap, format);
		int n = vsnprintf(want, sizes[i], format, ap);
		va_end(ap);
		va_start(ap, format);
		assert_int_equal(small_vsnprintf(have, sizes[i], format, ap), n);
		va_end(ap);
		assert_string_equal(have, want);
		/* Nothing after the end is changed. */
		assert_memory_equal(have + sizes[i], "##########", i > 0 ? 10 : 0);
	}
}

static void texts(void **state)
{
	(void)state;
	compare("nothing to do");
	compare("%s", "");
	compare("%s and %s", "one", "another, which is longer than the buffer");
	compare("%.3s|%.0s|%.*s|%.*s", "abcdef", "abc", 2, "xyz", -1, "all");
	compare("%-8s|%8s|%-*s|%*s", "left", "right", 6, "l", -6, "l");
	compare("%8.2s|%-8.2s", "abcdef", "abcdef");
	compare("%c%c 100%%", 'a', 'b');
}

static void integers(void **state)
{
	(void)state;
	compare("%d %d %d %i", 0, 42, -42, INT32_MIN);
	compare("%u %x %X %o %#x %#llx %#x", 4000000000u, 0xbeefu, 0xbeefu, 0755u, 0xbeefu,
		0xffffffffffffffffull, 0u);
	compare("%ld %lu %lld %llu %zu %jd %td", INT64_MIN, UINT64_MAX, -1ll, 7ull, (size_t)9,
		(intmax_t)-3, (ptrdiff_t)-4);
	compare("%hd %hu %hhd %hhu", (short)-5, (unsigned short)65535, (signed char)-6,
		(unsigned char)255);
	compare("%02d:%02d|%04o|%08X|%06u|%09ld|%5llu|%-5d|%05d|%5d", 7, 12, 0644u, 0xabcdu, 99u,
		5l, 12ull, 3, -42, -42);
	compare("%.3d|%8.3d|%-8.3d|%.0d", 5, -5, 5, 0);
}

static void doubles(void **state)
{
	(void)state;
	compare("%.0f %.0f %.0f %.0f %.0f", 0.5, 1.5, 2.5, 0.49, 99.5);
	compare("%.1f %.2f %.3f %f", 0.25, 1.005, 1234.5678, -3.25);
	compare("%.1f|%8.2f|%-8.2f|%08.2f|%.*f", 9.96, 1.5, 1.5, -1.5, 3, 2.0005);
	compare("%.9f %.1f %.0f", 1.0 / 3, 1e15, 18446744073709549568.0);
	compare("%.1f %.1f", (double)INFINITY, -(double)INFINITY);
	srand(1);
	for (int i = 0; i < 20000; i++) {
		double value = (double)rand() / (1 + rand() % 100000) - 1000;

		compare("%.0f %.1f %.2f %.3f", value, value, value, value);
	}
}

static void an_unknown_conversion_ends_the_text(void **state)
{
	char have[32];
	const char *volatile format = "a %q b";

	(void)state;
	(void)small_snprintf(have, sizeof have, format, 1);
	assert_string_equal(have, "a ");
	format = "a %";
	(void)small_snprintf(have, sizeof have, format, 1);
	assert_string_equal(have, "a ");
	assert_int_equal(small_snprintf(NULL, 0, "%s", "abc"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(integers),
		cmocka_unit_test(doubles),
		cmocka_unit_test(an_unknown_conversion_ends_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
