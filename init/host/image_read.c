/* image_read.c - see image_read.h. */
#include "host/image_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"

static bool read_error(const struct image *image, uint64_t at, struct error *err)
{
	return error_set(err, EXIT_BAD_IMAGE, "look for errors of the host's disk (dmesg)",
			 "%s: byte %" PRIu64 " cannot be read: %s", image->name, at,
			 strerror(errno));
}

bool image_read(const struct image *image, uint64_t at, uint8_t *buf, size_t n, struct error *err)
{
	while (n > 0) {
		ssize_t got = pread(image->fd, buf, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return read_error(image, at, err);
		if (got == 0) {
			memset(buf, 0, n);
			return true;
		}
		buf += got;
		at += (size_t)got;
		n -= (size_t)got;
	}
	return true;
}

bool image_allocate(uint8_t **buf, size_t n, struct error *err)
{
	*buf = malloc(n);
	return *buf ? true
		    : error_set(err, EXIT_INTERNAL, "give the container more memory",
				"no memory to read an image");
}

/* ---- opening --------------------------------------------------------------------------- */

static bool open_failed(const char *name, bool writable, int why, struct error *err)
{
	switch (why) {
	case ENOENT:
	case ENOTDIR:
		return error_set(
			err, EXIT_NO_IMAGE,
			"put the image there, or correct the setting; paths are the container's: "
			"images/NAME is /opt/hurd-image/NAME",
			"%s: the file does not exist", name);
	case ELOOP:
		return error_set(err, EXIT_BAD_IMAGE, "put the file itself there",
				 "%s is a symbolic link", name);
	case EISDIR:
		return error_set(
			err, EXIT_NO_IMAGE,
			"name the image itself; docker makes a directory where a file that "
			"is to be mounted does not exist",
			"%s is a directory", name);
	case EROFS:
		return error_set(
			err, EXIT_NO_PERMISSION,
			"mount it read-write, or set QEMU_DISK_MODE=throwaway to keep the image as "
			"it is",
			"%s is on a read-only file system, and the guest writes to its disk", name);
	case EACCES:
	case EPERM:
		return error_set(err, EXIT_NO_PERMISSION,
				 writable ? "make it writable for this user (chmod, chown, docker "
					    "run --user), or set QEMU_DISK_MODE=throwaway"
					  : "make it readable for this user (chmod a+r)",
				 "%s cannot be %s: %s", name, writable ? "written" : "read",
				 strerror(why));
	case ENOTREG:
		return error_set(err, EXIT_NO_IMAGE, "name a disk image",
				 "%s is neither a file nor a block device", name);
	default:
		return error_set(err, EXIT_BAD_IMAGE,
				 "read it on the host with dd: its storage may be damaged",
				 "%s cannot be opened: %s", name, strerror(why));
	}
}

bool image_open(int dir, const char *path, bool writable, int flags, struct image *image,
		struct stat *st, struct error *err)
{
	if (writable && fstatat(dir, path, st, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) == 0 &&
	    image_is_read_only(st))
		return error_set(err, EXIT_NO_PERMISSION,
				 "make it writable (chmod u+w), or set QEMU_DISK_MODE=throwaway to "
				 "keep the image as it is",
				 "%s is read-only (mode %04o), and the guest writes to its disk",
				 image->name, (unsigned)st->st_mode & 07777);
	_cleanup_fd_ int fd =
		open_regular(dir, path, (writable ? O_RDWR : O_RDONLY) | flags, true, st);

	if (fd < 0)
		return open_failed(image->name, writable, errno, err);
	off_t end = lseek(fd, 0, SEEK_END); /* st_size is 0 for a block device */

	if (end < 0)
		return open_failed(image->name, writable, errno, err);
	image->size = (uint64_t)end;
	image->fd = fd_take(&fd);
	return true;
}
