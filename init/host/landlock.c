/* landlock.c - see landlock.h. The constants are copied from linux/landlock.h, which is newer than
 * some of the hosts that this is built on. */
#include "host/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

/* The same on every architecture (asm-generic/unistd.h). */
#define CREATE_RULESET 444
#define ADD_RULE       445
#define RESTRICT_SELF  446

#define CREATE_VERSION 1u
#define RULE_PATH      1u
#define SCOPE_ABSTRACT 1u /* ABI 6: abstract unix sockets */
#define SCOPE_SIGNAL   2u /* ABI 6 */

#define FS_EXECUTE     (1u << 0)
#define FS_WRITE_FILE  (1u << 1)
#define FS_READ_FILE   (1u << 2)
#define FS_READ_DIR    (1u << 3)
#define FS_REMOVE_FILE (1u << 5)
#define FS_MAKE_REG    (1u << 8)
#define FS_MAKE_SOCK   (1u << 9)
#define FS_TRUNCATE    (1u << 14)
#define FS_IOCTL_DEV   (1u << 15)

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

/* All file access rights of ABI: 1 ends with MAKE_SYM, 2 has REFER, 3 TRUNCATE, 5 IOCTL_DEV. */
static uint64_t handled(int abi)
{
	unsigned bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;

	return (UINT64_C(1) << bits) - 1;
}

int landlock_abi(void)
{
	return (int)syscall(CREATE_RULESET, NULL, 0, CREATE_VERSION);
}

int landlock_new(int abi)
{
	const struct ruleset_attr attr = {.fs = handled(abi),
					  .scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL};
	size_t size = abi >= 6	 ? sizeof attr
		      : abi >= 4 ? offsetof(struct ruleset_attr, scoped)
				 : offsetof(struct ruleset_attr, net);

	return (int)syscall(CREATE_RULESET, &attr, size, 0);
}

static bool add(int ruleset, int abi, int fd, uint64_t allowed)
{
	const uint64_t for_files =
		FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV;
	struct path_attr attr = {.allowed = allowed & handled(abi), .parent = fd};
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	if (!S_ISDIR(st.st_mode))
		attr.allowed &= for_files;
	return syscall(ADD_RULE, ruleset, RULE_PATH, &attr, 0) == 0;
}

static uint64_t rights(enum landlock_access access)
{
	static const uint64_t all[] = {
		[LANDLOCK_READ] = FS_READ_FILE | FS_READ_DIR,
		[LANDLOCK_RUN] = FS_READ_FILE | FS_READ_DIR | FS_EXECUTE,
		[LANDLOCK_DEVICE] = FS_READ_FILE | FS_WRITE_FILE | FS_IOCTL_DEV,
		[LANDLOCK_FILES] = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_TRUNCATE |
				   FS_MAKE_REG | FS_MAKE_SOCK | FS_REMOVE_FILE,
		[LANDLOCK_ALL] = UINT64_MAX,
	};

	return all[access];
}

bool landlock_allow(int ruleset, int abi, const char *path, enum landlock_access access)
{
	_cleanup_fd_ int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
	return add(ruleset, abi, fd, rights(access));
}

bool landlock_covers(const char *program)
{
	_cleanup_fd_ int fd = open(program, O_PATH | O_CLOEXEC);
	char link[40];
	char target[PATH_MAX];
	ssize_t n;

	/* Not realpath(3), which adds 2 KiB of code. */
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof target);
	return strncmp(fd >= 0 && n >= 5 ? target : program, "/usr/", 5) == 0;
}

bool landlock_allow_program(int ruleset, int abi, const char *path)
{
	static const char *const libraries[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64",
						"/usr/local/lib"};
	bool ok = landlock_allow(ruleset, abi, path, LANDLOCK_RUN) &&
		  landlock_allow(ruleset, abi, "/etc/ld.so.cache", LANDLOCK_READ) &&
		  landlock_allow(ruleset, abi, "/dev/null", LANDLOCK_DEVICE);

	for (size_t i = 0; ok && i < sizeof libraries / sizeof *libraries; i++)
		ok = landlock_allow(ruleset, abi, libraries[i], LANDLOCK_RUN);
	return ok;
}

bool landlock_allow_fd(int ruleset, int abi, int fd, enum landlock_access access)
{
	return add(ruleset, abi, fd, rights(access));
}

bool landlock_enforce(int ruleset, int abi)
{
	return landlock_allow(ruleset, abi, "/proc/self", LANDLOCK_READ) &&
	       syscall(RESTRICT_SELF, ruleset, 0) == 0;
}
