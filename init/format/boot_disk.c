/* boot_disk.c - see boot_disk.h. */
#include "format/boot_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "format/inflate.h"
#include "format/partition.h"

/* Directories of GRUB's configuration: on the root file system, or on a separate /boot. */
static const char *const prefixes[] = {"/boot/grub", "/grub"};

/* ---- GRUB's names of devices --------------------------------------------------------------- */

/* The file system that GRUB calls DEVICE; "hd0,1" is the first partition, too. */
static struct boot_system *system_of(struct boot_disk *b, const char *device)
{
	for (size_t i = 0; i < b->count; i++) {
		struct boot_system *s = &b->systems[i];
		char plain[GRUB_DEVICE_MAX];

		(void)snprintf(plain, sizeof plain, "hd0,%u", s->number);
		if (strcmp(s->device, device) == 0 || (s->number && strcmp(plain, device) == 0))
			return s;
	}
	return NULL;
}

static bool is_there(struct boot_system *s, const char *path)
{
	struct ext2_file file;
	struct error none = {0};

	return ext2_find(&s->fs, path, &file, &none);
}

static bool search(void *ctx, enum grub_search by, const char *value, char device[GRUB_DEVICE_MAX])
{
	struct boot_disk *b = ctx;

	for (size_t i = 0; i < b->count; i++) {
		struct boot_system *s = &b->systems[i];
		char uuid[37];

		ext2_super_uuid(&s->fs.super, uuid);
		bool found = by == GRUB_BY_UUID	   ? strcasecmp(uuid, value) == 0
			     : by == GRUB_BY_LABEL ? strcmp(s->fs.super.label, value) == 0
						   : is_there(s, value);

		if (found) {
			(void)snprintf(device, GRUB_DEVICE_MAX, "%s", s->device);
			return true;
		}
	}
	return false;
}

static enum grub_kind look(void *ctx, const char *device, const char *path)
{
	struct boot_system *s = system_of(ctx, device);
	struct ext2_file file;
	struct error none = {0};

	if (!s || !ext2_find(&s->fs, path, &file, &none))
		return GRUB_NOTHING;
	return S_ISDIR(file.mode) ? GRUB_DIRECTORY : file.size ? GRUB_FILE : GRUB_EMPTY_FILE;
}

/* Read the regular file PATH of at most MAX bytes, from malloc(); NULL with ERR. */
static uint8_t *read_whole(struct boot_disk *b, const char *device, const char *path, size_t max,
			   size_t *n, struct error *err)
{
	struct boot_system *s = system_of(b, device);
	struct ext2_file file;

	if (!s) {
		(void)error_set(err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
				"(%s)%s: there is no readable file system", device, path);
		return NULL;
	}
	if (!ext2_find(&s->fs, path, &file, err))
		return NULL;
	if (!S_ISREG(file.mode) || file.size > max) {
		(void)error_set(err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
				"%s is not a file, or is larger than %zu MiB", path, max >> 20);
		return NULL;
	}
	uint8_t *bytes = malloc((size_t)file.size + 1);

	*n = (size_t)file.size;
	if (!bytes)
		(void)error_set(err, EXIT_INTERNAL, "give the container more memory", "no memory");
	else if (ext2_read(&s->fs, &file, 0, bytes, *n, err))
		return bytes;
	free(bytes);
	return NULL;
}

static char *read_text(void *ctx, const char *device, const char *path, size_t *n,
		       struct error *err)
{
	return (char *)read_whole(ctx, device, path, GRUB_CONFIG_MAX, n, err);
}

uint8_t *boot_disk_read(struct boot_disk *b, const struct grub_file *f, bool unpack, size_t *n,
			struct error *err)
{
	uint8_t *bytes = read_whole(b, f->device, f->path, BOOT_FILE_MAX, n, err);
	size_t size = bytes && unpack ? gzip_size(bytes, *n) : 0;

	if (!bytes || size == 0)
		return bytes;
	uint8_t *out = size <= BOOT_FILE_MAX ? malloc(size) : NULL;
	bool ok = out && gzip_unpack(bytes, *n, out, size);

	free(bytes);
	*n = size;
	if (ok)
		return out;
	free(out);
	(void)error_set(err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
			"%s is compressed, and damaged or too large", f->path);
	return NULL;
}

/* ---- the disk -------------------------------------------------------------------------------- */

static bool add_systems(const struct read_at *disk, struct boot_disk *out, struct error *err)
{
	static struct partitions p;

	if (!partitions_read(disk, &p, err))
		return false;
	for (size_t i = 0; i < p.count && out->count < BOOT_SYSTEMS_MAX; i++) {
		const struct partition *part = &p.list[i];
		struct boot_system *s = &out->systems[out->count];
		struct error none = {0};

		if (!ext2_open(&s->fs, disk, part->start, part->length, &none))
			continue;
		s->number = part->number;
		(void)snprintf(s->device, sizeof s->device, part->number ? "hd0,%s%u" : "hd0",
			       part->gpt ? "gpt" : "msdos", part->number);
		out->count++;
	}
	return out->count > 0 ||
	       error_set(err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
			 "none of its partitions has an ext2 to ext4 "
			 "file system that can be read");
}

bool boot_disk_open(const struct read_at *disk, struct boot_disk *out, struct error *err)
{
	const struct grub_disk grub = {
		.ctx = out, .search = search, .look = look, .read = read_text};
	const char *prefix = NULL;

	out->count = 0;
	out->device[0] = '\0';
	if (!add_systems(disk, out, err))
		return false;
	for (size_t i = 0; i < out->count; i++)
		for (size_t k = 0; k < sizeof prefixes / sizeof *prefixes; k++) {
			struct boot_system *s = &out->systems[i];
			char path[64];

			(void)snprintf(path, sizeof path, "%s/grub.cfg", prefixes[k]);
			if (!is_there(s, path))
				continue;
			if (prefix)
				return error_set(err, EXIT_BAD_IMAGE,
						 "set VM_BOOT=firmware, or auto to try both",
						 "it has two GRUB configurations, on (%s) and (%s)",
						 out->device, s->device);
			prefix = prefixes[k];
			out->clean = ext2_super_clean(&s->fs.super);
			(void)snprintf(out->device, sizeof out->device, "%s", s->device);
		}
	if (!prefix)
		return error_set(err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
				 "none of its file systems has /boot/grub/grub.cfg or "
				 "/grub/grub.cfg");
	return grub_choose(&grub, out->device, prefix, &out->entry, err);
}

void boot_disk_close(struct boot_disk *b)
{
	for (size_t i = 0; i < b->count; i++)
		ext2_close(&b->systems[i].fs);
	b->count = 0;
}
