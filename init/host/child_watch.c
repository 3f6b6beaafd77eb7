/* child_watch.c - see child_watch.h. */
#include "host/child_watch.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fds.h"
#include "host/seccomp.h"

/* A descriptor cannot be passed through a pipe. */
static bool open_report(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0;
}

/* Send one message of one byte. The descriptor closes at exec. */
static void send_watch(int report)
{
	int fd = seccomp_watch();

	(void)fds_send(report, "", 1, &fd, fd >= 0, 0);
}

static ssize_t read_report(int report, int *watch, void *text, size_t size)
{
	ssize_t got;
	int fd;

	do {
		got = fds_receive(report, text, size, &fd, 1, 0);
		if (fd >= 0)
			*watch = fd;
	} while ((got < 0 && errno == EINTR) || got == 1);
	return got;
}

const struct child_watch child_watch = {open_report, send_watch, read_report};
