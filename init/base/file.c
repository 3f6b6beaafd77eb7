/* file.c - see file.h. */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The data of FROM from AT to END, at the same places of TO. */
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
		if (put == 0) { /* it was made shorter meanwhile */
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

bool file_commit(int fd, const char *part, const char *path)
{
	if (fsync(fd) == 0 && rename(part, path) == 0)
		return true;
	int why = errno;

	(void)unlink(part);
	errno = why;
	return false;
}
