/* landlock.h - a ruleset for a child: which files it may open (landlock(7), Linux 5.13). */
#ifndef VM_HOST_LANDLOCK_H
#define VM_HOST_LANDLOCK_H

#include <stdbool.h>

enum landlock_access {
	LANDLOCK_READ,	 /* read files and directories */
	LANDLOCK_RUN,	 /* the same, and execute */
	LANDLOCK_DEVICE, /* read, write and ioctl(2) */
	LANDLOCK_FILES,	 /* create, read, write, truncate and remove regular files and sockets */
	LANDLOCK_ALL	 /* everything */
};

/* The Landlock ABI version of the kernel; -1 with errno: ENOSYS (not supported, or blocked by the
 * container engine's seccomp profile), EOPNOTSUPP (disabled at boot), EPERM. */
int landlock_abi(void);

/* A ruleset for ABI that allows nothing yet; signals may be sent only to processes under it.
 * Returns a descriptor, CLOEXEC, or -1 with errno. */
int landlock_new(int abi);

/* Allow ACCESS to PATH and everything below; a missing path is ignored. False with errno. */
bool landlock_allow(int ruleset, int abi, const char *path, enum landlock_access access);

/* Are PROGRAM's libraries where landlock_allow_program() expects them? A link may lead elsewhere.
 */
bool landlock_covers(const char *program);

/* Allow what running the program at PATH needs: the file itself, the system's libraries, /dev/null.
 */
bool landlock_allow_program(int ruleset, int abi, const char *path);

/* Allow ACCESS to the open file FD, under any name. */
bool landlock_allow_fd(int ruleset, int abi, int fd, enum landlock_access access);

/* Enforce the ruleset on this process and its children, which may also read the process' own
 * entries in /proc. Requires PR_SET_NO_NEW_PRIVS. False with errno. */
bool landlock_enforce(int ruleset, int abi);

#endif
