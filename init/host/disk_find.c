/* disk_find.c - chooses the image of a start (disk.h). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/disk.h"

/* The name of the image in the documentation, to which Debian's image is renamed. */
#define USUAL_NAME "debian-hurd-amd64.qcow2"

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name);
	size_t m = strlen(end);

	return n > m && strcasecmp(name + n - m, end) == 0;
}

/* Files that cannot be used as they are, by the end of their name. */
static const struct overlooked {
	const char *ends[10];
	const char *what, *fix, *end; /* FIX and END surround the file's path */
} kinds[] = {
	{{".part", ".partial", ".crdownload", ".download"},
	 "a download that is not finished",
	 "get it again (scripts/get-image goes on where it stopped), or remove ",
	 ""},
	{{".tar", ".tgz", ".txz", ".xz", ".gz", ".zst", ".bz2", ".zip", ".7z"},
	 "a packed image",
	 "unpack it: scripts/get-image images/NAME, or VM_FETCH=1 VM_FETCH_SOURCE=",
	 ""},
	{{".vmdk", ".vdi", ".vhd", ".vhdx", ".qed", ".ova", ".dmg"},
	 "an image in another format",
	 "convert it: qemu-img convert -O qcow2 ",
	 " NEW.qcow2"},
	{{".iso"}, "a CD-ROM", "set QEMU_CDROM=", " to boot it"},
};

struct found {
	int qcow2;	 /* number of qcow2 images */
	char first[256]; /* name of a qcow2 image */
	char second[256];
	char raw[256];	 /* name of a raw image, "" for none */
	char other[256]; /* name of a file of KIND */
	const struct overlooked *kind;
};

/* Does another setting name the file NAME? Then it has another purpose. */
static bool is_named(const struct settings *s, const char *name)
{
	const char *const texts[] = {s->extra_args, s->initrd, s->kernel, s->bios, s->cdrom2};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i] && strstr(texts[i], name))
			return true;
	for (int i = 0; i < DISKS_MORE; i++) {
		const char *path = settings_more_disk(s, i).path;

		if (path && strstr(path, name))
			return true;
	}
	return false;
}

static const struct overlooked *kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (size_t j = 0; kinds[i].ends[j]; j++)
			if (ends_with(name, kinds[i].ends[j]))
				return &kinds[i];
	return NULL;
}

static void sort_in(struct found *f, const char *name)
{
	const struct overlooked *kind = kind_of(name);

	if (ends_with(name, ".qcow2")) {
		(void)snprintf(f->qcow2 == 0 ? f->first : f->second, sizeof f->first, "%s", name);
		f->qcow2++;
	} else if (ends_with(name, ".img") || ends_with(name, ".raw")) {
		(void)snprintf(f->raw, sizeof f->raw, "%s", name);
	} else if (kind && (!f->kind || kind < f->kind)) {
		(void)snprintf(f->other, sizeof f->other, "%s", name);
		f->kind = kind;
	}
}

/* Scan VM_IMAGE_DIR. A missing directory counts as empty. */
static bool look(const struct settings *s, struct found *f, struct errors *errs)
{
	DIR *dir = opendir(s->image_dir);
	struct dirent *e;

	if (!dir)
		return errno == ENOENT ||
		       errors_add(errs, EXIT_NO_PERMISSION,
				  "make it readable, or name an image in QEMU_DRIVE",
				  "VM_IMAGE_DIR=%s: %s", s->image_dir, strerror(errno));
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && e->d_type != DT_DIR && !is_named(s, e->d_name))
			sort_in(f, e->d_name);
	(void)closedir(dir);
	return true;
}

void disk_check_unused(const struct settings *s, struct errors *errs, struct errors *warnings)
{
	struct found f = {0};
	char fix[512];
	char guest[16];
	static struct errors ignored; /* reported by disk_find() */
	bool other_guest = s->guest != GUEST_AUTO && s->guest != GUEST_MACH;

	(void)setting_choice(SETTING_VM_GUEST, s->guest, guest, sizeof guest);
	if (!look(s, &f, &ignored) || !f.kind) {
		if (other_guest)
			(void)errors_add(warnings, EXIT_NO_IMAGE, "",
					 "VM_GUEST=%s, and there is no disk image in "
					 "VM_IMAGE_DIR=%s: the built-in guest boots, which is GNU "
					 "Mach with a small shell",
					 guest, s->image_dir);
		return;
	}
	/* An ISO image may be kept for another start. */
	bool fatal = !s->force && (other_guest || strcmp(f.kind->ends[0], ".iso") != 0);

	(void)snprintf(fix, sizeof fix, "%s%.200s/%s%s", f.kind->fix, s->image_dir, f.other,
		       f.kind->end);
	(void)errors_add(fatal ? errs : warnings, EXIT_NO_IMAGE, fix,
			 "VM_IMAGE_DIR=%s holds %s, %s, and no qcow2 image%s%s", s->image_dir,
			 f.kind->what, f.other,
			 fatal ? "" : "; the built-in guest boots. To use it: ", fatal ? "" : fix);
}

static bool builtin_guest(const struct settings *s, char path[4096], bool *embedded,
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
	if (s->no_disk)
		return true;
	if (s->drive) {
		(void)snprintf(path, 4096, "%s", s->drive);
		return true;
	}
	(void)snprintf(path, 4096, "%s/%s", s->image_dir, USUAL_NAME);
	if (stat(path, &st) == 0)
		return true;
	path[0] = '\0';
	/* With a kernel, a CD-ROM or a floppy, only an explicitly named disk is used. */
	if (s->kernel || s->cdrom || s->floppy)
		return true;
	if (!look(s, &f, errs))
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
				  "VM_IMAGE_DIR=%s holds a raw image, %s, and a raw image is "
				  "used only if QEMU_DRIVE names it",
				  s->image_dir, f.raw);
	return builtin_guest(s, path, embedded, errs);
}
