/* seccomp.h - system call filters for processes of our own (seccomp(2)). */
#ifndef VM_HOST_SECCOMP_H
#define VM_HOST_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_CALLS_MAX 96

/* From now on this process, its threads and its children get EPERM for every system call but the N
 * at CALLS (numbers of this program's own architecture); calls of another architecture (int 0x80,
 * x32) get it, too. False with errno where the kernel has no filters, or privileges were kept
 * (PR_SET_NO_NEW_PRIVS is needed before). */
bool seccomp_allow(const uint32_t *calls, size_t n);

/* The same the other way round: EPERM for the N at CALLS, all others as before. */
bool seccomp_deny(const uint32_t *calls, size_t n);

/* From now on every call of this process by which a file's content can be read or written, or its
 * offset moved, waits until SECCOMP_IOCTL_NOTIF_SEND answers it (linux/seccomp.h), but for those on
 * descriptors 0 to 2; calls that do the same in another way fail, as if the kernel did not know
 * them. Returns the descriptor to answer with, CLOEXEC; -1 with errno where the kernel has none
 * (before Linux 5.5), or another one watches already. */
int seccomp_watch(void);

#endif
