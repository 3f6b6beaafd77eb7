/* file.c - see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/io.h"

#define NO_REPLACE 1u /* renameat2(2): RENAME_NOREPLACE */

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Copy the data of FROM from AT to END, to the same offsets of TO. */
static bool copy_range(int from, int to, off_t at, off_t end)
{
	static _Alignas(4096) char buf[256 * 1024];

	while (at < end) {
		size_t want = end - at < (off_t)sizeof buf ? (size_t)(end - at) : sizeof buf;
		ssize_t got = pread(from, buf, want, at);
		ssize_t put = got > 0 ? pwrite(to, buf, (size_t)got, at) : got;

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		if (put == 0) { /* the file was truncated meanwhile */
			errno = EIO;
			return false;
		}
		at += put;
	}
	return true;
}

bool file_copy(int from, int to)
{
	off_t size = lseek(from, 0, SEEK_END);
	off_t end = 0;

	if (size < 0 || ftruncate(to, size) != 0)
		return false;
	while (end < size) {
		off_t data = lseek(from, end, SEEK_DATA);

		if (data < 0)
			return errno == ENXIO;
		end = lseek(from, data, SEEK_HOLE);
		if (end < 0 || !copy_range(from, to, data, end))
			return false;
	}
	return true;
}

bool path_dir(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (snprintf(out, size, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".") <
	    (int)size)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

bool random_hex(char out[RANDOM_HEX])
{
	uint64_t number = 0;
	bool random = getrandom(&number, sizeof number, 0) == sizeof number;

	(void)snprintf(out, RANDOM_HEX, "%016" PRIx64, random ? number : 0);
	return random;
}

/* With the sysctl vm.memfd_noexec=2 this flag is required; kernels before 6.3 do not know it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

int file_memory(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC) : fd;
}

/* Old kernels and file systems without O_TMPFILE return EISDIR or EINVAL (open(2)). */
int file_nameless(const char *dir, mode_t mode)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);

	if (fd < 0 && (errno == EISDIR || errno == EINVAL))
		errno = EOPNOTSUPP;
	return fd;
}

int file_begin(const char *path, mode_t mode, char *part, size_t size)
{
	for (int i = 0; i < 16; i++) {
		char random[RANDOM_HEX];

		if (!random_hex(random))
			return -1;
		if (snprintf(part, size, "%s.part-%s", path, random) >= (int)size) {
			errno = ENAMETOOLONG;
			return -1;
		}
		int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

bool file_commit(int fd, const char *part, const char *path)
{
	if (fsync(fd) == 0 && rename(part, path) == 0)
		return true;
	int why = errno;

	(void)unlink(part);
	errno = why;
	return false;
}

int file_begin_new(const char *path, mode_t mode, char *part, size_t size)
{
	char dir[4200];

	part[0] = '\0';
	if (!path_dir(path, dir, sizeof dir))
		return -1;
	int fd = file_nameless(dir, mode);

	return fd >= 0 || errno != EOPNOTSUPP ? fd : file_begin(path, mode, part, size);
}

/* link(2) and renameat2(2) do not replace a file; some file systems lack one of them. */
static bool name_new(int fd, const char *part, const char *path)
{
	char self[32];

	if (!part[0]) {
		(void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
		return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
	}
	return syscall(SYS_renameat2, AT_FDCWD, part, AT_FDCWD, path, NO_REPLACE) == 0 ||
	       ((errno == EINVAL || errno == ENOSYS) && link(part, path) == 0 && unlink(part) == 0);
}

bool file_commit_new(int fd, const char *part, const char *path)
{
	if (fsync(fd) == 0 && name_new(fd, part, path))
		return true;
	int why = errno;

	file_drop(part);
	errno = why;
	return false;
}

void file_drop(const char *part)
{
	if (part[0])
		(void)unlink(part);
}

static bool right_kind(const struct stat *st, bool device)
{
	if (S_ISREG(st->st_mode) || (device && S_ISBLK(st->st_mode)))
		return true;
	errno = S_ISDIR(st->st_mode) ? EISDIR : S_ISLNK(st->st_mode) ? ELOOP : ENOTREG;
	return false;
}

/* The type is checked before, because opening a device or a pipe can have effects, and again on
 * the descriptor, because the name may have changed. */
int open_regular(int dir, const char *path, int flags, bool device, struct stat *st)
{
	struct stat own = {0};

	st = st ? st : &own;
	if (fstatat(dir, path, st, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) != 0 ||
	    !right_kind(st, device))
		return -1;
	_cleanup_fd_ int fd = openat(dir, path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, st) != 0 || !right_kind(st, device) || !fd_nonblock(fd, false))
		return -1;
	return fd_take(&fd);
}

const char *file_strerror(int why)
{
	return why == ENOTREG ? "it is no regular file" : strerror(why);
}

ssize_t read_small(const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, O_RDONLY, false, NULL);
	ssize_t n = fd < 0 ? -1 : read_full(fd, buf, size - 1);

	if (n >= 0)
		buf[n] = '\0';
	return n;
}
