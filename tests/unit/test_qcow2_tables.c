/* test_qcow2_tables.c - the tables of a qcow2 image, overlays, and images of other formats.
 */
#include "room_qcow2.h"

static void a_file_truncated_at_every_length(void **state)
{
	(void)state;
	for (size_t n = 0; n < 8192; n++) {
		/* The exact size on the heap, so that ASan detects a read beyond it. */
		uint8_t *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, image, n);
		assert_false(qcow2_parse(copy, n, n, "disk", &q, &err));
		free(copy);
	}
	file_size = 3 * CLUSTER + 15;
	refused("disk is truncated: the L1 table (at byte 40) ends at byte 196624, and the file "
		"has "
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
			    "disk is truncated: entry 101 of the L1 table points to byte "
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
	assert_string_equal(err.message,
			    "disk is truncated: entry 8191 of L2 table 1 points to byte "
			    "262144, and the file has 262144");
	/* Compressed: the offset need not be aligned, and the size is in bits 54 to 61. */
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

/* Check an overlay with qemu-img and with our parser. */
static void overlays_contain_the_name_of_their_base(void **state)
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
	/* A hybrid ISO matches both, and is treated as an ISO. */
	memcpy(head + 510, "\x55\xaa", 2);
	memcpy(head + 0x8001, "CD001", 5);
	assert_int_equal(image_format(head, sizeof head, NULL).kind, IMAGE_ISO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_file_truncated_at_every_length, set_up),
		cmocka_unit_test_setup(table_entries, set_up),
		cmocka_unit_test_setup(refcounts_of_every_width, set_up),
		cmocka_unit_test_setup(l2_entries, set_up),
		cmocka_unit_test_setup(snapshot_and_bitmap_entries, set_up),
		cmocka_unit_test(snapshot_entry_read),
		cmocka_unit_test(overlays_contain_the_name_of_their_base),
		cmocka_unit_test(fresh_images_are_clean),
		cmocka_unit_test(other_formats),
	};

	return cmocka_run_group_tests_name("qcow2", tests, NULL, NULL);
}
