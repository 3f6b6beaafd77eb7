/* start_cause.h - why QEMU or passt did not start, asked of the system and not read in their words.
 *
 * Each looks for one cause, as what did not start would have met it, and says in FIX (SIZE bytes)
 * what helps. False: that was not it. Called when a start has failed, never before: a port that is
 * free now may be taken a moment later.
 */
#ifndef VM_PID1_START_CAUSE_H
#define VM_PID1_START_CAUSE_H

#include "plan/plan.h"

/* A port of QEMU_HOSTFWDS cannot be opened: it is in use, or not for QEMU's user. */
bool cause_port(const struct plan *plan, char *fix, size_t size);

/* There is no room for the guest's memory and QEMU's own: a limit on address space (ulimit -v), or
 * the kernel's (overcommit). */
bool cause_memory(const struct settings *s, char *fix, size_t size);

/* VM_DISPLAY: no X11 display where DISPLAY says, or one that QEMU could not use all the same. */
bool cause_display(const struct settings *s, char *fix, size_t size);

/* passt, as the user ID, may make itself no user namespace (passt: isolation.c). */
bool cause_namespace(const struct identity *id, char *fix, size_t size);

#endif
