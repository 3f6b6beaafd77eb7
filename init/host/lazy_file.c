/* lazy_file.c - see lazy_file.h. */
#include "host/lazy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/zeros.h"
#include "host/disk.h"

/* ---- the file ------------------------------------------------------------------------------- */

static uint64_t chunks(const struct lazy_file *f)
{
	return (f->size + LAZY_CHUNK - 1) / LAZY_CHUNK;
}

bool lazy_begin(struct lazy_file *f, struct nbd *disk, uint64_t start, uint64_t size,
		const char *dir, struct error *err)
{
	*f = (struct lazy_file){.disk = disk, .start = start, .size = size, .fd = -1};
	f->have = calloc(1, (size_t)(chunks(f) / 8 + 1));
	if (!f->have)
		return error_set(err, EXIT_INTERNAL, "give the container more memory",
				 "%s: no memory", disk->name);
	f->fd = disk_open_anonymous(dir, 0600);
	if (f->fd >= 0 && ftruncate(f->fd, (off_t)size) == 0)
		return true;
	return error_set(err, EXIT_NO_PERMISSION,
			 "give the container a writable VM_TMP_DIR with room (docker run --tmpfs "
			 "/var/tmp)",
			 "VM_TMP_DIR=%s: no file for the repair of %s: %s", dir, disk->name,
			 strerror(errno));
}

void lazy_end(struct lazy_file *f)
{
	fd_close(&f->fd);
	free(f->have);
	f->have = NULL;
}

static size_t chunk_size(const struct lazy_file *f, uint64_t chunk)
{
	uint64_t left = f->size - chunk * LAZY_CHUNK;

	return left < LAZY_CHUNK ? (size_t)left : LAZY_CHUNK;
}

static bool is_there(const struct lazy_file *f, uint64_t chunk)
{
	return f->have[chunk / 8] >> chunk % 8 & 1;
}

static bool fetch(struct lazy_file *f, uint64_t chunk, struct error *err)
{
	static uint8_t buf[LAZY_CHUNK];
	size_t n = chunk_size(f, chunk);

	if (is_there(f, chunk))
		return true;
	if (!nbd_read(f->disk, f->start + chunk * LAZY_CHUNK, buf, n, err))
		return false;
	/* Holes are preserved. */
	if (!is_zeros(buf, n) && !write_all_at(f->fd, buf, n, (off_t)(chunk * LAZY_CHUNK)))
		return error_set(err, EXIT_NO_PERMISSION, "make room in VM_TMP_DIR",
				 "%s: the file for its repair cannot be written: %s", f->disk->name,
				 strerror(errno));
	f->have[chunk / 8] |= (uint8_t)(1u << chunk % 8);
	return true;
}

/* Fetch the N bytes at AT, limited to the part. */
static bool fetch_range(struct lazy_file *f, uint64_t at, uint64_t n, struct error *err)
{
	if (n == 0 || at >= f->size)
		return true;
	if (n > f->size - at)
		n = f->size - at;
	for (uint64_t chunk = at / LAZY_CHUNK; chunk <= (at + n - 1) / LAZY_CHUNK; chunk++)
		if (!fetch(f, chunk, err))
			return false;
	return true;
}

bool lazy_fill(struct lazy_file *f, struct error *err)
{
	memset(f->have, 0, (size_t)(chunks(f) / 8 + 1));
	if (ftruncate(f->fd, 0) != 0 || ftruncate(f->fd, (off_t)f->size) != 0)
		return error_set(err, EXIT_INTERNAL, "give the container more memory", "%s: %s",
				 f->disk->name, strerror(errno));
	return fetch_range(f, 0, f->size, err);
}

/* ---- system calls of the program ----------------------------------------------------------- */

/* We cannot see which file its descriptor refers to (that takes CAP_SYS_PTRACE): each is assumed to
 * be ours, and unnecessary fetches do no harm. */
static bool before_call(struct lazy_file *f, const struct seccomp_data *call, struct error *err)
{
	uint64_t none = 0;
	uint64_t *at = call->args[0] < LAZY_FILES ? &f->at[call->args[0]] : &none;
	uint64_t was = *at;

	switch (call->nr) {
	case SYS_pread64:
	case SYS_pwrite64: return fetch_range(f, call->args[3], call->args[2], err);
	case SYS_read:
	case SYS_write: *at += call->args[2]; return fetch_range(f, was, call->args[2], err);
	case SYS_lseek:
		*at = call->args[1] + (call->args[2] == SEEK_CUR   ? was
				       : call->args[2] == SEEK_END ? f->size
								   : 0);
		return true;
	default: *at = 0; return true; /* close(2) */
	}
}

bool lazy_handle_call(int watch, void *arg)
{
	struct lazy_file *f = arg;
	struct seccomp_notif ask = {0};
	struct seccomp_notif_resp reply = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	if (ioctl(watch, (int)SECCOMP_IOCTL_NOTIF_RECV, &ask) != 0)
		return errno == EINTR || errno == ENOENT; /* it has ended meanwhile */
	if (!before_call(f, &ask.data, &f->failed))
		return false;
	reply.id = ask.id;
	return ioctl(watch, (int)SECCOMP_IOCTL_NOTIF_SEND, &reply) == 0 || errno == ENOENT ||
	       errno == EINTR;
}

/* ---- changes of the program ----------------------------------------------------------------- */

/* Compare from byte FIRST of the chunk on. */
static bool chunk_changes(struct lazy_file *f, uint64_t chunk, size_t first, size_t end,
			  bool (*take)(void *arg, uint64_t offset, const uint8_t *was,
				       const uint8_t *is, size_t n, struct error *err),
			  void *arg, struct error *err)
{
	static uint8_t was[LAZY_CHUNK];
	static uint8_t is[LAZY_CHUNK];
	uint64_t at = chunk * LAZY_CHUNK;
	size_t n = chunk_size(f, chunk);

	if (!nbd_read(f->disk, f->start + at, was, n, err))
		return false;
	if (pread(f->fd, is, n, (off_t)at) != (ssize_t)n)
		return error_set(err, EXIT_INTERNAL, "look for errors of the host's disk (dmesg)",
				 "%s: its repaired form cannot be read: %s", f->disk->name,
				 strerror(errno));
	if (memcmp(was, is, n) == 0)
		return true;
	for (size_t i = first; i < end && i < n; i += LAZY_CHANGE) {
		size_t piece = n - i < LAZY_CHANGE ? n - i : LAZY_CHANGE;

		if (memcmp(was + i, is + i, piece) != 0 &&
		    !take(arg, f->start + at + i, was + i, is + i, piece, err))
			return false;
	}
	return true;
}

bool lazy_changes(struct lazy_file *f,
		  bool (*take)(void *arg, uint64_t offset, const uint8_t *was, const uint8_t *is,
			       size_t n, struct error *err),
		  void *arg, struct error *err)
{
	for (uint64_t i = 0; i < chunks(f); i++)
		if (is_there(f, i) &&
		    !chunk_changes(f, i, i == 0 ? LAZY_CHANGE : 0, LAZY_CHUNK, take, arg, err))
			return false;
	return !is_there(f, 0) || chunk_changes(f, 0, 0, LAZY_CHANGE, take, arg, err);
}
