/* screenshot.c - see screenshot.h. */
#include "pid1/screenshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "pid1/env.h"

static void on_dumped(struct qmp *q, const struct json *doc, const struct json_value *result,
		      const char *error, void *arg)
{
	struct screenshot *s = arg;
	screenshot_done *done = s->done;

	(void)q, (void)doc, (void)result;
	s->done = NULL;
	if (error)
		(void)unlink(s->path);
	done(s->arg, error, s->path);
}

void screenshot_init(struct screenshot *s, const struct env *env)
{
	s->env = env;
	s->done = NULL;
}

bool screenshot_take(struct screenshot *s, const char *path, screenshot_done *done, void *arg)
{
	char arguments[8500];

	if (s->done)
		return false;
	/* QEMU opens the file by name, as its own user: create it with that owner. */
	(void)unlink(path);
	_cleanup_fd_ int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0 || (!identity_chown(&s->env->plan->identity, fd) && fchmod(fd, 0666) != 0)) {
		log_warning("%s cannot be written: %s", path, strerror(errno));
		return false;
	}
	(void)snprintf(s->path, sizeof s->path, "%s", path);
	(void)json_write(arguments, sizeof arguments,
			 JSON_LIST(J_TEXT("filename", path), J_TEXT("format", "png")));
	if (!qmp_send(s->env->qmp, "screendump", arguments, on_dumped, s)) {
		(void)unlink(path);
		return false;
	}
	s->done = done;
	s->arg = arg;
	return true;
}
