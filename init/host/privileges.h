/* privileges.h - QEMU's user, and dropping PID 1's privileges. */
#ifndef VM_HOST_PRIVILEGES_H
#define VM_HOST_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "config/settings.h"

struct identity {
	uid_t uid;
	gid_t gid;
	bool change; /* this process is root and changes to it; otherwise QEMU runs as the same user
		      */
};

/* VM_UID and VM_GID, else user `qemu` of /etc/passwd (parsed here: a static musl binary has no
 * NSS), else our own. Errors (EXIT_NO_PERMISSION, EXIT_BAD_SETTING): root without a user qemu,
 * another identity was requested without root or CAP_SETUID/CAP_SETGID, or it does not exist in our
 * user namespace. */
bool identity_choose(const struct settings *s, struct identity *out, struct error *err);

/* The same for a program that owns no files: without a user qemu it runs as nobody. */
bool identity_choose_any(const struct settings *s, struct identity *out, struct error *err);

/* Is capability CAP (linux/capability.h) in our effective set? */
bool privileges_have(int cap);

/* In the child, before exec: set groups, gid and uid, clear the capability sets (and the bounding
 * set if permitted), set PR_SET_NO_NEW_PRIVS. Everything is verified afterwards; on failure false
 * with errno. */
bool identity_assume(const struct identity *id);

/* In PID 1, once the guest runs: of its capabilities keep only CAP_KILL, CAP_SETUID, CAP_SETGID
 * (needed for a restart), CHOWN and DAC_OVERRIDE (log rotation). Not an error if it has none. */
void privileges_reduce(void);

/* Change the owner of FD's file to ID, if we are root and permitted; otherwise false with errno (a
 * warning). */
bool identity_chown(const struct identity *id, int fd);

/* May ID access the file ST in the way WHAT (S_IROTH, S_IWOTH, S_IXOTH), by its mode bits?
 * access(2) does not help, because this process may be root. */
struct stat;
bool identity_allowed(const struct identity *id, const struct stat *st, mode_t what);

#endif
