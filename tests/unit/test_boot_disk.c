/* test_boot_disk.c - reading a guest's disk made by mke2fs and qemu-img: every supported layout of
 * file systems and images, and damaged ones.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/boot_disk.h"
#include "format/guest_disk.h"

static char dir[] = "/tmp/boot-disk.XXXXXX";
static struct error err;

static void shell(const char *fmt, ...)
{
	char command[1000];
	char whole[1200];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(command, sizeof command, fmt, args);
	va_end(args);
	(void)snprintf(whole, sizeof whole,
		       "set -e; cd %s; PATH=$PATH:/usr/sbin:/sbin; { %s; } >said 2>&1", dir,
		       command);
	if (system(whole) != 0)
		fail_msg("%s", command);
}

/* A tree: GRUB's configuration, links of all kinds, a long file with holes, one of each size. */
static int make_tree(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	shell("mkdir -p tree/boot/grub tree/a/b; cd tree;"
	      "printf 'menuentry x { multiboot /boot/kernel l i; module /long/er m }' "
	      ">boot/grub/grub.cfg;"
	      "printf kernel | gzip >boot/kernel; printf short >a/short; : >a/empty;"
	      "ln -s ../short a/b/up; ln -s /a/b/up a/abs; ln -s loop a/loop; ln -s "
	      "../../../../etc "
	      "a/out; ln -s /aaaaaaaaaaaaaaaaaaaa/../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/../"
	      "aaaaaaaaaaaaaa/none a/slow; mkdir long; ln -s long longer;"
	      "mkdir etc; printf inside >etc/passwd;"
	      "python3 -c 'import sys; w = sys.stdout.buffer; "
	      "w.write(bytes(i * 7 %% 251 for i in range(3000000)))' >long/er;"
	      "truncate -s 40000000 long/hole; printf end >>long/hole;"
	      "printf mid | dd of=long/hole bs=1 seek=20000000 conv=notrunc 2>/dev/null;"
	      "mkdir many; cd many; seq -f 'a-file-with-a-long-name-%%g' 2000 | xargs touch");
	return 0;
}

static int remove_tree(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

/* ---- disks ----------------------------------------------------------------------------------- */

struct opened {
	struct guest_disk d;
	int fds[GUEST_DISK_LAYERS];
	struct read_at disk;
	struct boot_disk b;
};

static bool read_fd(void *ctx, uint64_t offset, void *buf, size_t n, struct error *e)
{
	const int *fd = ctx;

	return pread(*fd, buf, n, (off_t)offset) == (ssize_t)n ||
	       error_set(e, EXIT_BAD_IMAGE, "", "read error");
}

/* Open a disk with the layers NAMES, topmost first. */
static bool open_layers(struct opened *o, const char *const *names)
{
	memset(o, 0, sizeof *o);
	err = (struct error){0};
	for (; *names; names++) {
		struct guest_disk_layer *l = &o->d.layers[o->d.count];
		int *fd = &o->fds[o->d.count++];
		char path[200];
		struct stat st;

		(void)snprintf(path, sizeof path, "%s/%s", dir, *names);
		*fd = open(path, O_RDONLY);
		assert_int_equal(fstat(*fd, &st), 0);
		l->file =
			(struct read_at){.read = read_fd, .ctx = fd, .size = (uint64_t)st.st_size};
		l->is_qcow2 = strstr(*names, "qcow2") != NULL;
	}
	return guest_disk_open(&o->d, &o->disk, &err) && boot_disk_open(&o->disk, &o->b, &err);
}

static void close_disk(struct opened *o)
{
	boot_disk_close(&o->b);
	for (int i = 0; i < o->d.count; i++)
		(void)close(o->fds[i]);
	guest_disk_close(&o->d);
}

static struct grub_file file_named(const struct opened *o, const char *path)
{
	struct grub_file f = {0};

	(void)snprintf(f.device, sizeof f.device, "%s", o->b.device);
	(void)snprintf(f.path, sizeof f.path, "%s", path);
	return f;
}

static void assert_content(struct opened *o, const char *path, const char *text)
{
	struct grub_file f = file_named(o, path);
	size_t n;
	uint8_t *bytes = boot_disk_read(&o->b, &f, true, &n, &err);

	if (!bytes)
		fail_msg("%s: %s", path, err.message);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(bytes, text, n);
	free(bytes);
}

static void assert_missing(struct opened *o, const char *path, const char *why)
{
	struct grub_file f = file_named(o, path);
	size_t n;

	err = (struct error){0};
	assert_null(boot_disk_read(&o->b, &f, true, &n, &err));
	if (!strstr(err.message, why))
		fail_msg("%s: %s", path, err.message);
}

/* Check all files of the tree. */
static void check_tree(const char *const *names)
{
	static struct opened o;
	size_t n;

	if (!open_layers(&o, names))
		fail_msg("%s: %s", names[0], err.message);
	assert_string_equal(o.b.entry.kernel.path, "/boot/kernel");
	assert_string_equal(o.b.entry.kernel.line, "l i");
	assert_true(o.b.clean);
	assert_content(&o, "/boot/kernel", "kernel");
	assert_content(&o, "/a/short", "short");
	assert_content(&o, "//a/./b/../short", "short");
	assert_content(&o, "/a/b/up", "short");
	assert_content(&o, "/a/abs", "short");
	assert_content(&o, "/a/empty", "");
	assert_content(&o, "/a/out/passwd", "inside");
	assert_content(&o, "/../../etc/passwd", "inside");
	assert_missing(&o, "/a/loop", "too many symbolic links");
	assert_missing(&o, "/a/slow", "does not exist");
	assert_missing(&o, "/a/short/x", "does not exist");
	assert_missing(&o, "/a", "is not a file");
	assert_missing(&o, "/many/a-file-with-a-long-name-2001", "does not exist");
	assert_content(&o, "/many/a-file-with-a-long-name-1999", "");
	struct grub_file f = file_named(&o, "/longer/er");
	uint8_t *bytes = boot_disk_read(&o.b, &f, true, &n, &err);

	assert_non_null(bytes);
	assert_int_equal(n, 3000000);
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != i * 7 % 251)
			fail_msg("byte %zu", i);
	free(bytes);
	f = file_named(&o, "/long/hole");
	bytes = boot_disk_read(&o.b, &f, true, &n, &err);
	assert_non_null(bytes);
	assert_int_equal(n, 40000003);
	assert_memory_equal(bytes + 40000000, "end", 3);
	assert_memory_equal(bytes + 20000000, "mid", 3);
	bytes[20000000] = bytes[20000001] = bytes[20000002] = 0;
	for (size_t i = 0; i < 40000000; i++)
		if (bytes[i])
			fail_msg("byte %zu", i);
	free(bytes);
	close_disk(&o);
}

static const char *const raw[] = {"raw", NULL};

static void make_raw(const char *options)
{
	shell("rm -f raw; truncate -s 64M raw; mke2fs -q -F %s -d tree raw", options);
}

static void file_systems(void **state)
{
	static const char *const kinds[] = {
		"-t ext2 -o hurd -b 1024",
		"-t ext2 -b 4096 -I 128",
		"-t ext3 -b 2048",
		"-t ext4 -b 1024",
		"-t ext4 -b 4096 -O 64bit,metadata_csum",
		"-t ext4 -O ^extents,^64bit",
		"-t ext2 -r 0 -b 1024",
	};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		make_raw(kinds[i]);
		check_tree(raw);
	}
}

static void images(void **state)
{
	static const struct {
		const char *make;
		const char *names[5];
	} rows[] = {
		{"qemu-img convert -O qcow2 raw a.qcow2", {"a.qcow2"}},
		{"qemu-img convert -c -O qcow2 raw c.qcow2", {"c.qcow2"}},
		{"qemu-img convert -c -O qcow2 -o compat=0.10 raw old.qcow2", {"old.qcow2"}},
		{"qemu-img convert -c -O qcow2 -o cluster_size=512 raw s.qcow2", {"s.qcow2"}},
		{"qemu-img convert -c -O qcow2 -o cluster_size=2M raw l.qcow2", {"l.qcow2"}},
		{"qemu-img convert -O qcow2 -o extended_l2=on raw x.qcow2", {"x.qcow2"}},
		{"qemu-img convert -c -O qcow2 -o extended_l2=on,cluster_size=16k raw xc.qcow2",
		 {"xc.qcow2"}},
		{"qemu-img create -q -f qcow2 -b raw -F raw -o extended_l2=on,cluster_size=128k "
		 "xo.qcow2;"
		 "qemu-io -c 'write -z 60M 4k' -c 'write -P 7 61M 4k' xo.qcow2",
		 {"xo.qcow2", "raw"}},
		{"qemu-img create -q -f qcow2 -b raw -F raw over.qcow2", {"over.qcow2", "raw"}},
		{"qemu-img create -q -f qcow2 -b c.qcow2 -F qcow2 o1.qcow2 80M;"
		 "qemu-img create -q -f qcow2 -b o1.qcow2 -F qcow2 o2.qcow2;"
		 "qemu-io -c 'write -z 60M 1M' o2.qcow2",
		 {"o2.qcow2", "o1.qcow2", "c.qcow2"}},
	};

	(void)state;
	make_raw("-t ext2 -o hurd -b 4096");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		shell("%s", rows[i].make);
		check_tree(rows[i].names);
	}
}

/* Clusters of an overlay have precedence, zero clusters included. */
static void image_layers(void **state)
{
	static struct opened o;
	static const char *const names[] = {"w.qcow2", "c.qcow2", NULL};
	uint8_t buf[4];

	(void)state;
	make_raw("-t ext2 -b 4096");
	shell("qemu-img convert -c -O qcow2 raw c.qcow2; qemu-img create -q -f qcow2 -b c.qcow2 -F "
	      "qcow2 w.qcow2; qemu-io -c 'write -P 0x5a 33M 64k' -c 'write -z 0 64k' w.qcow2");
	assert_false(open_layers(&o, names));
	assert_non_null(strstr(err.message, "none of its partitions has an ext2"));
	assert_true(o.disk.read(o.disk.ctx, (33 << 20) + 65534, buf, 4, &err));
	assert_int_equal(buf[0], 0x5a);
	assert_int_equal(buf[1], 0x5a);
	assert_true(o.disk.read(o.disk.ctx, 1080, buf, 2, &err));
	assert_int_equal(buf[0], 0);
	assert_false(o.disk.read(o.disk.ctx, (64 << 20) - 1, buf, 2, &err));
	close_disk(&o);
}

/* A cluster of which some subclusters are allocated, some are zeros, and the others are in the
 * backing file. */
static void subclusters(void **state)
{
	static struct opened o;
	static const char *const names[] = {"x.qcow2", "below.qcow2", NULL};
	static const struct {
		uint64_t at;
		uint8_t is;
	} rows[] = {{0, 1},	{4095, 1},  {4096, 2},	 {8191, 2},   {8192, 1},   {12288, 0},
		    {16383, 0}, {16384, 1}, {131071, 1}, {131072, 1}, {262143, 0}, {262144, 1}};
	uint8_t buf[2];

	(void)state;
	shell("qemu-img create -q -f qcow2 below.qcow2 1M; qemu-io -c 'write -P 1 0 1M' "
	      "below.qcow2;"
	      "qemu-img create -q -f qcow2 -b below.qcow2 -F qcow2 -o "
	      "extended_l2=on,cluster_size=128k x.qcow2; qemu-io -c 'write -P 2 4k 4k' -c "
	      "'write -z 12k 4k' -c 'write -z 252k 4k' x.qcow2");
	(void)open_layers(&o, names);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(o.disk.read(o.disk.ctx, rows[i].at, buf, 1, &err));
		assert_int_equal(buf[0], rows[i].is);
	}
	assert_true(o.disk.read(o.disk.ctx, 4095, buf, 2, &err));
	assert_int_equal(buf[0], 1);
	assert_int_equal(buf[1], 2);
	close_disk(&o);
}

static void unsupported_file_systems(void **state)
{
	static struct opened o;
	static const char *const zstd[] = {"z.qcow2", NULL};

	(void)state;
	make_raw("-t ext2");
	shell("qemu-img convert -c -O qcow2 -o compression_type=zstd raw z.qcow2");
	assert_false(open_layers(&o, zstd));
	assert_non_null(strstr(err.message, "zstd"));
	close_disk(&o);
	/* An unclean file system is read as GRUB reads it, and reported as unclean. */
	shell("debugfs -w -R 'ssv state 0' raw");
	assert_true(open_layers(&o, raw));
	assert_false(o.b.clean);
	close_disk(&o);
	shell("debugfs -w -R 'rm /boot/grub/grub.cfg' raw");
	assert_false(open_layers(&o, raw));
	assert_non_null(strstr(err.message, "has /boot/grub/grub.cfg"));
	close_disk(&o);
}

/* Two thousand mutations of a few bytes: each is read or refused, without reads out of bounds. */
static void damaged_disks(void **state)
{
	static struct opened o;
	static const char *const names[] = {"bad.qcow2", NULL};
	unsigned x = 1;

	(void)state;
	shell("rm -f raw; truncate -s 2M raw; mke2fs -q -F -t ext4 -b 1024 raw; rm -rf small; "
	      "mkdir "
	      "-p small/boot; cp -r tree/boot small; rm -f raw; truncate -s 2M raw; mke2fs -q -F "
	      "-t "
	      "ext4 -b 1024 -d small raw; qemu-img convert -c -O qcow2 raw good.qcow2; "
	      "qemu-img convert -O qcow2 -o extended_l2=on,cluster_size=16k raw parts.qcow2");
	for (int k = 0; k < 2000; k++) {
		bool is_raw = k % 2;
		char from[200];
		char to[200];
		uint8_t buf[1 << 16];

		(void)snprintf(from, sizeof from, "%s/%s", dir,
			       is_raw	    ? "raw"
			       : k % 4 == 0 ? "good.qcow2"
					    : "parts.qcow2");
		(void)snprintf(to, sizeof to, "%s/%s", dir, is_raw ? "bad" : "bad.qcow2");
		int in = open(from, O_RDONLY);
		int out = open(to, O_RDWR | O_CREAT | O_TRUNC, 0600);
		ssize_t got;
		off_t size = 0;

		while ((got = read(in, buf, sizeof buf)) > 0) {
			assert_int_equal(write(out, buf, (size_t)got), got);
			size += got;
		}
		for (int i = 0; i < 12; i++) {
			x = x * 1103515245 + 12345;
			off_t at = (off_t)((x >> 4) % (is_raw ? 90000u : (unsigned)size));

			x = x * 1103515245 + 12345;
			buf[0] = (uint8_t)(x >> 16);
			assert_int_equal(pwrite(out, buf, 1, at), 1);
		}
		(void)close(in);
		(void)close(out);
		if (open_layers(&o, is_raw ? (const char *const[]){"bad", NULL} : names)) {
			size_t n;

			free(boot_disk_read(&o.b, &o.b.entry.kernel, true, &n, &err));
		}
		close_disk(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_systems),
		cmocka_unit_test(images),
		cmocka_unit_test(subclusters),
		cmocka_unit_test(image_layers),
		cmocka_unit_test(unsupported_file_systems),
		cmocka_unit_test(damaged_disks),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
