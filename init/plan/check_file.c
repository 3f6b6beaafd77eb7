/* check_file.c - files that QEMU opens itself, by name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host/privileges.h"
#include "plan/plan.h"

/* QEMU may open NAME. */
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
