/* signals.c - see signals.h; signal(7), signalfd(2). */
#include "host/signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Signals raised by our own faults cannot wait for the loop. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};

/* Size of the kernel's signal set: 64 signals. */
#define KERNEL_SIGSET 8

static void leave_faults(sigset_t *set)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		(void)sigdelset(set, faults[i]);
}

/* The raw system call, because libc leaves its reserved real-time signals unblocked, which would
 * end a process that is not PID 1. */
void signals_block(void)
{
	sigset_t set;

	memset(&set, 0xff, KERNEL_SIGSET);
	leave_faults(&set);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, KERNEL_SIGSET);
	(void)signal(SIGPIPE, SIG_IGN);
}

int signals_open(void)
{
	sigset_t set;

	(void)sigfillset(&set);
	leave_faults(&set);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int signals_of_end(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}
