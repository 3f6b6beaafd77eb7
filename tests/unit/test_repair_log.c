/* test_repair_log.c - the log of a repair: complete, truncated at every byte, damaged, malicious.
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

static void add_piece(uint64_t offset, size_t n, uint8_t was, uint8_t is)
{
	repair_log_piece(buf + used, offset, n);
	used += REPAIR_LOG_PIECE;
	memset(buf + used, was, n);
	memset(buf + used + n, is, n);
	used += 2 * n;
}

static void begin_log(uint64_t count)
{
	repair_log_head(buf, DISK, count);
	used = REPAIR_LOG_HEAD;
}

static void end_log(void)
{
	repair_log_tail(buf + used, buf, used);
	used += REPAIR_LOG_TAIL;
}

static int set_up(void **state)
{
	(void)state;
	begin_log(2);
	add_piece(4096, 4096, 1, 2);
	add_piece(0, 1024, 3, 4);
	end_log();
	return 0;
}

/* The log in memory of exactly its size, so that a read beyond it is detected. */
static bool parse_copy(size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, buf, n);
	bool is = repair_log_is_complete(copy, n, DISK);

	free(copy);
	return is;
}

static void pieces_are_read_in_order(void **state)
{
	struct repair_piece p;
	size_t at = 0;

	(void)state;
	assert_true(parse_copy(used));
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

static void a_truncated_or_changed_log_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < used; n += n < 200 || n > used - 200 ? 1 : 97)
		assert_false(parse_copy(n));
	for (size_t i = 0; i < used; i += 61) {
		buf[i] ^= 1;
		assert_false(parse_copy(used));
		buf[i] ^= 1;
	}
	assert_true(parse_copy(used));
	assert_false(repair_log_is_complete(buf, used, DISK + 1));
}

/* With a checksum that is right. */
static void a_malicious_log_is_refused(void **state)
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
		begin_log(1);
		add_piece(0, 1024, 1, 2);
		put_be64(buf + REPAIR_LOG_HEAD, bad[i].offset);
		put_be64(buf + REPAIR_LOG_HEAD + 8, bad[i].n);
		end_log();
		assert_false(parse_copy(used));
	}
	begin_log(2);
	add_piece(0, 1024, 1, 2);
	end_log();
	assert_false(parse_copy(used)); /* one piece is missing */
	begin_log(0);
	end_log();
	assert_true(parse_copy(used));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pieces_are_read_in_order, set_up),
		cmocka_unit_test_setup(a_truncated_or_changed_log_is_refused, set_up),
		cmocka_unit_test_setup(a_malicious_log_is_refused, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
