/* file_systems.c - see file_systems.h. */
#include "host/file_systems.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/ext2_super.h"
#include "format/guest_disk.h"
#include "format/partition.h"
#include "host/confined.h"
#include "host/image_read.h"

#define MEMORY_MAX ((size_t)32 << 20)

/* ---- in the child ------------------------------------------------------------------------- */

static bool read_file(void *ctx, uint64_t offset, void *buf, size_t n, struct error *err)
{
	return image_read(ctx, offset, buf, n, err);
}

static unsigned version_of(const struct ext2_super *s)
{
	if (s->incompatible & (EXT2_EXTENTS | EXT2_64BIT | EXT2_FLEX_BG))
		return 4;
	return s->compatible & EXT2_HAS_JOURNAL ? 3 : 2;
}

static bool look(const struct read_at *disk, const struct partition *p, struct file_systems *out,
		 struct error *err)
{
	uint8_t buf[EXT2_SUPER_SIZE];
	struct ext2_super s;

	if (p->length < EXT2_SUPER_AT + EXT2_SUPER_SIZE || out->count == FILE_SYSTEMS_MAX)
		return true;
	if (!disk->read(disk->ctx, p->start + EXT2_SUPER_AT, buf, sizeof buf, err))
		return false;
	if (!ext2_super_parse(buf, p->length, &s))
		return true;
	bool journal = s.incompatible & EXT2_RECOVER;

	out->list[out->count++] = (struct file_system){
		.start = p->start,
		.length = p->length,
		.number = p->number,
		.version = version_of(&s),
		.hurd = s.creator == EXT2_CREATOR_HURD,
		.unclean = !(s.state & EXT2_STATE_CLEAN) && !journal,
		.damaged = s.state & EXT2_STATE_ERRORS,
		.journal = journal,
	};
	return true;
}

struct task {
	struct image images[DISK_LAYERS_MAX];
	struct disk disk;
};

static bool open_disk(struct task *t, struct guest_disk *d, struct read_at *out, struct error *err)
{
	d->count = t->disk.count;
	for (int i = 0; i < d->count; i++) {
		struct guest_disk_layer *l = &d->layers[i];

		t->images[i].fd = CONFINED_MORE + i;
		*l = (struct guest_disk_layer){
			.file = {read_file, &t->images[i], t->images[i].size},
			.is_qcow2 = t->disk.layers[i].format == FORMAT_QCOW2};
	}
	return guest_disk_open(d, out, err);
}

static bool find(const void *arg, void *answer, struct error *err)
{
	static struct task task;
	static struct guest_disk guest_disk;
	static struct partitions partitions;
	struct file_systems *out = answer;
	struct read_at disk;

	task = *(const struct task *)arg;
	if (!open_disk(&task, &guest_disk, &disk, err) || !partitions_read(&disk, &partitions, err))
		return false;
	for (size_t i = 0; i < partitions.count; i++)
		if (partition_holds_files(&partitions.list[i]) &&
		    !look(&disk, &partitions.list[i], out, err))
			return false;
	return true;
}

/* ---- the public functions ----------------------------------------------------------------- */

bool file_systems_find(const struct disk *disk, const char *name, struct file_systems *out,
		       struct error *err)
{
	static struct task task;
	int fds[DISK_LAYERS_MAX];
	const struct confined c = {.name = name,
				   .run = find,
				   .arg = &task,
				   .answer = out,
				   .size = sizeof *out,
				   .in = -1,
				   .out = -1,
				   .more = fds,
				   .more_count = disk->count,
				   .memory = MEMORY_MAX};

	*out = (struct file_systems){0};
	task.disk = *disk;
	for (int i = 0; i < disk->count; i++) {
		off_t end = lseek(disk->layers[i].fd, 0, SEEK_END);

		fds[i] = disk->layers[i].fd;
		task.images[i] = (struct image){.name = name, .size = end < 0 ? 0 : (uint64_t)end};
	}
	if (disk->count == 0 || !confined_run(&c, err))
		return disk->count == 0;
	/* The file may have compromised the child. */
	uint64_t size = disk->layers[0].virtual_size;

	if (out->count > FILE_SYSTEMS_MAX)
		out->count = 0;
	for (size_t i = 0; i < out->count; i++) {
		struct file_system *f = &out->list[i];

		if (f->start > size || f->length > size - f->start || f->length < 2048)
			return error_set(err, EXIT_BAD_IMAGE,
					 "get the image again, and compare its size and checksum",
					 "%s: a partition is not on it", name);
	}
	return true;
}

bool file_system_dirty(const struct file_system *f)
{
	return f->unclean || f->damaged;
}

const char *file_system_name(const struct file_system *f, char buf[FILE_SYSTEM_NAME])
{
	char where[24] = "the disk";

	if (f->number)
		(void)snprintf(where, sizeof where, "partition %u", f->number % 1000);
	(void)snprintf(buf, FILE_SYSTEM_NAME, "%s (ext%u%s)", where, f->version % 10,
		       f->hurd ? ", GNU/Hurd" : "");
	return buf;
}
