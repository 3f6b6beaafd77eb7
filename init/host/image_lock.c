/* image_lock.c - is an image in use by another QEMU? (image.h)
 *
 * QEMU announces its use of a file by read locks on single bytes (open file description locks,
 * fcntl(2)): byte 100 + N is locked while it uses permission N, byte 200 + N while no other process
 * may have that permission; before that, it tests the opposite byte (block/file-posix.c,
 * raw_check_lock_bytes(); the permissions: include/block/block-common.h). Testing needs no write
 * access and takes no lock. QEMU's own locks are on the same open file description that is tested
 * here, and locks of one description never conflict with each other.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "host/image.h"

#define USED	   100
#define NOT_SHARED 200

enum permission { CONSISTENT_READ = 0, WRITE = 1, RESIZE = 3 };

/* Is byte AT of FD locked through another description? *PID is set for traditional locks, which
 * have an owning process. */
static bool locked(int fd, off_t at, pid_t *pid)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	/* The file system or the kernel (before 3.15) has no such locks: QEMU does not lock there
	 * either. */
	if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
		return false;
	*pid = lock.l_pid > 0 ? lock.l_pid : 0;
	return true;
}

bool image_is_locked(int fd, bool writable, pid_t *pid)
{
	static const enum permission writes[] = {WRITE, RESIZE};

	if (locked(fd, NOT_SHARED + CONSISTENT_READ, pid))
		return true;
	for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
		if (locked(fd, USED + writes[i], pid) ||
		    (writable && locked(fd, NOT_SHARED + writes[i], pid)))
			return true;
	return false;
}

/* Does process PID hold a lock through a descriptor of ST's file? */
static bool holds(const char *pid, const struct stat *st)
{
	char path[64];
	char info[1024];
	struct stat other;
	struct dirent *e;
	bool found = false;

	(void)snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
	DIR *dir = opendir(path);

	while (dir && !found && (e = readdir(dir)) != NULL) {
		if (fstatat(dirfd(dir), e->d_name, &other, 0) != 0 || other.st_dev != st->st_dev ||
		    other.st_ino != st->st_ino)
			continue;
		(void)snprintf(path, sizeof path, "/proc/%.16s/fdinfo/%.16s", pid, e->d_name);
		found = read_small(path, info, sizeof info) > 0 && strstr(info, "\nlock:") != NULL;
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

/* The kernel does not report the owner of a lock on a description: look for a process that has the
 * file open with locks on it (proc(5), fdinfo). Processes of other containers are not visible. */
static pid_t find_holder(int fd)
{
	struct stat st;
	struct dirent *e;
	pid_t pid = 0;
	DIR *proc = fstat(fd, &st) == 0 ? opendir("/proc") : NULL;

	while (proc && !pid && (e = readdir(proc)) != NULL)
		if (isdigit((unsigned char)e->d_name[0]) && holds(e->d_name, &st))
			pid = (pid_t)strtol(e->d_name, NULL, 10);
	if (proc)
		(void)closedir(proc);
	return pid;
}

bool image_check_lock(const struct image *image, bool writable, struct error *err)
{
	static const char fix[] = "stop the other one, or use QEMU_DISK_MODE=throwaway for both";
	char path[64];
	char name[32] = "";
	pid_t pid;

	if (!image_is_locked(image->fd, writable, &pid))
		return true;
	if (pid == 0)
		pid = find_holder(image->fd);
	if (pid == 0)
		return error_set(err, EXIT_BAD_IMAGE, fix, "%s is in use by another process",
				 image->name);
	(void)snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
	(void)read_small(path, name, sizeof name);
	name[strcspn(name, "\n")] = '\0';
	return error_set(err, EXIT_BAD_IMAGE, fix, "%s is in use by another process: %s, pid %ld",
			 image->name, name, (long)pid);
}
