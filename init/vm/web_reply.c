/* web_reply.c - the broker's answers (proto/web.h). */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fds.h"
#include "base/file.h"
#include "base/io.h"
#include "vm/web_broker.h"

void web_reply(int reply, int status, const char *text, int fd)
{
	struct web_reply r = {.status = status};

	(void)snprintf(r.text, sizeof r.text, "%s", text ? text : "");
	(void)fds_send(reply, &r, sizeof r, &fd, fd >= 0, MSG_DONTWAIT);
}

int web_text_file(const char *text, size_t n)
{
	_cleanup_fd_ int fd = file_memory("web");

	if (fd < 0 || !write_all_at(fd, text, n, 0))
		return -1;
	return fd_take(&fd);
}
