/* test_qcow2.c - the readers of qcow2: every field at and beyond its bounds with the exact message,
 * the tables, the recognition of other formats; and the writer, which qemu-img must find clean.
 *
 * tests/40-qcow2-compare.bats asks QEMU whether it agrees; here is what we say.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/image_format.h"
#include "format/qcow2.h"

#define CLUSTER 65536u
#define GIB	(UINT64_C(1) << 30)

static uint8_t image[QCOW2_OVERLAY_HEAD];
static uint64_t file_size;
static struct qcow2 q;
static struct error err;

/* A good image of 1 GiB: two L1 entries, four clusters in the file. */
static int fresh(void **state)
{
	(void)state;
	assert_int_equal(qcow2_overlay(GIB, NULL, image, &file_size), QCOW2_OVERLAY_HEAD);
	err = (struct error){0};
	return 0;
}

static bool parse(void)
{
	return qcow2_parse(image, sizeof image, file_size, "disk", &q, &err);
}

static void accepted(void)
{
	if (!parse())
		fail_msg("%s", err.message);
}

static void refused(const char *message)
{
	assert_false(parse());
	assert_string_equal(err.message, message);
	assert_int_equal(err.status, EXIT_BAD_IMAGE);
	assert_true(err.fix[0]);
}

static void put(unsigned at, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		image[at + i] = (uint8_t)(value >> 8 * (width - 1 - i));
}

static void a_good_header(void **state)
{
	(void)state;
	accepted();
	assert_int_equal(q.version, 3);
	assert_int_equal(q.cluster_bits, 16);
	assert_int_equal(q.refcount_order, 4);
	assert_int_equal(q.virtual_size, GIB);
	assert_int_equal(q.l1_entries, 2);
	assert_int_equal(q.l1_offset, 3 * CLUSTER);
	assert_int_equal(q.refcount_table_offset, CLUSTER);
	assert_string_equal(q.backing, "");
}

/* One field of the good image at a time. */
static const struct {
	unsigned at, width;
	uint64_t value;
	const char *message;
} pokes[] = {
	{0, 1, 'q', "disk is no qcow2 image: it does not begin with QFI\\xfb"},
	{4, 4, 1, "disk is a qcow image of version 1; 2 and 3 can be used"},
	{4, 4, 4, "disk: version (at byte 4) is 4, must be 2 or 3"},
	{8, 8, 8,
	 "disk: backing_file_offset (at byte 8) is 8, must be from 112, behind the header, "
	 "to 65536, in the first cluster"},
	{8, 8, 65537,
	 "disk: backing_file_offset (at byte 8) is 65537, must be from 112, behind the "
	 "header, to 65536, in the first cluster"},
	{20, 4, 8, "disk: cluster_bits (at byte 20) is 8, must be 9 to 21"},
	{20, 4, 22, "disk: cluster_bits (at byte 20) is 22, must be 9 to 21"},
	{20, 4, 17,
	 "disk: the L1 table (at byte 40) at offset 196608 is not at a multiple of the "
	 "cluster size 131072"},
	{24, 8, GIB + 1,
	 "disk: l1_size (at byte 36) is 2, must be at least 3 for a disk of "
	 "1073741825 bytes"},
	{24, 8, UINT64_C(1) << 63,
	 "disk: size (at byte 24) is 9223372036854775808, must be below 2^63"},
	{24, 8, UINT64_MAX, "disk: size (at byte 24) is 18446744073709551615, must be below 2^63"},
	{32, 4, 1, "disk: it is encrypted: crypt_method (at byte 32) is 1"},
	{32, 4, 2, "disk: it is encrypted: crypt_method (at byte 32) is 2"},
	{32, 4, 3, "disk: crypt_method (at byte 32) is 3, must be 0"},
	{36, 4, 1,
	 "disk: l1_size (at byte 36) is 1, must be at least 2 for a disk of 1073741824 "
	 "bytes"},
	{36, 4, (4u << 20) + 1, "disk: l1_size (at byte 36) is 4194305, must be at most 4194304"},
	{36, 4, 8193,
	 "disk is cut off: the L1 table (at byte 40) ends at byte 262152, and the file "
	 "has 262144"},
	{40, 8, 512,
	 "disk: the L1 table (at byte 40) at offset 512 is not at a multiple of the "
	 "cluster size 65536"},
	{40, 8, 0, "disk: the L1 table (at byte 40) is at offset 0, where the header is"},
	{40, 8, 4 * CLUSTER,
	 "disk is cut off: the L1 table (at byte 40) ends at byte 262160, and "
	 "the file has 262144"},
	{40, 8, INT64_MAX - 65535 + UINT64_C(65536),
	 "disk: the L1 table (at byte 40) at offset 9223372036854775808, 16 bytes, ends beyond "
	 "2^63"},
	{48, 8, 1,
	 "disk: the refcount table (at byte 48) at offset 1 is not at a multiple of the "
	 "cluster size 65536"},
	{48, 8, 0, "disk: the refcount table (at byte 48) is at offset 0, where the header is"},
	{56, 4, 0, "disk: refcount_table_clusters (at byte 56) is 0, must be 1 to 128"},
	{56, 4, 129, "disk: refcount_table_clusters (at byte 56) is 129, must be 1 to 128"},
	{56, 4, 4,
	 "disk is cut off: the refcount table (at byte 48) ends at byte 327680, and the "
	 "file has 262144"},
	{60, 4, 65537, "disk: nb_snapshots (at byte 60) is 65537, must be at most 65536"},
	{60, 4, 1, "disk: the snapshot table (at byte 64) is at offset 0, where the header is"},
	{64, 8, 8,
	 "disk: the snapshot table (at byte 64) at offset 8 is not at a multiple of the "
	 "cluster size 65536"},
	{72, 8, 2, "disk: its corrupt bit (at byte 72) is set; QEMU found it damaged before"},
	{72, 8, 4,
	 "disk: its data lie in an external file, by which an image can read any file of "
	 "the host"},
	{72, 8, 8, "disk: compression_type (at byte 104) is 0 and feature bit 3 is set"},
	{72, 8, 32, "disk: incompatible_features (at byte 72) has the unknown bits 0x20"},
	{88, 8, 2,
	 "disk: its data lie in an external file, by which an image can read any file of "
	 "the host"},
	{96, 4, 7, "disk: refcount_order (at byte 96) is 7, must be 0 to 6"},
	{100, 4, 96,
	 "disk: header_length (at byte 100) is 96, must be a multiple of 8 from 104 to "
	 "the cluster size"},
	{100, 4, 108,
	 "disk: header_length (at byte 100) is 108, must be a multiple of 8 from 104 "
	 "to the cluster size"},
	{100, 4, 65544,
	 "disk: header_length (at byte 100) is 65544, must be a multiple of 8 from "
	 "104 to the cluster size"},
	{104, 1, 1, "disk: compression_type (at byte 104) is 1 and feature bit 3 is not set"},
	{104, 1, 2, "disk: compression_type (at byte 104) is 2, must be 0 (zlib) or 1 (zstd)"},
	{112, 8, UINT64_C(0x1234567800010000),
	 "disk: header extension 0x12345678 of 65536 bytes at "
	 "byte 112 leaves the header"},
	{112, 8, UINT64_C(0xe2792aca00000010),
	 "disk: the backing format's name has 16 bytes, must have at most 15"},
	{112, 8, UINT64_C(0x4441544100000008),
	 "disk: it names an external data file, by which an "
	 "image can read any file of the host"},
	{112, 8, UINT64_C(0x0537be7700000010), "disk: it is encrypted"},
	{112, 8, UINT64_C(0x2385287500000010),
	 "disk: its bitmaps extension has 16 bytes, must have 24"},
};

static void each_field_beyond_its_bounds(void **state)
{
	for (size_t i = 0; i < sizeof pokes / sizeof *pokes; i++) {
		(void)fresh(state);
		put(pokes[i].at, pokes[i].width, pokes[i].value);
		refused(pokes[i].message);
	}
}

static void each_field_within_its_bounds(void **state)
{
	static const struct {
		unsigned at, width;
		uint64_t value;
	} good[] = {
		{24, 8, 0},
		{24, 8, 1},
		{24, 8, GIB - 1},
		{36, 4, 3},
		{36, 4, 8192},
		{56, 4, 3},
		{64, 8, CLUSTER},
		{72, 8, 1},
		{80, 8, UINT64_MAX},
		{88, 8, 0xf0},
		{96, 4, 0},
		{96, 4, 6},
		{100, 4, 104},
		{100, 4, 65536},
		{16, 4, 5000}, /* a length without a name */
		{112, 8, UINT64_C(0x1234567800000008)},
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		(void)fresh(state);
		put(good[i].at, good[i].width, good[i].value);
		accepted();
	}
}

static void version_2_has_no_features(void **state)
{
	(void)state;
	put(4, 4, 2);
	memset(image + 72, 0, 40); /* its extensions begin here */
	accepted();
	assert_int_equal(q.header_length, 72);
	assert_int_equal(q.refcount_order, 4);
	assert_int_equal(q.incompatible, 0);
}

static void extended_l2_entries_map_half_as_much(void **state)
{
	(void)state;
	put(72, 8, QCOW2_EXTENDED_L2);
	refused("disk: l1_size (at byte 36) is 2, must be at least 4 for a disk of 1073741824 "
		"bytes");
	put(36, 4, 4);
	accepted();
	put(20, 4, 13);
	refused("disk: cluster_bits (at byte 20) is 13, must be at least 14 with extended L2 "
		"entries");
}

static void a_backing_file_and_its_format(void **state)
{
	(void)state;
	put(112, 8, UINT64_C(0xe2792aca00000005));
	memcpy(image + 120, "qcow2", 5);
	put(8, 8, 512);
	put(16, 4, 9);
	memcpy(image + 512, "base.disk", 9);
	accepted();
	assert_string_equal(q.backing, "base.disk");
	assert_string_equal(q.backing_format, "qcow2");
	put(16, 4, 1024);
	refused("disk: backing_file_size (at byte 16) is 1024, must be at most 1023 and end in the "
		"first cluster");
	put(16, 4, 9);
	image[514] = '\0';
	refused("disk: the backing file's name has a zero byte");
	put(8, 8, 65530);
	refused("disk: backing_file_size (at byte 16) is 9, must be at most 1023 and end in the "
		"first cluster");
	/* The name ends the extensions, and the one before it is not whole. */
	put(8, 8, 124);
	put(16, 4, 0);
	refused("disk: header extension 0xe2792aca of 5 bytes at byte 112 leaves the header");
}

static void bitmaps(void **state)
{
	(void)state;
	put(88, 8, 1);
	put(112, 8, UINT64_C(0x2385287500000018));
	put(120, 4, 2);
	put(128, 8, 64);
	put(136, 8, CLUSTER);
	accepted();
	assert_int_equal(q.bitmaps, 2);
	put(120, 4, 0);
	refused("disk: its bitmaps extension says 0 bitmaps (reserved: 0), must be 1 to 65535 (0)");
	put(120, 4, 65536);
	refused("disk: its bitmaps extension says 65536 bitmaps (reserved: 0), must be 1 to 65535 "
		"(0)");
	put(120, 8, UINT64_C(1) << 32 | 7);
	refused("disk: its bitmaps extension says 1 bitmaps (reserved: 7), must be 1 to 65535 (0)");
	put(120, 8, UINT64_C(1) << 32);
	put(128, 8, 0);
	refused("disk: its bitmap directory has 0 bytes, must have 1 to 67107840");
	put(128, 8, 64);
	put(136, 8, 4 * CLUSTER);
	refused("disk is cut off: the bitmap directory ends at byte 262208, and the file has "
		"262144");
	put(88, 8, 0); /* out of date: QEMU does not look either */
	accepted();
	assert_int_equal(q.bitmaps, 0);
}

static void every_length_of_a_file_that_was_cut_off(void **state)
{
	(void)state;
	for (size_t n = 0; n < 8192; n++) {
		/* The exact size on the heap: ASan sees a read behind it. */
		uint8_t *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, image, n);
		assert_false(qcow2_parse(copy, n, n, "disk", &q, &err));
		free(copy);
	}
	file_size = 3 * CLUSTER + 15;
	refused("disk is cut off: the L1 table (at byte 40) ends at byte 196624, and the file has "
		"196623");
	file_size++;
	accepted();
}

static void table_entries(void **state)
{
	uint8_t t[16] = {0};

	(void)state;
	accepted();
	put_be64(t, UINT64_C(1) << 63 | 3 * CLUSTER); /* bit 63: refcount is one */
	assert_true(qcow2_check_table(&q, t, 2, 0, file_size, "L1 table", "disk", &err));
	assert_int_equal(qcow2_entry(t, 0), 3 * CLUSTER);
	put_be64(t + 8, 4 * CLUSTER);
	assert_false(qcow2_check_table(&q, t, 2, 100, file_size, "L1 table", "disk", &err));
	assert_string_equal(err.message,
			    "disk is cut off: entry 101 of the L1 table points to byte "
			    "262144, and the file has 262144");
	put_be64(t + 8, CLUSTER + 512);
	assert_false(qcow2_check_table(&q, t, 2, 0, file_size, "L1 table", "disk", &err));
	assert_string_equal(err.message,
			    "disk: entry 1 of the L1 table, 66048, is not at a multiple "
			    "of the cluster size 65536");
}

static void refcounts_of_every_width(void **state)
{
	static uint8_t block[512];
	static const struct {
		uint32_t order;
		size_t byte;
		uint8_t bits;
		uint64_t used;
	} cases[] = {
		{0, 0, 0x01, 1},    {0, 0, 0x80, 8},	 {0, 3, 0x11, 29}, {1, 0, 0x03, 1},
		{1, 2, 0xc0, 12},   {2, 0, 0x10, 2},	 {2, 5, 0x0f, 11}, {3, 9, 0x01, 10},
		{4, 1, 0x01, 1},    {4, 511, 0x01, 256}, {5, 4, 0x01, 2},  {6, 15, 0x80, 2},
		{6, 511, 0x01, 64},
	};

	(void)state;
	q.cluster_bits = 9;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		q.refcount_order = cases[i].order;
		memset(block, 0, sizeof block);
		assert_int_equal(qcow2_refcounts_used(&q, block), 0);
		block[cases[i].byte] = cases[i].bits;
		assert_int_equal(qcow2_refcounts_used(&q, block), cases[i].used);
		assert_int_equal(qcow2_refcounts(&q), 4096u >> cases[i].order);
	}
}

static void l2_entries(void **state)
{
	static uint8_t table[CLUSTER];

	(void)state;
	accepted();
	put_be64(table + 8 * 8191, 3 * CLUSTER);
	assert_true(qcow2_check_l2(&q, table, 0, file_size, "disk", &err));
	put_be64(table + 8 * 8191, 4 * CLUSTER);
	assert_false(qcow2_check_l2(&q, table, 1, file_size, "disk", &err));
	assert_string_equal(err.message, "disk is cut off: entry 8191 of L2 table 1 points to byte "
					 "262144, and the file has 262144");
	/* Compressed: the offset is any byte, and the size stands in bits 54 to 61. */
	put_be64(table + 8 * 8191, UINT64_C(1) << 62 | UINT64_C(0xff) << 54 | 262143);
	assert_true(qcow2_check_l2(&q, table, 1, file_size, "disk", &err));
	put_be64(table + 8 * 8191, UINT64_C(1) << 62 | UINT64_C(1) << 54 | 262144);
	assert_false(qcow2_check_l2(&q, table, 1, file_size, "disk", &err));
	/* Extended: every second number is a bitmap. */
	put_be64(table + 8 * 8191, UINT64_MAX);
	q.incompatible = QCOW2_EXTENDED_L2;
	assert_true(qcow2_check_l2(&q, table, 1, file_size, "disk", &err));
}

static void snapshot_and_bitmap_entries(void **state)
{
	uint8_t e[QCOW2_SNAPSHOT_ENTRY] = {0};
	struct qcow2_bitmap bitmap;
	uint64_t size;

	(void)state;
	accepted();
	e[13] = 1;
	e[15] = 7;
	put_be32(e + 36, 1024);
	assert_true(qcow2_check_snapshot(e, 0, &size, "disk", &err));
	assert_int_equal(size, 40 + 1 + 7 + 1024);
	put_be32(e + 36, 1025);
	assert_false(qcow2_check_snapshot(e, 3, &size, "disk", &err));
	assert_string_equal(err.message, "disk: entry 3 of the snapshot table has 1025 bytes of "
					 "extra data, must have at most 1024");

	memset(e, 0, sizeof e);
	put_be64(e, CLUSTER);
	put_be32(e + 8, 1);
	e[16] = 1;
	e[17] = 16;
	e[19] = 3;
	assert_true(qcow2_check_bitmap(&q, e, 0, &bitmap, "disk", &err));
	assert_int_equal(bitmap.size, 24 + 3);
	assert_int_equal(bitmap.entries, 1);
	e[15] = 1; /* in use: not loaded */
	put_be32(e + 8, 2);
	assert_true(qcow2_check_bitmap(&q, e, 0, &bitmap, "disk", &err));
	assert_int_equal(bitmap.entries, 0);
	e[15] = 0;
	assert_false(qcow2_check_bitmap(&q, e, 0, &bitmap, "disk", &err));
	put_be32(e + 8, 1);
	e[17] = 8;
	assert_false(qcow2_check_bitmap(&q, e, 0, &bitmap, "disk", &err));
	assert_string_equal(err.message,
			    "disk: entry 0 of the bitmap directory is broken: 1 clusters at 65536, "
			    "flags 0x0, type 1, granularity 8, name of 3, 0 more bytes");
	put_be64(e, 1);
	assert_true(qcow2_check_bitmap_table(&q, e, "disk", &err));
	put_be64(e, CLUSTER);
	assert_true(qcow2_check_bitmap_table(&q, e, "disk", &err));
	put_be64(e, CLUSTER + 1);
	assert_false(qcow2_check_bitmap_table(&q, e, "disk", &err));
	assert_string_equal(err.message, "disk: an entry of a bitmap's table is 0x10001, no offset "
					 "of a cluster");
}

static void snapshot_entry_read(void **state)
{
	uint8_t e[QCOW2_SNAPSHOT_ENTRY + 16 + 2 + 200] = {0};
	struct qcow2_snapshot one;

	(void)state;
	put_be32(e + 16, 1700000000);
	put_be64(e + 24, 5000000000);
	put_be32(e + 32, 7);
	e[13] = 2;
	e[15] = 6;
	memcpy(e + QCOW2_SNAPSHOT_ENTRY, "12before", 8);
	qcow2_read_snapshot(e, QCOW2_SNAPSHOT_ENTRY + 8, &one);
	assert_string_equal(one.id, "12");
	assert_string_equal(one.name, "before");
	assert_int_equal(one.memory, 7);
	assert_int_equal(one.clock_ns, 5000000000);
	assert_int_equal(one.date, 1700000000);
	/* With more data the size has 64 bits; a name that is too long is cut. */
	put_be32(e + 36, 16);
	put_be64(e + QCOW2_SNAPSHOT_ENTRY, UINT64_C(5) << 32);
	e[15] = 200;
	memset(e + QCOW2_SNAPSHOT_ENTRY + 16, 'x', 202);
	qcow2_read_snapshot(e, sizeof e, &one);
	assert_true(one.memory == UINT64_C(5) << 32);
	assert_string_equal(one.id, "xx");
	assert_int_equal(strlen(one.name), sizeof one.name - 1);
}

/* What qemu-img and our own parser say of an overlay over a base. */
static void overlays_name_their_base(void **state)
{
	static const char *const formats[] = {"raw", "qcow2"};
	char dir[] = "/tmp/test_qcow2-XXXXXX";
	char command[512];
	char too_long[1025];
	struct qcow2_base base = {.name = "base.img", .mark = "1073741824 1700000000.000000001"};

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < 2; i++) {
		base.format = formats[i];
		size_t n = qcow2_overlay(GIB, &base, image, &file_size);

		assert_true(n > 0);
		accepted();
		assert_string_equal(q.mark, base.mark);
		(void)snprintf(command, sizeof command, "%s/overlay", dir);
		int fd = open(command, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_true(fd >= 0);
		assert_int_equal(pwrite(fd, image, n, 0), (ssize_t)n);
		assert_int_equal(ftruncate(fd, (off_t)file_size), 0);
		(void)close(fd);
		(void)snprintf(command, sizeof command,
			       "cd %s && qemu-img create -q -f %s base.img 1G && qemu-img check -q "
			       "overlay && qemu-img info overlay >info && grep -qx 'backing file: "
			       "base.img.*' info && grep -qx 'backing file format: %s' info",
			       dir, formats[i], formats[i]);
		int status = system(command); /* NOLINT(cert-env33-c): names of our own */

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	memset(too_long, 'x', sizeof too_long);
	too_long[sizeof too_long - 1] = '\0';
	base.name = too_long;
	assert_int_equal(qcow2_overlay(GIB, &base, image, &file_size), 0);
	base.name = too_long + 1;
	assert_true(qcow2_overlay(GIB, &base, image, &file_size) > 0);
	(void)snprintf(command, sizeof command, "rm -r %s", dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a name of our own */
}

static void fresh_images_are_clean(void **state)
{
	static const uint64_t sizes[] = {
		0, 1, 512, 512 << 20, 8 * GIB, 2048 * GIB, 32 * 1024 * GIB, GIB + 1};
	char name[] = "/tmp/test_qcow2-XXXXXX";
	char command[128];
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t n = qcow2_overlay(sizes[i], NULL, image, &file_size);

		assert_int_equal(n, sizeof image);
		accepted();
		assert_int_equal(q.virtual_size, sizes[i]);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, image, n, 0), (ssize_t)n);
		assert_int_equal(ftruncate(fd, (off_t)file_size), 0);
		(void)snprintf(command, sizeof command, "qemu-img check -q -f qcow2 %s", name);
		int status = system(command); /* NOLINT(cert-env33-c): a name of our own */

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(qcow2_overlay(32 * 1024 * GIB + 1, NULL, image, &file_size), 0);
	assert_int_equal(qcow2_overlay(UINT64_MAX, NULL, image, &file_size), 0);
	(void)close(fd);
	(void)unlink(name);
}

static void other_formats(void **state)
{
	static uint8_t head[IMAGE_FORMAT_HEAD];
	static const struct {
		size_t at;
		const char *bytes;
		size_t n;
		enum image_kind kind;
		const char *name;
	} files[] = {
		{0, "QFI\xfb", 4, IMAGE_QCOW2, "a qcow2 image"},
		{0, "KDMV\1", 5, IMAGE_FOREIGN, "a VMDK image"},
		{0, "COWD", 4, IMAGE_FOREIGN, "a VMDK image"},
		{0, "# Disk DescriptorFile\n", 22, IMAGE_FOREIGN, "a VMDK descriptor"},
		{0, "QED\0", 4, IMAGE_FOREIGN, "a QED image"},
		{0, "conectix", 8, IMAGE_FOREIGN, "a VHD image"},
		{0, "vhdxfile", 8, IMAGE_FOREIGN, "a VHDX image"},
		{64, "\x7f\x10\xda\xbe", 4, IMAGE_FOREIGN, "a VDI image"},
		{0, "WithoutFreeSpace", 16, IMAGE_FOREIGN, "a Parallels image"},
		{0, "LUKS\xba\xbe", 6, IMAGE_FOREIGN, "a LUKS volume"},
		{0, "\xfd\x37zXZ\0", 6, IMAGE_ARCHIVE, "an xz archive"},
		{0, "\x1f\x8b\x08", 3, IMAGE_ARCHIVE, "a gzip archive"},
		{0, "\x28\xb5\x2f\xfd", 4, IMAGE_ARCHIVE, "a zstd archive"},
		{0, "PK\x03\x04", 4, IMAGE_ARCHIVE, "a zip archive"},
		{257, "ustar", 5, IMAGE_ARCHIVE, "a tar archive"},
		{0, " \r\n<!DOCTYPE html>", 18, IMAGE_WRONG, "a web page: the download failed"},
		{0, "<html>", 6, IMAGE_WRONG, "a web page: the download failed"},
		{0x8001, "CD001", 5, IMAGE_ISO, "an ISO image"},
		{0x8001, "BEA01", 5, IMAGE_ISO, "a UDF image"},
		{0x8801, "NSR03", 5, IMAGE_ISO, "a UDF image"},
		{0x8801, "CD001\1EL TORITO", 15, IMAGE_ISO, "an El Torito image"},
		{510, "\x55\xaa", 2, IMAGE_BOOT_DISK, "a raw disk (it has a boot sector)"},
		{0, "\xeb\x3c", 2, IMAGE_UNKNOWN, "of no known format"},
	};
	uint8_t tail[512] = "conectix";

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		memset(head, 0, sizeof head);
		memcpy(head + files[i].at, files[i].bytes, files[i].n);
		struct image_format f = image_format(head, sizeof head, NULL);

		assert_int_equal(f.kind, files[i].kind);
		assert_string_equal(f.name, files[i].name);
	}
	assert_string_equal(image_format(head, sizeof head, tail).name, "a VHD image");
	assert_int_equal(image_format(head, 0, NULL).kind, IMAGE_UNKNOWN);
	/* A hybrid ISO is both, and more of an ISO. */
	memcpy(head + 510, "\x55\xaa", 2);
	memcpy(head + 0x8001, "CD001", 5);
	assert_int_equal(image_format(head, sizeof head, NULL).kind, IMAGE_ISO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_good_header, fresh),
		cmocka_unit_test_setup(each_field_beyond_its_bounds, fresh),
		cmocka_unit_test_setup(each_field_within_its_bounds, fresh),
		cmocka_unit_test_setup(version_2_has_no_features, fresh),
		cmocka_unit_test_setup(extended_l2_entries_map_half_as_much, fresh),
		cmocka_unit_test_setup(a_backing_file_and_its_format, fresh),
		cmocka_unit_test_setup(bitmaps, fresh),
		cmocka_unit_test_setup(every_length_of_a_file_that_was_cut_off, fresh),
		cmocka_unit_test_setup(table_entries, fresh),
		cmocka_unit_test_setup(refcounts_of_every_width, fresh),
		cmocka_unit_test_setup(l2_entries, fresh),
		cmocka_unit_test_setup(snapshot_and_bitmap_entries, fresh),
		cmocka_unit_test(snapshot_entry_read),
		cmocka_unit_test(overlays_name_their_base),
		cmocka_unit_test(fresh_images_are_clean),
		cmocka_unit_test(other_formats),
	};

	return cmocka_run_group_tests_name("qcow2", tests, NULL, NULL);
}
