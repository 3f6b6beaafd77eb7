/* test_disk_chain.c - backing chains, CD-ROMs, and the choice of an image in VM_IMAGE_DIR.
 */
#include "room_disk.h"

static void backing_files_are_refused(void **state)
{
	(void)state;
	make_image("base.qcow2", NULL, NULL);
	make_image("disk.qcow2", "base.qcow2", "qcow2");
	refused("disk.qcow2", EXIT_BAD_IMAGE, "@/disk.qcow2: it needs a backing file, base.qcow2");
}

static void a_chain_in_one_directory(void **state)
{
	(void)state;
	s.backing = BACKING_ALLOW;
	write_file("base.img", "", 0, 1 << 20);
	make_image("middle.qcow2", "base.img", "raw");
	make_image("disk.qcow2", in_dir("middle.qcow2"), "qcow2");
	accepted("disk.qcow2", 3);
	assert_int_equal(disk.layers[2].format, FORMAT_RAW);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(disk.layers[i].writable, i == 0);
		assert_int_equal(fcntl(disk.layers[i].fd, F_GETFL) & O_ACCMODE,
				 i == 0 ? O_RDWR : O_RDONLY);
	}
	s.disk_mode = DISK_MODE_THROWAWAY;
	accepted("disk.qcow2", 4);
	s.disk_mode = DISK_MODE_PERSISTENT;
	make_image("disk.qcow2", "./middle.qcow2", "qcow2");
	accepted("disk.qcow2", 3);
	/* Every layer is checked. */
	write_field("middle.qcow2", 20, 4, 8);
	refused("disk.qcow2", EXIT_BAD_IMAGE,
		"backing file middle.qcow2: cluster_bits (at byte 20) is 8, must be 9 to 21");
	write_file("base.img", "QFI\xfb", 4, 1 << 20);
	make_image("disk.qcow2", "base.img", "raw");
	refused("disk.qcow2", EXIT_BAD_IMAGE,
		"backing file base.img is not a raw disk, but a qcow2 image");
}

static void hostile_chains(void **state)
{
	static const struct {
		const char *backing, *format, *message;
	} cases[] = {
		{"/etc/passwd", "raw",
		 "@/disk.qcow2: its backing file /etc/passwd is not in the same directory"},
		{"../passwd", "raw",
		 "@/disk.qcow2: its backing file ../passwd is not in the same directory"},
		{"sub/base.qcow2", "qcow2",
		 "@/disk.qcow2: its backing file sub/base.qcow2 is not in the same directory"},
		{"json:{\"driver\":\"raw\"}", "raw",
		 "@/disk.qcow2: its backing file json:{\"driver\":\"raw\"} is not in the same "
		 "directory"},
		{"nbd://host/x", "raw",
		 "@/disk.qcow2: its backing file nbd://host/x is not in the same directory"},
		{"file:base.qcow2", "qcow2",
		 "@/disk.qcow2: its backing file file:base.qcow2 is not in the same directory"},
		{"none.qcow2", "qcow2", "backing file none.qcow2: the file does not exist"},
		{"link.qcow2", "qcow2", "backing file link.qcow2 is a symbolic link"},
		{"sub", "raw", "backing file sub is a directory"},
		{"..", "raw", "backing file .. is a directory"},
		{"disk.qcow2", "qcow2",
		 "backing file disk.qcow2: the chain of backing files is circular"},
		{"base.qcow2", NULL, "@/disk.qcow2: it does not say its backing file's format"},
		{"base.qcow2", "vmdk",
		 "@/disk.qcow2: its backing file's format vmdk cannot be used; raw and qcow2 can"},
	};

	(void)state;
	s.backing = BACKING_ALLOW;
	make_image("base.qcow2", NULL, NULL);
	assert_int_equal(mkdir(in_dir("sub"), 0755), 0);
	make_image("sub/base.qcow2", NULL, NULL);
	assert_int_equal(symlink("/etc/passwd", in_dir("link.qcow2")), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make_image("disk.qcow2", cases[i].backing, cases[i].format);
		refused("disk.qcow2",
			strstr(cases[i].message, "does not exist") ||
					strstr(cases[i].message, "is a directory")
				? EXIT_NO_IMAGE
				: EXIT_BAD_IMAGE,
			cases[i].message);
	}
}

static void at_most_eight_image_layers(void **state)
{
	char name[16];
	char below[16];

	(void)state;
	s.backing = BACKING_ALLOW;
	make_image("0", NULL, NULL);
	for (int i = 1; i <= 8; i++) {
		(void)snprintf(name, sizeof name, "%d", i);
		(void)snprintf(below, sizeof below, "%d", i - 1);
		make_image(name, below, "qcow2");
	}
	accepted("7", 8);
	refused("8", EXIT_BAD_IMAGE, "backing file 1: more than 8 images in the chain");
	s.disk_mode = DISK_MODE_THROWAWAY;
	accepted("6", 8);
	refused("7", EXIT_BAD_IMAGE, "@/7: the chain with the overlay has more than 8 images");
}

static void cdroms(void **state)
{
	int fd;

	(void)state;
	write_file("cd.iso", "", 0, 1 << 20);
	write_field("cd.iso", 0x8000, 8, UINT64_C(0x0143443030310100));
	assert_true(cdrom_open(&s, in_dir("cd.iso"), &fd, &errs));
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	(void)close(fd);
	make_image("disk.qcow2", NULL, NULL);
	assert_false(cdrom_open(&s, in_dir("disk.qcow2"), &fd, &errs));
	error_is(EXIT_BAD_IMAGE, "@/disk.qcow2 is not a CD-ROM image, but a qcow2 image");
	errs.count = 0;
	/* A file like a disk is not a CD-ROM, unless it is declared one. */
	write_file("cd.iso", "", 0, 1 << 20);
	assert_false(cdrom_open(&s, in_dir("cd.iso"), &fd, &errs));
	error_is(EXIT_BAD_IMAGE,
		 "@/cd.iso is not a CD-ROM image: it contains no ISO 9660, UDF or El Torito");
	errs.count = 0;
	s.force = true;
	assert_true(cdrom_open(&s, in_dir("cd.iso"), &fd, &errs));
	(void)close(fd);
	s.force = false;
	write_file("cd.iso", "", 0, 0);
	assert_false(cdrom_open(&s, in_dir("cd.iso"), &fd, &errs));
	error_is(EXIT_BAD_IMAGE, "@/cd.iso is empty");
	errs.count = 0;
	assert_false(cdrom_open(&s, dir, &fd, &errs));
	error_is(EXIT_NO_IMAGE, "@ is a directory");
	assert_int_equal(fd, -1);
}

static void found(const char *expected)
{
	char path[4096];
	bool embedded;

	errs.count = 0;
	if (!disk_find(&s, path, &embedded, &errs))
		fail_msg("%s", errs.list[0].message);
	assert_string_equal(path, with_dir(expected));
	assert_int_equal(embedded, strstr(expected, "built-in") != NULL);
}

static void not_found(enum exit_status status, const char *message)
{
	char path[4096];
	bool embedded;

	errs.count = 0;
	assert_false(disk_find(&s, path, &embedded, &errs));
	error_is(status, message);
}

static void which_image_is_selected(void **state)
{
	(void)state;
	not_found(EXIT_NO_IMAGE, "there is no disk image in VM_IMAGE_DIR=@, and no built-in guest "
				 "at VM_EMBEDDED=/nonexistent/mach.qcow2");
	write_file("built-in", "", 0, 1);
	s.embedded = strdup(in_dir("built-in"));
	found("@/built-in");
	s.kernel = "/boot/kernel";
	found("");
	s.kernel = NULL;
	write_file("debian.img", "", 0, 1);
	not_found(EXIT_BAD_SETTING, "VM_IMAGE_DIR=@ holds a raw image, debian.img, and a raw "
				    "image is used only if QEMU_DRIVE names it");
	write_file("one.qcow2", "", 0, 1);
	write_file(".hidden.qcow2", "", 0, 1);
	found("@/one.qcow2");
	write_file("two.qcow2", "", 0, 1);
	assert_false(disk_find(&s, text, &(bool){false}, &errs));
	assert_int_equal(errs.list[0].status, EXIT_BAD_SETTING);
	write_file("debian-hurd-amd64.qcow2", "", 0, 1);
	found("@/debian-hurd-amd64.qcow2");
	s.drive = "/else/where.qcow2";
	found("/else/where.qcow2");
	s.drive = NULL;
	s.image_dir = "/nonexistent";
	found("@/built-in");
	if (getuid() == 0) {
		s.image_dir = dir;
		assert_int_equal(chmod(dir, 0700), 0);
		assert_int_equal(seteuid(65534), 0);
		bool ok = disk_find(&s, text, &(bool){false}, &errs);

		assert_int_equal(seteuid(0), 0);
		assert_false(ok);
		assert_int_equal(errs.list[0].status, EXIT_NO_PERMISSION);
	}
	free((char *)(uintptr_t)s.embedded);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(backing_files_are_refused),
		TEST(a_chain_in_one_directory),
		TEST(hostile_chains),
		TEST(at_most_eight_image_layers),
		TEST(cdroms),
		TEST(which_image_is_selected),
	};

	if (!mkdtemp(dir))
		return 1;
	int failed = cmocka_run_group_tests_name("disk", tests, NULL, NULL);

	(void)rmdir(dir);
	return failed;
}
