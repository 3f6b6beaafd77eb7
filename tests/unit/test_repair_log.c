/* test_repair_log.c - the log of a repair: whole, cut off at every byte, damaged, made to mislead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/repair_log.h"

#define DISK 100000u

static uint8_t buf[65536];
static size_t used;

static void piece(uint64_t offset, size_t n, uint8_t was, uint8_t is)
{
	repair_log_piece(buf + used, offset, n);
	used += REPAIR_LOG_PIECE;
	memset(buf + used, was, n);
	memset(buf + used + n, is, n);
	used += 2 * n;
}

static void begin(uint64_t count)
{
	repair_log_head(buf, DISK, count);
	used = REPAIR_LOG_HEAD;
}

static void end(void)
{
	repair_log_tail(buf + used, buf, used);
	used += REPAIR_LOG_TAIL;
}

static int fresh(void **state)
{
	(void)state;
	begin(2);
	piece(4096, 4096, 1, 2);
	piece(0, 1024, 3, 4);
	end();
	return 0;
}

/* The log as it is in memory of its own size, so that a read behind it is seen. */
static bool whole(size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, buf, n);
	bool is = repair_log_whole(copy, n, DISK);

	free(copy);
	return is;
}

static void pieces_come_in_their_order(void **state)
{
	struct repair_piece p;
	size_t at = 0;

	(void)state;
	assert_true(whole(used));
	assert_true(repair_log_next(buf, used, &at, &p));
	assert_int_equal(p.offset, 4096);
	assert_int_equal(p.n, 4096);
	assert_int_equal(p.was[4095], 1);
	assert_int_equal(p.is[0], 2);
	assert_int_not_equal(at, used - REPAIR_LOG_TAIL);
	assert_true(repair_log_next(buf, used, &at, &p));
	assert_int_equal(p.offset, 0);
	assert_int_equal(p.n, 1024);
	assert_int_equal(p.is[1023], 4);
	/* How the writer knows the last one. */
	assert_int_equal(at, used - REPAIR_LOG_TAIL);
	assert_false(repair_log_next(buf, used, &at, &p));
}

static void one_that_is_cut_off_or_changed_is_not_whole(void **state)
{
	(void)state;
	for (size_t n = 0; n < used; n += n < 200 || n > used - 200 ? 1 : 97)
		assert_false(whole(n));
	for (size_t i = 0; i < used; i += 61) {
		buf[i] ^= 1;
		assert_false(whole(used));
		buf[i] ^= 1;
	}
	assert_true(whole(used));
	assert_false(repair_log_whole(buf, used, DISK + 1));
}

/* With a checksum that is right. */
static void one_that_is_made_to_mislead_is_not_whole(void **state)
{
	static const struct {
		uint64_t offset, n;
	} bad[] = {
		{DISK, 1024},
		{DISK - 1023, 1024},
		{UINT64_MAX, 1024},
		{UINT64_MAX - 1023, 1024},
		{0, 0},
		{0, 1025},
		{0, REPAIR_PIECE_MAX + 1},
		{0, UINT64_MAX},
		{0, UINT64_MAX / 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		begin(1);
		piece(0, 1024, 1, 2);
		put_be64(buf + REPAIR_LOG_HEAD, bad[i].offset);
		put_be64(buf + REPAIR_LOG_HEAD + 8, bad[i].n);
		end();
		assert_false(whole(used));
	}
	begin(2);
	piece(0, 1024, 1, 2);
	end();
	assert_false(whole(used)); /* one piece is missing */
	begin(0);
	end();
	assert_true(whole(used));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pieces_come_in_their_order, fresh),
		cmocka_unit_test_setup(one_that_is_cut_off_or_changed_is_not_whole, fresh),
		cmocka_unit_test_setup(one_that_is_made_to_mislead_is_not_whole, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
