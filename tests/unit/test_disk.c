/* test_disk.c - the policy on disk images, on real files: what is opened and how, what is refused
 * with which message and status, locks, backing chains, overlays, the choice of an image. No test
 * may leave a descriptor behind.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/qcow2.h"
#include "host/disk.h"

#define CLUSTER 65536u
#define GIB	(UINT64_C(1) << 30)

static char dir[] = "/tmp/test_disk-XXXXXX";
static struct settings s;
static struct disk disk;
static struct errors errs;
static char text[8192];

static const char *in_dir(const char *name)
{
	static char path[4][4096];
	static unsigned turn;

	(void)snprintf(path[++turn % 4], sizeof path[0], "%s/%s", dir, name);
	return path[turn % 4];
}

/* FMT with every @ replaced by the directory. */
static const char *with_dir(const char *fmt)
{
	size_t n = 0;

	text[0] = '\0';
	for (; *fmt && n < sizeof text - sizeof dir; fmt++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s",
				      *fmt == '@' ? dir : (char[]){*fmt, '\0'});
	return text;
}

static int descriptors(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");

	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static int open_before;

static int setup(void **state)
{
	(void)state;
	s = (struct settings){.disk_mode = DISK_MODE_PERSISTENT,
			      .tmp_dir = dir,
			      .image_dir = dir,
			      .embedded = "/nonexistent/mach.qcow2"};
	errs.count = 0;
	open_before = descriptors();
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	disk_close(&disk);
	(void)snprintf(command, sizeof command, "find %s -mindepth 1 -delete", dir);
	if (system(command) != 0) /* NOLINT(cert-env33-c): a directory of our own */
		return 1;
	return descriptors() != open_before;
}

static void write_file(const char *name, const void *bytes, size_t n, off_t size)
{
	int fd = open(in_dir(name), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, 0), (ssize_t)n);
	assert_int_equal(ftruncate(fd, size), 0);
	(void)close(fd);
}

static void poke(const char *name, off_t at, unsigned width, uint64_t value)
{
	uint8_t bytes[8];
	int fd = open(in_dir(name), O_RDWR | O_CLOEXEC);

	put_be64(bytes, value);
	assert_int_equal(pwrite(fd, bytes + 8 - width, width, at), (ssize_t)width);
	(void)close(fd);
}

/* A good image of 1 GiB; BACKING and FORMAT may be NULL. */
static void make_image(const char *name, const char *backing, const char *format)
{
	static uint8_t head[QCOW2_OVERLAY_HEAD];
	uint64_t size;

	assert_int_equal(qcow2_overlay(GIB, NULL, head, &size), sizeof head);
	if (format) {
		put_be32(head + 112, 0xe2792aca);
		put_be32(head + 116, (uint32_t)strlen(format));
		memcpy(head + 120, format, strlen(format));
	}
	if (backing) {
		put_be64(head + 8, 512);
		put_be32(head + 16, (uint32_t)strlen(backing));
		memcpy(head + 512, backing, strlen(backing));
	}
	write_file(name, head, sizeof head, (off_t)size);
}

static bool try(const char *name)
{
	disk_close(&disk);
	errs.count = 0;
	return disk_open(&s, name[0] == '/' ? name : in_dir(name), false, &disk, &errs);
}

static void accepted(const char *name, int layers)
{
	if (!try(name))
		fail_msg("%s", errs.list[0].message);
	assert_int_equal(disk.count, layers);
	assert_int_equal(errs.count, 0);
}

static void last_error(enum exit_status status, const char *message)
{
	assert_int_equal(errs.count, 1);
	assert_string_equal(errs.list[0].message, with_dir(message));
	assert_int_equal(errs.list[0].status, status);
	assert_true(errs.list[0].fix[0]);
	assert_int_equal(disk.count, 0);
}

static void refused(const char *name, enum exit_status status, const char *message)
{
	assert_false(try(name));
	last_error(status, message);
}

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
	poke("disk.qcow2", 72, 8, QCOW2_DIRTY);
	accepted("disk.qcow2", 1);
	assert_true(disk.dirty);
}

static void an_overlay_without_a_name(void **state)
{
	struct stat st;

	(void)state;
	make_image("disk.qcow2", NULL, NULL);
	poke("disk.qcow2", 72, 8, QCOW2_DIRTY);
	s.disk_mode = DISK_MODE_THROWAWAY;
	accepted("disk.qcow2", 2);
	assert_int_equal(fstat(disk.layers[0].fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(fcntl(disk.layers[0].fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(fcntl(disk.layers[1].fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(disk.layers[0].writable && !disk.layers[1].writable);
	assert_int_equal(disk.layers[0].virtual_size, GIB);
	assert_false(disk.dirty); /* nobody repairs what is only read */
	s.tmp_dir = "/nonexistent";
	refused("disk.qcow2", EXIT_NO_PERMISSION,
		"VM_TMP_DIR=/nonexistent: no overlay can be made there: No such file or directory");
}

static void what_is_no_image_file(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	refused("none.qcow2", EXIT_NO_IMAGE, "@/none.qcow2: there is no such file");
	make_image("file", NULL, NULL);
	refused("file/disk.qcow2", EXIT_NO_IMAGE, "@/file/disk.qcow2: there is no such file");
	assert_int_equal(mkdir(in_dir("sub"), 0755), 0);
	refused("sub", EXIT_NO_IMAGE, "@/sub is a directory");
	assert_int_equal(mkfifo(in_dir("pipe"), 0644), 0);
	refused("pipe", EXIT_NO_IMAGE, "@/pipe is neither a file nor a block device");
	(void)snprintf(name.sun_path, sizeof name.sun_path, "%s", in_dir("socket"));
	assert_int_equal(bind(sock, (struct sockaddr *)&name, sizeof name), 0);
	(void)close(sock);
	refused("socket", EXIT_NO_IMAGE, "@/socket is neither a file nor a block device");
	refused("/dev/null", EXIT_NO_IMAGE, "/dev/null is neither a file nor a block device");
	/* A link may lead anywhere: it is the user's. */
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
	if (getuid() == 0) /* who is not root cannot be denied his own files */
		assert_int_equal(seteuid(65534), 0);
	else
		assert_int_equal(chmod(in_dir("disk.qcow2"), 0200), 0);
	bool ok = try("disk.qcow2");

	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_false(ok);
	last_error(EXIT_NO_PERMISSION, "@/disk.qcow2 cannot be written: Permission denied");
}

/* One cluster of data: L2 table in cluster 4, data in cluster 5. */
static void make_data(void)
{
	make_image("disk.qcow2", NULL, NULL);
	assert_int_equal(truncate(in_dir("disk.qcow2"), 6 * CLUSTER), 0);
	poke("disk.qcow2", 3 * CLUSTER, 8, 4 * CLUSTER);
	poke("disk.qcow2", 4 * CLUSTER, 8, 5 * CLUSTER);
	poke("disk.qcow2", 2 * CLUSTER + 8, 4, 0x00010001);
}

static void a_download_that_stopped(void **state)
{
	static const struct {
		off_t size;
		const char *message;
	} cuts[] = {
		{0, "@/disk.qcow2 is empty"},
		{71, "@/disk.qcow2 is cut off in the header: 71 bytes of 72"},
		{103, "@/disk.qcow2 is cut off in the header: 103 bytes of 104"},
		{4096,
		 "@/disk.qcow2 is cut off: the L1 table (at byte 40) ends at byte 196624, and "
		 "the file has 4096"},
		{3 * CLUSTER + 16,
		 "@/disk.qcow2 is cut off: entry 0 of the L1 table points to byte "
		 "262144, and the file has 196624"},
		{5 * CLUSTER, "@/disk.qcow2 is cut off: entry 0 of L2 table 0 points to byte "
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
	/* A QEMU was killed when it had reserved a cluster and not used it: nothing is lost. */
	s.force = false;
	poke("disk.qcow2", 4 * CLUSTER, 8, 0);
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

	assert_false(try("disk.qcow2"));
	s.disk_mode = DISK_MODE_THROWAWAY;
	accepted("disk.qcow2", 2); /* two readers get along */
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
	/* Two starts at once: the checks lock nothing. */
	struct disk second = {0};

	assert_true(disk_open(&s, in_dir("disk.qcow2"), false, &second, &errs));
	disk_close(&second);
}

static void raw_only_by_saying_so(void **state)
{
	static char sector[512];

	(void)state;
	memcpy(sector, "\xeb\x3c\x90", 3);
	memcpy(sector + 510, "\x55\xaa", 2);
	write_file("disk.img", sector, sizeof sector, 1 << 20);
	refused("disk.img", EXIT_BAD_IMAGE,
		"@/disk.img is no qcow2 image, but a raw disk (it has a boot sector)");
	s.drive_format = FORMAT_RAW;
	accepted("disk.img", 1);
	assert_int_equal(disk.layers[0].format, FORMAT_RAW);
	assert_int_equal(disk.layers[0].virtual_size, 1 << 20);
	write_file("disk.img", sector, sizeof sector, (1 << 20) + 100);
	refused("disk.img", EXIT_BAD_IMAGE,
		"@/disk.img has 1048676 bytes, and a raw disk has a multiple of 512");
	write_file("disk.img", "", 0, 0);
	refused("disk.img", EXIT_BAD_IMAGE, "@/disk.img is empty");
	/* A blank disk is one: an installation begins with it. */
	write_file("disk.img", "", 0, 1 << 20);
	accepted("disk.img", 1);
	/* What a guest writes must not become a format. */
	make_image("disk.qcow2", NULL, NULL);
	refused("disk.qcow2", EXIT_BAD_IMAGE, "@/disk.qcow2 is no raw disk, but a qcow2 image");
	write_file("disk.img", "KDMV", 4, 1 << 20);
	refused("disk.img", EXIT_BAD_IMAGE, "@/disk.img is no raw disk, but a VMDK image");
	s.force = true;
	accepted("disk.img", 1);
}

static void other_formats_by_name(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *message, *fix;
	} files[] = {
		{"KDMV", 4, "@/disk is no qcow2 image, but a VMDK image",
		 "convert it: vm image convert --from-format F FILE NEW.qcow2 (F: vmdk, vdi, vhdx, "
		 "vpc; others by qemu-img)"},
		{"\xfd\x37zXZ\0", 6, "@/disk is no qcow2 image, but an xz archive",
		 "unpack it first"},
		{"<!DOCTYPE html>", 15,
		 "@/disk is no qcow2 image, but a web page: the download failed",
		 "get the image again, and compare its size and checksum"},
		{"", 0, "@/disk is no qcow2 image: its first 36864 bytes are zeros",
		 "get the image again, and compare its size and checksum"},
		{"hello", 5, "@/disk is no qcow2 image, but of no known format",
		 "if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw"},
		{"QFI\xfb\0\0\0\1", 8, "@/disk is a qcow image of version 1; 2 and 3 can be used",
		 "convert it, if you trust where it comes from: qemu-img convert -O qcow2 FILE "
		 "NEW.qcow2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		write_file("disk", files[i].bytes, files[i].n, 1 << 20);
		assert_false(try("disk"));
		assert_string_equal(errs.list[0].fix, files[i].fix);
		last_error(EXIT_BAD_IMAGE, files[i].message);
	}
	write_file("disk", "", 0, 1 << 20);
	int fd = open(in_dir("disk"), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, "CD001", 5, 0x8001), 5);
	assert_int_equal(pwrite(fd, "conectix", 8, (1 << 20) - 512), 8);
	(void)close(fd);
	refused("disk", EXIT_BAD_IMAGE, "@/disk is no qcow2 image, but an ISO image");
	poke("disk", 0x8000, 8, 0);
	refused("disk", EXIT_BAD_IMAGE, "@/disk is no qcow2 image, but a VHD image");
}

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
	poke("middle.qcow2", 20, 4, 8);
	refused("disk.qcow2", EXIT_BAD_IMAGE,
		"backing file middle.qcow2: cluster_bits (at byte 20) is 8, must be 9 to 21");
	write_file("base.img", "QFI\xfb", 4, 1 << 20);
	make_image("disk.qcow2", "base.img", "raw");
	refused("disk.qcow2", EXIT_BAD_IMAGE,
		"backing file base.img is no raw disk, but a qcow2 image");
}

static void hostile_chains(void **state)
{
	static const struct {
		const char *backing, *format, *message;
	} cases[] = {
		{"/etc/passwd", "raw",
		 "@/disk.qcow2: its backing file /etc/passwd does not lie in the same directory"},
		{"../passwd", "raw",
		 "@/disk.qcow2: its backing file ../passwd does not lie in the same directory"},
		{"sub/base.qcow2", "qcow2",
		 "@/disk.qcow2: its backing file sub/base.qcow2 does not lie in the same "
		 "directory"},
		{"json:{\"driver\":\"raw\"}", "raw",
		 "@/disk.qcow2: its backing file json:{\"driver\":\"raw\"} does not lie in the "
		 "same "
		 "directory"},
		{"nbd://host/x", "raw",
		 "@/disk.qcow2: its backing file nbd://host/x does not lie in the same directory"},
		{"file:base.qcow2", "qcow2",
		 "@/disk.qcow2: its backing file file:base.qcow2 does not lie in the same "
		 "directory"},
		{"none.qcow2", "qcow2", "backing file none.qcow2: there is no such file"},
		{"link.qcow2", "qcow2", "backing file link.qcow2 is a symbolic link"},
		{"sub", "raw", "backing file sub is a directory"},
		{"..", "raw", "backing file .. is a directory"},
		{"disk.qcow2", "qcow2",
		 "backing file disk.qcow2: the chain of backing files comes back to it"},
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
			strstr(cases[i].message, "no such file") ||
					strstr(cases[i].message, "is a directory")
				? EXIT_NO_IMAGE
				: EXIT_BAD_IMAGE,
			cases[i].message);
	}
}

static void at_most_eight_layers(void **state)
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
	poke("cd.iso", 0x8000, 8, UINT64_C(0x0143443030310100));
	assert_true(cdrom_open(&s, in_dir("cd.iso"), &fd, &errs));
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	(void)close(fd);
	make_image("disk.qcow2", NULL, NULL);
	assert_false(cdrom_open(&s, in_dir("disk.qcow2"), &fd, &errs));
	last_error(EXIT_BAD_IMAGE, "@/disk.qcow2 is no CD-ROM, but a qcow2 image");
	errs.count = 0;
	/* A disk is none, unless it is said to be one. */
	write_file("cd.iso", "", 0, 1 << 20);
	assert_false(cdrom_open(&s, in_dir("cd.iso"), &fd, &errs));
	last_error(EXIT_BAD_IMAGE, "@/cd.iso is no CD-ROM: there is no ISO 9660, UDF or El Torito "
				   "in it");
	errs.count = 0;
	s.force = true;
	assert_true(cdrom_open(&s, in_dir("cd.iso"), &fd, &errs));
	(void)close(fd);
	s.force = false;
	write_file("cd.iso", "", 0, 0);
	assert_false(cdrom_open(&s, in_dir("cd.iso"), &fd, &errs));
	last_error(EXIT_BAD_IMAGE, "@/cd.iso is empty");
	errs.count = 0;
	assert_false(cdrom_open(&s, dir, &fd, &errs));
	last_error(EXIT_NO_IMAGE, "@ is a directory");
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
	last_error(status, message);
}

static void which_image(void **state)
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
		TEST(the_image_itself),
		TEST(an_overlay_without_a_name),
		TEST(what_is_no_image_file),
		TEST(permissions),
		TEST(a_download_that_stopped),
		TEST(images_in_use),
		TEST(raw_only_by_saying_so),
		TEST(other_formats_by_name),
		TEST(backing_files_are_refused),
		TEST(a_chain_in_one_directory),
		TEST(hostile_chains),
		TEST(at_most_eight_layers),
		TEST(cdroms),
		TEST(which_image),
	};

	if (!mkdtemp(dir))
		return 1;
	int failed = cmocka_run_group_tests_name("disk", tests, NULL, NULL);

	(void)rmdir(dir);
	return failed;
}
