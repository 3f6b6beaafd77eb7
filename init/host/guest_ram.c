/* guest_ram.c - see guest_ram.h. */
#include "host/guest_ram.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"

int guest_ram_create(uint64_t bytes)
{
	_cleanup_fd_ int fd = file_memory("guest-ram");

	/* QEMU opens it again, as its own user: the inherited descriptor is not sufficient. */
	return fd >= 0 && fchmod(fd, 0666) == 0 && ftruncate(fd, (off_t)bytes) == 0 ? fd_take(&fd)
										    : -1;
}

bool guest_ram_clear(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && ftruncate(fd, 0) == 0 && ftruncate(fd, st.st_size) == 0;
}
