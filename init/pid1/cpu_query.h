/* cpu_query.h - the state of the guest's processors: the monitor command `info registers`, parsed
 * by format/cpu_state.h. */
#ifndef VM_PID1_CPU_QUERY_H
#define VM_PID1_CPU_QUERY_H

#include "pid1/env.h"

/* Ask QEMU; REPLY is called with ARG, and the text as its result. False: QEMU does not answer. */
bool cpu_query(const struct env *env, qmp_reply *reply, void *arg);

#endif
