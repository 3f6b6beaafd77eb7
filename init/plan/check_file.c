/* check_file.c - checks files that QEMU opens by name, and files that packages install. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "config/arch.h"
#include "format/bytes.h"
#include "host/privileges.h"
#include "plan/plan.h"

/* Record NAME as a file that QEMU may open. */
static void note_file(struct plan *plan, const char *name)
{
	size_t n = strlen(name) + 1;

	if (n > sizeof plan->files - plan->files_used) {
		plan->files_full = true;
		return;
	}
	memcpy(plan->files + plan->files_used, name, n);
	plan->files_used += n;
}

bool plan_check_file(struct plan *plan, const char *setting, const char *path, size_t len,
		     mode_t type)
{
	char name[4096];
	char fix[256];
	struct stat st;

	(void)snprintf(name, sizeof name, "%.*s", (int)len, path);
	if (stat(name, &st) != 0) {
		(void)snprintf(fix, sizeof fix, "mount the file into the container, or correct %s",
			       setting);
		return errors_add(&plan->errors,
				  errno == EACCES ? EXIT_NO_PERMISSION : EXIT_NO_IMAGE, fix,
				  "%s=%s: %s", setting, name, strerror(errno));
	}
	if ((st.st_mode & S_IFMT) != type) {
		(void)snprintf(fix, sizeof fix, "set %s to a %s", setting,
			       type == S_IFDIR ? "directory" : "regular file");
		return errors_add(&plan->errors, EXIT_NO_IMAGE, fix, "%s=%s is no %s", setting,
				  name, type == S_IFDIR ? "directory" : "regular file");
	}
	if (!identity_allowed(&plan->identity, &st, S_IROTH))
		return errors_add(
			&plan->errors, EXIT_NO_PERMISSION,
			"make it readable (chmod a+r), or set VM_UID and VM_GID to its owner",
			"%s=%s cannot be read by QEMU's user %u:%u", setting, name,
			(unsigned)plan->identity.uid, (unsigned)plan->identity.gid);
	note_file(plan, name);
	return true;
}

/* A device tree begins with its magic number and its length (Devicetree Specification, 5.2). QEMU
 * says of another file only that it could not be loaded. */
void plan_check_dtb(struct plan *plan)
{
	static const char fix[] =
		"name a device tree blob, as dtc makes it (dtc -I dts -O dtb), or "
		"leave QEMU_DTB unset: QEMU makes that of its machine";
	const char *path = plan->s.dtb;
	uint8_t head[8] = {0};
	struct stat st;

	if (!path || arch_of(&plan->s)->pc || /* which refuses it */
	    !plan_check_file(plan, "QEMU_DTB", path, strlen(path), S_IFREG))
		return;
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, O_RDONLY, false, NULL);

	if (fd < 0 || fstat(fd, &st) != 0)
		return;
	ssize_t n = pread(fd, head, sizeof head, 0);

	if (n < (ssize_t)sizeof head || be32(head) != 0xd00dfeed)
		(void)errors_add(&plan->errors, EXIT_BAD_IMAGE, fix,
				 "QEMU_DTB=%s is no device tree blob", path);
	else if (be32(head + 4) > (uint64_t)st.st_size)
		(void)errors_add(&plan->errors, EXIT_BAD_IMAGE, fix,
				 "QEMU_DTB=%s is cut off: it has %lld of %u bytes", path,
				 (long long)st.st_size, (unsigned)be32(head + 4));
}

const char *plan_packaged_firmware(const struct plan *plan)
{
	const char *const *path = arch_of(&plan->s)->firmware;

	for (size_t i = 0; i < ARCH_FIRMWARE_MAX && path[i]; i++)
		if (access(path[i], R_OK) == 0)
			return path[i];
	return NULL;
}
