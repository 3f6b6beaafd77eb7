/* in_child.h - run a part of a test in a forked child, which may drop privileges, block signals,
 * mount file systems or forbid itself system calls. The part uses CHECK, because cmocka's
 * assertions must not leave a forked child. These tests need root, as the program's own start does.
 */
#ifndef TEST_IN_CHILD_H
#define TEST_IN_CHILD_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: check failed: %s (errno: %s)\n", __FILE__,         \
				__LINE__, #what, strerror(errno));                                 \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

#define CHECK_TEXT(is, wanted)                                                                     \
	do {                                                                                       \
		if (strcmp(is, wanted) != 0) {                                                     \
			fprintf(stderr, "%s:%d:\n  is     %s\n  wanted %s\n", __FILE__, __LINE__,  \
				is, wanted);                                                       \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* Does F, which uses CHECK, succeed in a child? */
static inline int in_child(void (*f)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		f();
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* From now on, system call NR with the second argument ARG (-1: any) results in ACTION. */
static inline void forbid_syscall(int nr, long arg, uint32_t action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, arg < 0 ? 1 : 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)arg, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter any[] = {code[0], code[1], code[4], code[5]};
	struct sock_fprog prog = {.len = 6, .filter = code};

	if (arg < 0)
		prog = (struct sock_fprog){.len = 4, .filter = any};
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
}

/* Move this child into its own mount namespace. */
static inline void new_mount_namespace(void)
{
	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

static inline void become_nobody(void)
{
	CHECK(syscall(SYS_setgroups, 0, NULL) == 0);
	CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
}

#endif
