/* child_output.c - see child.h: what a short-lived program prints. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "host/child.h"

/* What comes from FD until its end, N bytes of it into BUF. False with errno. */
static bool collect(int fd, char *buf, size_t size, uint64_t end_ns, size_t *n)
{
	for (*n = 0;;) {
		uint64_t now = clock_now();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char more[4096];
		int ready = poll(&p, 1, now < end_ns ? (int)((end_ns - now) / 1000000) + 1 : 0);

		if (ready < 0 && errno == EINTR)
			continue;
		ssize_t got = ready > 0 ? read(fd, more, sizeof more) : -1;

		if (ready == 0)
			errno = ETIMEDOUT;
		if (got <= 0)
			return got == 0;
		size_t part = (size_t)got < size - *n ? (size_t)got : size - *n;

		memcpy(buf + *n, more, part);
		*n += part;
	}
}

bool child_output(struct child *c, char *buf, size_t size, unsigned bound_ms, struct error *err)
{
	int fds[2];
	int status = 0;
	size_t n;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "%s: no pipe: %s", c->path, strerror(errno));
	_cleanup_fd_ int output = fds[0];
	_cleanup_fd_ int theirs = fds[1];

	c->fds[c->fd_count++] = (struct child_fd){.from = theirs, .to = STDOUT_FILENO};
	pid_t pid = child_start(c, NULL, err);

	if (pid < 0)
		return false;
	fd_close(&theirs);
	bool ok = collect(output, buf, size - 1, clock_now() + bound_ms * UINT64_C(1000000), &n);
	int why = errno;

	if (!ok)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	buf[n] = '\0';
	if (ok && n > 0 && WIFEXITED(status))
		return true;
	return error_set(err, EXIT_QEMU_FAILED, "", "%s: %s", c->path,
			 ok ? "it printed nothing" : strerror(why));
}
