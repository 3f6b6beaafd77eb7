/* files.c - see files.h. */
#include "guest/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

/* The path of NAME in VM_LOG_DIR, with .NUMBER behind it if that is not 0. False with errno. */
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

/* NAME in VM_LOG_DIR, append-only, owned by ID where we may give it away. -1 with errno. */
static int open_log(const struct settings *s, const struct identity *id, const char *name)
{
	char path[PATH_MAX];

	if (!log_path(s, name, 0, path))
		return -1;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		      0644);

	/* Without the right to give files away they stay ours: no reason to lose the log. */
	if (fd >= 0)
		(void)identity_own(id, fd);
	return fd;
}

static void say_lost(const struct settings *s, const char *name)
{
	log_warning("VM_LOG_DIR=%s: %s cannot be written (%s): the guest runs without it",
		    s->log_dir, name, strerror(errno));
}

void files_open_logs(const struct settings *s, const struct identity *id)
{
	if (mkdir(s->log_dir, 0755) != 0 && errno != EEXIST)
		log_warning("VM_LOG_DIR=%s cannot be made: %s", s->log_dir, strerror(errno));
	int log = open_log(s, id, "qemu.log");

	if (log < 0)
		say_lost(s, "qemu.log");
	int events = open_log(s, id, "events.jsonl");

	if (events < 0)
		say_lost(s, "events.jsonl");
	log_files(log, events);
}

int files_open(const struct settings *s, const struct identity *id, const char *name)
{
	int fd = open_log(s, id, name);
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
