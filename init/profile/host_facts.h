/* host_facts.h - the machine that samples are taken on: its hardware and its load. */
#ifndef VM_PROFILE_HOST_FACTS_H
#define VM_PROFILE_HOST_FACTS_H

#include <sys/types.h>

#include "profile/report.h"

/* Read from /proc, /sys and the cgroup; unknown values are "" or NAN. */
void host_facts(struct host_facts *out);

/* The one-minute load average; NAN: unknown. */
double host_load(void);

/* Processor time in milliseconds that the whole machine has spent on work so far, from /proc/stat,
 * whose resolution is 10 ms; NAN: unknown. */
double host_busy_ms(void);

/* Milliseconds during which the threads of PID were ready to run but had no processor
 * (/proc/PID/task/TID/schedstat; kernel: Documentation/scheduler/sched-stats.rst). NAN: unknown. */
double host_waited_ms(pid_t pid);

#endif
