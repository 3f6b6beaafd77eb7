/* disk.c - see disk.h: opens the image and checks the opened file.
 *
 * disk_find.c chooses the image, image.c checks it, overlay.c adds overlays.
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

#include "base/file.h"
#include "base/io.h"
#include "format/qcow2.h"
#include "host/disk_internal.h"
#include "host/image_read.h"

/* If its image cannot grow, the guest stops at its first write. */
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

static const char backing_fix[] =
	"qemu-img rebase or convert the image; a backing file must be in the same directory, have "
	"an explicit format, and not be reached through a link";

/* The name of BACKING within the directory DIR, if it is there: no protocol (json:, nbd:, ...), no
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
	int dir; /* directory that must contain all images */
	bool writable;
};

/* The image itself is the first layer; the others are backing files, which are never written to. */
static bool is_top(const struct chain *c)
{
	return c->disk->count == 0;
}

/* QEMU would conflict with its own lock */
static bool known(const struct chain *c, const struct stat *st)
{
	struct stat other;

	for (int i = 0; i < c->disk->count; i++)
		if (fstat(c->disk->layers[i].fd, &other) == 0 && other.st_dev == st->st_dev &&
		    other.st_ino == st->st_ino)
			return true;
	return false;
}

/* Open and check PATH as the next layer. IMAGE has the name for errors. */
static bool add_layer(struct chain *c, const char *path, enum drive_format format,
		      struct image *image, struct error *err)
{
	bool top = is_top(c);
	bool writable = top && c->writable;
	struct stat st;

	if (!image_open(top ? AT_FDCWD : c->dir, path, writable, top ? 0 : O_NOFOLLOW, image, &st,
			err))
		return false;
	_cleanup_fd_ int fd = image->fd;

	if (known(c, &st))
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 "%s: the chain of backing files is circular", image->name);
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

/* May the image named by IMAGE be its backing file? *BASE is its name in the directory. */
static bool check_backing(const struct chain *c, const struct image *image, const char **base,
			  struct error *err)
{
	const char *format = image->backing_format;

	if (c->s->backing != BACKING_ALLOW)
		return error_set(err, EXIT_BAD_IMAGE,
				 "set QEMU_BACKING=allow if it is yours and is in the same "
				 "directory, or: qemu-img convert -O qcow2 FILE NEW.qcow2",
				 "%s: it needs a backing file, %s", image->name, image->backing);
	if (c->disk->count == DISK_LAYERS_MAX)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 "%s: more than %d images in the chain", image->name,
				 DISK_LAYERS_MAX);
	*base = backing_in(c->dir, image->backing);
	if (!*base)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 "%s: its backing file %s is not in the same directory",
				 image->name, image->backing);
	if (strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 format[0] ? "%s: its backing file's format %s cannot be used; raw "
					     "and qcow2 can"
					   : "%s: it does not say its backing file's format%s",
				 image->name, format);
	return true;
}

/* Open all backing files of IMAGE. */
static bool open_below(struct chain *c, struct image image, struct error *err)
{
	struct image above;
	char name[sizeof above.backing + 16];
	enum drive_format format;
	const char *base = NULL;

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

/* Open PATH and all its backing files. */
static bool open_chain(struct chain *c, const char *path, enum drive_format format,
		       struct error *err)
{
	struct image image = {.name = path, .fd = -1};

	return add_layer(c, path, format, &image, err) && open_below(c, image, err);
}

/* QEMU opens a CD-ROM image as a file: host drives are not supported. */
static bool is_file(const struct image *image, const struct stat *st, struct error *err)
{
	return S_ISREG(st->st_mode) || error_set(err, EXIT_NO_IMAGE, "name an ISO image",
						 "%s is not a regular file", image->name);
}

/* The parent directory of PATH. */
static int open_directory(const char *path)
{
	char dir[4096];

	if (!path_dir(path, dir, sizeof dir))
		return -1;
	return open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* ---- the public functions -------------------------------------------------------------- */

bool disk_open(const struct settings *s, const char *path, bool embedded, struct disk *out,
	       struct errors *errs)
{
	struct error err = {0};
	bool writable = s->disk_mode == DISK_MODE_PERSISTENT;

	*out = (struct disk){.embedded = embedded};
	(void)snprintf(out->path, sizeof out->path, "%s", path);
	_cleanup_fd_ int dir_fd = open_directory(path);
	struct chain chain = {.s = s, .disk = out, .dir = dir_fd, .writable = writable};
	enum drive_format format = embedded ? FORMAT_QCOW2 : (enum drive_format)s->drive_format;

	if (open_chain(&chain, path, format, &err) && (writable || overlay_add(s, out, &err)))
		return true;
	disk_close(out);
	return errors_append(errs, &err);
}

bool disk_open_backing(const struct settings *s, const struct image *image, struct disk *disk,
		       struct error *err)
{
	_cleanup_fd_ int dir_fd = open_directory(image->name);
	struct chain chain = {.s = s, .disk = disk, .dir = dir_fd};

	return open_below(&chain, *image, err);
}

bool cdrom_open(const struct settings *s, const char *path, int *fd, struct errors *errs)
{
	struct error err = {0};
	struct stat st;
	struct image image = {.name = path, .fd = -1};

	*fd = -1;
	if (image_open(AT_FDCWD, path, false, 0, &image, &st, &err) && is_file(&image, &st, &err) &&
	    image_check_lock(&image, false, &err) && image_check_cdrom(&image, s->force, &err)) {
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
