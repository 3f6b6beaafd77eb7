/* run_signal.c - the signal that ends a run of the profiler (profiler_internal.h). */
#include <sys/signalfd.h>
#include <unistd.h>

#include "profile/profiler_internal.h"

void profiler_take_signal(struct profiler *p)
{
	struct signalfd_siginfo info;

	if (read(p->signals, &info, sizeof info) == (ssize_t)sizeof info)
		p->signal = (int)info.ssi_signo;
}
