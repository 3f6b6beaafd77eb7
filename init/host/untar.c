/* untar.c - see untar.h. Uses openat2(2) if the kernel has it and the path exists as expected;
 * otherwise the path is walked component by component with O_NOFOLLOW, creating missing directories
 * and removing obstacles. */
#include "host/untar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "format/serial_text.h"
#include "format/sha256.h"

/* Maximum number of lines about refused members; further ones are only counted. */
#define REFUSALS_SHOWN 20

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct unpack_dir {
	struct unpack_dir *next; /* the directory that follows in the list */
	uint32_t mode;
	int64_t mtime;
	char path[];
};

#define PLACE_FIX "check the destination's permissions and free space"
#define LESS_FIX  "pull less, or pull an archive made in the guest"

static bool failed(struct unpack *u, const char *path, const char *fix, const char *what)
{
	return error_set(&u->err, EXIT_NOT_READY, fix, "%s: %s", path, what);
}

/* Skip the member; true: continue with the others. */
static bool refuse(struct unpack *u, const char *path, const char *why)
{
	if (u->refused++ < REFUSALS_SHOWN)
		log_warning("refused: %.200s: %s", path, why);
	return true;
}

/* Copy PATH without "." and double slashes to OUT. NULL, or the reason for a refusal. */
static const char *clean_path(const char *path, const char *only, char out[TAR_PATH])
{
	size_t used = 0;
	int depth = 0;

	if (path[0] == '/')
		return "its name is absolute";
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0)
			return "its name contains ..";
		if (n > NAME_MAX)
			return "its name is too long";
		if (n > 0 && !(n == 1 && *path == '.')) {
			if (used > 0)
				out[used++] = '/';
			else if (only && (strlen(only) != n || memcmp(path, only, n) != 0))
				return "it was not requested";
			memcpy(out + used, path, n);
			used += n;
			if (++depth > UNPACK_DEPTH_MAX)
				return "its path has too many components";
		}
		path += n;
		path += *path == '/';
	}
	out[used] = '\0';
	return used > 0 ? NULL : "it has no name";
}

static int open_beneath(int root, const char *path)
{
	const struct open_how how = {.flags = DIR_FLAGS,
				     .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* Open the directory NAME in AT; it is created if missing, replacing anything that is not a
 * directory. -1 with errno. */
static int enter(int at, const char *name, bool make)
{
	for (int i = 0;; i++) {
		int fd = openat(at, name, DIR_FLAGS);

		if (fd >= 0 || !make || i == 2)
			return fd;
		if ((errno == ELOOP || errno == ENOTDIR) && unlinkat(at, name, 0) != 0)
			return -1;
		if (mkdirat(at, name, 0700) != 0 && errno != EEXIST)
			return -1;
	}
}

/* Open the directory PATH below ROOT; MAKE: see enter(). -1 with errno. */
static int walk(int root, char *path, bool make)
{
	int at = open_beneath(root, path[0] ? path : ".");

	if (at >= 0)
		return at;
	at = openat(root, ".", DIR_FLAGS);
	while (at >= 0 && *path) {
		size_t n = strcspn(path, "/");
		char end = path[n];

		path[n] = '\0';
		int next = enter(at, path, make);
		int why = errno;

		path[n] = end;
		(void)close(at);
		errno = why;
		at = next;
		path += n + (end == '/');
	}
	return at;
}

/* Open the parent directory of PATH; *NAME is the last component. -1 with errno. */
static int parent_of(int root, char *path, bool make, char **name)
{
	char *slash = strrchr(path, '/');
	char none[] = "";

	*name = slash ? slash + 1 : path;
	if (slash)
		*slash = '\0';
	int fd = walk(root, slash ? path : none, make);

	if (slash)
		*slash = '/';
	return fd;
}

/* ---- checksums ------------------------------------------------------------------------------ */

static void sum_of(enum unpack_sums kind, const void *bytes, size_t n, char out[UNPACK_SUM])
{
	if (kind == SUMS_SHA256)
		sha256_text(bytes, n, out);
	else
		(void)snprintf(out, UNPACK_SUM, "%u %zu", posix_cksum(bytes, n), n);
}

/* Add the checksum of the file FD, which is read back instead of using the received data. */
static bool add_sum(struct unpack *u, int fd)
{
	struct stat st;
	void *bytes = NULL;

	if (u->sum_count % 1024 == 0) {
		void *more = realloc(u->sums, (u->sum_count + 1024) * sizeof *u->sums);

		if (!more)
			return false;
		u->sums = more;
	}
	if (fstat(fd, &st) != 0)
		return false;
	size_t n = (size_t)st.st_size;

	if (n > 0)
		bytes = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return false;
	sum_of(u->kind, n > 0 ? bytes : "", n, u->sums[u->sum_count++]);
	if (n > 0)
		(void)munmap(bytes, n);
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

void unpack_sum(struct unpack *u, char out[UNPACK_SUM])
{
	char *text = malloc(u->sum_count * UNPACK_SUM + 1);
	size_t n = 0;

	out[0] = '\0';
	if (!text)
		return;
	if (u->sum_count > 0)
		qsort(u->sums, u->sum_count, sizeof *u->sums, by_text);
	for (size_t i = 0; i < u->sum_count; i++) {
		size_t len = strlen(u->sums[i]);

		memcpy(text + n, u->sums[i], len);
		text[n + len] = '\n';
		n += len + 1;
	}
	sum_of(u->kind, text, n, out);
	free(text);
}

/* ---- kinds of members ---------------------------------------------------------------------- */

static bool make_directory(struct unpack *u, char *path, const struct tar_entry *e)
{
	size_t n = strlen(path);
	_cleanup_fd_ int fd = walk(u->root, path, true);

	if (fd < 0)
		return failed(u, path, PLACE_FIX, strerror(errno));
	u->names += n + sizeof(struct unpack_dir);
	struct unpack_dir *d = u->names <= UNPACK_NAMES ? malloc(sizeof *d + n + 1) : NULL;

	if (!d)
		return failed(u, path, LESS_FIX, "there are too many directories");
	*d = (struct unpack_dir){.mode = e->mode & 01777, .mtime = e->mtime};
	memcpy(d->path, path, n + 1);
	*u->last_dir = d;
	u->last_dir = &d->next;
	return true;
}

/* Create the file NAME in DIR, replacing an existing entry. -1 with errno. */
static int create(int dir, const char *name)
{
	for (int i = 0;; i++) {
		int fd =
			openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd >= 0 || errno != EEXIST || i == 1)
			return fd;
		if (unlinkat(dir, name, 0) != 0)
			return -1;
	}
}

static bool make_file(struct unpack *u, char *path, const struct tar_entry *e)
{
	char *name;

	if (e->size > u->max_size - u->size)
		return error_set(&u->err, EXIT_NOT_READY, "pull less, or give a larger --max-size",
				 "%s: more than %llu MiB were received", path,
				 (unsigned long long)(u->max_size >> 20));
	_cleanup_fd_ int dir = parent_of(u->root, path, true, &name);
	_cleanup_fd_ int fd = dir < 0 ? -1 : create(dir, name);

	if (fd < 0 || fchmod(fd, e->mode & 0777) != 0)
		return failed(u, path, PLACE_FIX, strerror(errno));
	u->size += e->size;
	u->fd = fd_take(&fd);
	u->file_size = e->size;
	u->mtime = e->mtime;
	return true;
}

static bool make_symlink(struct unpack *u, char *path, const struct tar_entry *e)
{
	const struct timespec times[] = {{.tv_sec = e->mtime}, {.tv_sec = e->mtime}};
	char *name;
	_cleanup_fd_ int dir = parent_of(u->root, path, true, &name);

	if (dir < 0)
		return failed(u, path, PLACE_FIX, strerror(errno));
	if (!e->link[0])
		return refuse(u, path, "the link has no target");
	(void)unlinkat(dir, name, 0);
	if (symlinkat(e->link, dir, name) != 0)
		return failed(u, path, PLACE_FIX, strerror(errno));
	(void)utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
	return true;
}

/* Copy the file FROM to TO_NAME in TO, if hard links are not supported. */
static bool copy_file(int from, int to, const char *to_name)
{
	struct stat st;
	_cleanup_fd_ int out = create(to, to_name);

	return out >= 0 && fstat(from, &st) == 0 && fchmod(out, st.st_mode & 0777) == 0 &&
	       file_copy(from, out);
}

/* Open the file NAME in DIR, which we own, for reading regardless of its mode. -1 with errno. */
static int open_own(int dir, const char *name, mode_t mode)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd >= 0 || errno != EACCES || fchmodat(dir, name, 0400, 0) != 0)
		return fd;
	fd = openat(dir, name, flags);
	(void)fchmodat(dir, name, mode & 0777, 0);
	return fd;
}

static bool make_hard_link(struct unpack *u, char *path, const struct tar_entry *e)
{
	char target[TAR_PATH];
	char *name, *target_name;
	struct stat st;

	if (clean_path(e->link, u->only, target) != NULL)
		return refuse(u, path, "a hard link to a file outside the archive");
	_cleanup_fd_ int from = parent_of(u->root, target, false, &target_name);

	if (from < 0 || fstatat(from, target_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return refuse(u, path, "a hard link to a file outside the archive");
	if (strcmp(path, target) == 0)
		return true;
	_cleanup_fd_ int to = parent_of(u->root, path, true, &name);

	if (to < 0)
		return failed(u, path, PLACE_FIX, strerror(errno));
	_cleanup_fd_ int file = open_own(from, target_name, st.st_mode);

	if (file < 0 || !add_sum(u, file))
		return failed(u, path, PLACE_FIX, strerror(errno));
	(void)unlinkat(to, name, 0);
	if (linkat(from, target_name, to, name, 0) == 0)
		return true;
	/* A copy has a checksum, too. */
	if ((uint64_t)st.st_size > u->max_size - u->size)
		return failed(u, path, "pull less, or give a larger --max-size",
			      "more than --max-size was received");
	u->size += (uint64_t)st.st_size;
	return copy_file(file, to, name) || failed(u, path, PLACE_FIX, strerror(errno));
}

/* ---- callbacks of the reader ---------------------------------------------------------------- */

static bool on_entry(void *arg, const struct tar_entry *e)
{
	struct unpack *u = arg;
	char path[TAR_PATH];

	if (++u->members > UNPACK_MEMBERS)
		return failed(u, e->path, LESS_FIX, "the archive has too many members");
	const char *wrong = clean_path(e->path, u->only, path);

	if (wrong)
		return refuse(u, e->path, wrong);
	switch (e->type) {
	case TAR_FILE: return make_file(u, path, e);
	case TAR_DIRECTORY: return make_directory(u, path, e);
	case TAR_SYMLINK: return make_symlink(u, path, e);
	case TAR_HARD_LINK: return make_hard_link(u, path, e);
	case TAR_DEVICE: return refuse(u, path, "a device");
	case TAR_FIFO: return refuse(u, path, "a FIFO");
	case TAR_OTHER: break;
	}
	return refuse(u, path, "not a file, directory or link");
}

static bool on_data(void *arg, uint64_t at, const uint8_t *buf, size_t n)
{
	struct unpack *u = arg;

	if (u->fd < 0 || write_all_at(u->fd, buf, n, (off_t)at))
		return true;
	return failed(u, u->tar.path, PLACE_FIX, strerror(errno));
}

static bool on_end(void *arg)
{
	struct unpack *u = arg;
	const struct timespec times[] = {{.tv_sec = u->mtime}, {.tv_sec = u->mtime}};

	if (u->fd < 0)
		return true;
	if (ftruncate(u->fd, (off_t)u->file_size) != 0 || !add_sum(u, u->fd))
		return failed(u, u->tar.path, PLACE_FIX, strerror(errno));
	(void)futimens(u->fd, times);
	fd_close(&u->fd);
	return true;
}

void unpack_begin(struct unpack *u, int root, const char *only, enum unpack_sums kind,
		  uint64_t max_size)
{
	*u = (struct unpack){
		.root = root, .only = only, .kind = kind, .max_size = max_size, .fd = -1};
	u->last_dir = &u->dirs;
}

static bool damaged(struct unpack *u)
{
	if (u->tar.wrong)
		(void)error_set(&u->err, EXIT_NOT_READY,
				"copy it again: the connection to the guest was disturbed",
				"the received data is damaged: %s", u->tar.wrong);
	return false;
}

bool unpack_feed(struct unpack *u, const uint8_t *buf, size_t n)
{
	static const struct tar_calls calls = {on_entry, on_data, on_end};

	return tar_feed(&u->tar, buf, n, &calls, u) || damaged(u);
}

bool unpack_end(struct unpack *u)
{
	struct unpack_dir *back = NULL;

	if (!tar_end(&u->tar))
		return damaged(u);
	if (u->refused > REFUSALS_SHOWN)
		log_warning("refused: %llu more",
			    (unsigned long long)(u->refused - REFUSALS_SHOWN));
	/* In reverse order: adding entries changes a directory's time, and without its permissions
	 * its entries cannot be reached. */
	while (u->dirs) {
		struct unpack_dir *d = u->dirs;

		u->dirs = d->next;
		d->next = back;
		back = d;
	}
	u->dirs = back;
	for (struct unpack_dir *d = u->dirs; d; d = d->next) {
		const struct timespec times[] = {{.tv_sec = d->mtime}, {.tv_sec = d->mtime}};
		_cleanup_fd_ int fd = walk(u->root, d->path, false);

		if (fd < 0) /* another member has replaced it */
			continue;
		(void)futimens(fd, times);
		(void)fchmod(fd, d->mode);
	}
	return true;
}

void unpack_free(struct unpack *u)
{
	while (u->dirs) {
		struct unpack_dir *d = u->dirs;

		u->dirs = d->next;
		free(d);
	}
	free(u->sums);
	fd_close(&u->fd);
	tar_free(&u->tar);
}
