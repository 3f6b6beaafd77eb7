/* room_disk.h - disk images made in a directory of the test, and the results of disk_open(). */
#ifndef TEST_ROOM_DISK_H
#define TEST_ROOM_DISK_H

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

static inline const char *in_dir(const char *name)
{
	static char path[4][4096];
	static unsigned next;

	(void)snprintf(path[++next % 4], sizeof path[0], "%s/%s", dir, name);
	return path[next % 4];
}

/* FMT with every @ replaced by the directory. */
static inline const char *with_dir(const char *fmt)
{
	size_t n = 0;

	text[0] = '\0';
	for (; *fmt && n < sizeof text - sizeof dir; fmt++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s",
				      *fmt == '@' ? dir : (char[]){*fmt, '\0'});
	return text;
}

static inline int descriptors(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");

	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static int descriptors_before;

static inline int setup(void **state)
{
	(void)state;
	s = (struct settings){.disk_mode = DISK_MODE_PERSISTENT,
			      .tmp_dir = dir,
			      .image_dir = dir,
			      .embedded = "/nonexistent/mach.qcow2"};
	errs.count = 0;
	descriptors_before = descriptors();
	return 0;
}

static inline int teardown(void **state)
{
	char command[64];

	(void)state;
	disk_close(&disk);
	(void)snprintf(command, sizeof command, "find %s -mindepth 1 -delete", dir);
	if (system(command) != 0) /* NOLINT(cert-env33-c): a directory of our own */
		return 1;
	return descriptors() != descriptors_before;
}

static inline void write_file(const char *name, const void *bytes, size_t n, off_t size)
{
	int fd = open(in_dir(name), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, 0), (ssize_t)n);
	assert_int_equal(ftruncate(fd, size), 0);
	(void)close(fd);
}

static inline void write_field(const char *name, off_t at, unsigned width, uint64_t value)
{
	uint8_t bytes[8];
	int fd = open(in_dir(name), O_RDWR | O_CLOEXEC);

	put_be64(bytes, value);
	assert_int_equal(pwrite(fd, bytes + 8 - width, width, at), (ssize_t)width);
	(void)close(fd);
}

/* A valid image of 1 GiB; BACKING and FORMAT may be NULL. */
static inline void make_image(const char *name, const char *backing, const char *format)
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

static inline bool try_open(const char *name)
{
	disk_close(&disk);
	errs.count = 0;
	return disk_open(&s, name[0] == '/' ? name : in_dir(name), false, &disk, &errs);
}

static inline void accepted(const char *name, int layers)
{
	if (!try_open(name))
		fail_msg("%s", errs.list[0].message);
	assert_int_equal(disk.count, layers);
	assert_int_equal(errs.count, 0);
}

static inline void error_is(enum exit_status status, const char *message)
{
	assert_int_equal(errs.count, 1);
	assert_string_equal(errs.list[0].message, with_dir(message));
	assert_int_equal(errs.list[0].status, status);
	assert_true(errs.list[0].fix[0]);
	assert_int_equal(disk.count, 0);
}

static inline void refused(const char *name, enum exit_status status, const char *message)
{
	assert_false(try_open(name));
	error_is(status, message);
}

#endif
