/* machine.c - functions on a finished plan: the machine as a saved state's manifest names it, and
 * the plan's alternatives (plan.h). No untrusted file is parsed here. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "plan/plan.h"

/* The processor model that the guest sees with "-cpu host". */
static const char *host_cpu(const struct plan *plan)
{
	static char text[8192];
	char *name;

	if (plan->accel.accel != ACCEL_KVM || (plan->s.cpu && strncmp(plan->s.cpu, "host", 4) != 0))
		return "";
	if (read_small("/proc/cpuinfo", text, sizeof text) < 0 ||
	    (name = strstr(text, "model name")) == NULL || (name = strchr(name, ':')) == NULL)
		return "unknown";
	name[strcspn(name, "\n")] = '\0';
	return name + 2;
}

struct marks {
	struct manifest *m;
	char (*text)[64];
};

static bool mark(struct marks *k, int fd, struct error *err)
{
	if (k->m->disk_count == MANIFEST_DISKS)
		return error_set(err, EXIT_BAD_IMAGE,
				 "merge the disk's backing files (qemu-img convert)",
				 "too many images for a saved state");
	if (!disk_mark(fd, k->text[k->m->disk_count], err))
		return false;
	k->m->disks[k->m->disk_count] = k->text[k->m->disk_count];
	k->m->disk_count++;
	return true;
}

static bool mark_file(struct marks *k, const char *path, struct error *err)
{
	_cleanup_fd_ int fd = path ? open_regular(AT_FDCWD, path, O_RDONLY, false, NULL) : -1;

	return fd < 0 || mark(k, fd, err);
}

bool plan_machine(const struct plan *plan, struct manifest *m, struct error *err)
{
	static char text[MANIFEST_MAX];
	static char marks[MANIFEST_DISKS][64];
	struct marks k = {.m = m, .text = marks};

	*m = (struct manifest){.host_cpu = host_cpu(plan)};
	manifest_machine(m, &plan->args, text);
	for (int i = plan->disk.overlays; i < plan->disk.count; i++)
		if (!mark(&k, plan->disk.layers[i].fd, err))
			return false;
	return (plan->cdrom_fd < 0 || mark(&k, plan->cdrom_fd, err)) &&
	       (plan->cdrom2_fd < 0 || mark(&k, plan->cdrom2_fd, err)) &&
	       mark_file(&k, plan->s.kernel, err) && mark_file(&k, plan->s.bios, err) &&
	       mark_file(&k, plan->s.dtb, err) &&
	       (plan->firmware.fds[0] < 0 || mark(&k, plan->firmware.fds[0], err));
}

/* Copy FROM to A, whose vector then points to its own text. */
static void take_args(struct args *a, const struct args *from)
{
	*a = *from;
	args_rebase(a, from);
}

void plan_cold(struct plan *plan)
{
	plan->resume.kind = RESUME_NONE;
	fd_close(&plan->resume.stream);
	fd_close(&plan->ram.fd);
	fd_close(&plan->ram.from);
	plan->ram = plan->cold.ram;
	plan->cold.ram.fd = -1;
	disk_close(&plan->disk);
	plan->disk = plan->cold.disk;
	take_args(&plan->args, &plan->cold.args);
	take_args(&plan->args_tcg, &plan->cold.args_tcg);
	plan->cold.disk.count = 0;
}

bool plan_tcg(struct plan *plan)
{
	if (plan->args_tcg.count == 0)
		return false;
	plan->accel.accel = ACCEL_TCG;
	take_args(&plan->args, &plan->args_tcg);
	return true;
}
