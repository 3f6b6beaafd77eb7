/* privileges.h - QEMU's user, and the privileges that PID 1 gives up. */
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
	bool change; /* we are root and change to it; else QEMU runs as ourselves */
};

/* VM_UID and VM_GID, else user `qemu` of /etc/passwd (parsed here: a static musl binary asks no
 * NSS), else ours. Error (EXIT_NO_PERMISSION, EXIT_BAD_SETTING): root without a user qemu,
 * another identity asked for without being root or without CAP_SETUID/CAP_SETGID, or one that does
 * not exist in our user namespace. */
bool identity_choose(const struct settings *s, struct identity *out, struct error *err);

/* The same for a program that owns no file: without a user qemu it runs as nobody. */
bool identity_choose_any(const struct settings *s, struct identity *out, struct error *err);

/* Do we have capability CAP (linux/capability.h) in effect? */
bool privileges_have(int cap);

/* In the child, before exec: groups, gid, uid, empty capability sets (bounding set too, where
 * allowed), PR_SET_NO_NEW_PRIVS. Everything is verified afterwards; on failure false with errno. */
bool identity_assume(const struct identity *id);

/* In PID 1, once the guest runs: keep only CAP_KILL, CAP_SETUID, CAP_SETGID (a restart needs
 * them), CHOWN and DAC_OVERRIDE (log rotation) of what it has; no error if it has none. */
void privileges_reduce(void);

/* Give FD's file to ID when we are root and may; false with errno otherwise (a warning). */
bool identity_own(const struct identity *id, int fd);

/* May ID do WHAT (S_IROTH, S_IWOTH, S_IXOTH) with the file ST, by its mode bits? We may be root. */
struct stat;
bool identity_allowed(const struct identity *id, const struct stat *st, mode_t what);

#endif
