/* disk_find.c - which image a start uses (disk.h). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/disk.h"

/* The name of the papers, and of the image that Debian's becomes. */
#define USUAL_NAME "debian-hurd-amd64.qcow2"

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name);
	size_t m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

struct found {
	int qcow2;	 /* how many */
	char first[256]; /* a qcow2's name */
	char second[256];
	char raw[256]; /* a raw image's name, "" for none */
};

/* What lies in DIR. A directory that is not there holds nothing. */
static bool look(const char *dir_name, struct found *f, struct errors *errs)
{
	DIR *dir = opendir(dir_name);
	struct dirent *e;

	if (!dir)
		return errno == ENOENT ||
		       errors_add(errs, EXIT_NO_PERMISSION,
				  "make it readable, or name an image in QEMU_DRIVE",
				  "VM_IMAGE_DIR=%s: %s", dir_name, strerror(errno));
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (ends_with(e->d_name, ".qcow2")) {
			char *to = f->qcow2 == 0 ? f->first : f->second;

			(void)snprintf(to, sizeof f->first, "%s", e->d_name);
			f->qcow2++;
		} else if (ends_with(e->d_name, ".img") || ends_with(e->d_name, ".raw")) {
			(void)snprintf(f->raw, sizeof f->raw, "%s", e->d_name);
		}
	}
	(void)closedir(dir);
	return true;
}

static bool embedded_guest(const struct settings *s, char path[4096], bool *embedded,
			   struct errors *errs)
{
	if (access(s->embedded, F_OK) != 0)
		return errors_add(errs, EXIT_NO_IMAGE,
				  "put a disk image into VM_IMAGE_DIR (compose: images/) or name "
				  "one in QEMU_DRIVE",
				  "there is no disk image in VM_IMAGE_DIR=%s, and no built-in "
				  "guest at VM_EMBEDDED=%s",
				  s->image_dir, s->embedded);
	(void)snprintf(path, 4096, "%s", s->embedded);
	*embedded = true;
	return true;
}

bool disk_find(const struct settings *s, char path[4096], bool *embedded, struct errors *errs)
{
	struct found f = {0};
	struct stat st;

	*embedded = false;
	path[0] = '\0';
	if (s->drive) {
		(void)snprintf(path, 4096, "%s", s->drive);
		return true;
	}
	(void)snprintf(path, 4096, "%s/%s", s->image_dir, USUAL_NAME);
	if (stat(path, &st) == 0)
		return true;
	path[0] = '\0';
	/* Who boots a kernel or a CD says which disk goes with it, if any. */
	if (s->kernel || s->cdrom)
		return true;
	if (!look(s->image_dir, &f, errs))
		return false;
	if (f.qcow2 > 1)
		return errors_add(errs, EXIT_BAD_SETTING, "name the one to boot in QEMU_DRIVE",
				  "VM_IMAGE_DIR=%s holds %d images, %s and %s among them",
				  s->image_dir, f.qcow2, f.first, f.second);
	if (f.qcow2 == 1) {
		(void)snprintf(path, 4096, "%s/%s", s->image_dir, f.first);
		return true;
	}
	if (f.raw[0])
		return errors_add(errs, EXIT_BAD_SETTING,
				  "set QEMU_DRIVE to its path and QEMU_DRIVE_FORMAT=raw, or "
				  "convert it: qemu-img convert -O qcow2 FILE NEW.qcow2",
				  "VM_IMAGE_DIR=%s holds a raw image, %s, and raw is used only "
				  "when it is said",
				  s->image_dir, f.raw);
	return embedded_guest(s, path, embedded, errs);
}
