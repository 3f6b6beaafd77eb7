/* plan_files.c - converts files that QEMU cannot read as they are (plan.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "format/plain_text.h"
#include "plan/plan.h"

static void direct(struct plan *plan, const struct disk *disk)
{
	for (int i = 0; i < disk->count; i++) {
		int fd = disk->layers[i].fd;

		if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_DIRECT) == 0)
			continue;
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
				 "set QEMU_CACHE=writeback, or put the image (for a throwaway "
				 "disk: VM_TMP_DIR) on another file system",
				 "QEMU_CACHE=none or directsync: the file system of layer %d of %s "
				 "has no direct I/O",
				 i, disk->path);
		return;
	}
}

void plan_set_direct_io(struct plan *plan)
{
	if (plan->s.cache != CACHE_NONE && plan->s.cache != CACHE_DIRECTSYNC)
		return;
	direct(plan, &plan->disk);
	for (int i = 0; i < DISKS_MORE; i++)
		direct(plan, &plan->more[i]);
}

static bool same_file(const struct disk_layer *a, const struct disk_layer *b)
{
	struct stat one;
	struct stat other;

	return fstat(a->fd, &one) == 0 && fstat(b->fd, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* Do A and B share a file that one of them writes to? */
static bool disks_share(const struct disk *a, const struct disk *b)
{
	for (int i = 0; i < a->count; i++)
		for (int j = 0; j < b->count; j++)
			if (same_file(&a->layers[i], &b->layers[j]) &&
			    (a->layers[i].writable || b->layers[j].writable))
				return true;
	return false;
}

static void check_distinct(struct plan *plan, int n)
{
	const struct more_disk d = settings_more_disk(&plan->s, n);

	for (int i = -1; i < n; i++)
		if (disks_share(i < 0 ? &plan->disk : &plan->more[i], &plan->more[n]))
			(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
					 "name another image, or use QEMU_DISK_MODE=throwaway",
					 "%s=%s is also part of the %s", d.setting, d.path,
					 i < 0 ? "first disk"
					       : settings_more_disk(&plan->s, i).what);
}

/* The sizes of PC floppies (QEMU: hw/block/fdc.c, fd_formats). */
static bool is_floppy_size(uint64_t bytes)
{
	static const unsigned sizes[] = {360, 720, 1200, 1440, 2880};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		if (bytes == sizes[i] * UINT64_C(1024))
			return true;
	return false;
}

static void check_floppy(struct plan *plan)
{
	uint64_t bytes = plan->more[DISK_FLOPPY].layers[0].virtual_size;

	if (!is_floppy_size(bytes) && !plan->s.force)
		(void)errors_add(
			&plan->errors, EXIT_BAD_IMAGE,
			bytes < 2880 * 1024
				? "fill a copy up to a floppy's size: truncate -s 1440K FILE"
				: "a disk goes to QEMU_DRIVE, with QEMU_DRIVE_FORMAT=raw",
			"QEMU_FLOPPY=%s has %llu bytes, and floppies have 360, 720, 1200, 1440 or "
			"2880 KiB",
			plan->s.floppy, (unsigned long long)bytes);
}

void plan_more_disks(struct plan *plan)
{
	static struct settings
		s; /* the first disk's settings, except for those that apply to it alone */
	const struct disk *first = &plan->disk;

	for (int i = 0; i < DISKS_MORE; i++) {
		const struct more_disk d = settings_more_disk(&plan->s, i);

		if (!d.path)
			continue;
		s = plan->s;
		s.drive_format = (int)d.format;
		if (s.overlay && s.overlay[0] == '/')
			s.overlay = NULL;
		if (!disk_open(&s, d.path, false, &plan->more[i], &plan->errors))
			continue;
		plan->more_disks++;
		(void)error_set(&plan->no_state, EXIT_BAD_SETTING,
				"start without QEMU_DRIVE2, 3, 4 and QEMU_FLOPPY",
				"only the first disk can be saved, and this guest has more");
		check_distinct(plan, i);
		if (i == DISK_FLOPPY)
			check_floppy(plan);
	}
	if (first->count && plan->s.drive_format == FORMAT_RAW &&
	    is_floppy_size(first->layers[0].virtual_size))
		(void)errors_add(&plan->warnings, EXIT_BAD_SETTING, "",
				 "QEMU_DRIVE=%s has the size of a floppy; to use it as one, name "
				 "it in QEMU_FLOPPY",
				 first->path);
}

/* Checked by the mode bits of the file and its parent directories, because this process may be
 * root. */
static bool may_open(const struct identity *id, const char *path)
{
	char part[4096];
	struct stat st;

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		if (stat(part, &st) == 0 && !identity_allowed(id, &st, S_IXOTH))
			return false;
	}
	return stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
	       identity_allowed(id, &st, S_IROTH | S_IWOTH);
}

bool plan_extra_unreadable(const struct plan *plan, char *path, size_t size)
{
	for (const char *p = plan->s.extra_args; p && *p; p++) {
		if (*p != '/' || (p > plan->s.extra_args && !strchr("= \t'\"", p[-1])))
			continue;
		size_t n = strcspn(p, ", \t'\"");

		(void)snprintf(path, size, "%.*s", (int)n, p);
		if (access(path, F_OK) == 0 && !may_open(&plan->identity, path))
			return true;
		p += n - 1;
	}
	return false;
}

void plan_trace(struct plan *plan)
{
	static char text[65536];
	const char *path = plan->s.trace;

	if (!plan_check_file(plan, "VM_TRACE", path, strlen(path), S_IFREG))
		return;
	ssize_t got = read_small(path, text, sizeof text);
	size_t n = got < 0 ? 0 : (size_t)got;
	const char *why = plain_text_lines(text, &n);

	if (why)
		(void)errors_add(&plan->errors, EXIT_BAD_SETTING, plain_text_fix, "VM_TRACE=%s %s",
				 path, why);
	if (why || got < 0 || n == (size_t)got || got == sizeof text - 1)
		return;
	plan->trace_fd = file_memory("trace-events");
	if (plan->trace_fd < 0 || !write_all(plan->trace_fd, text, n))
		(void)errors_add(&plan->errors, EXIT_INTERNAL, "give the container more memory",
				 "VM_TRACE=%s: no copy: %s", path, strerror(errno));
}
