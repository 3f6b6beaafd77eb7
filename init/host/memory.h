/* memory.h - the container's memory limit. */
#ifndef VM_HOST_MEMORY_H
#define VM_HOST_MEMORY_H

#include <stdint.h>

/* The lowest limit of our cgroup and its parents, in bytes, cgroup v2 (memory.max) or v1
 * (memory.limit_in_bytes); 0 for none. ROOT is "/sys/fs/cgroup" and PROC "/proc/self/cgroup" except
 * in tests. If the cgroup path is not visible (a container's namespace), the root of the mount is
 * our cgroup. */
uint64_t memory_limit(const char *root, const char *proc);

#endif
