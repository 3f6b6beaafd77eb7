/* state_dir.c - see state_dir.h. */
#include "host/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"

/* The same for STATE_PATH_MAX and a file's name. */
#define FILE_PATH_MAX (STATE_PATH_MAX + 32)

static const char *const names[] = {"overlay-0", "overlay-1", "overlay-2", STATE_MEMORY,
				    STATE_MANIFEST};

const char *state_overlay(int n)
{
	return names[n];
}

static const char *file_in(const char *dir, const char *name, char path[FILE_PATH_MAX])
{
	(void)snprintf(path, FILE_PATH_MAX, "%s/%s", dir, name);
	return path;
}

bool state_path(const struct settings *s, const struct disk *disk, const char *kind,
		char out[STATE_PATH_MAX], struct error *err)
{
	const char *name = path_base(disk->overlay[0] ? disk->overlay : disk->path);
	char host[72] = "";
	int n;

	if (s->disk_mode == DISK_MODE_THROWAWAY && strcmp(kind, "suspended") == 0) {
		host[0] = '.';
		(void)gethostname(host + 1, sizeof host - 2);
	}
	if (!name[0])
		name = "no-disk";
	if (s->state_dir)
		n = snprintf(out, STATE_PATH_MAX, "%s/%s%s.%s", s->state_dir, name, host, kind);
	else
		n = snprintf(out, STATE_PATH_MAX, "%s/state/%s%s.%s", s->image_dir, name, host,
			     kind);
	return n < STATE_PATH_MAX || error_set(err, EXIT_BAD_SETTING, "choose a shorter one",
					       "VM_STATE_DIR: the path of %s is too long", name);
}

static bool refused(const char *path, struct error *err)
{
	return error_set(err, EXIT_NO_PERMISSION,
			 errno == ENOSPC
				 ? "make room there, or set VM_STATE_DIR to another place"
				 : "mount a directory that this user may write to, and name "
				   "it in VM_STATE_DIR",
			 "%s: no state can be saved there: %s", path, strerror(errno));
}

bool state_begin(const char *dir, char part[STATE_PATH_MAX], struct error *err)
{
	char parent[STATE_PATH_MAX];
	const char *slash = strrchr(dir, '/');

	(void)snprintf(parent, sizeof parent, "%.*s", (int)(slash - dir), dir);
	if (mkdir(parent, 0755) != 0 && errno != EEXIST)
		return refused(parent, err);
	if (snprintf(part, STATE_PATH_MAX, "%s/.part-XXXXXX", parent) >= STATE_PATH_MAX)
		return error_set(err, EXIT_BAD_SETTING, "choose a shorter one",
				 "VM_STATE_DIR: the path is too long");
	if (!mkdtemp(part))
		return refused(parent, err);
	(void)chmod(part, 0755); /* many containers may resume from it */
	return true;
}

int state_create(const char *part, const char *name, struct error *err)
{
	char path[FILE_PATH_MAX];
	int fd = open(file_in(part, name, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		(void)refused(path, err);
	return fd;
}

static bool sync_path(const char *path, int flags)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | flags);

	return fd < 0 ? errno == ENOENT : fsync(fd) == 0;
}

static bool sync_all(const char *part)
{
	char path[FILE_PATH_MAX];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!sync_path(file_in(part, names[i], path), 0))
			return false;
	return sync_path(part, O_DIRECTORY);
}

/* PART becomes DIR; a directory that is there already steps aside first. */
static bool put_in_place(const char *part, const char *dir)
{
	char old[STATE_PATH_MAX + 16];

	if (rename(part, dir) == 0)
		return true;
	(void)snprintf(old, sizeof old, "%s.old-%ld", dir, (long)getpid());
	if ((errno != ENOTEMPTY && errno != EEXIST) || rename(dir, old) != 0)
		return false;
	(void)state_remove(old);
	return rename(part, dir) == 0;
}

bool state_commit(const char *part, const char *dir, int fds, int count, struct error *err)
{
	char parent[STATE_PATH_MAX];
	const char *slash = strrchr(dir, '/');

	for (int i = 0; i < count; i++) {
		_cleanup_fd_ int copy = state_create(part, state_overlay(i), err);

		if (copy < 0)
			return false;
		if (!file_copy(fds + i, copy))
			return refused(part, err);
	}
	if (!sync_all(part) || !put_in_place(part, dir))
		return refused(dir, err);
	(void)snprintf(parent, sizeof parent, "%.*s", (int)(slash - dir), dir);
	(void)sync_path(parent, O_DIRECTORY);
	return true;
}

bool state_remove(const char *dir)
{
	char path[FILE_PATH_MAX];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)unlink(file_in(dir, names[i], path));
	return rmdir(dir) == 0 || errno == ENOENT;
}

unsigned long long state_bytes(const char *dir, const char *name)
{
	char path[FILE_PATH_MAX];
	struct stat st;

	return stat(file_in(dir, name, path), &st) == 0 ? (unsigned long long)st.st_blocks * 512
							: 0;
}
