/* disk.c - see disk.h: open the image and check what was opened.
 *
 * Which image is disk_find.c's business, what an open one must be like image.c's, what is put on
 * top of it overlay.c's.
 */
#include "host/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/io.h"
#include "format/qcow2.h"
#include "host/disk_internal.h"

/* ---- opening --------------------------------------------------------------------------- */

static bool open_failed(const char *name, bool writable, int why, struct error *err)
{
	switch (why) {
	case ENOENT:
	case ENOTDIR:
		return error_set(
			err, EXIT_NO_IMAGE,
			"put the image there (compose: into images/), or correct the setting",
			"%s: there is no such file", name);
	case ELOOP:
		return error_set(err, EXIT_BAD_IMAGE, "put the file itself there",
				 "%s is a symbolic link", name);
	case EISDIR:
		return error_set(
			err, EXIT_NO_IMAGE,
			"name the image itself; docker makes a directory where a file that "
			"is to be mounted is not there",
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
	default:
		return error_set(err, EXIT_BAD_IMAGE, "", "%s cannot be opened: %s", name,
				 strerror(why));
	}
}

static bool right_kind(const struct stat *st, const char *name, struct error *err)
{
	if (S_ISDIR(st->st_mode))
		return open_failed(name, false, EISDIR, err);
	if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
		return error_set(err, EXIT_NO_IMAGE, "name a disk image",
				 "%s is neither a file nor a block device", name);
	return true;
}

/* The kind is looked at before, because opening a device or a pipe can have effects, and on the
 * descriptor, because that is what counts. */
bool disk_open_image(int dir, const char *path, bool writable, int flags, struct image *image,
		     struct stat *st, struct error *err)
{
	int nofollow = flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;

	if (fstatat(dir, path, st, nofollow) != 0)
		return open_failed(image->name, writable, errno, err);
	if (!S_ISLNK(st->st_mode) && !right_kind(st, image->name, err))
		return false;
	/* Root may write to it all the same, but who takes every write permission away means it. */
	if (writable && !S_ISBLK(st->st_mode) && !(st->st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)))
		return error_set(err, EXIT_NO_PERMISSION,
				 "make it writable (chmod u+w), or set QEMU_DISK_MODE=throwaway to "
				 "keep the image as it is",
				 "%s is read-only (mode %04o), and the guest writes to its disk",
				 image->name, (unsigned)st->st_mode & 07777);
	_cleanup_fd_ int fd =
		openat(dir, path,
		       (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);

	if (fd < 0 || fstat(fd, st) != 0)
		return open_failed(image->name, writable, errno, err);
	if (!right_kind(st, image->name, err))
		return false;
	off_t end = lseek(fd, 0, SEEK_END); /* st_size is 0 for a block device */

	if (end < 0 || !fd_nonblock(fd, false))
		return open_failed(image->name, writable, errno, err);
	image->size = (uint64_t)end;
	image->fd = fd_take(&fd);
	return true;
}

/* A guest that cannot grow its image stops at its first write. */
static bool check_space(const struct image *image, const struct stat *st, const struct settings *s,
			struct error *err)
{
	struct statvfs fs;

	if (s->force || !S_ISREG(st->st_mode) || fstatvfs(image->fd, &fs) != 0 || fs.f_bavail > 0)
		return true;
	if (s->drive_format == FORMAT_RAW && (uint64_t)st->st_blocks * 512 >= image->size)
		return true;
	return error_set(err, EXIT_NO_PERMISSION,
			 "make room there, or set QEMU_DISK_MODE=throwaway with VM_TMP_DIR on "
			 "another file system",
			 "%s: its file system is full, and the guest would stop at its first write",
			 image->name);
}

/* ---- backing files --------------------------------------------------------------------- */

static const char backing_fix[] = "qemu-img rebase or convert the image; a backing file must lie "
				  "beside it, be named with its format, and need no link";

/* The name of BACKING in the directory DIR, when it is there: no protocol (json:, nbd:, ...), no
 * other directory. NULL otherwise. */
static const char *backing_in(int dir, const char *backing)
{
	char parent[1024];
	struct stat here;
	struct stat there;
	const char *slash = strrchr(backing, '/');

	if (memchr(backing, ':', strcspn(backing, "/")))
		return NULL;
	if (!slash)
		return backing;
	(void)snprintf(parent, sizeof parent, "%.*s", (int)(slash - backing) + 1, backing);
	if (fstat(dir, &here) != 0 || fstatat(dir, parent, &there, 0) != 0 ||
	    here.st_dev != there.st_dev || here.st_ino != there.st_ino || !slash[1])
		return NULL;
	return slash + 1;
}

struct chain {
	const struct settings *s;
	struct disk *disk;
	int dir; /* that every image must lie in */
	bool writable;
};

/* The image itself is the first layer; the next ones are backing files, never written to. */
static bool is_top(const struct chain *c)
{
	return c->disk->count == 0;
}

/* QEMU would wait for its own lock. */
static bool known(const struct chain *c, const struct stat *st)
{
	struct stat other;

	for (int i = 0; i < c->disk->count; i++)
		if (fstat(c->disk->layers[i].fd, &other) == 0 && other.st_dev == st->st_dev &&
		    other.st_ino == st->st_ino)
			return true;
	return false;
}

/* Open and check PATH and make it the next layer. IMAGE has its name for errors. */
static bool add_layer(struct chain *c, const char *path, enum drive_format format,
		      struct image *image, struct error *err)
{
	bool top = is_top(c);
	bool writable = top && c->writable;
	struct stat st;

	if (!disk_open_image(top ? AT_FDCWD : c->dir, path, writable, top ? 0 : O_NOFOLLOW, image,
			     &st, err))
		return false;
	_cleanup_fd_ int fd = image->fd;

	if (known(c, &st))
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 "%s: the chain of backing files comes back to it", image->name);
	if ((!c->s->guest_runs && !image_check_lock(image, writable, err)) ||
	    (writable && !check_space(image, &st, c->s, err)) ||
	    !image_check(image, format, c->s->force, err))
		return false;
	c->disk->dirty |= writable && image->dirty;
	c->disk->layers[c->disk->count++] =
		(struct disk_layer){.fd = fd_take(&fd),
				    .format = format,
				    .device = S_ISBLK(st.st_mode),
				    .writable = writable,
				    .virtual_size = image->virtual_size};
	return true;
}

/* May the file that IMAGE names be its backing file? *BASE is its name in the directory. */
static bool check_backing(const struct chain *c, const struct image *image, const char **base,
			  struct error *err)
{
	const char *format = image->backing_format;

	if (c->s->backing != BACKING_ALLOW)
		return error_set(err, EXIT_BAD_IMAGE,
				 "set QEMU_BACKING=allow if it is yours and lies in the same "
				 "directory, or: qemu-img convert -O qcow2 FILE NEW.qcow2",
				 "%s: it needs a backing file, %s", image->name, image->backing);
	if (c->disk->count == DISK_LAYERS_MAX)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 "%s: more than %d images in the chain", image->name,
				 DISK_LAYERS_MAX);
	*base = backing_in(c->dir, image->backing);
	if (!*base)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 "%s: its backing file %s does not lie in the same directory",
				 image->name, image->backing);
	if (strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 format[0] ? "%s: its backing file's format %s cannot be used; raw "
					     "and qcow2 can"
					   : "%s: it does not say its backing file's format%s",
				 image->name, format);
	return true;
}

/* Open PATH and everything below it. */
static bool open_chain(struct chain *c, const char *path, enum drive_format format,
		       struct error *err)
{
	struct image image = {.name = path, .fd = -1};
	struct image above;
	char name[sizeof above.backing + 16];
	const char *base = NULL;

	if (!add_layer(c, path, format, &image, err))
		return false;
	while (image.backing[0]) {
		above = image;
		if (!check_backing(c, &above, &base, err))
			return false;
		format = strcmp(above.backing_format, "raw") == 0 ? FORMAT_RAW : FORMAT_QCOW2;
		(void)snprintf(name, sizeof name, "backing file %s", base);
		image = (struct image){.name = name, .fd = -1};
		if (!add_layer(c, base, format, &image, err))
			return false;
	}
	return true;
}

/* QEMU opens a CD-ROM as a file: a drive of the host's is none. */
static bool is_file(const struct image *image, const struct stat *st, struct error *err)
{
	return S_ISREG(st->st_mode) || error_set(err, EXIT_NO_IMAGE, "name an ISO image",
						 "%s is no regular file", image->name);
}

/* ---- the public functions -------------------------------------------------------------- */

bool disk_open(const struct settings *s, const char *path, bool embedded, struct disk *out,
	       struct errors *errs)
{
	char dir[4096];
	struct error err = {0};
	bool writable = s->disk_mode == DISK_MODE_PERSISTENT;
	const char *slash = strrchr(path, '/');

	*out = (struct disk){.embedded = embedded};
	(void)snprintf(out->path, sizeof out->path, "%s", path);
	(void)snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1,
		       slash ? path : ".");
	_cleanup_fd_ int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct chain chain = {.s = s, .disk = out, .dir = dir_fd, .writable = writable};
	enum drive_format format = embedded ? FORMAT_QCOW2 : (enum drive_format)s->drive_format;

	if (open_chain(&chain, path, format, &err) && (writable || overlay_add(s, out, &err)))
		return true;
	disk_close(out);
	return errors_append(errs, &err);
}

bool cdrom_open(const char *path, int *fd, struct errors *errs)
{
	struct error err = {0};
	struct stat st;
	struct image image = {.name = path, .fd = -1};

	*fd = -1;
	if (disk_open_image(AT_FDCWD, path, false, 0, &image, &st, &err) &&
	    is_file(&image, &st, &err) && image_check_lock(&image, false, &err) &&
	    image_check_cdrom(&image, &err)) {
		*fd = image.fd;
		return true;
	}
	fd_close(&image.fd);
	return errors_append(errs, &err);
}

void disk_unlock(const struct disk *disk)
{
	struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	for (int i = 0; i < disk->count; i++)
		(void)fcntl(disk->layers[i].fd, F_OFD_SETLK, &all);
}

void disk_close(struct disk *disk)
{
	for (int i = 0; i < disk->count; i++)
		fd_close(&disk->layers[i].fd);
	disk->count = 0;
}
