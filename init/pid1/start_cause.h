/* start_cause.h - finds out from the system why QEMU or passt did not start, instead of parsing
 * their messages.
 *
 * Each function tests for one cause, in the same way in which QEMU or passt met it, and writes the
 * remedy into FIX (SIZE bytes). False: this is not the cause. Only called after a failed start: a
 * port that is free now may be taken a moment later.
 */
#ifndef VM_PID1_START_CAUSE_H
#define VM_PID1_START_CAUSE_H

#include "plan/plan.h"

/* A port of QEMU_HOSTFWDS cannot be opened: it is in use, or QEMU's user may not open it. */
bool cause_port(const struct plan *plan, char *fix, size_t size);

/* The guest's memory and QEMU's own cannot be mapped: a limit on address space (ulimit -v), or the
 * kernel's overcommit limit. */
bool cause_memory(const struct settings *s, char *fix, size_t size);

/* Another process has locked the guest's disk since it was checked (host/image_lock.c): two starts
 * at the same moment. */
bool cause_image(const struct disk *disk);

/* VM_DISPLAY: no X11 display where DISPLAY points, or QEMU could not use it. */
bool cause_display(const struct settings *s, char *fix, size_t size);

/* passt may not create a user namespace as user ID (passt: isolation.c). */
bool cause_namespace(const struct identity *id, char *fix, size_t size);

#endif
