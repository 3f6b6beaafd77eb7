/* landlock.h - a ruleset for a child: which files it may open (landlock(7), Linux 5.13). */
#ifndef VM_HOST_LANDLOCK_H
#define VM_HOST_LANDLOCK_H

#include <stdbool.h>

enum landlock_access {
	LANDLOCK_READ,	 /* read files and directories */
	LANDLOCK_RUN,	 /* the same, and execute */
	LANDLOCK_DEVICE, /* read, write and ioctl(2) */
	LANDLOCK_FILES,	 /* make, read, write, cut and remove regular files and sockets */
	LANDLOCK_ALL	 /* everything */
};

/* The version of Landlock's ABI that the kernel offers; -1 with errno: ENOSYS (none, or a container
 * engine's seccomp profile does not know it), EOPNOTSUPP (switched off at boot), EPERM. */
int landlock_abi(void);

/* A ruleset for ABI that allows nothing yet; signals go to processes under it only. A descriptor,
 * CLOEXEC, or -1 with errno. */
int landlock_new(int abi);

/* Allow ACCESS to PATH and all below it; what is not there is left out. False with errno. */
bool landlock_allow(int ruleset, int abi, const char *path, enum landlock_access access);

/* Whether what PROGRAM loads is where landlock_allow_program() looks: a link may lead elsewhere. */
bool landlock_suits(const char *program);

/* Allow what running the program at PATH takes: itself, the system's libraries, /dev/null. */
bool landlock_allow_program(int ruleset, int abi, const char *path);

/* Allow ACCESS to the open file FD, under whatever name. */
bool landlock_allow_fd(int ruleset, int abi, int fd, enum landlock_access access);

/* From now on the ruleset holds for this process and its children, which may read what /proc has on
 * the process itself. PR_SET_NO_NEW_PRIVS is needed before. False with errno. */
bool landlock_enter(int ruleset, int abi);

#endif
