/* plan_ram.c - where the guest's memory is (plan.h). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/io.h"
#include "host/guest_ram.h"
#include "host/ram_file.h"
#include "plan/plan.h"

static uint64_t ram_bytes(const struct plan *plan)
{
	return (uint64_t)plan->s.ram_mb << 20;
}

/* May this guest's state be saved, or resumed, with its memory outside of QEMU's stream? Under TCG
 * shared memory costs nothing that can be measured (docs/benchmarks.md), so `vm warm` finds it
 * there in every guest. Under KVM the processor's own tables can use the huge pages that only
 * private memory gets: there it is for who has asked for states. */
static bool wants_shared(const struct plan *plan)
{
	const struct settings *s = &plan->s;

	return !plan->facts.unattended && plan->more_disks == 0 && args_ram_name(s)[0] &&
	       s->state_format != STATE_FORMAT_STREAM &&
	       s->state_format != STATE_FORMAT_MAPPED_RAM &&
	       (plan->accel.accel == ACCEL_TCG || s->warm || s->stop == STOP_SUSPEND);
}

static bool share(struct plan_ram *ram, uint64_t bytes)
{
	int fd = guest_ram_create(bytes);

	if (fd < 0)
		return false;
	*ram = (struct plan_ram){.where = RAM_SHARED, .fd = fd, .from = -1};
	return true;
}

void plan_ram(struct plan *plan)
{
	plan->ram = (struct plan_ram){.where = RAM_PRIVATE, .fd = -1, .from = -1};
	if (wants_shared(plan))
		(void)share(&plan->ram, ram_bytes(plan));
}

bool plan_ram_resume(struct plan *plan, const char *dir, bool packed, bool suspended,
		     struct plan_ram *out, struct error *err)
{
	char path[STATE_PATH_MAX + 16];
	const char *why = "";
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/" STATE_MEMORY, dir);
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, false, &st);

	if (fd < 0)
		return error_set(err, EXIT_NO_IMAGE, "", "%s: %s", path, file_strerror(errno));
	if (!args_ram_name(&plan->s)[0])
		return error_set(err, EXIT_BAD_SETTING, "",
				 "QEMU_MACHINE or QEMU_EXTRA_ARGS say where its memory is");
	if (!packed && (uint64_t)st.st_size != ram_bytes(plan))
		return error_set(err, EXIT_BAD_IMAGE, "", "%s is cut off, or not of this memory",
				 path);
	/* A guest that is to be suspended again saves its memory by itself, which has to be shared
	 * for that. */
	if (!packed && !suspended && plan->s.stop != STOP_SUSPEND &&
	    ram_mappable(fd, ram_bytes(plan), &plan->identity, &why)) {
		/* For whoever wants to write to the file and asks first. */
		(void)flock(fd, LOCK_SH | LOCK_NB);
		*out = (struct plan_ram){.where = RAM_MAPPED, .fd = fd_take(&fd), .from = -1};
		return true;
	}
	if (!share(out, ram_bytes(plan)))
		return error_set(err, EXIT_INTERNAL, "", "no memory for the guest: %s",
				 strerror(errno));
	out->from = fd_take(&fd);
	out->packed = packed;
	(void)snprintf(out->copied, sizeof out->copied, "%s", why);
	return true;
}
