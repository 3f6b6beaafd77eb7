/* child.h - start a program with exactly the descriptors, signals and identity it should have. */
#ifndef VM_HOST_CHILD_H
#define VM_HOST_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "host/privileges.h"

#define CHILD_FDS_MAX 72

/* FROM of ours becomes TO in the child. The order is free: overlaps are resolved. */
struct child_fd {
	int from, to;
};

struct child {
	const char *path; /* absolute */
	char *const *argv;
	char *const *envp;
	struct child_fd fds[CHILD_FDS_MAX]; /* 0, 1, 2 are /dev/null unless they are here */
	size_t fd_count;
	const struct identity *identity; /* NULL: as ourselves, nothing given up */
	bool new_group;	      /* setpgid(2), and the terminal's foreground if stdin is one */
	bool new_session;     /* setsid(2) */
	bool die_with_parent; /* PR_SET_PDEATHSIG SIGKILL */
	bool no_core;	      /* RLIMIT_CORE 0 */
	int landlock_fd;      /* a ruleset of host/landlock.h, by its number in the child... */
	int landlock_abi;     /* ... which is entered before exec; 0: none */
	bool *landlock_off; /* not NULL: where exec is refused under it, it starts without: true */
	bool confined;	    /* it reads what is not ours: no sockets, 60 s of processor time... */
	unsigned cpu_s;	    /* ... or so much; SIGXCPU ends it */
	size_t file_max;    /* RLIMIT_FSIZE, bytes; 0: none */
	size_t memory;	    /* RLIMIT_AS, bytes; 0: none */
	int oom_score_adj;  /* written when not 0; failure ignored */
	char *own_pid;	    /* not NULL: PID_TEXT bytes in ENVP for its own process ID */
	int *watch; /* not NULL: gets the descriptor of seccomp_watch() on it, -1: there is none */
	const struct child_watch *watcher; /* with WATCH: &child_watch (child_watch.h) */
};

#define PID_TEXT 16

/* C enters RULESET (host/landlock.h, made for ABI) before exec, under the number TO. OFF (may be
 * NULL): landlock_off. */
void child_landlock(struct child *c, int ruleset, int to, int abi, bool *off);

/* Start it. The child has default signal dispositions and an empty mask, no other descriptor, and
 * reports through a CLOEXEC pipe which step failed, so that an exec that fails is an error here
 * (EXIT_QEMU_FAILED; err->message names the program, the step and errno, which *EXEC_ERRNO gets if
 * not NULL) and leaves no zombie. Returns the pid, or -1. */
pid_t child_start(const struct child *c, int *exec_errno, struct error *err);

/* Start C with its standard output on a pipe, and put what it prints into BUF, NUL-terminated (cut,
 * when SIZE is too small), until it has ended, which is waited for; its exit
 * status is not looked at. False with ERR (EXIT_QEMU_FAILED) when it cannot be started, is killed,
 * prints nothing, or takes longer than BOUND_MS, which ends it. */
bool child_output(struct child *c, char *buf, size_t size, unsigned bound_ms, struct error *err);

/* The program NAME in the directories of PATH (separated by colons), its path into OUT. */
bool find_program(const char *path, const char *name, char *out, size_t size);

/* close_range(2) from FIRST on, by /proc/self/fd or by number where the kernel has none. */
void close_from(int first);

#endif
