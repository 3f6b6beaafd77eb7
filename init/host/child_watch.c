/* child_watch.c - see child_watch.h. */
#include "host/child_watch.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "host/seccomp.h"

/* A pipe hands over no descriptor. */
static bool open_report(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0;
}

/* One message of one byte. The descriptor closes itself at exec. */
static void be_watched(int report)
{
	int fd = seccomp_watch();
	char room[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec byte = {(char *)"", 1};
	struct msghdr m = {.msg_iov = &byte, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = room;
		m.msg_controllen = sizeof room;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	(void)sendmsg(report, &m, MSG_NOSIGNAL);
}

static ssize_t read_report(int report, int *watch, void *text, size_t size)
{
	char room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {text, size};
	struct msghdr m;
	ssize_t got;

	do {
		m = (struct msghdr){.msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = room,
				    .msg_controllen = sizeof room};
		got = recvmsg(report, &m, MSG_CMSG_CLOEXEC);
		const struct cmsghdr *c = got == 1 ? CMSG_FIRSTHDR(&m) : NULL;

		if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(watch, CMSG_DATA(c), sizeof *watch);
	} while ((got < 0 && errno == EINTR) || got == 1);
	return got;
}

const struct child_watch child_watch = {open_report, be_watched, read_report};
