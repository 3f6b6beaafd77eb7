/* child_output.c - see child.h: collects the output of a short-lived program. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "host/child.h"

/* Read FD to its end; up to N bytes go to BUF. False with errno. */
static bool collect(int fd, char *buf, size_t size, uint64_t end_ns, size_t *n)
{
	char more[4096];
	ssize_t got;

	for (*n = 0; (got = read_until(fd, -1, end_ns, more, sizeof more)) > 0;) {
		size_t part = (size_t)got < size - *n ? (size_t)got : size - *n;

		memcpy(buf + *n, more, part);
		*n += part;
	}
	return got == 0;
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
	return error_set(err, EXIT_QEMU_FAILED, "run it by hand to see its messages", "%s: %s",
			 c->path, ok ? "it printed nothing" : strerror(why));
}
