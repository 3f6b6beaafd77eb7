/* state_dir.c - see state_dir.h.
 *
 * Other users may have write access to the directory of the states (it may be that of the images).
 * So predictable names are never written through: directories are opened without following links
 * and files are created relative to them.
 */
#include "host/state_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "host/ram_file.h"
#include "host/ram_follow.h"

/* STATE_PATH_MAX plus a file name. */
#define FILE_PATH_MAX (STATE_PATH_MAX + 32)

/* A save that is under way writes all the time. */
#define STALE_S 3600

static const char *const names[] = {"overlay-0",  "overlay-1",	 "overlay-2",
				    STATE_MEMORY, STATE_DEVICES, STATE_MANIFEST};

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
	if (errno == ELOOP)
		return error_set(err, EXIT_NO_PERMISSION,
				 "remove it, or name the place itself in VM_STATE_DIR",
				 "%s: no state can be saved there: it is another user's link",
				 path);
	return error_set(err, EXIT_NO_PERMISSION,
			 errno == ENOSPC
				 ? "make room there, or set VM_STATE_DIR to another place"
				 : "mount a directory that this user may write to, and name "
				   "it in VM_STATE_DIR",
			 "%s: no state can be saved there: %s", path, strerror(errno));
}

/* ---- directories ------------------------------------------------------------------------- */

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static void parent_of(const char *dir, char out[STATE_PATH_MAX])
{
	const char *slash = strrchr(dir, '/');

	(void)snprintf(out, STATE_PATH_MAX, "%.*s", (int)(slash - dir), dir);
}

/* Open the target of the link PATH, if root or we own it, because other users may have write access
 * to its directory. -1 with errno: ELOOP. */
static int follow(const char *path)
{
	char target[STATE_PATH_MAX] = "";
	char parent[STATE_PATH_MAX];
	_cleanup_fd_ int up = -1;
	struct stat st;
	_cleanup_fd_ int link = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (link < 0 || fstat(link, &st) != 0)
		return -1;
	if (!S_ISLNK(st.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
	    readlinkat(link, "", target, sizeof target - 1) < 0) {
		errno = ELOOP;
		return -1;
	}
	parent_of(path, parent);
	up = open(parent[0] ? parent : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return openat(up, target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Open the parent directory of DIR. -1 with errno. */
static int open_parent(const char *dir)
{
	char parent[STATE_PATH_MAX];

	parent_of(dir, parent);
	int fd = open(parent, DIR_FLAGS);

	return fd >= 0 || errno != ENOTDIR ? fd : follow(parent);
}

/* Open the directory DIR itself, which must not be a link. -1 with errno. */
static int open_dir(const char *dir)
{
	_cleanup_fd_ int parent = open_parent(dir);

	return parent < 0 ? -1 : openat(parent, path_base(dir), DIR_FLAGS);
}

/* ---- a new state --------------------------------------------------------------------------- */

bool state_begin(const char *dir, char part[STATE_PATH_MAX], struct error *err)
{
	char parent[STATE_PATH_MAX];
	char random[RANDOM_HEX];
	char name[32];

	parent_of(dir, parent);
	if (mkdir(parent, 0755) != 0 && errno != EEXIST)
		return refused(parent, err);
	_cleanup_fd_ int up = open_parent(dir);

	bool drawn = random_hex(random);

	(void)snprintf(name, sizeof name, ".part-%s", random);
	if (up < 0 || !drawn || mkdirat(up, name, 0700) != 0)
		return refused(parent, err);
	_cleanup_fd_ int fd = openat(up, name, DIR_FLAGS);

	/* Many containers may resume from it. */
	if (fd < 0 || fchmod(fd, 0755) != 0)
		return refused(parent, err);
	return snprintf(part, STATE_PATH_MAX, "%s/%s", parent, name) < STATE_PATH_MAX ||
	       error_set(err, EXIT_BAD_SETTING, "choose a shorter one",
			 "VM_STATE_DIR: the path is too long");
}

static int create(int dir, const char *name)
{
	return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
}

int state_create(const char *part, const char *name, struct error *err)
{
	char path[FILE_PATH_MAX];
	_cleanup_fd_ int dir = open_dir(part);
	int fd = dir < 0 ? -1 : create(dir, name);

	if (fd < 0)
		(void)refused(file_in(part, name, path), err);
	return fd;
}

static bool sync_all(int dir)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		_cleanup_fd_ int fd = openat(dir, names[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 ? errno != ENOENT : fsync(fd) != 0)
			return false;
	}
	return fsync(dir) == 0;
}

/* Remove the directory NAME in PARENT, with the files above, or another kind of file. */
static bool remove_in(int parent, const char *name)
{
	_cleanup_fd_ int dir = openat(parent, name, DIR_FLAGS);

	if (dir < 0 && errno == ENOTDIR)
		return unlinkat(parent, name, 0) == 0;
	for (size_t i = 0; dir >= 0 && i < sizeof names / sizeof *names; i++)
		(void)unlinkat(dir, names[i], 0);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

/* Rename PART to NAME, both in PARENT; an existing one is moved aside first. */
static bool put_in_place(int parent, const char *part, const char *name)
{
	char random[RANDOM_HEX];
	char old[32];

	if (renameat(parent, part, parent, name) == 0)
		return true;
	if ((errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) || !random_hex(random))
		return false;
	(void)snprintf(old, sizeof old, ".old-%s", random);
	if (renameat(parent, name, parent, old) != 0)
		return false;
	(void)remove_in(parent, old);
	return renameat(parent, part, parent, name) == 0;
}

static bool copy_overlays(int dir, int fds, int count)
{
	for (int i = 0; i < count; i++) {
		_cleanup_fd_ int copy = create(dir, state_overlay(i));

		if (copy < 0 || !file_copy(fds + i, copy))
			return false;
	}
	return true;
}

/* Read-only: it need not be written again, and that would change guests that map it. */
static bool copy_ram(int dir, int ram, int table, enum state_format format)
{
	_cleanup_fd_ int to =
		table < 0 ? create(dir, STATE_MEMORY)
			  : openat(dir, STATE_MEMORY, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	return to >= 0 &&
	       (table >= 0			? ram_follow(ram, to, table, true)
		: format == STATE_FORMAT_PACKED ? ram_pack(ram, to)
						: ram_copy(ram, to)) &&
	       fchmod(to, 0444) == 0;
}

bool state_copy_ahead(const char *part, int ram, int table, struct error *err)
{
	_cleanup_fd_ int dir = open_dir(part);
	_cleanup_fd_ int to = dir < 0 ? -1 : create(dir, STATE_MEMORY);

	return (to >= 0 && ram_follow(ram, to, table, false)) || refused(part, err);
}

bool state_copy(const char *part, int fds, int count, int ram, int table, enum state_format format,
		struct error *err)
{
	_cleanup_fd_ int dir = open_dir(part);

	return (dir >= 0 && copy_overlays(dir, fds, count) &&
		(ram < 0 || copy_ram(dir, ram, table, format))) ||
	       refused(part, err);
}

bool state_commit(const char *part, const char *dir, struct error *err)
{
	_cleanup_fd_ int made = open_dir(part);
	_cleanup_fd_ int parent = open_parent(dir);

	if (made < 0 || parent < 0)
		return refused(part, err);
	if (!sync_all(made) || !put_in_place(parent, path_base(part), path_base(dir)))
		return refused(dir, err);
	(void)fsync(parent);
	return true;
}

/* ---- an existing state --------------------------------------------------------------------- */

bool state_remove(const char *dir)
{
	_cleanup_fd_ int parent = open_parent(dir);

	return parent < 0 ? errno == ENOENT : remove_in(parent, path_base(dir));
}

bool state_rename(const char *dir, const char *name)
{
	_cleanup_fd_ int parent = open_parent(dir);

	return parent >= 0 && renameat(parent, path_base(dir), parent, name) == 0;
}

static char left[4][STATE_PATH_MAX + 8];

void state_discard(const char *dir)
{
	for (size_t i = 0; !state_remove(dir) && i < sizeof left / sizeof *left; i++)
		if (!left[i][0]) {
			(void)snprintf(left[i], sizeof left[i], "%s", dir);
			return;
		}
}

/* FUSE closes files asynchronously, a moment later. */
void state_sweep(void)
{
	static const struct timespec moment = {.tv_nsec = 50000000};

	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		for (int tries = 0; left[i][0] && !state_remove(left[i]) && tries < 20; tries++)
			(void)nanosleep(&moment, NULL);
}

unsigned long long state_bytes(const char *dir, const char *name)
{
	_cleanup_fd_ int fd = open_dir(dir);
	struct stat st;

	return fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0
		       ? (unsigned long long)st.st_blocks * 512
		       : 0;
}

/* ---- what was left behind ------------------------------------------------------------------ */

/* Whether NAME is one of ours, and nothing in it has been written for STALE_S. */
static bool is_stale(int parent, const char *name, time_t now)
{
	struct stat st;

	if ((strncmp(name, ".part-", 6) != 0 && strncmp(name, ".old-", 5) != 0) ||
	    fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) ||
	    now - st.st_mtime < STALE_S)
		return false;
	_cleanup_fd_ int dir = openat(parent, name, DIR_FLAGS);

	for (size_t i = 0; dir >= 0 && i < sizeof names / sizeof *names; i++)
		if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    now - st.st_mtime < STALE_S)
			return false;
	return dir >= 0;
}

int state_remove_stale(const char *dir)
{
	int parent = open_parent(dir);
	DIR *d = parent < 0 ? NULL : fdopendir(parent);
	int removed = 0;

	if (!d && parent >= 0)
		(void)close(parent);
	for (const struct dirent *e; d && (e = readdir(d)) != NULL;)
		removed +=
			is_stale(dirfd(d), e->d_name, time(NULL)) && remove_in(dirfd(d), e->d_name);
	if (d)
		(void)closedir(d);
	return removed;
}
