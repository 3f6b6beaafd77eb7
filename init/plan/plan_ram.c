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

/* May this guest's state be saved or resumed with its memory outside of QEMU's stream? Under TCG
 * shared memory has no measurable cost (docs/benchmarks.md), so every guest has it, for `vm warm`.
 * Under KVM the processor's second-level page tables can use huge pages, which only private memory
 * gets: memory is shared only if a setting asks for states. */
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
		return error_set(err, EXIT_BAD_SETTING,
				 "leave the memory to QEMU_RAM to resume a saved state",
				 "QEMU_MACHINE or QEMU_EXTRA_ARGS say where its memory is");
	if (!packed && (uint64_t)st.st_size != ram_bytes(plan))
		return error_set(err, EXIT_BAD_IMAGE,
				 "save the state again (vm warm), or remove its directory",
				 "%s is truncated, or not of this memory", path);
	/* A guest that will be suspended again saves its memory outside of the stream, which
	 * requires
	 *  shared memory.
	 */
	if (!packed && !suspended && plan->s.stop != STOP_SUSPEND &&
	    ram_mappable(fd, ram_bytes(plan), &plan->identity, &why)) {
		/* Needed by programs that lock the file before they write to it. */
		(void)flock(fd, LOCK_SH | LOCK_NB);
		*out = (struct plan_ram){.where = RAM_MAPPED, .fd = fd_take(&fd), .from = -1};
		return true;
	}
	if (!share(out, ram_bytes(plan)))
		return error_set(
			err, EXIT_INTERNAL,
			"raise the container's memory limit (compose: mem_limit) or lower QEMU_RAM",
			"no memory for the guest: %s", strerror(errno));
	out->from = fd_take(&fd);
	out->packed = packed;
	(void)snprintf(out->copied, sizeof out->copied, "%s", why);
	return true;
}
