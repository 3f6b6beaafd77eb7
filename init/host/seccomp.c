/* seccomp.c - see seccomp.h. The filter checks the architecture and the number of a call, not its
 * arguments.
 *
 * It returns EPERM instead of killing the process: a library that tries a newer call first falls
 * back to an older one, and the denied call has no effect in either case.
 */
#include "host/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "seccomp.c: name the architecture's AUDIT_ARCH"
#endif

/* Calls of x86-64's x32 ABI have this bit (asm/unistd.h, __X32_SYSCALL_BIT). */
#define X32_BIT 0x40000000u

#define LOAD(field)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)
#define DENY	     (SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA))

/* Return LISTED for the calls at CALLS, OTHER for all others. */
static bool install(const uint32_t *calls, size_t n, uint32_t listed, uint32_t other)
{
	struct sock_filter code[2 * SECCOMP_CALLS_MAX + 8] = {
		LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0), ANSWER(DENY),
		LOAD(nr),   BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),	     ANSWER(DENY),
	};
	size_t used = 6;

	if (n > SECCOMP_CALLS_MAX) {
		errno = EINVAL;
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		code[used++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
		code[used++] = (struct sock_filter)ANSWER(listed);
	}
	code[used++] = (struct sock_filter)ANSWER(other);
	const struct sock_fprog program = {.len = (unsigned short)used, .filter = code};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

bool seccomp_allow(const uint32_t *calls, size_t n)
{
	return install(calls, n, SECCOMP_RET_ALLOW, DENY);
}

bool seccomp_deny(const uint32_t *calls, size_t n)
{
	return install(calls, n, DENY, SECCOMP_RET_ALLOW);
}

/* Watched calls of another architecture were already denied by install(). */
int seccomp_watch(void)
{
	static const uint32_t watched[] = {SYS_read,	 SYS_write, SYS_pread64,
					   SYS_pwrite64, SYS_lseek, SYS_close};
	static const uint32_t others[] = {
		SYS_preadv,	     SYS_pwritev,  SYS_preadv2,	  SYS_pwritev2,	 SYS_sendfile,
		SYS_copy_file_range, SYS_splice,   SYS_fallocate, SYS_ftruncate, SYS_truncate,
		SYS_io_uring_setup,  SYS_io_setup, SYS_seccomp,
	};
	struct sock_filter code[4 * SECCOMP_CALLS_MAX] = {
		LOAD(nr),
	};
	size_t used = 1;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		code[used++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, others[i], 0, 1);
		code[used++] = (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | ENOSYS);
	}
	for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
		code[used++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, watched[i], 0, 3);
		code[used++] = (struct sock_filter)LOAD(args[0]);
		code[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 3, 0, 1);
		code[used++] = (struct sock_filter)ANSWER(SECCOMP_RET_USER_NOTIF);
		code[used++] = (struct sock_filter)LOAD(nr);
	}
	code[used++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
	const struct sock_fprog program = {.len = (unsigned short)used, .filter = code};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}
