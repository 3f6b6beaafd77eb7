/* cpu_query.h - what the guest's processors do: the monitor's `info registers`, for
 * format/cpu_state.h. */
#ifndef VM_PID1_CPU_QUERY_H
#define VM_PID1_CPU_QUERY_H

#include "pid1/env.h"

/* Ask QEMU; REPLY, with ARG, gets the text as its result. False: QEMU does not answer. */
bool cpu_query(const struct env *env, qmp_reply *reply, void *arg);

#endif
