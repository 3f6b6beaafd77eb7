/* child.c - see child.h.
 *
 * The child reports a failed step through a pipe that exec closes: end of file means that the
 * program runs.
 */
#include "host/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "host/child_watch.h"
#include "host/landlock.h"
#include "host/seccomp.h"

/* The child's report of a failure. */
struct failure {
	const char *step; /* a literal, whose address is the same on both sides of fork(2) */
	int error;
};

static void close_by_proc(int first)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (!dir) {
		struct rlimit most = {0};

		(void)prlimit(0, RLIMIT_NOFILE, NULL, &most);
		for (int fd = first; fd < (int)most.rlim_cur; fd++)
			(void)close(fd);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		char *end;
		long fd = strtol(e->d_name, &end, 10);

		if (end != e->d_name && fd >= first && fd != dirfd(dir)) /* not "." and ".." */
			(void)close((int)fd);
	}
	(void)closedir(dir);
}

void close_from(int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0)
		return;
#endif
	close_by_proc(first);
}

/* Reset every signal to its default action, and the mask to empty, as programs expect. This uses
 * the system call (rt_sigaction(2); all zeros is SIG_DFL), because libc refuses to change the
 * real-time signals that it reserves, which our parent may have ignored. */
static void reset_signals(void)
{
	const struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} dfl = {0};
	const uint64_t none = 0;

	for (int sig = 1; sig <= 64; sig++)
		(void)syscall(SYS_rt_sigaction, sig, &dfl, NULL,
			      sizeof none); /* KILL, STOP: EINVAL */
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

/* Move the descriptors to their numbers. First all are moved above every target number (and above
 * REPORT, which stays open until exec), so that no dup2 closes one that is still needed. */
static bool place_fds(const struct child *c, int *report)
{
	int high = 3;
	int moved[CHILD_FDS_MAX];
	bool std[3] = {false};

	for (size_t i = 0; i < c->fd_count; i++) {
		if (c->fds[i].to >= high)
			high = c->fds[i].to + 1;
		if (c->fds[i].to < 3)
			std[c->fds[i].to] = true;
	}
	*report = fcntl(*report, F_DUPFD_CLOEXEC, high);
	if (*report < 0)
		return false;
	for (size_t i = 0; i < c->fd_count; i++) {
		moved[i] = fcntl(c->fds[i].from, F_DUPFD_CLOEXEC, high);
		if (moved[i] < 0)
			return false;
	}
	/* Clear CLOEXEC: it may already be 0, 1 or 2, which dup2 leaves unchanged. */
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		if (!std[fd] && (null < 0 || dup2(null, fd) < 0))
			return false;
	/* Close all other descriptors between the targets. */
	for (int fd = 3; fd < high; fd++)
		(void)close(fd);
	for (size_t i = 0; i < c->fd_count; i++)
		if (dup2(moved[i], c->fds[i].to) < 0)
			return false;
	/* Move REPORT to `high` and close everything above; REPORT itself closes at exec. */
	if (*report != high && dup3(*report, high, O_CLOEXEC) < 0)
		return false;
	*report = high;
	close_from(high + 1);
	return true;
}

static void raise_oom_score(int adj)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%d", adj);
	_cleanup_fd_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)write_all(fd, text, (size_t)n);
}

/* Resources that a program that only computes does not need. */
static void confine(unsigned cpu_s)
{
	static const uint32_t denied[] = {SYS_socket,
					  SYS_socketpair,
					  SYS_connect,
					  SYS_bind,
					  SYS_listen,
					  SYS_ptrace,
					  SYS_kill,
					  SYS_mount,
					  SYS_setns,
					  SYS_unshare,
					  SYS_process_vm_readv,
					  SYS_process_vm_writev};
	/* If both limits were equal, SIGKILL, which does not show the reason, would come first. */
	const struct rlimit cpu = {cpu_s, cpu_s + 1};
	const struct rlimit files = {64, 64};

	(void)prlimit(0, RLIMIT_CPU, &cpu, NULL);
	(void)prlimit(0, RLIMIT_NOFILE, &files, NULL);
	(void)seccomp_deny(denied, sizeof denied / sizeof *denied);
}

static void join_group(void)
{
	sigset_t set;
	sigset_t old;

	(void)setpgid(0, 0);
	/* The new group is in the background until this call, so SIGTTOU would stop us. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	(void)tcsetpgrp(STDIN_FILENO, getpgrp()); /* ENOTTY: not a terminal, nothing to do */
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

/* Everything between fork and exec. Returns the failed step, with errno. */
static const char *prepare(const struct child *c, int *report, pid_t parent)
{
	const struct rlimit no_core = {0, 0};
	const struct rlimit output = {c->file_max, c->file_max};
	const struct rlimit memory = {c->memory, c->memory};

	if (c->new_session && setsid() < 0)
		return "setsid";
	if (!place_fds(c, report))
		return "placing descriptors";
	if (c->new_group)
		join_group();
	if (c->no_core)
		(void)prlimit(0, RLIMIT_CORE, &no_core, NULL);
	if (c->oom_score_adj)
		raise_oom_score(c->oom_score_adj);
	if (c->identity && !identity_assume(c->identity))
		return "giving up privileges";
	/* After the change of user, which clears it (prctl(2)). The parent may have ended already.
	 */
	if (c->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return "following the parent";
	if (c->die_with_parent && getppid() != parent)
		_exit(127); /* the parent, which would read an error, has ended */
	if (c->file_max && prlimit(0, RLIMIT_FSIZE, &output, NULL) != 0)
		return "limiting its output";
	if (c->memory && prlimit(0, RLIMIT_AS, &memory, NULL) != 0)
		return "limiting its memory";
	if (c->confined)
		confine(c->cpu_s ? c->cpu_s : 60);
	if (c->landlock_abi && !landlock_enforce(c->landlock_fd, c->landlock_abi))
		return "Landlock";
	if (c->landlock_fd)
		(void)close(c->landlock_fd);
	reset_signals();
	if (c->own_pid)
		(void)snprintf(c->own_pid, PID_TEXT, "%ld", (long)getpid());
	if (c->watch)
		c->watcher->enter(*report);
	(void)execve(c->path, c->argv, c->envp);
	return "exec";
}

static _Noreturn void run_child(const struct child *c, int report, pid_t parent)
{
	const char *step = prepare(c, &report, parent);
	struct failure failed = {.step = step, .error = errno};

	/* Not write(2), which may already be watched, without a supervisor to answer. */
	(void)writev(report, &(struct iovec){&failed, sizeof failed}, 1);
	_exit(127);
}

/* The fix, if one is known. */
static const char *fix_for(const struct failure *f)
{
	switch (f->error) {
	case EAGAIN: return "raise the limit on processes (docker run --pids-limit)";
	case ENOMEM: return "give the container more memory";
	case EMFILE:
	case ENFILE: return "raise the limit on open files (docker run --ulimit nofile=1024)";
	default: return "";
	}
}

void child_landlock(struct child *c, int ruleset, int to, int abi, bool *off)
{
	c->fds[c->fd_count++] = (struct child_fd){.from = ruleset, .to = to};
	c->landlock_fd = to;
	c->landlock_abi = abi;
	c->landlock_off = off;
}

/* Read the child's report into FAILED. 0: it runs. */
static ssize_t read_report(int report, struct failure *failed)
{
	ssize_t got;

	do
		got = read(report, failed, sizeof *failed);
	while (got < 0 && errno == EINTR);
	return got;
}

static pid_t start(const struct child *c, int *exec_errno, struct error *err)
{
	struct failure failed = {.step = "pipe"};
	pid_t parent = getpid();
	pid_t pid = -1;
	int fds[2] = {-1, -1};
	ssize_t got = -1;

	if (c->watch)
		*c->watch = -1;
	if (c->watch ? c->watcher->open(fds) : pipe2(fds, O_CLOEXEC) == 0) {
		failed.step = "fork";
		pid = fork();
	}
	if (pid == 0)
		run_child(c, fds[1], parent);
	failed.error = errno;
	fd_close(&fds[1]);
	if (pid > 0)
		got = c->watch ? c->watcher->read(fds[0], c->watch, &failed, sizeof failed)
			       : read_report(fds[0], &failed);
	fd_close(&fds[0]);
	if (got == 0)
		return pid;
	if (c->watch)
		fd_close(c->watch);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	if (exec_errno)
		*exec_errno = failed.error;
	(void)error_set(err, EXIT_QEMU_FAILED, fix_for(&failed), "%s cannot be started: %s: %s",
			c->path, failed.step, strerror(failed.error));
	return -1;
}

/* The program is a script whose shell no rule allows (Debian 12's qemu-system-i386), or has its own
 * dynamic loader. Or its file system (9p without a cache) creates a new inode for each look-up;
 * rules apply to inodes. */
pid_t child_start(const struct child *c, int *exec_errno, struct error *err)
{
	struct child without = *c;
	int why = 0;
	pid_t pid = start(c, &why, err);
	bool off = pid < 0 && why == EACCES && c->landlock_abi && c->landlock_off;

	if (c->landlock_off)
		*c->landlock_off = off;
	if (off) {
		*err = (struct error){0};
		without.landlock_abi = 0;
		pid = start(&without, &why, err);
	}
	if (pid < 0 && exec_errno)
		*exec_errno = why;
	return pid;
}

bool find_program(const char *path, const char *name, char *out, size_t size)
{
	while (path && *path) {
		size_t len = strcspn(path, ":");

		if (snprintf(out, size, "%.*s/%s", (int)len, path, name) < (int)size &&
		    access(out, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}
