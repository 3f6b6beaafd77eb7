/* plan_args.c - converts the plan to QEMU's arguments. */
#include "plan/plan.h"

static void disk_facts(const struct disk *disk, struct disk_facts *out)
{
	out->count = disk->count;
	for (int i = 0; i < disk->count; i++)
		out->layers[i] = (struct disk_fact){.format = disk->layers[i].format,
						    .device = disk->layers[i].device,
						    .writable = disk->layers[i].writable};
}

static void collect_facts(struct plan *plan)
{
	struct facts *f = &plan->facts;

	f->accel = plan->accel.accel;
	f->ram = plan->ram.where;
	f->has_cdrom = plan->cdrom_fd >= 0;
	f->has_cdrom2 = plan->cdrom2_fd >= 0;
	f->uefi = plan->firmware.fds[0] >= 0;
	f->incoming = plan->resume.kind != RESUME_NONE;
	/* A boot of the profiler does not create the disk of VM_SHARE. */
	f->has_share = plan->s.share == SHARE_DISK && !f->unattended;
	f->kernel = plan->kernel.fds[0] >= 0 ? plan->kernel.path : NULL;
	f->direct = plan->boot.direct;
	f->append = f->direct && plan->boot.line[0] ? plan->boot.line : NULL;
	f->initrd = plan->kernel.initrd[0] ? plan->kernel.initrd : NULL;
	f->trace_copy = plan->trace_fd >= 0;
	disk_facts(&plan->disk, &f->disk);
	for (int i = 0; i < DISKS_MORE; i++)
		disk_facts(&plan->more[i], &f->more[i]);
}

bool plan_args(struct plan *plan, struct error *err)
{
	struct error none = {0};

	plan->s.qemu = plan->qemu;
	collect_facts(plan);
	plan->args_tcg.count = 0;
	if (plan->accel.automatic && plan->accel.accel == ACCEL_KVM) {
		plan->facts.accel = ACCEL_TCG;
		if (!args_build(&plan->s, &plan->facts, &plan->args_tcg, &none))
			plan->args_tcg.count = 0;
		plan->facts.accel = ACCEL_KVM;
	}
	return args_build(&plan->s, &plan->facts, &plan->args, err);
}
