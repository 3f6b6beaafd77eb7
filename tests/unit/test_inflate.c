/* test_inflate.c - inflating the output of gzip(1), and damaged streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/inflate.h"

#define SIZE 300000u

static uint8_t plain[SIZE], packed[2 * SIZE], out[SIZE];

/* Compress N bytes of `plain` with `gzip LEVEL`. Returns the length. */
static size_t pack(size_t n, const char *level)
{
	char name[] = "/tmp/inflate.XXXXXX";
	char command[128];
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	FILE *file = fdopen(fd, "w");

	assert_int_equal(fwrite(plain, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(command, sizeof command, "gzip %s -n -c <%s", level, name);
	file = popen(command, "r");
	size_t size = fread(packed, 1, sizeof packed, file);

	assert_int_equal(pclose(file), 0);
	(void)remove(name);
	return size;
}

enum kind { ZEROS, TEXT, NOISE, STEPS, KINDS };

static void fill(enum kind kind, size_t n)
{
	unsigned x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1103515245 + 12345;
		plain[i] = kind == ZEROS   ? 0
			   : kind == TEXT  ? (uint8_t) "the kernel of the disk "[(x >> 20) % 23]
			   : kind == NOISE ? (uint8_t)(x >> 16)
					   : (uint8_t)(i / 700 + i % (i / 5000 + 3));
	}
}

static void output_of_gzip(void **state)
{
	static const size_t sizes[] = {1, 2, 300, 65536, SIZE};
	static const char *const levels[] = {"-1", "-6", "-9"};

	(void)state;
	for (size_t k = 0; k < (size_t)KINDS * 15; k++) {
		size_t n = sizes[k / KINDS % 5];

		fill((enum kind)(k % KINDS), n);
		size_t size = pack(n, levels[k / KINDS / 5]);

		assert_int_equal(gzip_size(packed, size), n);
		memset(out, 0xa5, sizeof out);
		assert_true(gzip_unpack(packed, size, out, n));
		assert_memory_equal(out, plain, n);
		/* The beginning alone can be read, also from a truncated stream. */
		size_t want = n / 3;

		memset(out, 0xa5, sizeof out);
		assert_true(inflate_start(packed + 10, size - 18, out, n, want) >= want);
		assert_memory_equal(out, plain, want);
		if (n > 300)
			assert_true(inflate_start(packed + 10, size / 2, out, n, n / 8) == 0 ||
				    memcmp(out, plain, n / 8) == 0);
		/* A wrong size and a truncated stream are refused. */
		assert_false(inflate_raw(packed + 10, size - 18, out, n + 1));
		if (n > 300)
			assert_false(inflate_raw(packed + 10, size / 2, out, n));
	}
}

/* A hand-made fixed block: the letter a, end of block. */
static void fixed_huffman_codes(void **state)
{
	static const uint8_t a[] = {0x4b, 0x04, 0x00};

	(void)state;
	assert_true(inflate_raw(a, sizeof a, out, 1));
	assert_int_equal(out[0], 'a');
	assert_false(inflate_raw(a, 2, out, 1));
	assert_false(inflate_raw(a, 0, out, 0));
}

static void damaged_input(void **state)
{
	static const uint8_t bad_type[] = {0x07, 0, 0, 0};
	static const uint8_t stored[] = {0x01, 0x02, 0x00, 0xfd, 0xff, 'o', 'k'};
	uint8_t copy[sizeof stored];
	unsigned x = 7;

	(void)state;
	assert_false(inflate_raw(bad_type, sizeof bad_type, out, 1));
	assert_true(inflate_raw(stored, sizeof stored, out, 2));
	assert_memory_equal(out, "ok", 2);
	assert_false(inflate_raw(stored, sizeof stored - 1, out, 2));
	memcpy(copy, stored, sizeof copy);
	copy[3] ^= 1;
	assert_false(inflate_raw(copy, sizeof copy, out, 2));
	assert_int_equal(gzip_size(stored, sizeof stored), 0);
	assert_false(gzip_unpack(stored, sizeof stored, out, 0));
	/* A change of any byte causes no crash, and an accepted result has the requested size. */
	fill(TEXT, 5000);
	size_t size = pack(5000, "-6");

	for (int i = 0; i < 20000; i++) {
		x = x * 1103515245 + 12345;
		size_t at = (x >> 8) % size;
		uint8_t was = packed[at];

		packed[at] ^= (uint8_t)(1u << (x & 7));
		(void)gzip_unpack(packed, size, out,
				  gzip_size(packed, size) <= SIZE ? gzip_size(packed, size) : 0);
		packed[at] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_of_gzip),
		cmocka_unit_test(fixed_huffman_codes),
		cmocka_unit_test(damaged_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
