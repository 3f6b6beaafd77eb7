/* disk.c - see disk.h: open the image, check what was opened, put an overlay on top where asked.
 *
 * Which image is disk_find.c's business; the header's meaning is format/qcow2.c's.
 */
#include "host/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/io.h"
#include "format/qcow2.h"

/* Bytes that QEMU locks in an image (block/file-posix.c): one for each permission it uses, and one
 * for each it does not grant to others. */
#define LOCK_USES   100
#define LOCK_DENIES 200
enum { PERM_WRITE = 1, PERM_RESIZE = 3 };

/* A buffer for headers and tables that is given back: PID 1 stays small. */
struct scratch {
	uint8_t *buf;
};

static void scratch_free(struct scratch *s)
{
	if (s->buf)
		(void)munmap(s->buf, QCOW2_HEAD_MAX);
}

static bool scratch_get(struct scratch *s)
{
	void *p = mmap(NULL, QCOW2_HEAD_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	s->buf = p == MAP_FAILED ? NULL : p;
	return s->buf != NULL;
}

/* Up to N bytes at OFFSET, less only at the end of the file; -1 with errno. */
static ssize_t read_at(int fd, uint8_t *buf, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, buf + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

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
		return error_set(err, EXIT_NO_IMAGE, "name the image in it", "%s is a directory",
				 name);
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

/* A file's or block device's descriptor and size. DIR and FLAGS as of openat(2). */
static int open_image(int dir, const char *path, const char *name, bool writable, int flags,
		      uint64_t *size, struct error *err)
{
	struct stat st;
	_cleanup_fd_ int fd =
		openat(dir, path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | flags);

	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)open_failed(name, writable, errno, err);
		return -1;
	}
	if (S_ISDIR(st.st_mode)) {
		(void)open_failed(name, writable, EISDIR, err);
		return -1;
	}
	off_t end = lseek(fd, 0, SEEK_END); /* st_size is 0 for a block device */

	if ((!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) || end < 0) {
		(void)error_set(err, EXIT_NO_IMAGE, "name a disk image",
				"%s is neither a file nor a block device", name);
		return -1;
	}
	*size = (uint64_t)end;
	(void)fd_nonblock(fd, false);
	return fd_take(&fd);
}

/* Does somebody else hold the byte START of the file locked? */
static bool locked(int fd, off_t start)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

/* QEMU would find the same conflict, but only when everything else has been set up. A read-only
 * descriptor may be asked about write locks too (F_OFD_GETLK takes none). */
static bool check_lock(int fd, const char *name, bool writable, struct error *err)
{
	bool writer = locked(fd, LOCK_USES + PERM_WRITE) || locked(fd, LOCK_USES + PERM_RESIZE);
	bool reader = writable && locked(fd, LOCK_DENIES + PERM_WRITE);

	if (!writer && !reader)
		return true;
	return error_set(err, EXIT_BAD_IMAGE,
			 writer ? "stop the other guest, or give this one a copy of the image"
				: "stop the other guests, or set QEMU_DISK_MODE=throwaway to share "
				  "the image with them",
			 "%s is in use by another process, which %s it", name,
			 writer ? "writes to" : "reads");
}

/* A guest that cannot grow its image stops at its first write. */
static bool check_space(int fd, const char *name, uint64_t size, const struct settings *s,
			struct error *err)
{
	struct stat st;
	struct statvfs fs;

	if (s->force || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || fstatvfs(fd, &fs) != 0 ||
	    fs.f_bavail > 0)
		return true;
	if (s->drive_format == FORMAT_RAW && (uint64_t)st.st_blocks * 512 >= size)
		return true;
	return error_set(err, EXIT_NO_PERMISSION,
			 "make room there, or set QEMU_DISK_MODE=throwaway with VM_TMP_DIR on "
			 "another file system",
			 "%s: its file system is full, and the guest would stop at its first write",
			 name);
}

/* ---- checking -------------------------------------------------------------------------- */

static bool check_tables(int fd, const struct qcow2 *q, uint64_t size, const char *name,
			 uint8_t *buf, struct error *err)
{
	const struct {
		const char *what;
		uint64_t offset, bytes;
	} tables[] = {
		{"L1 table", q->l1_offset, (uint64_t)q->l1_entries * 8},
		{"refcount table", q->refcount_table_offset,
		 (uint64_t)q->refcount_table_clusters << q->cluster_bits},
	};

	for (size_t t = 0; t < 2; t++)
		for (uint64_t at = 0; at < tables[t].bytes; at += QCOW2_HEAD_MAX) {
			uint64_t left = tables[t].bytes - at;
			size_t n = left < QCOW2_HEAD_MAX ? (size_t)left : QCOW2_HEAD_MAX;
			ssize_t got = read_at(fd, buf, n, tables[t].offset + at);

			if (got != (ssize_t)n)
				return error_set(err, EXIT_BAD_IMAGE,
						 "check the host's disk (dmesg)",
						 "%s: its %s cannot be read: %s", name,
						 tables[t].what, strerror(errno));
			if (!qcow2_check_table(q, buf, n / 8, size, tables[t].what, name, err))
				return false;
		}
	return true;
}

static bool check_qcow2(int fd, uint64_t size, const char *name, struct qcow2 *q, struct error *err)
{
	__attribute__((cleanup(scratch_free))) struct scratch scratch = {NULL};

	if (!scratch_get(&scratch))
		return error_set(err, EXIT_INTERNAL, "", "no memory to check %s", name);
	/* A little first; the rest of the first cluster when it says how large that is. */
	ssize_t got = read_at(fd, scratch.buf, 4096, 0);

	if (got == 4096 && scratch.buf[23] >= 12 && scratch.buf[23] <= 21)
		got = read_at(fd, scratch.buf, (size_t)1 << scratch.buf[23], 0);
	if (got < 0)
		return error_set(err, EXIT_BAD_IMAGE, "check the host's disk (dmesg)",
				 "%s cannot be read: %s", name, strerror(errno));
	return qcow2_parse(scratch.buf, (size_t)got, size, name, q, err) &&
	       check_tables(fd, q, size, name, scratch.buf, err);
}

/* Raw is what the user said. A header of another format in it is either a mistake, or a guest's
 * attempt to be taken for that format one day (CVE-2015-1851): neither is opened silently. */
static bool check_raw(int fd, uint64_t size, const char *name, bool force, struct error *err)
{
	uint8_t head[512] = {0};
	uint8_t tail[512] = {0};
	ssize_t got = read_at(fd, head, sizeof head, 0);

	if (got < 0)
		return error_set(err, EXIT_BAD_IMAGE, "check the host's disk (dmesg)",
				 "%s cannot be read: %s", name, strerror(errno));
	if (size == 0)
		return error_set(err, EXIT_BAD_IMAGE,
				 "get the image again, or make one with qemu-img create",
				 "%s is empty", name);
	if (size % 512)
		return error_set(
			err, EXIT_BAD_IMAGE, "get the image again: it may be cut off",
			"%s: a raw disk's size must be a multiple of 512, and this is %" PRIu64,
			name, size);
	if (size >= 512)
		(void)read_at(fd, tail, sizeof tail, size - 512);
	const char *other = image_format_name(head, (size_t)got, tail);

	if (!other || force)
		return true;
	return error_set(err, EXIT_BAD_IMAGE,
			 "leave QEMU_DRIVE_FORMAT unset for qcow2; unpack or convert others; "
			 "VM_FORCE=1 if it really is raw",
			 "%s: QEMU_DRIVE_FORMAT=raw, but this is %s", name, other);
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
};

static bool add_layer(struct chain *c, int fd, enum drive_format format, bool writable,
		      uint64_t virtual_size)
{
	c->disk->layers[c->disk->count++] = (struct disk_layer){
		.fd = fd, .format = format, .writable = writable, .virtual_size = virtual_size};
	return true;
}

/* Open and check PATH and everything below it. TOP: the image itself. */
static bool open_layer(struct chain *c, const char *path, enum drive_format format, bool top,
		       bool writable, struct error *err)
{
	char name[4096];
	uint64_t size = 0;
	struct qcow2 q = {0};

	(void)snprintf(name, sizeof name, "%s%s", top ? "" : "backing file ", path);
	_cleanup_fd_ int fd = open_image(top ? AT_FDCWD : c->dir, path, name, writable,
					 top ? 0 : O_NOFOLLOW, &size, err);

	if (fd < 0 || !check_lock(fd, name, writable, err))
		return false;
	if (writable && !check_space(fd, name, size, c->s, err))
		return false;
	if (format == FORMAT_RAW)
		return check_raw(fd, size, name, c->s->force, err) &&
		       add_layer(c, fd_take(&fd), format, writable, size);
	if (!check_qcow2(fd, size, name, &q, err))
		return false;
	c->disk->dirty |= top && writable && (q.incompatible & QCOW2_DIRTY);
	(void)add_layer(c, fd_take(&fd), format, writable, q.virtual_size);
	if (!q.backing[0])
		return true;
	if (c->s->backing != BACKING_ALLOW)
		return error_set(err, EXIT_BAD_IMAGE,
				 "set QEMU_BACKING=allow if it is yours and lies in the same "
				 "directory, or: qemu-img convert -O qcow2 FILE NEW.qcow2",
				 "%s: it needs a backing file, %s", name, q.backing);
	if (c->disk->count == DISK_LAYERS_MAX)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 "%s: more than %d images in the chain", name, DISK_LAYERS_MAX);
	const char *base = backing_in(c->dir, q.backing);

	if (!base)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 "%s: its backing file %s does not lie in the same directory", name,
				 q.backing);
	bool raw = strcmp(q.backing_format, "raw") == 0;

	if (!raw && strcmp(q.backing_format, "qcow2") != 0)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 q.backing_format[0]
					 ? "%s: its backing file's format %s cannot be used; raw "
					   "and qcow2 can"
					 : "%s: it does not say its backing file's format%s",
				 name, q.backing_format);
	return open_layer(c, base, raw ? FORMAT_RAW : FORMAT_QCOW2, false, false, err);
}

/* ---- the throwaway overlay ------------------------------------------------------------- */

static int open_nameless(const char *dir)
{
	char path[4200];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	(void)snprintf(path, sizeof path, "%s/vm-overlay-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

/* Put an empty image that nobody else sees in front of the others. */
static bool add_overlay(const struct settings *s, struct disk *disk, struct error *err)
{
	__attribute__((cleanup(scratch_free))) struct scratch scratch = {NULL};
	uint64_t size;
	uint64_t virtual_size = disk->layers[0].virtual_size;
	_cleanup_fd_ int fd = open_nameless(s->tmp_dir);
	size_t n = scratch_get(&scratch) ? qcow2_overlay(virtual_size, scratch.buf, &size) : 0;

	if (disk->count == DISK_LAYERS_MAX)
		return error_set(err, EXIT_BAD_IMAGE, backing_fix,
				 "%s: with the overlay, more than %d images in the chain",
				 disk->path, DISK_LAYERS_MAX);
	if (n == 0)
		return error_set(err, EXIT_BAD_IMAGE, "set QEMU_DISK_MODE=persistent",
				 "%s: a disk of %" PRIu64 " bytes is too large for an overlay",
				 disk->path, virtual_size);
	if (fd < 0 || ftruncate(fd, (off_t)size) != 0 || !write_all(fd, scratch.buf, n))
		return error_set(err, EXIT_NO_PERMISSION,
				 "give the container a writable VM_TMP_DIR with room (docker run "
				 "--tmpfs /var/tmp), or set QEMU_DISK_MODE=persistent",
				 "VM_TMP_DIR=%s: no overlay can be made there: %s", s->tmp_dir,
				 strerror(errno));
	memmove(disk->layers + 1, disk->layers, (size_t)disk->count * sizeof disk->layers[0]);
	disk->layers[0] = (struct disk_layer){.fd = fd_take(&fd),
					      .format = FORMAT_QCOW2,
					      .writable = true,
					      .virtual_size = virtual_size};
	disk->count++;
	return true;
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
	struct chain chain = {.s = s, .disk = out, .dir = dir_fd};
	enum drive_format format = embedded ? FORMAT_QCOW2 : (enum drive_format)s->drive_format;

	if (open_layer(&chain, path, format, true, writable, &err) &&
	    (writable || add_overlay(s, out, &err)))
		return true;
	disk_close(out);
	return errors_append(errs, &err);
}

bool cdrom_open(const char *path, int *fd, struct errors *errs)
{
	struct error err = {0};
	uint64_t size = 0;

	*fd = open_image(AT_FDCWD, path, path, false, 0, &size, &err);
	if (*fd >= 0 && size == 0) {
		fd_close(fd);
		(void)error_set(&err, EXIT_BAD_IMAGE, "get the ISO image again", "%s is empty",
				path);
	}
	return *fd >= 0 || errors_append(errs, &err);
}

void disk_close(struct disk *disk)
{
	for (int i = 0; i < disk->count; i++)
		fd_close(&disk->layers[i].fd);
	disk->count = 0;
}
