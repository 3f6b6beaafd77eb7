/* plan_files.c - files that a start hands to QEMU in a form that QEMU can read (plan.h). */
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

void plan_direct(struct plan *plan)
{
	if (plan->s.cache != CACHE_NONE && plan->s.cache != CACHE_DIRECTSYNC)
		return;
	direct(plan, &plan->disk);
	direct(plan, &plan->disk2);
}

static bool same_file(const struct disk_layer *a, const struct disk_layer *b)
{
	struct stat one;
	struct stat other;

	return fstat(a->fd, &one) == 0 && fstat(b->fd, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* One file cannot be two disks, unless each only reads it. */
static void check_distinct(struct plan *plan)
{
	struct disk *disk = &plan->disk2;

	for (int i = 0; i < plan->disk.count; i++)
		for (int j = 0; j < disk->count; j++) {
			const struct disk_layer *a = &plan->disk.layers[i];
			const struct disk_layer *b = &disk->layers[j];

			if (!same_file(a, b) || (!a->writable && !b->writable))
				continue;
			(void)errors_add(&plan->errors, EXIT_BAD_SETTING,
					 "name another image, or use QEMU_DISK_MODE=throwaway",
					 "QEMU_DRIVE2=%s is a part of the first disk too",
					 plan->s.drive2);
			return;
		}
}

void plan_drive2(struct plan *plan)
{
	static struct settings s; /* the first one's, but for what is said of the second alone */

	if (!plan->s.drive2)
		return;
	s = plan->s;
	s.drive_format = s.drive2_format;
	if (s.overlay && s.overlay[0] == '/')
		s.overlay = NULL;
	if (disk_open(&s, s.drive2, false, &plan->disk2, &plan->errors))
		check_distinct(plan);
}

/* By the mode bits of the file and of the directories that lead to it; we may be root. */
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
		(void)errors_add(&plan->errors, EXIT_INTERNAL, "", "VM_TRACE=%s: no copy: %s", path,
				 strerror(errno));
}
