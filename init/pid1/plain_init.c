/* plain_init.c - init init COMMAND: a plain init, for a program other than QEMU in the container.
 *
 * Does what tini and catatonit are tested for: reaps orphans, passes signals on, puts the program
 * into the terminal's foreground, and exits with its status (128+n for a signal, 126 and 127 as a
 * shell does).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "host/child.h"
#include "pid1/plain_init.h"

enum { STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127, STATUS_SIGNAL = 128 };

/* Size of the kernel's signal set: 64 signals. The system calls are used directly, because libc
 * reserves a few real-time signals, which would end this process instead of being passed on. */
#define KERNEL_SIGSET 8

/* The path of COMMAND as execvp(3) would find it, in a static buffer. */
static const char *find(const char *command)
{
	static char path[4096];
	const char *dirs = getenv("PATH");
	const char *unusable = NULL;

	if (strchr(command, '/'))
		return command;
	for (dirs = dirs ? dirs : "/usr/local/bin:/usr/bin:/bin"; *dirs;) {
		size_t len = strcspn(dirs, ":");

		if (len + strlen(command) + 2 <= sizeof path) {
			memcpy(path, dirs, len);
			(void)snprintf(path + len, sizeof path - len, "/%s", command);
			if (access(path, X_OK) == 0)
				return path;
			if (access(path, F_OK) == 0)
				unusable = command;
		}
		dirs += len + (dirs[len] == ':');
	}
	errno = unusable ? EACCES : ENOENT;
	return NULL;
}

/* Pass signals on until the program ends. Returns its wait status. */
static int pass_signals(pid_t pid, const sigset_t *set)
{
	for (;;) {
		siginfo_t info;
		int status;
		pid_t ended;

		if (syscall(SYS_rt_sigtimedwait, set, &info, NULL, KERNEL_SIGSET) < 0)
			continue;
		if (info.si_signo != SIGCHLD) {
			(void)kill(-pid, info.si_signo);
			continue;
		}
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
			if (ended == pid)
				return status;
	}
}

int plain_init(char **argv, char **envp)
{
	struct child c = {.argv = argv,
			  .envp = envp,
			  .fds = {{0, 0}, {1, 1}, {2, 2}},
			  .fd_count = 3,
			  .new_group = true};
	struct error err = {0};
	sigset_t set;
	int exec_errno = 0;

	memset(&set, 0xff, sizeof set);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, KERNEL_SIGSET);
	if (getpid() != 1)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	c.path = find(argv[0]);
	if (!c.path) {
		exec_errno = errno;
		log_error("%s: %s", argv[0], strerror(exec_errno));
		return exec_errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
	}
	pid_t pid = child_start(&c, &exec_errno, &err);

	if (pid < 0) {
		error_report(&err);
		return exec_errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
	}
	int status = pass_signals(pid, &set);

	return WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}
