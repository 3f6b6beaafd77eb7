/* seccomp.h - system call filters for processes of our own (seccomp(2)). */
#ifndef VM_HOST_SECCOMP_H
#define VM_HOST_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_CALLS_MAX 96

/* From now on this process, its threads and its children get EPERM for every system call except the
 * N at CALLS (numbers of this program's own architecture), including calls of another architecture
 * (int 0x80, x32). False with errno if the kernel has no filters, or PR_SET_NO_NEW_PRIVS is not
 * set. */
bool seccomp_allow(const uint32_t *calls, size_t n);

/* The inverse: EPERM for the N at CALLS, all others unchanged. */
bool seccomp_deny(const uint32_t *calls, size_t n);

/* From now on every call of this process that can read or write a file's contents, or move its
 * offset, waits until SECCOMP_IOCTL_NOTIF_SEND answers it (linux/seccomp.h), except on descriptors
 * 0 to 2; equivalent calls of other kinds fail as if the kernel did not support them. Returns the
 * descriptor to answer with, CLOEXEC; -1 with errno if the kernel does not support it (before Linux
 * 5.5), or another process watches already. */
int seccomp_watch(void);

#endif
