/* unpack.c - see unpack.h. The data is untrusted: the program runs as QEMU's user and under the
 * limits of struct child's `confined`. */
#include "host/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "host/child.h"
#include "host/confined.h"

#define BOUND_NS UINT64_C(60000000000)
/* The program holds the pipe open while it runs: end of file means that it has ended. */
#define ALIVE_FD 3

/* Wait for the end of PID, which holds the other end of ALIVE. Returns its status of wait(2), or -1
 * with errno: ETIMEDOUT, EINTR for a stop. */
static int await(pid_t pid, int alive)
{
	_cleanup_fd_ int stop = confined_stop_fd();
	char none;
	int status = 0;
	bool ended = read_until(alive, stop, clock_now() + BOUND_NS, &none, 1) == 0;
	int why = errno;

	if (!ended)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, ended ? 0 : WNOHANG) < 0 && errno == EINTR)
		continue;
	errno = why;
	return ended ? status : -1;
}

static bool full(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 && fs.f_bavail == 0;
}

static bool failed(const char *program, const char *name, int status, int out, struct error *err)
{
	if (status < 0 && errno == EINTR)
		return error_set(err, EXIT_CLEAN, "", "%s: stopped while it was unpacked", name);
	if (status < 0)
		return error_set(err, EXIT_BAD_IMAGE, "unpack it before, and name the result",
				 "%s: unpacking it takes more than a minute", name);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
		return error_set(err, EXIT_BAD_IMAGE, "strip it (strip --strip-debug)",
				 "%s: unpacking it takes more than %zu MiB", name,
				 UNPACK_BYTES_MAX >> 20);
	if (full(out))
		return error_set(err, EXIT_NO_PERMISSION,
				 "give VM_TMP_DIR room (docker run --tmpfs /var/tmp)",
				 "%s cannot be unpacked: VM_TMP_DIR is full", name);
	return error_set(err, EXIT_BAD_IMAGE, "get a whole copy of the file",
			 "%s is compressed and damaged: %s cannot unpack it", name, program);
}

bool unpack(const char *program, int in, int out, const char *name, const struct identity *id,
	    struct error *err)
{
	char path[4096];
	char *argv[] = {path, (char *)"-dc", NULL};
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
	int fds[2];

	if (!find_program(getenv("PATH"), program, path, sizeof path))
		return error_set(err, EXIT_QEMU_FAILED, "install it, or unpack the file before",
				 "%s is compressed, and %s is not on PATH", name, program);
	if (lseek(in, 0, SEEK_SET) < 0 || pipe2(fds, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "%s: %s", name, strerror(errno));
	_cleanup_fd_ int alive = fds[0];
	_cleanup_fd_ int theirs = fds[1];
	struct child c = {.path = path,
			  .argv = argv,
			  .envp = envp,
			  .fds = {{in, STDIN_FILENO}, {out, STDOUT_FILENO}, {theirs, ALIVE_FD}},
			  .fd_count = 3,
			  .identity = id,
			  .new_session = true,
			  .die_with_parent = true,
			  .no_core = true,
			  .confined = true,
			  .file_max = UNPACK_BYTES_MAX};
	pid_t pid = child_start(&c, NULL, err);

	if (pid < 0)
		return false;
	fd_close(&theirs);
	int status = await(pid, alive);

	return (status == 0 && lseek(out, 0, SEEK_SET) == 0) ||
	       failed(program, name, status, out, err);
}
