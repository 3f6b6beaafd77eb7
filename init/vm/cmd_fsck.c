/* cmd_fsck.c - vm fsck: check and repair the file systems on the guest's disks while no guest runs.
 */
#include <stdio.h>

#include "base/log.h"
#include "host/confined.h"
#include "host/repair.h"
#include "plan/fsck.h"
#include "vm/cmd.h"

static bool possible(const struct plan *plan, struct error *err)
{
	if (plan->s.guest_runs)
		return error_set(err, EXIT_BAD_IMAGE,
				 "stop the guest first (vm stop, docker compose down)",
				 "a guest runs here, and has its file systems mounted");
	if (plan->s.disk_mode == DISK_MODE_THROWAWAY)
		return error_set(err, EXIT_BAD_SETTING,
				 "set QEMU_DISK_MODE=persistent or overlay, or VM_WARM=0",
				 "QEMU_DISK_MODE=throwaway: what is repaired would be lost");
	if (plan->disk.overlay_new)
		return error_set(err, EXIT_NO_IMAGE,
				 "set QEMU_DISK_MODE=persistent to repair the image itself",
				 "%s: there is no overlay yet", plan->disk.overlay);
	if (plan->fsck.found[0].count + plan->fsck.found[1].count == 0)
		return error_set(err, EXIT_NO_IMAGE, "name a disk that has one (QEMU_DRIVE)",
				 "there is no ext2, ext3 or ext4 file system to check");
	return true;
}

int cmd_fsck(const struct command *self, int argc, char **argv, char **envp)
{
	static struct plan plan;
	struct error err = {0};
	bool yes;
	int bits;
	int status;

	if (!cmd_only_option(self, argc, argv, "--yes", &yes, &status))
		return status;
	confined_hold(true);
	plan.facts.unattended = true; /* saved states are looked up below */
	if (!plan_make(&plan, envp)) {
		errors_report(&plan.errors);
		return errors_status(&plan.errors);
	}
	if (!possible(&plan, &err) || !fsck_no_state(&plan, &err) ||
	    !fsck_disks(&plan, yes ? "-y" : "-p", false, &bits, &err))
		return cmd_fail(&err);
	return repair_succeeded(bits) ? EXIT_CLEAN : EXIT_BAD_IMAGE;
}
