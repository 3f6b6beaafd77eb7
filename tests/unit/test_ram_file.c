/* test_ram_file.c - a guest's memory is copied, packed and unpacked; and who may have written a
 * file that is mapped.
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

static void packed_and_unpacked_it_is_the_same(void **state)
{
	_cleanup_fd_ int from = memory();
	_cleanup_fd_ int packed = empty();
	_cleanup_fd_ int to = guest_ram_create(SIZE);
	struct error err = {0};

	(void)state;
	assert_true(ram_pack(from, packed));
	/* A header and four pages: no holes. */
	assert_int_equal(lseek(packed, 0, SEEK_END), 5 * RAM_PAGE);
	assert_true(ram_unpack(packed, to, SIZE, &err));
	assert_same(from, to);
	/* One of zeros only is a header. */
	_cleanup_fd_ int none = guest_ram_create(SIZE);
	_cleanup_fd_ int small = empty();

	assert_true(ram_pack(none, small));
	assert_true(guest_ram_clear(to));
	assert_true(ram_unpack(small, to, SIZE, &err));
	assert_same(none, to);
}

/* Files of others: each has one number of a good one changed. */
static void what_is_not_whole_is_refused(void **state)
{
	static const struct {
		off_t at;
		uint64_t value;
		const char *why;
	} rows[] = {
		{0, 1, "it is no packed memory"},
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

static void what_is_cut_off_is_refused(void **state)
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

static void only_what_nobody_can_cut_off_is_mapped(void **state)
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
		cmocka_unit_test(packed_and_unpacked_it_is_the_same),
		cmocka_unit_test(what_is_not_whole_is_refused),
		cmocka_unit_test(what_is_cut_off_is_refused),
		cmocka_unit_test(only_what_nobody_can_cut_off_is_mapped),
	};

	return cmocka_run_group_tests_name("ram_file", tests, NULL, NULL);
}
