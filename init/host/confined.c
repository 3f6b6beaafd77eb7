/* confined.c - see confined.h. */
#include "host/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "host/child.h"
#include "host/seccomp.h"

#define ANSWER_FD 1
/* The program's own memory, including .bss, and malloc's. */
#define OWN_MEMORY ((size_t)64 << 20)

/* Header of every answer. */
struct verdict {
	bool ok;
	struct error err;
};

static const struct identity *child_identity;

void confined_as(const struct identity *id)
{
	child_identity = id;
}

bool confined_stopped(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* ---- the child -------------------------------------------------------------------------- */

/* Permitted calls: reading, memory, and exit. */
static const uint32_t calls[] = {
	SYS_read,	  SYS_pread64,	      SYS_write,  SYS_lseek,	 SYS_fstat,
	SYS_close,	  SYS_mmap,	      SYS_munmap, SYS_mremap,	 SYS_brk,
	SYS_madvise,	  SYS_exit_group,     SYS_exit,	  SYS_futex,	 SYS_clock_gettime,
	SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_writev, SYS_ftruncate,
};

static void limit(int which, rlim_t most)
{
	const struct rlimit l = {most, most};

	(void)prlimit(0, which, &l, NULL);
}

/* SIGXCPU at the soft limit shows why the child died. The hard limit sends SIGKILL, like the
 * out-of-memory killer, and would come first if both limits were equal. */
static void limit_cpu(void)
{
	const struct rlimit most = {CONFINED_CPU_S, CONFINED_CPU_S + 1};
	sigset_t set;

	(void)signal(SIGXCPU, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGXCPU);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)prlimit(0, RLIMIT_CPU, &most, NULL);
}

/* Move the descriptors to their numbers, first out of each other's way. */
static bool place(const struct confined *c, int answer)
{
	const int free = CONFINED_MORE + CONFINED_MORE_MAX;
	int in = c->in < 0 ? -1 : fcntl(c->in, F_DUPFD, free);
	int out = c->out < 0 ? -1 : fcntl(c->out, F_DUPFD, free);
	int more[CONFINED_MORE_MAX];

	for (int i = 0; i < c->more_count; i++) {
		more[i] = fcntl(c->more[i], F_DUPFD, free);
		if (more[i] < 0)
			return false;
	}
	answer = fcntl(answer, F_DUPFD, free);
	if (answer < 0 || (c->in >= 0 && in < 0) || (c->out >= 0 && out < 0))
		return false;
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	if ((in >= 0 && dup2(in, CONFINED_IN) < 0) || dup2(answer, ANSWER_FD) < 0 ||
	    (out >= 0 && dup2(out, CONFINED_OUT) < 0))
		return false;
	for (int i = 0; i < c->more_count; i++)
		if (dup2(more[i], CONFINED_MORE + i) < 0)
			return false;
	close_from(CONFINED_MORE + c->more_count);
	return true;
}

/* Steps that must succeed; features that an old kernel lacks (filters) are skipped. */
static bool confine(const struct confined *c, int answer, pid_t parent)
{
	const struct identity self = {.uid = geteuid(), .gid = getegid()};

	if (!place(c, answer) || !identity_assume(child_identity ? child_identity : &self) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		return false;
	limit_cpu();
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, c->output);
	limit(RLIMIT_NOFILE, 0);
#if !defined __SANITIZE_ADDRESS__
	limit(RLIMIT_AS, OWN_MEMORY + c->memory);
#endif
	(void)seccomp_allow(calls, sizeof calls / sizeof *calls);
	return true;
}

static _Noreturn void run_child(const struct confined *c, int answer, pid_t parent)
{
	struct verdict v = {0};
	void *reply = calloc(1, c->size + 1);

	if (!reply || !confine(c, answer, parent))
		_exit(1);
	v.ok = c->run(c->arg, reply, &v.err);
	if (write_all(ANSWER_FD, &v, sizeof v))
		(void)write_all(ANSWER_FD, reply, v.ok ? c->size : 0);
	_exit(0);
}

/* ---- the parent ------------------------------------------------------------------------- */

/* Fill BUF from FD. False with errno: ENODATA if the child ended before. */
static bool fill(int fd, int stop, uint64_t end, void *buf, size_t n)
{
	for (char *p = buf; n > 0;) {
		ssize_t got = read_until(fd, stop, end, p, n);

		if (got <= 0) {
			errno = got == 0 ? ENODATA : errno;
			return false;
		}
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static sigset_t stop_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	return set;
}

void confined_hold(bool on)
{
	const sigset_t set = stop_signals();

	(void)sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int confined_stop_fd(void)
{
	const sigset_t set = stop_signals();

	return signalfd(-1, &set, SFD_CLOEXEC);
}

static bool stopped(const struct confined *c, struct error *err)
{
	return error_set(err, EXIT_CLEAN, "", "%s: stopped while it was checked", c->name);
}

static long cpu_ms(const struct rusage *used)
{
	return (used->ru_utime.tv_sec + used->ru_stime.tv_sec) * 1000 +
	       (used->ru_utime.tv_usec + used->ru_stime.tv_usec) / 1000;
}

/* The error for a missing answer: WHY is fill()'s errno, STATUS that of wait(2), MS the processor
 * time. */
static bool no_answer(const struct confined *c, int why, int status, long ms, struct error *err)
{
	static const char fix[] =
		"get the file again; if it was complete, please report this and attach it";
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (why == EINTR)
		return stopped(c, err);
	if (why == ETIMEDOUT)
		return error_set(err, EXIT_BAD_IMAGE, "check that the host's storage responds",
				 "%s: checking it takes longer than %u s", c->name,
				 CONFINED_MS / 1000);
	if (sig == SIGXCPU || (sig == SIGKILL && ms >= CONFINED_CPU_S * 900))
		return error_set(err, EXIT_BAD_IMAGE,
				 "get the file again, or convert it where it is safe (qemu-img "
				 "convert -O qcow2 FILE NEW.qcow2)",
				 "%s: checking it takes more than %d s of processor time: it is "
				 "damaged, or was made to stall its readers",
				 c->name, CONFINED_CPU_S);
	if (sig)
		return error_set(err, EXIT_BAD_IMAGE, fix,
				 "%s: the process that checks it crashed (%s)", c->name,
				 strsignal(sig));
	return error_set(err, EXIT_INTERNAL,
			 "raise the limit on processes (docker run --pids-limit)",
			 "%s: no process could be confined to check it", c->name);
}

/* Read the child's answer on FD, and wait for its end. */
static bool take(const struct confined *c, pid_t pid, int fd, int stop, struct error *err)
{
	uint64_t end = clock_now() + CONFINED_MS * UINT64_C(1000000);
	_cleanup_buffer_ uint8_t *reply = malloc(c->size + 1);
	struct verdict v = {0};
	struct rusage used = {0};
	int status = 0;
	char more;

	bool whole = reply && fill(fd, stop, end, &v, sizeof v) &&
		     fill(fd, stop, end, reply, v.ok ? c->size : 0);
	/* The child's end closes the pipe; therefore wait(2) does not block. */
	bool ended = (whole || errno == ENODATA) && (read_until(fd, stop, end, &more, 1) == 0);
	int why = ended ? ENODATA : errno;

	if (!ended)
		(void)kill(pid, SIGKILL);
	while (wait4(pid, &status, ended ? 0 : WNOHANG, &used) < 0 && errno == EINTR)
		continue;
	if (!whole || !ended)
		return no_answer(c, why, status, cpu_ms(&used), err);
	if (v.ok) {
		memcpy(c->answer, reply, c->size);
		return true;
	}
	v.err.message[sizeof v.err.message - 1] = v.err.fix[sizeof v.err.fix - 1] = '\0';
	return error_set(err, v.err.status == EXIT_CLEAN ? EXIT_BAD_IMAGE : v.err.status, v.err.fix,
			 "%s", v.err.message);
}

bool confined_run(const struct confined *c, struct error *err)
{
	int fds[2] = {-1, -1};
	pid_t parent = getpid();
	pid_t pid = -1;

	if (confined_stopped())
		return stopped(c, err);
	_cleanup_fd_ int stop = confined_stop_fd();

	if (pipe2(fds, O_CLOEXEC) == 0)
		pid = fork();
	_cleanup_fd_ int ours = fds[0];

	if (pid == 0)
		run_child(c, fds[1], parent);
	int why = errno;

	fd_close(&fds[1]);
	if (pid > 0)
		return take(c, pid, ours, stop, err);
	return error_set(err, EXIT_INTERNAL,
			 why == EAGAIN ? "raise the limit on processes (docker run --pids-limit)"
				       : "give the container more memory",
			 "%s: no process to check it: %s", c->name, strerror(why));
}

bool confined_query(const char *name, int fd,
		    bool (*run)(const void *arg, void *answer, struct error *err), const void *arg,
		    void *answer, size_t size, struct error *err)
{
	const struct confined c = {.name = name,
				   .run = run,
				   .arg = arg,
				   .answer = answer,
				   .size = size,
				   .in = fd,
				   .out = -1,
				   .memory = (size_t)1 << 20};

	return confined_run(&c, err);
}
