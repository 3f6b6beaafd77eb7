/* test_disk.c - the checks of disk images, with real files: how an image is opened, what is refused
 * with which message and status, locks, backing chains, overlays, the choice of an image. No test
 * may leave a descriptor open.
 */
#include "room_disk.h"
static void the_image_itself(void **state)
{
	(void)state;
	make_image("disk.qcow2", NULL, NULL);
	accepted("disk.qcow2", 1);
	assert_int_equal(fcntl(disk.layers[0].fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(fcntl(disk.layers[0].fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(disk.layers[0].fd, F_GETFD), FD_CLOEXEC);
	assert_true(disk.layers[0].writable && !disk.layers[0].device && !disk.dirty);
	assert_int_equal(disk.layers[0].virtual_size, GIB);
	assert_string_equal(disk.path, in_dir("disk.qcow2"));
	write_field("disk.qcow2", 72, 8, QCOW2_DIRTY);
	accepted("disk.qcow2", 1);
	assert_true(disk.dirty);
}

static void an_overlay_without_a_name(void **state)
{
	struct stat st;

	(void)state;
	make_image("disk.qcow2", NULL, NULL);
	write_field("disk.qcow2", 72, 8, QCOW2_DIRTY);
	s.disk_mode = DISK_MODE_THROWAWAY;
	accepted("disk.qcow2", 2);
	assert_int_equal(fstat(disk.layers[0].fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(fcntl(disk.layers[0].fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(fcntl(disk.layers[1].fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(disk.layers[0].writable && !disk.layers[1].writable);
	assert_int_equal(disk.layers[0].virtual_size, GIB);
	assert_false(disk.dirty); /* a disk that is only read is not repaired */
	s.tmp_dir = "/nonexistent";
	refused("disk.qcow2", EXIT_NO_PERMISSION,
		"VM_TMP_DIR=/nonexistent: no overlay can be created there: No such file or "
		"directory");
}

static void files_that_are_not_images(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	refused("none.qcow2", EXIT_NO_IMAGE, "@/none.qcow2: the file does not exist");
	make_image("file", NULL, NULL);
	refused("file/disk.qcow2", EXIT_NO_IMAGE, "@/file/disk.qcow2: the file does not exist");
	assert_int_equal(mkdir(in_dir("sub"), 0755), 0);
	refused("sub", EXIT_NO_IMAGE, "@/sub is a directory");
	assert_int_equal(mkfifo(in_dir("pipe"), 0644), 0);
	refused("pipe", EXIT_NO_IMAGE, "@/pipe is neither a file nor a block device");
	(void)snprintf(name.sun_path, sizeof name.sun_path, "%s", in_dir("socket"));
	assert_int_equal(bind(sock, (struct sockaddr *)&name, sizeof name), 0);
	(void)close(sock);
	refused("socket", EXIT_NO_IMAGE, "@/socket is neither a file nor a block device");
	refused("/dev/null", EXIT_NO_IMAGE, "/dev/null is neither a file nor a block device");
	/* A symbolic link of the user may point anywhere. */
	assert_int_equal(symlink(in_dir("file"), in_dir("link")), 0);
	accepted("link", 1);
	assert_int_equal(symlink("loop", in_dir("loop")), 0);
	refused("loop", EXIT_BAD_IMAGE, "@/loop is a symbolic link");
}

static void permissions(void **state)
{
	(void)state;
	make_image("disk.qcow2", NULL, NULL);
	assert_int_equal(chmod(in_dir("disk.qcow2"), 0444), 0);
	refused("disk.qcow2", EXIT_NO_PERMISSION,
		"@/disk.qcow2 is read-only (mode 0444), and the guest writes to its disk");
	s.disk_mode = DISK_MODE_THROWAWAY;
	accepted("disk.qcow2", 2);
	s.disk_mode = DISK_MODE_PERSISTENT;
	assert_int_equal(chmod(in_dir("disk.qcow2"), 0600), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	if (getuid() == 0) /* only another user than the owner can be denied access */
		assert_int_equal(seteuid(65534), 0);
	else
		assert_int_equal(chmod(in_dir("disk.qcow2"), 0200), 0);
	bool ok = try_open("disk.qcow2");

	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_false(ok);
	error_is(EXIT_NO_PERMISSION, "@/disk.qcow2 cannot be written: Permission denied");
}

/* One cluster of data: L2 table in cluster 4, data in cluster 5. */
static void make_data(void)
{
	make_image("disk.qcow2", NULL, NULL);
	assert_int_equal(truncate(in_dir("disk.qcow2"), 6 * CLUSTER), 0);
	write_field("disk.qcow2", 3 * CLUSTER, 8, 4 * CLUSTER);
	write_field("disk.qcow2", 4 * CLUSTER, 8, 5 * CLUSTER);
	write_field("disk.qcow2", 2 * CLUSTER + 8, 4, 0x00010001);
}

static void truncated_downloads(void **state)
{
	static const struct {
		off_t size;
		const char *message;
	} cuts[] = {
		{0, "@/disk.qcow2 is empty"},
		{71, "@/disk.qcow2 is truncated in the header: 71 bytes of 72"},
		{103, "@/disk.qcow2 is truncated in the header: 103 bytes of 104"},
		{4096,
		 "@/disk.qcow2 is truncated: the L1 table (at byte 40) ends at byte 196624, and "
		 "the file has 4096"},
		{3 * CLUSTER + 16,
		 "@/disk.qcow2 is truncated: entry 0 of the L1 table points to byte "
		 "262144, and the file has 196624"},
		{5 * CLUSTER, "@/disk.qcow2 is truncated: entry 0 of L2 table 0 points to byte "
			      "327680, and the file has 327680"},
	};

	(void)state;
	make_data();
	accepted("disk.qcow2", 1);
	for (size_t i = sizeof cuts / sizeof *cuts; i-- > 0;) {
		assert_int_equal(truncate(in_dir("disk.qcow2"), cuts[i].size), 0);
		refused("disk.qcow2", EXIT_BAD_IMAGE, cuts[i].message);
	}
	make_data();
	assert_int_equal(truncate(in_dir("disk.qcow2"), 5 * CLUSTER), 0);
	s.force = true;
	accepted("disk.qcow2", 1);
	/* QEMU was killed after reserving a cluster that it had not used: no data is lost. */
	s.force = false;
	write_field("disk.qcow2", 4 * CLUSTER, 8, 0);
	accepted("disk.qcow2", 1);
}

/* Lock the bytes AT of NAME as a QEMU does. Returns the descriptor. */
static int lock(const char *name, const off_t *at, size_t n)
{
	int fd = open(in_dir(name), O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < n; i++) {
		struct flock l = {.l_type = F_RDLCK, .l_start = at[i], .l_len = 1};

		assert_int_equal(fcntl(fd, F_OFD_SETLK, &l), 0);
	}
	return fd;
}

static void images_in_use(void **state)
{
	static const off_t writer[] = {100, 101, 103, 201, 203};
	static const off_t reader[] = {100, 201, 203};
	char byte;
	int ready[2];
	int done[2];

	(void)state;
	make_image("disk.qcow2", NULL, NULL);
	int fd = lock("disk.qcow2", reader, 3);

	assert_false(try_open("disk.qcow2"));
	s.disk_mode = DISK_MODE_THROWAWAY;
	accepted("disk.qcow2", 2); /* two readers do not conflict */
	(void)close(fd);

	assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(done, O_CLOEXEC), 0);
	pid_t pid = fork();

	if (pid == 0) { /* the other QEMU */
		fd = lock("disk.qcow2", writer, 5);
		_exit(fd < 0 || write(ready[1], "x", 1) != 1 || read(done[0], &byte, 1) != 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	char message[256];

	(void)snprintf(message, sizeof message,
		       "@/disk.qcow2 is in use by another process: test_disk, pid %d", (int)pid);
	refused("disk.qcow2", EXIT_BAD_IMAGE, message);
	s.disk_mode = DISK_MODE_PERSISTENT;
	refused("disk.qcow2", EXIT_BAD_IMAGE, message);
	assert_int_equal(write(done[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 2; i++) {
		(void)close(ready[i]);
		(void)close(done[i]);
	}
	accepted("disk.qcow2", 1);
	/* Two starts at the same time: the checks take no lock. */
	struct disk second = {0};

	assert_true(disk_open(&s, in_dir("disk.qcow2"), false, &second, &errs));
	disk_close(&second);
}

static void raw_only_on_request(void **state)
{
	static char sector[512];

	(void)state;
	memcpy(sector, "\xeb\x3c\x90", 3);
	memcpy(sector + 510, "\x55\xaa", 2);
	write_file("disk.img", sector, sizeof sector, 1 << 20);
	refused("disk.img", EXIT_BAD_IMAGE,
		"@/disk.img is not a qcow2 image, but a raw disk (it has a boot sector)");
	s.drive_format = FORMAT_RAW;
	accepted("disk.img", 1);
	assert_int_equal(disk.layers[0].format, FORMAT_RAW);
	assert_int_equal(disk.layers[0].virtual_size, 1 << 20);
	write_file("disk.img", sector, sizeof sector, (1 << 20) + 100);
	refused("disk.img", EXIT_BAD_IMAGE,
		"@/disk.img has 1048676 bytes, and a raw disk has a multiple of 512");
	write_file("disk.img", "", 0, 0);
	refused("disk.img", EXIT_BAD_IMAGE, "@/disk.img is empty");
	/* A blank disk is accepted, for installations. */
	write_file("disk.img", "", 0, 1 << 20);
	accepted("disk.img", 1);
	/* Data written by a guest must not be detected as a format. */
	make_image("disk.qcow2", NULL, NULL);
	refused("disk.qcow2", EXIT_BAD_IMAGE, "@/disk.qcow2 is not a raw disk, but a qcow2 image");
	write_file("disk.img", "KDMV", 4, 1 << 20);
	refused("disk.img", EXIT_BAD_IMAGE, "@/disk.img is not a raw disk, but a VMDK image");
	s.force = true;
	accepted("disk.img", 1);
}

static void other_formats_are_named(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *message, *fix;
	} files[] = {
		{"KDMV", 4, "@/disk is not a qcow2 image, but a VMDK image",
		 "convert it: vm image convert --from-format F FILE NEW.qcow2 (F: vmdk, vdi, vhdx, "
		 "vpc; others by qemu-img)"},
		{"\xfd\x37zXZ\0", 6, "@/disk is not a qcow2 image, but an xz archive",
		 "unpack it first"},
		{"<!DOCTYPE html>", 15,
		 "@/disk is not a qcow2 image, but a web page: the download failed",
		 "get the image again, and compare its size and checksum"},
		{"", 0, "@/disk is not a qcow2 image: its first 36864 bytes are zeros",
		 "get the image again, and compare its size and checksum"},
		{"hello", 5, "@/disk is not a qcow2 image, but of no known format",
		 "if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw"},
		{"QFI\xfb\0\0\0\1", 8, "@/disk is a qcow image of version 1; 2 and 3 can be used",
		 "convert it, if you trust where it comes from: qemu-img convert -O qcow2 FILE "
		 "NEW.qcow2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		write_file("disk", files[i].bytes, files[i].n, 1 << 20);
		assert_false(try_open("disk"));
		assert_string_equal(errs.list[0].fix, files[i].fix);
		error_is(EXIT_BAD_IMAGE, files[i].message);
	}
	write_file("disk", "", 0, 1 << 20);
	int fd = open(in_dir("disk"), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, "CD001", 5, 0x8001), 5);
	assert_int_equal(pwrite(fd, "conectix", 8, (1 << 20) - 512), 8);
	(void)close(fd);
	refused("disk", EXIT_BAD_IMAGE, "@/disk is not a qcow2 image, but an ISO image");
	write_field("disk", 0x8000, 8, 0);
	refused("disk", EXIT_BAD_IMAGE, "@/disk is not a qcow2 image, but a VHD image");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_image_itself),		 TEST(an_overlay_without_a_name),
		TEST(files_that_are_not_images), TEST(permissions),
		TEST(truncated_downloads),	 TEST(images_in_use),
		TEST(raw_only_on_request),	 TEST(other_formats_are_named),
	};

	if (!mkdtemp(dir))
		return 1;
	int failed = cmocka_run_group_tests_name("disk", tests, NULL, NULL);

	(void)rmdir(dir);
	return failed;
}
