/* plan_again.c - see plan_again.h. */
#include "plan/plan_again.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "plan/direct_boot.h"
#include "plan/fsck.h"
#include "plan/plan.h"

static struct plan plan;

static bool fails(struct error *err)
{
	*err = plan.errors.list[0];
	return false;
}

/* A throwaway disk's plan has an overlay of its own: the guest's takes its place. */
static bool take_overlay(int overlay)
{
	struct disk_layer *top = &plan.disk.layers[0];

	if (overlay < 0 || plan.disk.overlays != 1)
		return false;
	(void)close(top->fd);
	top->fd = overlay;
	return true;
}

bool plan_repair(int overlay, struct error *err)
{
	int status;

	plan.facts.unattended = true; /* no saved state */
	if (!plan_make(&plan, environ))
		return fails(err);
	(void)take_overlay(overlay);
	plan.s.guest_runs = false; /* PID 1 does, and no QEMU */
	plan_fsck_inspect(&plan);
	return fsck_disks(&plan, "-p", true, &status, err);
}

/* The data of FROM becomes that of TO. */
static bool replace(int from, int to)
{
	return ftruncate(to, 0) == 0 && lseek(to, 0, SEEK_SET) == 0 &&
	       lseek(from, 0, SEEK_SET) == 0 && file_copy(from, to);
}

bool plan_read_kernel(const struct again_files *files, const char **text, struct error *err)
{
	struct kernel *k = &plan.kernel;

	plan.facts.unattended = true;
	if (plan_make(&plan, environ) && take_overlay(files->overlay)) {
		kernel_close(k);
		direct_boot_prepare(&plan);
	}
	if (plan.errors.count > 0)
		return fails(err);
	if (!plan.boot.direct || (k->fds[1] >= 0) != (files->ramdisk >= 0))
		return error_set(err, EXIT_BAD_IMAGE, "",
				 "GRUB's entry has a ramdisk now, or none any more");
	if (!replace(k->fds[0], files->kernel) ||
	    (files->ramdisk >= 0 && !replace(k->fds[1], files->ramdisk)) ||
	    !write_all(files->line, plan.boot.line, strlen(plan.boot.line)))
		return error_set(err, EXIT_NO_PERMISSION, "make room in VM_TMP_DIR",
				 "its files cannot be written: %s", strerror(errno));
	*text = plan.boot.text;
	return true;
}
