/* fds.c - see fds.h. */
#include "base/fds.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "base/io.h"

union control {
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

ssize_t fds_send_some(int socket, const void *data, size_t size, const int *fds, size_t count,
		      int flags)
{
	union control control = {0};
	struct iovec part = {(void *)(uintptr_t)data, size};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

	if (count > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);

		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)),
				      .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	return sendmsg(socket, &m, MSG_NOSIGNAL | flags);
}

bool fds_send(int socket, const void *data, size_t size, const int *fds, size_t count, int flags)
{
	return fds_send_some(socket, data, size, fds, count, flags) == (ssize_t)size;
}

ssize_t fds_receive(int socket, void *data, size_t size, int *fds, size_t count, int flags)
{
	union control control;
	struct iovec part = {.iov_len = size};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof control.bytes};

	part.iov_base = data;
	ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC | flags);
	const struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
	bool cut = n >= 0 && (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
	size_t came = 0;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (size_t i = 0; i < count; i++)
		fds[i] = -1;
	for (size_t i = 0; i < came; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
		if (cut || i >= count)
			fd_close(&fd);
		else
			fds[i] = fd;
	}
	if (!cut)
		return n;
	errno = EMSGSIZE;
	return -1;
}
