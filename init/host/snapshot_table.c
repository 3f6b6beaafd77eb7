/* snapshot_table.c - see snapshot_table.h. The table's format: QEMU's docs/interop/qcow2.txt,
 * "Snapshots". */
#include "host/snapshot_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "format/bytes.h"
#include "host/confined.h"

/* Descriptors with O_DIRECT read whole blocks only. */
#define BLOCK 4096u
#define ENTRY (QCOW2_SNAPSHOT_ENTRY + 1024 + 2 * 65535)

/* The last block read from the file. */
struct window {
	int fd;
	uint64_t at;
	size_t n;
	_Alignas(BLOCK) uint8_t bytes[BLOCK];
};

static bool read_at(struct window *w, uint64_t at, uint8_t *buf, size_t n)
{
	while (n > 0) {
		uint64_t block = at & ~(uint64_t)(BLOCK - 1);
		size_t skip = (size_t)(at - block);

		if (w->n == 0 || w->at != block) {
			ssize_t got = pread(w->fd, w->bytes, BLOCK, (off_t)block);

			w->at = block;
			w->n = got > 0 ? (size_t)got : 0;
			if (got < 0)
				return false;
		}
		if (w->n <= skip) {
			errno = ENODATA;
			return false;
		}
		size_t take = w->n - skip < n ? w->n - skip : n;

		memcpy(buf, w->bytes + skip, take);
		buf += take;
		at += take;
		n -= take;
	}
	return true;
}

static bool read_table(int fd, const char *name, struct snapshots *out, struct error *err)
{
	static struct window w;
	static uint8_t entry[ENTRY];
	uint8_t head[12];
	uint64_t size = 0;

	w.fd = fd;
	w.n = 0;
	out->count = 0;
	if (!read_at(&w, 60, head, sizeof head))
		return error_set(err, EXIT_INTERNAL, "look for errors of the host's disk (dmesg)",
				 "%s: %s", name, strerror(errno));
	uint32_t count = be32(head);
	uint64_t at = be64(head + 4);

	if (count > SNAPSHOTS_MAX)
		return error_set(err, EXIT_BAD_IMAGE,
				 "delete some of them with qemu-img snapshot -d",
				 "%s has %" PRIu32 " snapshots; at most %d can be handled here",
				 name, count, SNAPSHOTS_MAX);
	for (uint32_t i = 0; i < count; i++, at = (at + size + 7) & ~UINT64_C(7)) {
		if (!read_at(&w, at, entry, QCOW2_SNAPSHOT_ENTRY))
			return error_set(err, EXIT_INTERNAL,
					 "look for errors of the host's disk (dmesg)", "%s: %s",
					 name, strerror(errno));
		if (!qcow2_check_snapshot(entry, i, &size, name, err))
			return false;
		if (!read_at(&w, at, entry, (size_t)size))
			return error_set(err, EXIT_INTERNAL,
					 "look for errors of the host's disk (dmesg)", "%s: %s",
					 name, strerror(errno));
		qcow2_read_snapshot(entry, (size_t)size, &out->list[out->count++]);
	}
	return true;
}

struct table_job {
	int fd;
	const char *name;
};

static bool read_confined(const void *arg, void *answer, struct error *err)
{
	const struct table_job *job = arg;

	return read_table(job->fd, job->name, answer, err);
}

bool snapshots_read(int fd, const char *name, struct snapshots *out, struct error *err)
{
	const struct table_job job = {CONFINED_IN, name};

	out->count = 0;
	if (!confined_query(name, fd, read_confined, &job, out, sizeof *out, err))
		return false;
	/* The image may be the cause. */
	if (out->count > SNAPSHOTS_MAX)
		return error_set(err, EXIT_BAD_IMAGE,
				 "qemu-img snapshot -l FILE shows details; get the image again, or "
				 "make a new one",
				 "%s: its snapshots cannot be read", name);
	for (size_t i = 0; i < out->count; i++) {
		out->list[i].id[sizeof out->list[i].id - 1] = '\0';
		out->list[i].name[sizeof out->list[i].name - 1] = '\0';
	}
	return true;
}

const char *snapshots_disk_name(const struct disk *disk)
{
	return disk->overlay[0] ? disk->overlay : disk->path;
}

bool snapshots_check_disk(const struct disk *disk, struct error *err)
{
	if (disk->count == 0)
		return error_set(err, EXIT_NO_IMAGE, "set QEMU_DRIVE",
				 "this guest has no disk, and a snapshot is kept in it");
	if (disk->layers[0].format != FORMAT_QCOW2)
		return error_set(err, EXIT_BAD_IMAGE,
				 "use QEMU_DISK_MODE=overlay, or convert it: qemu-img convert -O "
				 "qcow2 FILE NEW.qcow2",
				 "%s is a raw disk, which cannot keep a snapshot",
				 snapshots_disk_name(disk));
	return true;
}
