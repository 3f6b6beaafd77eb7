/* boots.c - describes what a start boots, other than by direct boot. */
#include <stdio.h>
#include <string.h>

#include "plan/direct_boot.h"
#include "plan/plan.h"

/* The device at place ORDER of QEMU_BOOT_ORDER: its NAME and PATH. False: none. */
static bool find(const struct plan *plan, char order, const char **name, const char **path)
{
	const struct settings *s = &plan->s;
	const struct disk *disk = &plan->disk;

	*path = "";
	switch (order) {
	case 'n': *name = "the network"; return true;
	case 'a':
		*name = s->floppy ? "the floppy disk " : "a floppy disk";
		*path = s->floppy ? s->floppy : "";
		return s->floppy != NULL;
	case 'd':
		*name = s->cdrom ? "the CD-ROM " : "a CD-ROM";
		*path = s->cdrom ? s->cdrom : "";
		return s->cdrom != NULL;
	default: break;
	}
	for (int i = 0; i < DISK_FLOPPY && disk->count == 0; i++)
		disk = &plan->more[i];
	*name = disk->embedded ? "the built-in guest's disk" : disk->count ? "the disk " : "a disk";
	if (disk->count && !disk->embedded)
		*path = disk->path;
	return disk->count > 0;
}

void plan_describe_boot(const struct plan *plan, const char *why, char *buf, size_t size)
{
	const struct settings *s = &plan->s;
	const char *order = args_boot_order(s, &plan->facts);
	/* With another program in place of the firmware, only that program decides what to boot. */
	const char *other = s->bios ? s->bios : settings_uefi(s) ? "UEFI" : NULL;
	const char *before = other ? ", with " : "it boots ";
	const char *name;
	const char *path;

	if (s->kernel) {
		(void)snprintf(buf, size, "kernel: %.400s", s->kernel);
		return;
	}
	size_t used = (size_t)snprintf(buf, size, "firmware: %s%s%.160s", why ? why : "",
				       why ? "; " : "", other ? other : "");

	for (const char *p = order; *p && used < size; p++) {
		bool there = find(plan, *p, &name, &path);

		if (!there && other)
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s%.120s%s", before, name,
					 path, there ? "" : " (there is none)");
		before = other ? ", " : ", else ";
	}
}
