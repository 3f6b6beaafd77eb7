/* log_dir.c - see log_dir.h. */
#include "console/log_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

#define LOG_DIR_FIX "give PID 1's user write access to it, or set VM_LOG_DIR"
#define LOG_DIR_OWN "set another VM_LOG_DIR for one of them"

/* The path of NAME in VM_LOG_DIR, followed by .NUMBER unless that is 0. False with errno. */
static bool log_path(const struct settings *s, const char *name, long number, char path[PATH_MAX])
{
	char suffix[24] = "";

	if (number)
		(void)snprintf(suffix, sizeof suffix, ".%ld", number);
	if (snprintf(path, PATH_MAX, "%s/%s%s", s->log_dir, name, suffix) < PATH_MAX)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

/* Open NAME in VM_LOG_DIR for appending, as PID 1's user: QEMU, which a guest may have taken over,
 * must not be able to change logs. -1 with errno. */
static int open_log(const struct settings *s, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	if (!log_path(s, name, 0, path))
		return -1;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		      0644);

	/* A file of an earlier version belongs to QEMU's user. If it cannot be changed, it is used
	 * as it is. */
	if (fd >= 0 && fstat(fd, &st) == 0) {
		if (st.st_uid != geteuid())
			(void)fchown(fd, geteuid(), getegid());
		if (st.st_mode & 0022)
			(void)fchmod(fd, st.st_mode & 0755);
	}
	return fd;
}

static void say_lost(const struct settings *s, const char *name)
{
	log_warning("VM_LOG_DIR=%s: %s cannot be written (%s): the guest runs without it",
		    s->log_dir, name, strerror(errno));
	log_line(LOG_WARNING, "  fix: ", LOG_DIR_FIX);
}

/* Lock DIR (flock(2)) until this process ends, through a file of its own, because logs are
 * renamed. 1: locked; 0: locked by another container; -1: no locks, or no such directory. */
static int lock_dir(const char *dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/.vm.lock", dir) >= PATH_MAX)
		return -1;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);

	if (fd < 0) /* of another user */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd < 0 ? -1 : 1;
	int why = errno;

	(void)close(fd);
	return why == EWOULDBLOCK ? 0 : -1;
}

#define LOG_DIRS_MAX 1000

void files_claim_log_dir(struct settings *s)
{
	static char dir[PATH_MAX];
	const char *top = s->log_dir;

	if (mkdir(top, 0755) != 0 && errno != EEXIST) {
		log_warning("VM_LOG_DIR=%s cannot be made: %s", top, strerror(errno));
		log_line(LOG_WARNING, "  fix: ", LOG_DIR_FIX);
	}
	if (lock_dir(top) != 0)
		return;
	for (int i = 2; i < LOG_DIRS_MAX; i++) {
		if (snprintf(dir, sizeof dir, "%s/%d", top, i) >= PATH_MAX ||
		    (mkdir(dir, 0755) != 0 && errno != EEXIST))
			break;
		int locked = lock_dir(dir);

		if (locked == 0)
			continue;
		if (locked < 0)
			break;
		log_warning("VM_LOG_DIR=%s is in use by another guest: this one's logs are in %s",
			    top, dir);
		log_line(LOG_WARNING, "  fix: ", LOG_DIR_OWN);
		s->log_dir = dir;
		return;
	}
	log_warning("VM_LOG_DIR=%s is in use by another guest, and no directory can be made in it: "
		    "both write to the same logs",
		    top);
	log_line(LOG_WARNING, "  fix: ", LOG_DIR_OWN);
}

/* The image's own directory can be written to by any user, because the container may run as any.
 * If that is root, close it to others. A mounted directory is not changed. */
static void close_directory(const char *dir)
{
	struct stat st;
	struct stat parent;
	_cleanup_fd_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (geteuid() == 0 && fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == 0 &&
	    (st.st_mode & S_ISVTX) && fstatat(fd, "..", &parent, 0) == 0 &&
	    st.st_dev == parent.st_dev)
		(void)fchmod(fd, 0755);
}

void files_open_logs(const struct settings *s)
{
	(void)mkdir(s->log_dir, 0755); /* it may have been removed meanwhile */
	close_directory(s->log_dir);
	int log = open_log(s, "qemu.log");

	if (log < 0)
		say_lost(s, "qemu.log");
	int events = open_log(s, "events.jsonl");

	if (events < 0)
		say_lost(s, "events.jsonl");
	log_files(log, events);
}

int files_open(const struct settings *s, const char *name)
{
	int fd = open_log(s, name);
	int why = errno;

	if (fd < 0)
		say_lost(s, name);
	errno = why;
	return fd;
}

bool files_rotate(const struct settings *s, const char *name, long keep)
{
	char from[PATH_MAX];
	char to[PATH_MAX];

	if (keep == 0)
		return log_path(s, name, 0, from) && unlink(from) == 0;
	for (long i = keep; i > 0; i--)
		if (!log_path(s, name, i - 1, from) || !log_path(s, name, i, to) ||
		    (rename(from, to) != 0 && (errno != ENOENT || i == 1)))
			return false;
	return true;
}

bool files_rotate_drops(const struct settings *s, const char *name, long keep)
{
	char path[PATH_MAX];

	return log_path(s, name, keep, path) && access(path, F_OK) == 0;
}

bool files_make_run_dir(const struct settings *s, struct error *err)
{
	if (mkdir(s->run_dir, 0755) == 0 || errno == EEXIST)
		return true;
	int status = errno == EACCES || errno == EPERM || errno == EROFS ? EXIT_NO_PERMISSION
									 : EXIT_BAD_SETTING;

	return error_set(
		err, (enum exit_status)status,
		"give the container a writable /run (docker run --tmpfs /run), or set VM_RUN_DIR",
		"VM_RUN_DIR=%s cannot be made: %s", s->run_dir, strerror(errno));
}
