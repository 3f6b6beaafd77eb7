/* test_ram_file.c - copying, packing and unpacking a guest's memory; and which files are mapped,
 * depending on who can write to them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "host/guest_ram.h"
#include "host/ram_file.h"
#include "host/ram_follow.h"

#define PAGES 200
#define SIZE  ((uint64_t)PAGES * RAM_PAGE)

static int empty(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void put(int fd, uint64_t value, size_t n, off_t at)
{
	assert_int_equal(pwrite(fd, &value, n, at), n);
}

/* Pages 3, 4, 70 (its last byte only) and the last one have something; 10 was written with zeros.
 */
static int memory(void)
{
	static const char zeros[RAM_PAGE];
	int fd = guest_ram_create(SIZE);

	assert_true(fd >= 0);
	put(fd, 1, 8, 3 * RAM_PAGE);
	put(fd, 2, 8, 4 * RAM_PAGE + 100);
	assert_int_equal(pwrite(fd, zeros, RAM_PAGE, 10 * RAM_PAGE), RAM_PAGE);
	put(fd, 3, 1, 71 * RAM_PAGE - 1);
	put(fd, 4, 8, (PAGES - 1) * RAM_PAGE);
	return fd;
}

static void assert_same(int a, int b)
{
	static char pages[2][PAGES * RAM_PAGE];

	assert_int_equal(pread(a, pages[0], SIZE, 0), SIZE);
	assert_int_equal(pread(b, pages[1], SIZE, 0), SIZE);
	assert_memory_equal(pages[0], pages[1], SIZE);
}

static off_t blocks(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (off_t)st.st_blocks * 512 / RAM_PAGE;
}

static void zeros_become_holes(void **state)
{
	_cleanup_fd_ int from = memory();
	_cleanup_fd_ int to = empty();

	(void)state;
	assert_true(ram_copy(from, to));
	assert_same(from, to);
	assert_int_equal(blocks(from), 5);
	assert_int_equal(blocks(to), 4);
	assert_true(guest_ram_clear(to));
	assert_int_equal(blocks(to), 0);
	assert_int_equal(lseek(to, 0, SEEK_END), SIZE);
}

/* Pages are written, zeroed and freed between two calls; the file matches in the end. */
static void a_copy_follows_what_changes(void **state)
{
	static const char zeros[RAM_PAGE];
	_cleanup_fd_ int from = memory();
	_cleanup_fd_ int to = empty();
	_cleanup_fd_ int table = empty();
	uint64_t value;

	(void)state;
	assert_true(ram_follow(from, to, table, false));
	assert_same(from, to);
	assert_int_equal(blocks(to), 4);
	put(from, 5, 8, 3 * RAM_PAGE);
	put(from, 6, 1, 100 * RAM_PAGE);
	assert_int_equal(pwrite(from, zeros, RAM_PAGE, 4 * RAM_PAGE), RAM_PAGE);
	assert_int_equal(fallocate(from, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 70 * RAM_PAGE,
				   RAM_PAGE),
			 0);
	assert_true(ram_follow(from, to, table, true));
	assert_same(from, to);
	assert_int_equal(blocks(to), 3);
	/* An unchanged page is not written again. */
	put(to, 7, 8, 3 * RAM_PAGE);
	assert_true(ram_follow(from, to, table, true));
	assert_int_equal(pread(to, &value, 8, 3 * RAM_PAGE), 8);
	assert_int_equal(value, 7);
}

/* More than one piece, with holes at both ends; a change of any bit of a page is detected. */
static void a_copy_of_much_memory_follows_each_bit(void **state)
{
	enum { MUCH = 2100 };
	static char pages[2][MUCH * RAM_PAGE];
	_cleanup_fd_ int from = guest_ram_create(sizeof *pages);
	_cleanup_fd_ int to = empty();
	_cleanup_fd_ int table = empty();

	(void)state;
	for (int i = 1; i < MUCH; i += i % 7 ? 1 : 500)
		put(from, (uint64_t)i, 8, i * (off_t)RAM_PAGE);
	assert_true(ram_follow(from, to, table, false));
	for (int i = 0; i < 1000; i++) {
		int bit = i * 7919 % (int)(8 * RAM_PAGE);
		off_t at = (off_t)(i % MUCH) * RAM_PAGE + bit / 8;
		char byte;

		assert_int_equal(pread(from, &byte, 1, at), 1);
		byte = (char)(byte ^ (1 << bit % 8));
		assert_int_equal(pwrite(from, &byte, 1, at), 1);
	}
	assert_true(ram_follow(from, to, table, true));
	assert_int_equal(pread(from, pages[0], sizeof *pages, 0), sizeof *pages);
	assert_int_equal(pread(to, pages[1], sizeof *pages, 0), sizeof *pages);
	assert_memory_equal(pages[0], pages[1], sizeof *pages);
	assert_int_equal(blocks(from), blocks(to));
}

static void what_cannot_be_followed_is_an_error(void **state)
{
	_cleanup_fd_ int none = empty();
	_cleanup_fd_ int from = memory();
	_cleanup_fd_ int to = empty();
	_cleanup_fd_ int table = empty();
	_cleanup_fd_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_false(ram_follow(none, to, table, true)); /* no memory */
	assert_false(ram_follow(from, full, table, true));
	assert_false(ram_follow(from, -1, table, false));
}

static void packing_and_unpacking_gives_the_same_bytes(void **state)
{
	_cleanup_fd_ int from = memory();
	_cleanup_fd_ int packed = empty();
	_cleanup_fd_ int to = guest_ram_create(SIZE);
	struct error err = {0};

	(void)state;
	assert_true(ram_pack(from, packed));
	/* A header and four pages, without holes. */
	assert_int_equal(lseek(packed, 0, SEEK_END), 5 * RAM_PAGE);
	assert_true(ram_unpack(packed, to, SIZE, &err));
	assert_same(from, to);
	/* A memory of zeros is only a header. */
	_cleanup_fd_ int none = guest_ram_create(SIZE);
	_cleanup_fd_ int small = empty();

	assert_true(ram_pack(none, small));
	assert_true(guest_ram_clear(to));
	assert_true(ram_unpack(small, to, SIZE, &err));
	assert_same(none, to);
}

/* Untrusted files: each has one field of a valid file changed. */
static void incomplete_files_are_refused(void **state)
{
	static const struct {
		off_t at;
		uint64_t value;
		const char *why;
	} rows[] = {
		{0, 1, "it is not in the packed form"},
		{8, SIZE + RAM_PAGE, "it is the memory of a machine with 823296 bytes, not 819200"},
		{16, PAGES + 1, "it is the memory of a machine with 819200 bytes, not 819200"},
		{16, UINT64_MAX, "it is the memory of a machine with 819200 bytes, not 819200"},
		{16, 5, "piece 3 of it is outside the memory"},
		{24, 1, "piece 0 of it is outside the memory"},
		{24, SIZE, "piece 0 of it is outside the memory"},
		{24, UINT64_MAX - RAM_PAGE + 1, "piece 0 of it is outside the memory"},
		{32, 0, "piece 0 of it is outside the memory"},
		{32, 100, "piece 0 of it is outside the memory"},
		{32, SIZE, "piece 0 of it is outside the memory"},
		{32, UINT64_MAX - 4095, "piece 0 of it is outside the memory"},
		{40, 3 * RAM_PAGE, "piece 1 of it is outside the memory"}, /* overlaps */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		_cleanup_fd_ int from = memory();
		_cleanup_fd_ int packed = empty();
		_cleanup_fd_ int to = guest_ram_create(SIZE);
		struct error err = {0};

		assert_true(ram_pack(from, packed));
		put(packed, rows[i].value, 8, rows[i].at);
		assert_false(ram_unpack(packed, to, SIZE, &err));
		assert_int_equal(err.status, EXIT_BAD_IMAGE);
		if (strcmp(err.message, rows[i].why) != 0 && rows[i].at != 16)
			fail_msg("%zu: %s", i, err.message);
		assert_int_equal(lseek(to, 0, SEEK_END), SIZE);
	}
}

static void truncated_files_are_refused(void **state)
{
	(void)state;
	for (off_t size = 0; size < 5 * (off_t)RAM_PAGE; size += 16) {
		_cleanup_fd_ int from = memory();
		_cleanup_fd_ int packed = empty();
		_cleanup_fd_ int to = guest_ram_create(SIZE);
		struct error err = {0};

		assert_true(ram_pack(from, packed));
		assert_int_equal(ftruncate(packed, size), 0);
		assert_false(ram_unpack(packed, to, SIZE, &err));
		assert_int_equal(lseek(to, 0, SEEK_END), SIZE);
	}
}

static void only_files_that_cannot_be_truncated_are_mapped(void **state)
{
	const struct identity self = {.uid = geteuid(), .gid = getegid()};
	const struct identity other = {.uid = 4242, .gid = 4242, .change = true};
	_cleanup_fd_ int fd = memory();
	const char *why = "";

	(void)state;
	assert_int_equal(fchmod(fd, 0444), 0);
	assert_true(ram_mappable(fd, SIZE, &self, &why));
	assert_false(ram_mappable(fd, SIZE + RAM_PAGE, &self, &why));
	assert_string_equal(why, "its size is not the memory's");
	assert_int_equal(fchmod(fd, 0464), 0);
	assert_false(ram_mappable(fd, SIZE, &self, &why));
	assert_string_equal(why, "others may write to it");
	if (geteuid() == 0) {
		assert_int_equal(fchmod(fd, 0600), 0);
		assert_false(ram_mappable(fd, SIZE, &other, &why));
		assert_string_equal(why, "QEMU's user may not read it");
		assert_int_equal(fchown(fd, 4242, 4242), 0);
		assert_false(ram_mappable(fd, SIZE, &self, &why));
		assert_string_equal(why, "it belongs to another user");
	}
	_cleanup_fd_ int proc = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	assert_false(ram_mappable(proc, 0, &self, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeros_become_holes),
		cmocka_unit_test(a_copy_follows_what_changes),
		cmocka_unit_test(a_copy_of_much_memory_follows_each_bit),
		cmocka_unit_test(what_cannot_be_followed_is_an_error),
		cmocka_unit_test(packing_and_unpacking_gives_the_same_bytes),
		cmocka_unit_test(incomplete_files_are_refused),
		cmocka_unit_test(truncated_files_are_refused),
		cmocka_unit_test(only_files_that_cannot_be_truncated_are_mapped),
	};

	return cmocka_run_group_tests_name("ram_file", tests, NULL, NULL);
}
