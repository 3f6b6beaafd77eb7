/* settings_disks.c - checks settings of disks, CD-ROMs and floppies in combination. */
#include <string.h>

#include "config/settings_internal.h"

struct more_disk settings_more_disk(const struct settings *s, int n)
{
	const struct more_disk all[DISKS_MORE] = {
		{"QEMU_DRIVE2", "second disk", s->drive2, (enum drive_format)s->drive2_format},
		{"QEMU_DRIVE3", "third disk", s->drive3, (enum drive_format)s->drive3_format},
		{"QEMU_DRIVE4", "fourth disk", s->drive4, (enum drive_format)s->drive4_format},
		[DISK_FLOPPY] = {"QEMU_FLOPPY", "floppy", s->floppy, FORMAT_RAW}};

	return all[n];
}

/* The firmware's table has three entries (QEMU: hw/i386/pc.c, set_boot_dev()). */
static bool boot_order_valid(const char *order)
{
	size_t n = strlen(order);

	for (size_t i = 0; i < n; i++)
		if (!strchr("acdn", order[i]) || strchr(order + i + 1, order[i]))
			return false;
	return n <= 3;
}

static void check_boot_order(const struct settings *s, struct errors *errs)
{
	if (!s->boot_order)
		return;
	if (!boot_order_valid(s->boot_order))
		settings_error(errs, "QEMU_BOOT_ORDER", s->boot_order,
			       "is not one to three different letters of a, c, d and n",
			       "set QEMU_BOOT_ORDER to c (disk), d (CD-ROM), dc, …");
	else if (strcmp(s->boot_order, "a") == 0 && !s->floppy && !s->extra_args)
		settings_error(errs, "QEMU_BOOT_ORDER", s->boot_order, "and there is no floppy",
			       "name its image in QEMU_FLOPPY");
}

/* The controllers have no further units (qemu/args_drives.c). */
static void check_places(const struct settings *s, int disks, struct errors *errs)
{
	bool ide = s->disk_bus == BUS_IDE;
	int drives = disks + (s->drive || s->builtin_guest) + !!s->cdrom + !!s->cdrom2 +
		     (s->share == SHARE_DISK);

	if (drives > (ide ? 4 : 6) && (ide || s->disk_bus == BUS_AHCI))
		(void)errors_add(
			errs, EXIT_BAD_SETTING,
			"leave one out, or use QEMU_DISK_BUS=virtio or scsi if the guest can",
			"QEMU_DISK_BUS=%s has %d places, and there are %d disks and CD-ROMs (with "
			"that of VM_SHARE=disk)",
			ide ? "ide" : "ahci", ide ? 4 : 6, drives);
}

void settings_check_disks(const struct settings *s, struct errors *errs)
{
	int disks = 0;

	for (int i = 0; i < DISKS_MORE; i++) {
		const struct more_disk d = settings_more_disk(s, i);

		if (!d.path)
			continue;
		disks += i != DISK_FLOPPY;
		if (s->warm || s->stop == STOP_SUSPEND || s->boot_retries > 0)
			(void)errors_add(
				errs, EXIT_BAD_SETTING, "leave one of them unset",
				"%s=%.200s with %s: a saved state contains the first disk only",
				d.setting, d.path,
				s->warm			  ? "VM_WARM=1"
				: s->stop == STOP_SUSPEND ? "VM_STOP=suspend"
							  : "VM_BOOT_RETRIES");
	}
	check_places(s, disks, errs);
	check_boot_order(s, errs);
	if (s->no_disk && !s->kernel && !s->cdrom && !s->bios && !settings_uefi(s) && !s->floppy &&
	    !disks && !(s->boot_order && strchr(s->boot_order, 'n')))
		(void)errors_add(
			errs, EXIT_BAD_SETTING,
			"set QEMU_KERNEL, QEMU_CDROM, QEMU_FLOPPY, QEMU_BIOS, QEMU_FIRMWARE or "
			"QEMU_BOOT_ORDER=n, or name a disk",
			"QEMU_DRIVE=none: there is nothing to boot");
}
