/* test_qcow2.c - the readers of qcow2: every field at and beyond its bounds with the exact message,
 * the tables, the recognition of other formats; and the writer, which qemu-img must find clean.
 *
 * tests/40-qcow2.bats compares these verdicts with QEMU's.
 */
#include "room_qcow2.h"
static void a_valid_header(void **state)
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
	{0, 1, 'q', "disk is not a qcow2 image: it does not begin with QFI\\xfb"},
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
	 "disk is truncated: the L1 table (at byte 40) ends at byte 262152, and the file "
	 "has 262144"},
	{40, 8, 512,
	 "disk: the L1 table (at byte 40) at offset 512 is not at a multiple of the "
	 "cluster size 65536"},
	{40, 8, 0, "disk: the L1 table (at byte 40) is at offset 0, where the header is"},
	{40, 8, 4 * CLUSTER,
	 "disk is truncated: the L1 table (at byte 40) ends at byte 262160, and "
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
	 "disk is truncated: the refcount table (at byte 48) ends at byte 327680, and the "
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
		(void)set_up(state);
		set_field(pokes[i].at, pokes[i].width, pokes[i].value);
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
		(void)set_up(state);
		set_field(good[i].at, good[i].width, good[i].value);
		accepted();
	}
}

static void version_2_has_no_features(void **state)
{
	(void)state;
	set_field(4, 4, 2);
	memset(image + 72, 0, 40); /* its extensions begin here */
	accepted();
	assert_int_equal(q.header_length, 72);
	assert_int_equal(q.refcount_order, 4);
	assert_int_equal(q.incompatible, 0);
}

static void extended_l2_entries_map_half_the_clusters(void **state)
{
	(void)state;
	set_field(72, 8, QCOW2_EXTENDED_L2);
	refused("disk: l1_size (at byte 36) is 2, must be at least 4 for a disk of 1073741824 "
		"bytes");
	set_field(36, 4, 4);
	accepted();
	set_field(20, 4, 13);
	refused("disk: cluster_bits (at byte 20) is 13, must be at least 14 with extended L2 "
		"entries");
}

static void a_backing_file_and_its_format(void **state)
{
	(void)state;
	set_field(112, 8, UINT64_C(0xe2792aca00000005));
	memcpy(image + 120, "qcow2", 5);
	set_field(8, 8, 512);
	set_field(16, 4, 9);
	memcpy(image + 512, "base.disk", 9);
	accepted();
	assert_string_equal(q.backing, "base.disk");
	assert_string_equal(q.backing_format, "qcow2");
	set_field(16, 4, 1024);
	refused("disk: backing_file_size (at byte 16) is 1024, must be at most 1023 and end in the "
		"first cluster");
	set_field(16, 4, 9);
	image[514] = '\0';
	refused("disk: the backing file's name has a zero byte");
	set_field(8, 8, 65530);
	refused("disk: backing_file_size (at byte 16) is 9, must be at most 1023 and end in the "
		"first cluster");
	/* The name ends the extensions, and the last one is incomplete. */
	set_field(8, 8, 124);
	set_field(16, 4, 0);
	refused("disk: header extension 0xe2792aca of 5 bytes at byte 112 leaves the header");
}

static void bitmaps(void **state)
{
	(void)state;
	set_field(88, 8, 1);
	set_field(112, 8, UINT64_C(0x2385287500000018));
	set_field(120, 4, 2);
	set_field(128, 8, 64);
	set_field(136, 8, CLUSTER);
	accepted();
	assert_int_equal(q.bitmaps, 2);
	set_field(120, 4, 0);
	refused("disk: its bitmaps extension says 0 bitmaps (reserved: 0), must be 1 to 65535 (0)");
	set_field(120, 4, 65536);
	refused("disk: its bitmaps extension says 65536 bitmaps (reserved: 0), must be 1 to 65535 "
		"(0)");
	set_field(120, 8, UINT64_C(1) << 32 | 7);
	refused("disk: its bitmaps extension says 1 bitmaps (reserved: 7), must be 1 to 65535 (0)");
	set_field(120, 8, UINT64_C(1) << 32);
	set_field(128, 8, 0);
	refused("disk: its bitmap directory has 0 bytes, must have 1 to 67107840");
	set_field(128, 8, 64);
	set_field(136, 8, 4 * CLUSTER);
	refused("disk is truncated: the bitmap directory ends at byte 262208, and the file has "
		"262144");
	set_field(88, 8, 0); /* out of date: QEMU ignores it as well */
	accepted();
	assert_int_equal(q.bitmaps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_valid_header, set_up),
		cmocka_unit_test_setup(each_field_beyond_its_bounds, set_up),
		cmocka_unit_test_setup(each_field_within_its_bounds, set_up),
		cmocka_unit_test_setup(version_2_has_no_features, set_up),
		cmocka_unit_test_setup(extended_l2_entries_map_half_the_clusters, set_up),
		cmocka_unit_test_setup(a_backing_file_and_its_format, set_up),
		cmocka_unit_test_setup(bitmaps, set_up),
	};

	return cmocka_run_group_tests_name("qcow2", tests, NULL, NULL);
}
