/* screenshot.c - the display as a PNG, by QMP's screendump (QEMU >= 7.1: ui/ui-qmp-cmds.c). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "pid1/supervisor.h"

static struct {
	screenshot_done *done; /* NULL: none is being taken */
	char path[4200];
} shot;

static void on_dumped(struct qmp *q, const struct json *doc, const struct json_value *result,
		      const char *error, void *arg)
{
	screenshot_done *done = shot.done;

	(void)q, (void)doc, (void)result;
	shot.done = NULL;
	if (error)
		(void)unlink(shot.path);
	done(arg, error, shot.path);
}

bool screenshot(struct supervisor *v, const char *path, screenshot_done *done)
{
	char quoted[8400];
	char arguments[8500];

	if (shot.done)
		return false;
	/* QEMU opens it by name: it has to be there, and to be QEMU's. */
	(void)unlink(path);
	_cleanup_fd_ int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0 || (!identity_own(&v->plan->identity, fd) && fchmod(fd, 0666) != 0)) {
		log_warning("%s cannot be written: %s", path, strerror(errno));
		return false;
	}
	(void)snprintf(shot.path, sizeof shot.path, "%s", path);
	(void)snprintf(arguments, sizeof arguments, "{\"filename\":%s,\"format\":\"png\"}",
		       json_quote(path, quoted, sizeof quoted));
	if (!qmp_send(&v->qmp, "screendump", arguments, on_dumped, v)) {
		(void)unlink(path);
		return false;
	}
	shot.done = done;
	return true;
}
