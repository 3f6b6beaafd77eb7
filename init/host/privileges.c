/* privileges.c - see privileges.h. capabilities(7), capget(2), credentials(7). */
#include "host/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"

/* The kernel's ID for unmapped IDs (/proc/sys/kernel/overflowuid), which every system names. */
#define NOBODY 65534

struct caps {
	uint64_t effective, permitted, inheritable;
};

static bool caps_get(struct caps *c)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return false;
	*c = (struct caps){.effective = data[0].effective | (uint64_t)data[1].effective << 32,
			   .permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
			   .inheritable = data[0].inheritable | (uint64_t)data[1].inheritable
									<< 32};
	return true;
}

static bool caps_set(uint64_t keep)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
		{.effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32)},
	};

	return syscall(SYS_capset, &head, data) == 0;
}

static bool has(const struct caps *c, int cap)
{
	return c->effective & UINT64_C(1) << cap;
}

bool privileges_have(int cap)
{
	struct caps caps;

	return caps_get(&caps) && has(&caps, cap);
}

/* Find the user `qemu` in /etc/passwd: name:password:uid:gid:... (passwd(5)). */
static bool find_qemu_user(struct identity *out)
{
	static const char name[] = "qemu:";
	static char text[65536];
	char *line = text;
	char *end;

	if (read_small("/etc/passwd", text, sizeof text) < 0)
		return false;
	while (strncmp(line, name, sizeof name - 1) != 0) {
		line = strchr(line, '\n');
		if (!line++)
			return false;
	}
	line = strchr(line + sizeof name - 1, ':');
	if (!line)
		return false;
	out->uid = (uid_t)strtoul(line + 1, &end, 10);
	if (end == line + 1 || *end != ':')
		return false;
	line = end + 1;
	out->gid = (gid_t)strtoul(line, &end, 10);
	return end != line && *end == ':' && out->uid != 0;
}

/* Does ID exist in our user namespace? MAP is /proc/self/uid_map or gid_map, whose lines contain:
 * first ID inside, first ID outside, count (user_namespaces(7)). */
static bool mapped(const char *map, unsigned long id)
{
	char text[4096];
	char *at = text;

	if (read_small(map, text, sizeof text) <= 0)
		return true;
	for (;;) {
		char *end;
		unsigned long first = strtoul(at, &end, 10);

		if (end == at)
			return false;
		(void)strtoul(end, &at, 10);
		unsigned long count = strtoul(at, &at, 10);

		if (id >= first && id - first < count)
			return true;
	}
}

/* Can this process, as root, become ID? */
static bool can_become(const struct identity *id, struct error *err)
{
	struct caps caps = {0};

	if (!caps_get(&caps) || !has(&caps, CAP_SETUID) || !has(&caps, CAP_SETGID))
		return error_set(err, EXIT_NO_PERMISSION,
				 "add SETUID and SETGID to the container's capabilities, or start "
				 "it with --user",
				 "QEMU must not run as root, and the capabilities SETUID and "
				 "SETGID to change that are missing");
	if (!mapped("/proc/self/uid_map", id->uid) || !mapped("/proc/self/gid_map", id->gid))
		return error_set(err, EXIT_NO_PERMISSION,
				 "give the container's user more subordinate ids (/etc/subuid, "
				 "/etc/subgid), set VM_UID and VM_GID to ids it has, or start it "
				 "with --user",
				 "QEMU must not run as root, and its user %u:%u does not exist in "
				 "this user namespace",
				 (unsigned)id->uid, (unsigned)id->gid);
	return true;
}

/* Without a user qemu use OTHER, unless it is 0. */
static bool choose(const struct settings *s, uid_t other, struct identity *out, struct error *err)
{
	*out = (struct identity){.uid = geteuid(), .gid = getegid()};
	if (out->uid != 0) {
		if ((s->uid && (uid_t)s->uid != out->uid) || (s->gid && (gid_t)s->gid != out->gid))
			return error_set(err, EXIT_NO_PERMISSION,
					 "start the container as root (without --user), or leave "
					 "VM_UID and VM_GID unset",
					 "VM_UID=%ld VM_GID=%ld: only root can run QEMU as another "
					 "user, and this is user %u",
					 s->uid, s->gid, (unsigned)out->uid);
		return true;
	}
	out->change = true;
	if (s->uid) {
		out->uid = (uid_t)s->uid;
		out->gid = s->gid ? (gid_t)s->gid : (gid_t)s->uid;
		return can_become(out, err);
	}
	bool found = find_qemu_user(out);

	if (!found && !other)
		return error_set(
			err, EXIT_NO_PERMISSION,
			"set VM_UID (and VM_GID) to the number of a user without rights",
			"QEMU must not run as root, and there is no user qemu in /etc/passwd");
	if (!found)
		*out = (struct identity){.uid = other, .gid = other, .change = true};
	if (s->gid)
		out->gid = (gid_t)s->gid;
	return can_become(out, err);
}

bool identity_choose(const struct settings *s, struct identity *out, struct error *err)
{
	return choose(s, 0, out, err);
}

bool identity_choose_any(const struct settings *s, struct identity *out, struct error *err)
{
	return choose(s, NOBODY, out, err);
}

/* Clear the bounding set too, if permitted (CAP_SETPCAP): with no_new_privs it could not be used
 * any more anyway. */
static void empty_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static bool verified(const struct identity *id)
{
	struct caps c;
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0 || !caps_get(&c))
		return false;
	/* Verify the kernel's state instead of trusting the calls' results. */
	if ((!id->change || getgroups(0, NULL) == 0) && r == id->uid && e == id->uid &&
	    s == id->uid && rg == id->gid && eg == id->gid && sg == id->gid && !c.effective &&
	    !c.permitted && !c.inheritable && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return true;
	errno = EPERM;
	return false;
}

bool identity_assume(const struct identity *id)
{
	empty_bounding_set();
	/* The raw system calls: the C library's functions synchronise all threads, and there is
	 * only
	 *  one.
	 */
	if (id->change && (syscall(SYS_setgroups, 0, NULL) != 0 ||
			   syscall(SYS_setresgid, id->gid, id->gid, id->gid) != 0 ||
			   syscall(SYS_setresuid, id->uid, id->uid, id->uid) != 0))
		return false;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0,
		    0); /* EINVAL before Linux 4.3 */
	return caps_set(0) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && verified(id);
}

void privileges_reduce(void)
{
	const uint64_t keep = UINT64_C(1) << CAP_KILL | UINT64_C(1) << CAP_SETUID |
			      UINT64_C(1) << CAP_SETGID | UINT64_C(1) << CAP_CHOWN |
			      UINT64_C(1) << CAP_DAC_OVERRIDE;
	struct caps c;

	if (caps_get(&c))
		(void)caps_set(c.permitted & keep);
}

bool identity_chown(const struct identity *id, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	if (!id->change || (st.st_uid == id->uid && st.st_gid == id->gid))
		return true;
	return fchown(fd, id->uid, id->gid) == 0;
}

bool identity_allowed(const struct identity *id, const struct stat *st, mode_t what)
{
	if (st->st_uid == id->uid)
		what <<= 6;
	else if (st->st_gid == id->gid)
		what <<= 3;
	return (st->st_mode & what) == what;
}
