/* memory.h - the container's memory limit. */
#ifndef VM_HOST_MEMORY_H
#define VM_HOST_MEMORY_H

#include <stdint.h>

/* The lowest limit on our cgroup and those above it, in bytes, cgroup v2 (memory.max) or v1
 * (memory.limit_in_bytes); 0 for none. ROOT is "/sys/fs/cgroup" and PROC "/proc/self/cgroup"
 * but for tests. Where the cgroup path is not visible (a container's namespace), the root of the
 * mount is what is ours. */
uint64_t memory_limit(const char *root, const char *proc);

#endif
