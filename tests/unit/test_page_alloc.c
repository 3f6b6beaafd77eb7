/* test_page_alloc.c - the allocator of init. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/page_alloc.h"

static void blocks_are_zeroed_and_aligned(void **state)
{
	static const size_t sizes[] = {0, 1, 4079, 4080, 4096, 1 << 20};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		unsigned char *block = page_malloc(sizes[i]);

		assert_non_null(block);
		assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
		for (size_t at = 0; at < sizes[i]; at++)
			assert_int_equal(block[at], 0);
		memset(block, 0xa5, sizes[i]);
		page_free(block);
	}
	page_free(NULL);
}

static void a_block_keeps_its_bytes_when_it_grows_and_shrinks(void **state)
{
	unsigned char *block = page_realloc(NULL, 100);

	(void)state;
	memset(block, 7, 100);
	block = page_realloc(block, 1 << 20);
	assert_non_null(block);
	for (size_t at = 0; at < 1 << 20; at++)
		assert_int_equal(block[at], at < 100 ? 7 : 0);
	block = page_realloc(block, 10);
	assert_int_equal(block[9], 7);
	page_free(block);
}

static void a_freed_block_is_given_back(void **state)
{
	unsigned char *block = page_calloc(3, 4096);
	unsigned char vector[8];
	void *page = block - (uintptr_t)block % 4096;

	(void)state;
	assert_int_equal(mincore(page, 4096, vector), 0);
	errno = 5;
	page_free(block);
	assert_int_equal(errno, 5);
	assert_int_equal(mincore(page, 4096, vector), -1);
	assert_int_equal(errno, ENOMEM);
}

static void blocks_that_are_too_large_are_refused(void **state)
{
	volatile size_t most = SIZE_MAX;
	void *block = page_malloc(1);

	(void)state;
	errno = 0;
	assert_null(page_malloc(most));
	assert_int_equal(errno, ENOMEM);
	assert_null(page_malloc(most / 2));
	assert_null(page_calloc(most / 4, 8));
	assert_null(page_realloc(block, most - 8));
	page_free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_zeroed_and_aligned),
		cmocka_unit_test(a_block_keeps_its_bytes_when_it_grows_and_shrinks),
		cmocka_unit_test(a_freed_block_is_given_back),
		cmocka_unit_test(blocks_that_are_too_large_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
