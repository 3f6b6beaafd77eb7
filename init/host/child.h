/* child.h - starts a program with exactly the specified descriptors, signals and identity. */
#ifndef VM_HOST_CHILD_H
#define VM_HOST_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "host/privileges.h"

#define CHILD_FDS_MAX 72

/* Our FROM becomes TO in the child. Any order works: overlaps are resolved. */
struct child_fd {
	int from, to;
};

struct child {
	const char *path; /* absolute */
	char *const *argv;
	char *const *envp;
	struct child_fd fds[CHILD_FDS_MAX]; /* 0, 1, 2 are /dev/null unless listed */
	size_t fd_count;
	const struct identity *identity; /* NULL: our own, privileges unchanged */
	bool new_group;	  /* setpgid(2), and make it the foreground group if stdin is a terminal */
	bool new_session; /* setsid(2) */
	bool die_with_parent; /* PR_SET_PDEATHSIG SIGKILL */
	bool no_core;	      /* RLIMIT_CORE 0 */
	int landlock_fd;      /* a ruleset of host/landlock.h, its number in the child... */
	int landlock_abi;     /* ... which is enforced before exec; 0: none */
	bool *landlock_off;   /* not NULL: if exec fails under the ruleset, start without it and set
				 this to true */
	bool confined;	      /* for untrusted input: no sockets, 60 s of processor time... */
	unsigned cpu_s;	      /* ... or this many; SIGXCPU ends it */
	size_t file_max;      /* RLIMIT_FSIZE, bytes; 0: none */
	size_t memory;	      /* RLIMIT_AS, bytes; 0: none */
	int oom_score_adj;    /* written unless 0; failure is ignored */
	char *own_pid; /* not NULL: PID_TEXT bytes in ENVP that receive the child's process ID */
	int *watch;    /* not NULL: receives the descriptor of seccomp_watch(), -1: unsupported */
	const struct child_watch *watcher; /* if WATCH is set: &child_watch (child_watch.h) */
};

#define PID_TEXT 16

/* C enforces RULESET (host/landlock.h, made for ABI), passed as descriptor TO, before exec. OFF is
 * landlock_off (may be NULL). */
void child_landlock(struct child *c, int ruleset, int to, int abi, bool *off);

/* Start the child. It has default signal dispositions, an empty signal mask and no other
 * descriptors. It reports a failed step through a CLOEXEC pipe, so that a failed exec is an error
 * here (EXIT_QEMU_FAILED; err->message names the program, the step and errno, which is also stored
 * in *EXEC_ERRNO if that is not NULL) and leaves no zombie. Returns the pid, or -1. */
pid_t child_start(const struct child *c, int *exec_errno, struct error *err);

/* Start C with its standard output on a pipe, store its output in BUF, NUL-terminated (cut if SIZE
 * is too small), and wait for its end; its exit status is ignored. False with ERR
 * (EXIT_QEMU_FAILED) if it cannot be started, is killed, prints nothing, or exceeds BOUND_MS, after
 * which it is killed. */
bool child_output(struct child *c, char *buf, size_t size, unsigned bound_ms, struct error *err);

/* Find the program NAME in the directories of PATH (separated by colons); its path goes to OUT. */
bool find_program(const char *path, const char *name, char *out, size_t size);

/* close_range(2) from FIRST on; by /proc/self/fd or by number on kernels without it. */
void close_from(int first);

#endif
