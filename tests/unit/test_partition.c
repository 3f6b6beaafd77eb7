/* test_partition.c - partition tables and ext2 superblocks, valid and damaged, built byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/ext2_super.h"
#include "format/partition.h"

#define SECTORS 4096u

static uint8_t disk[SECTORS * 512];
static struct partitions found;
static unsigned reads;
static uint64_t broken_at; /* reads of this offset fail */

static bool read_disk(void *ctx, uint64_t offset, void *buf, size_t n, struct error *err)
{
	(void)ctx;
	reads++;
	assert_true(offset <= sizeof disk && n <= sizeof disk - offset);
	if (broken_at && offset <= broken_at && broken_at < offset + n)
		return error_set(err, EXIT_BAD_IMAGE, "", "broken");
	memcpy(buf, disk + offset, n);
	return true;
}

static const struct read_at source = {.read = read_disk, .size = sizeof disk};

static void put(size_t at, unsigned width, uint64_t value)
{
	for (unsigned i = 0; i < width; i++)
		disk[at + i] = (uint8_t)(value >> 8 * i);
}

static void put_signature(uint32_t sector)
{
	put(sector * (size_t)512 + 510, 2, 0xaa55);
}

static void entry(uint32_t sector, unsigned i, unsigned type, uint32_t start, uint32_t count)
{
	size_t at = sector * (size_t)512 + 446 + i * (size_t)16;

	put_signature(sector);
	put(at + 4, 1, type);
	put(at + 8, 4, start);
	put(at + 12, 4, count);
}

static int set_up(void **state)
{
	(void)state;
	memset(disk, 0, sizeof disk);
	reads = 0;
	broken_at = 0;
	return 0;
}

static void read_partitions(void)
{
	struct error err = {0};

	assert_true(partitions_read(&source, &found, &err));
}

static void assert_partition(size_t i, unsigned number, unsigned type, uint64_t start,
			     uint64_t count)
{
	assert_true(i < found.count);
	assert_int_equal(found.list[i].number, number);
	assert_int_equal(found.list[i].type, type);
	assert_int_equal(found.list[i].start, start * 512);
	assert_int_equal(found.list[i].length, count * 512);
}

static void no_table(void **state)
{
	(void)state;
	read_partitions();
	assert_int_equal(found.count, 1);
	assert_partition(0, 0, PARTITION_NONE, 0, SECTORS);
	assert_true(partition_holds_files(&found.list[0]));
}

static void primary_and_logical(void **state)
{
	(void)state;
	entry(0, 0, PARTITION_SWAP, 1, 100);
	entry(0, 2, PARTITION_LINUX, 200, 9000); /* cut at the end of the disk */
	entry(0, 3, 5, 1000, 3000);
	entry(1000, 0, PARTITION_LINUX, 2, 10);
	entry(1000, 1, 5, 100, 200);
	entry(1100, 0, PARTITION_HURD, 3, 20);
	read_partitions();
	assert_int_equal(found.count, 4);
	assert_partition(0, 1, PARTITION_SWAP, 1, 100);
	assert_partition(1, 3, PARTITION_LINUX, 200, SECTORS - 200);
	assert_partition(2, 5, PARTITION_LINUX, 1002, 10);
	assert_partition(3, 6, PARTITION_HURD, 1103, 20);
	assert_false(partition_holds_files(&found.list[0]));
	assert_true(partition_holds_files(&found.list[1]));
	assert_true(partition_holds_files(&found.list[3]));
}

/* Links that are circular, or point beyond the disk or to zeros, end the chain. */
static void a_circular_chain(void **state)
{
	(void)state;
	entry(0, 0, 0x0f, 1000, 3000);
	entry(1000, 0, PARTITION_LINUX, 2, 10);
	entry(1000, 1, 5, 100, 200);
	entry(1100, 0, PARTITION_LINUX, 2, 10);
	entry(1100, 1, 5, 0, 200);
	read_partitions();
	assert_int_equal(found.count, 2);
	entry(1100, 1, 5, 0xfffffff0, 200);
	read_partitions();
	assert_int_equal(found.count, 2);
	entry(1100, 1, 5, 50, 200);
	read_partitions();
	assert_int_equal(found.count, 2);
	assert_true(reads < 40);
	/* An endless chain, one sector after the other. */
	for (uint32_t at = 1000; at < SECTORS - 1; at++) {
		entry(at, 0, PARTITION_LINUX, 1, 1);
		entry(at, 1, 5, at + 1 - 1000, 1);
	}
	read_partitions();
	assert_int_equal(found.count, 59);
	assert_partition(58, 63, PARTITION_LINUX, 1059, 1);
}

static void partitions_outside_the_disk(void **state)
{
	(void)state;
	entry(0, 0, PARTITION_LINUX, SECTORS, 10);
	entry(0, 1, PARTITION_LINUX, 0, 10);
	entry(0, 2, PARTITION_LINUX, 10, 0);
	entry(0, 3, PARTITION_LINUX, 0xffffffff, 0xffffffff);
	read_partitions();
	assert_int_equal(found.count, 0);
}

static const uint8_t linux_guid[16] = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
				       0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4};

static void gpt_header(uint64_t table, uint32_t count, uint32_t size)
{
	entry(0, 0, 0xee, 1, SECTORS - 1);
	memcpy(disk + 512, "EFI PART", 8);
	put(512 + 72, 8, table);
	put(512 + 80, 4, count);
	put(512 + 84, 4, size);
}

static void gpt_entry(size_t at, const uint8_t *guid, uint64_t first, uint64_t last)
{
	memcpy(disk + at, guid, 16);
	put(at + 32, 8, first);
	put(at + 40, 8, last);
}

static void gpt(void **state)
{
	static const uint8_t other[16] = {1};

	(void)state;
	gpt_header(2, 128, 128);
	gpt_entry(1024, other, 100, 199);
	gpt_entry(1024 + 4 * 128, linux_guid, 200, 399);
	gpt_entry(1024 + 5 * 128, linux_guid, 500, 499);
	gpt_entry(1024 + 6 * 128, linux_guid, 500, UINT64_MAX);
	read_partitions();
	assert_int_equal(found.count, 2);
	assert_partition(0, 1, PARTITION_OTHER, 100, 100);
	assert_partition(1, 5, PARTITION_LINUX, 200, 200);
	assert_true(found.list[1].gpt);
	gpt_header(2, UINT32_MAX, 4096);
	read_partitions();
	assert_int_equal(found.count, 1);
	gpt_header(UINT64_MAX / 512, 128, 128);
	read_partitions();
	assert_int_equal(found.count, 0);
	gpt_header(2, 128, 0);
	read_partitions();
	assert_int_equal(found.count, 0);
	gpt_header(2, 128, 129);
	read_partitions();
	assert_int_equal(found.count, 0);
}

static void a_disk_that_cannot_be_read(void **state)
{
	struct error err = {0};

	(void)state;
	entry(0, 0, 5, 1000, 3000);
	broken_at = 1000 * 512;
	assert_false(partitions_read(&source, &found, &err));
	assert_string_equal(err.message, "broken");
}

/* ---- superblocks ----------------------------------------------------------------------------- */

#define SUPER (disk + EXT2_SUPER_AT)

static void make_superblock(void)
{
	put(1024 + 0, 4, 1000);	   /* inodes */
	put(1024 + 4, 4, 2000);	   /* blocks */
	put(1024 + 20, 4, 1);	   /* first block */
	put(1024 + 32, 4, 8192);   /* blocks, */
	put(1024 + 40, 4, 1000);   /* inodes of a group */
	put(1024 + 56, 2, 0xef53); /* magic */
	put(1024 + 58, 2, EXT2_STATE_CLEAN);
	put(1024 + 72, 4, EXT2_CREATOR_HURD);
	put(1024 + 76, 4, 1);	/* revision */
	put(1024 + 88, 2, 256); /* inode size */
	memcpy(SUPER + 104, "\x01\x23\x45\x67\x89\xab\xcd\xef\x10\x32\x54\x76\x98\xba\xdc\xfe", 16);
	memcpy(SUPER + 120, "sixteen letters!", 16);
}

static void a_good_superblock(void **state)
{
	struct ext2_super s;
	char uuid[37];

	(void)state;
	make_superblock();
	assert_true(ext2_super_parse(SUPER, sizeof disk, &s));
	assert_int_equal(s.block_size, 1024);
	assert_int_equal(s.blocks, 2000);
	assert_int_equal(s.groups, 1);
	assert_int_equal(s.inode_size, 256);
	assert_int_equal(s.creator, EXT2_CREATOR_HURD);
	assert_string_equal(s.label, "sixteen letters!");
	ext2_super_uuid(&s, uuid);
	assert_string_equal(uuid, "01234567-89ab-cdef-1032-547698badcfe");
	assert_true(ext2_super_clean(&s));
	put(1024 + 58, 2, 0);
	assert_true(ext2_super_parse(SUPER, sizeof disk, &s));
	assert_false(ext2_super_clean(&s));
	put(1024 + 58, 2, EXT2_STATE_CLEAN | EXT2_STATE_ERRORS);
	assert_true(ext2_super_parse(SUPER, sizeof disk, &s));
	assert_false(ext2_super_clean(&s));
	put(1024 + 58, 2, EXT2_STATE_CLEAN);
	put(1024 + 96, 4, EXT2_RECOVER);
	assert_true(ext2_super_parse(SUPER, sizeof disk, &s));
	assert_false(ext2_super_clean(&s));
	/* 64 bit: descriptors have a size field, and block counts an upper half. */
	put(1024 + 96, 4, EXT2_64BIT);
	put(1024 + 254, 2, 64);
	assert_true(ext2_super_parse(SUPER, sizeof disk, &s));
	assert_int_equal(s.group_desc_size, 64);
	put(1024 + 336, 4, 1);
	assert_false(ext2_super_parse(SUPER, sizeof disk, &s));
	/* Revision 0 has inodes of 128 bytes, and no name. */
	put(1024 + 76, 4, 0);
	assert_true(ext2_super_parse(SUPER, sizeof disk, &s));
	assert_int_equal(s.inode_size, 128);
	assert_string_equal(s.label, "");
}

static void a_broken_superblock(void **state)
{
	static const struct {
		unsigned at, width;
		uint64_t value;
	} bad[] = {
		{56, 2, 0xef54}, {24, 4, 7},	{24, 4, UINT32_MAX}, {4, 4, 0},	    {4, 4, 5000},
		{20, 4, 0},	 {20, 4, 3000}, {32, 4, 0},	     {32, 4, 9000}, {40, 4, 0},
		{40, 4, 9000},	 {0, 4, 0},	{0, 4, UINT32_MAX},  {88, 2, 0},    {88, 2, 64},
		{88, 2, 192},	 {88, 2, 2048},
	};
	struct ext2_super s;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		make_superblock();
		put(1024 + 24, 4, 0);
		assert_true(ext2_super_parse(SUPER, sizeof disk, &s));
		put(1024 + bad[i].at, bad[i].width, bad[i].value);
		if (ext2_super_parse(SUPER, sizeof disk, &s))
			fail_msg("field %u as %llu was taken", bad[i].at,
				 (unsigned long long)bad[i].value);
	}
	make_superblock();
	assert_false(ext2_super_parse(SUPER, 2047, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(no_table, set_up),
		cmocka_unit_test_setup(primary_and_logical, set_up),
		cmocka_unit_test_setup(a_circular_chain, set_up),
		cmocka_unit_test_setup(partitions_outside_the_disk, set_up),
		cmocka_unit_test_setup(gpt, set_up),
		cmocka_unit_test_setup(a_disk_that_cannot_be_read, set_up),
		cmocka_unit_test_setup(a_good_superblock, set_up),
		cmocka_unit_test_setup(a_broken_superblock, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
