/* overlay.c - overlays, for images that must not change (disk.h).
 *
 * A throwaway overlay is an anonymous file. A kept one begins in the same way, beside its final
 * path, and is named when it is complete and the start is decided. It names its base image for
 * qemu-img and for users, and contains the mark of the base's state: over another state an overlay
 * is a broken disk, so it is rejected.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "format/qcow2.h"
#include "host/disk_internal.h"
#include "host/image_read.h"

bool overlay_path(const struct settings *s, const char *path, bool embedded, char out[4096],
		  struct error *err)
{
	const char *overlay = s->overlay ? s->overlay : "";
	int n;

	if (overlay[0] == '/')
		n = snprintf(out, 4096, "%s", overlay);
	else
		n = snprintf(out, 4096, "%s%s%s%s%s.overlay", embedded ? s->image_dir : "",
			     embedded ? "/" : "", embedded ? path_base(path) : path,
			     overlay[0] ? "." : "", overlay);
	return n < 4096 || error_set(err, EXIT_BAD_SETTING, "choose a shorter one",
				     "QEMU_OVERLAY=%.100s: the path is too long", overlay);
}

bool disk_mark(int fd, char out[64], struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_set(err, EXIT_INTERNAL, "look for errors of the host's disk (dmesg)",
				 "fstat: %s", strerror(errno));
	off_t size = S_ISBLK(st.st_mode) ? lseek(fd, 0, SEEK_END) : st.st_size;

	(void)snprintf(out, 64, "%lld %lld.%09ld", (long long)size,
		       S_ISBLK(st.st_mode) ? 0 : (long long)st.st_mtim.tv_sec,
		       S_ISBLK(st.st_mode) ? 0 : st.st_mtim.tv_nsec);
	return true;
}

bool disk_marks_match(const char *was, const char *is)
{
	const char *fraction = strchr(is, '.');

	if (strcmp(was, is) == 0)
		return true;
	return fraction && strcmp(fraction, ".000000000") == 0 &&
	       strncmp(was, is, (size_t)(fraction - is) + 1) == 0;
}

int disk_open_anonymous(const char *dir, mode_t mode)
{
	char path[4200];
	int fd = file_nameless(dir, mode);

	if (fd >= 0 || errno != EOPNOTSUPP)
		return fd;
	(void)snprintf(path, sizeof path, "%s/vm-overlay-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

/* Insert the layer FD above the others. */
static void push(struct disk *disk, int fd, uint64_t virtual_size)
{
	memmove(disk->layers + 1, disk->layers, (size_t)disk->count * sizeof disk->layers[0]);
	disk->layers[0] = (struct disk_layer){
		.fd = fd, .format = FORMAT_QCOW2, .writable = true, .virtual_size = virtual_size};
	disk->count++;
}

static bool no_room(int why)
{
	return why == ENOSPC || why == EDQUOT;
}

/* Create an empty anonymous image in DIR and insert it above the others. In errors, WHERE names the
 * setting and the directory; ROOM is the fix if space is missing, FIX the fix otherwise. */
static bool add_empty(struct disk *disk, const char *dir, const struct qcow2_base *base,
		      const char *room, const char *fix, const char *where, struct error *err)
{
	uint64_t size;
	uint64_t virtual_size = disk->layers[0].virtual_size;
	_cleanup_buffer_ uint8_t *head = malloc(QCOW2_OVERLAY_HEAD);
	size_t n = head ? qcow2_overlay(virtual_size, base, head, &size) : 0;
	_cleanup_fd_ int fd = disk_open_anonymous(dir, base ? 0644 : 0600);

	if (!head)
		return error_set(err, EXIT_INTERNAL, "give the container more memory",
				 "no memory for an overlay");
	if (n == 0)
		return error_set(err, EXIT_BAD_IMAGE, "set QEMU_DISK_MODE=persistent",
				 "%s: a disk of %" PRIu64 " bytes is too large for an overlay",
				 disk->path, virtual_size);
	if (fd < 0 || ftruncate(fd, (off_t)size) != 0 || !write_all(fd, head, n))
		return no_room(errno) ? error_set(err, EXIT_NO_PERMISSION, room,
						  "%s: no overlay can be created there: %s", where,
						  strerror(errno))
				      : error_set(err, EXIT_NO_PERMISSION, fix,
						  "%s: no overlay can be created there: %s", where,
						  strerror(errno));
	push(disk, fd_take(&fd), virtual_size);
	return true;
}

static bool add_new(struct disk *disk, const char *mark, struct error *err)
{
	char dir[4096];
	char where[4200];
	const char *slash = strrchr(disk->overlay, '/');
	struct qcow2_base base = {.name = path_base(disk->path),
				  .format = disk->layers[0].format == FORMAT_RAW ? "raw" : "qcow2",
				  .mark = mark};

	(void)snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - disk->overlay) + 1 : 1,
		       slash ? disk->overlay : ".");
	(void)snprintf(where, sizeof where, "QEMU_DISK_MODE=overlay in %s", dir);
	disk->overlay_new = true;
	return add_empty(disk, dir, &base,
			 "make room there, or name an overlay elsewhere: QEMU_OVERLAY=/path",
			 "make it writable for this user, or name an overlay in a writable "
			 "directory: QEMU_OVERLAY=/path",
			 where, err);
}

static bool check_mark(const struct settings *s, const struct disk *disk, const struct image *image,
		       const char *mark, struct error *err)
{
	if (disk_marks_match(image->mark, mark) || s->force)
		return true;
	return error_set(err, EXIT_BAD_IMAGE,
			 "put the image back as it was, or give up what is in the overlay: vm "
			 "overlay reset; VM_FORCE=1 takes it as it is",
			 image->mark[0]
				 ? "%s was made for another state of %s: size and time of "
				   "change were %s, and are %s"
				 : "%s was not made by this program for %s (mark %s, not %s)",
			 image->name, disk->path, image->mark[0] ? image->mark : "none", mark);
}

static bool add_kept(const struct settings *s, struct disk *disk, struct error *err)
{
	struct image image = {.name = disk->overlay, .fd = -1};
	struct stat st;
	char mark[64];

	if (!disk_mark(disk->layers[0].fd, mark, err))
		return false;
	if (lstat(disk->overlay, &st) != 0 && errno == ENOENT)
		return add_new(disk, mark, err);
	if (!image_open(AT_FDCWD, disk->overlay, true, O_NOFOLLOW, &image, &st, err))
		return false;
	_cleanup_fd_ int fd = image.fd;

	if ((!s->guest_runs && !image_check_lock(&image, true, err)) ||
	    !image_check(&image, FORMAT_QCOW2, s->force, err) ||
	    !check_mark(s, disk, &image, mark, err))
		return false;
	disk->dirty |= image.dirty;
	push(disk, fd_take(&fd), image.virtual_size);
	return true;
}

bool overlay_add(const struct settings *s, struct disk *disk, struct error *err)
{
	static const char fix[] =
		"give the container a writable VM_TMP_DIR with room (docker run --tmpfs "
		"/var/tmp), or set QEMU_DISK_MODE=persistent";
	char where[4200];

	if (disk->count == DISK_LAYERS_MAX)
		return error_set(err, EXIT_BAD_IMAGE,
				 "merge some of them: qemu-img convert -O qcow2 FILE NEW.qcow2",
				 "%s: the chain with the overlay has more than %d images",
				 disk->path, DISK_LAYERS_MAX);
	if (s->disk_mode == DISK_MODE_OVERLAY)
		return overlay_path(s, disk->path, disk->embedded, disk->overlay, err) &&
		       add_kept(s, disk, err);
	disk->overlays = 1;
	(void)snprintf(where, sizeof where, "VM_TMP_DIR=%s", s->tmp_dir);
	return add_empty(disk, s->tmp_dir, NULL, fix, fix, where, err);
}

/* Copy FD to a file named PATH, for file systems on which an anonymous file cannot be linked. -1
 * with errno. */
static int copy_beside(int fd, const char *path, const struct identity *id)
{
	char part[4200];

	_cleanup_fd_ int copy = file_begin(path, 0644, part, sizeof part);

	if (copy < 0)
		return -1;
	(void)identity_chown(id, copy);
	if (file_copy(fd, copy) && fcntl(copy, F_SETFL, fcntl(fd, F_GETFL)) == 0)
		return file_commit(copy, part, path) ? fd_take(&copy) : -1;
	int why = errno;

	(void)unlink(part);
	errno = why;
	return -1;
}

/* Link the anonymous file to its name. False with errno. */
static bool name_file(int *fd, const char *path, const struct identity *id)
{
	char self[64];

	(void)identity_chown(id, *fd); /* a QEMU that still runs has the descriptor */
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", *fd);
	if (fsync(*fd) == 0 && linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		return true;
	if (errno == EEXIST || errno == ENOSPC || errno == EIO)
		return false;
	int copy = copy_beside(*fd, path, id);

	if (copy < 0)
		return false;
	fd_close(fd);
	*fd = copy;
	return true;
}

bool disk_keep_overlay(struct disk *disk, const struct identity *id, struct error *err)
{
	if (!disk->overlay_new || name_file(&disk->layers[0].fd, disk->overlay, id)) {
		disk->overlay_new = false;
		return true;
	}
	return error_set(err, EXIT_NO_PERMISSION,
			 errno == EEXIST  ? "start again to use it"
			 : no_room(errno) ? "make room there, or name another one: "
					    "QEMU_OVERLAY=/path"
					  : "make its directory writable for this user, or name "
					    "another one: QEMU_OVERLAY=/path",
			 "%s cannot be created: %s", disk->overlay,
			 errno == EEXIST ? "another start has just created it" : strerror(errno));
}

bool overlay_reset(const struct settings *s, const char *path, bool embedded, char overlay[4096],
		   struct error *err)
{
	struct stat st;
	struct image image = {.name = overlay, .fd = -1};

	if (!overlay_path(s, path, embedded, overlay, err))
		return false;
	if (lstat(overlay, &st) != 0 && errno == ENOENT)
		return error_set(err, EXIT_NO_IMAGE,
				 "nothing needs to be reset; of another overlay set the "
				 "QEMU_OVERLAY with which it was created",
				 "there is no overlay %s", overlay);
	if (!image_open(AT_FDCWD, overlay, true, O_NOFOLLOW, &image, &st, err))
		return false;
	_cleanup_fd_ int fd = image.fd;

	if (!image_check_lock(&image, true, err))
		return false;
	char vars[4200]; /* UEFI's variables (plan/firmware.h) belong to it */

	(void)snprintf(vars, sizeof vars, "%s.vars", overlay);
	(void)unlink(vars);
	return unlink(overlay) == 0 ||
	       error_set(err, EXIT_NO_PERMISSION, "make its directory writable for this user",
			 "%s: %s", overlay, strerror(errno));
}
