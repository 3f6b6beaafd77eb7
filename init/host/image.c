/* image.c - see image.h. The formats' rules are in format/; here are the reads.
 *
 * A qcow2 file that was cut off (a download that stopped) is found in three steps, each by the
 * tables of the one before: the header's tables must lie in the file; what L1 and refcount table
 * point to must, too; and when the last refcount block counts clusters behind the end, the L2
 * tables are read: if they use such a cluster, data are missing. If they do not, these clusters
 * were only reserved when a QEMU was killed, and nothing is lost.
 */
#include "host/image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "format/image_format.h"
#include "format/qcow2.h"

#define SECTOR 512u
/* Tables are read in pieces of this size: a cluster of any size, and the first bytes of a file. */
#define CHUNK QCOW2_HEAD_MAX

static const char get_again[] = "get the image again, and compare its size and checksum";

static bool read_error(const struct image *image, uint64_t at, struct error *err)
{
	return error_set(err, EXIT_BAD_IMAGE, "look for errors of the host's disk (dmesg)",
			 "%s: byte %" PRIu64 " cannot be read: %s", image->name, at,
			 strerror(errno));
}

/* Read N bytes at AT into BUF; what lies behind the end of the file is zeros, as QEMU has it. */
static bool read_at(const struct image *image, uint64_t at, uint8_t *buf, size_t n,
		    struct error *err)
{
	while (n > 0) {
		ssize_t got = pread(image->fd, buf, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return read_error(image, at, err);
		if (got == 0) {
			memset(buf, 0, n);
			return true;
		}
		buf += got;
		at += (size_t)got;
		n -= (size_t)got;
	}
	return true;
}

/* END is where an entry of TABLE ends. */
static bool inside(const struct image *image, const char *table, uint64_t end, struct error *err)
{
	return end <= image->size ||
	       error_set(err, EXIT_BAD_IMAGE, get_again,
			 "%s is cut off: an entry of the %s ends at byte %" PRIu64
			 ", and the file has %" PRIu64,
			 image->name, table, end, image->size);
}

static bool allocate(uint8_t **buf, struct error *err)
{
	*buf = malloc(CHUNK);
	return *buf ? true : error_set(err, EXIT_INTERNAL, "", "no memory to read an image");
}

/* The file's beginning into BUF (*LEN bytes) and its format. */
static bool read_format(const struct image *image, uint8_t *buf, size_t *len,
			struct image_format *format, struct error *err)
{
	uint8_t tail[SECTOR];
	bool has_tail = image->size >= SECTOR;

	if (image->size == 0)
		return error_set(err, EXIT_BAD_IMAGE, get_again, "%s is empty", image->name);
	*len = image->size < IMAGE_FORMAT_HEAD ? (size_t)image->size : IMAGE_FORMAT_HEAD;
	if (!read_at(image, 0, buf, *len, err) ||
	    (has_tail && !read_at(image, image->size - SECTOR, tail, SECTOR, err)))
		return false;
	*format = image_format(buf, *len, has_tail ? tail : NULL);
	return true;
}

static bool all_zeros(const uint8_t *buf, size_t len)
{
	return buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0;
}

/* A file without qcow2's first bytes, where such an image should be. */
static bool refuse_other(const struct image *image, struct image_format format, const uint8_t *buf,
			 size_t len, struct error *err)
{
	static const char *const fixes[] = {
		[IMAGE_UNKNOWN] = "if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw",
		[IMAGE_FOREIGN] = "convert it: qemu-img convert -O qcow2 FILE NEW.qcow2",
		[IMAGE_ISO] = "set QEMU_CDROM to it, not QEMU_DRIVE",
		[IMAGE_ARCHIVE] = "unpack it first",
		[IMAGE_WRONG] = get_again,
		[IMAGE_BOOT_DISK] = "set QEMU_DRIVE_FORMAT=raw, or better: "
				    "qemu-img convert -O qcow2 FILE NEW.qcow2",
	};

	if (format.kind == IMAGE_UNKNOWN && all_zeros(buf, len))
		return error_set(err, EXIT_BAD_IMAGE, get_again,
				 "%s is no qcow2 image: its first %zu bytes are zeros", image->name,
				 len);
	return error_set(err, EXIT_BAD_IMAGE, fixes[format.kind], "%s is no qcow2 image, but %s",
			 image->name, format.name);
}

/* A table of ENTRIES offsets at AT; *LAST is the number of the last one that is not 0 and *OFFSET
 * what it is. */
static bool check_table(const struct image *image, const struct qcow2 *q, const char *table,
			uint64_t at, uint64_t entries, uint8_t *buf, uint64_t *last,
			uint64_t *offset, struct error *err)
{
	*offset = 0;
	for (uint64_t first = 0; first < entries; first += CHUNK / 8) {
		uint64_t left = entries - first;
		size_t n = left < CHUNK / 8 ? (size_t)left : CHUNK / 8;

		if (!read_at(image, at + 8 * first, buf, 8 * n, err) ||
		    !qcow2_check_table(q, buf, n, first, image->size, table, image->name, err))
			return false;
		for (size_t i = n; i-- > 0;)
			if (qcow2_entry(buf, i)) {
				*last = first + i;
				*offset = qcow2_entry(buf, i);
				break;
			}
	}
	return true;
}

/* Read every L2 table. */
static bool check_l2_tables(const struct image *image, const struct qcow2 *q, struct error *err)
{
	_cleanup_buffer_ uint8_t *table = NULL;
	uint8_t entry[8];

	if (!allocate(&table, err))
		return false;
	for (uint32_t i = 0; i < q->l1_entries; i++) {
		if (!read_at(image, q->l1_offset + 8 * (uint64_t)i, entry, sizeof entry, err))
			return false;
		uint64_t offset = qcow2_entry(entry, 0);

		if (offset && (!read_at(image, offset, table, (size_t)1 << q->cluster_bits, err) ||
			       !qcow2_check_l2(q, table, i, image->size, image->name, err)))
			return false;
	}
	return true;
}

static bool check_tables(const struct image *image, const struct qcow2 *q, uint8_t *buf, bool force,
			 struct error *err)
{
	size_t cluster = (size_t)1 << q->cluster_bits;
	uint64_t last = 0;
	uint64_t block;

	if (!check_table(image, q, "L1 table", q->l1_offset, q->l1_entries, buf, &last, &block,
			 err) ||
	    !check_table(image, q, "refcount table", q->refcount_table_offset,
			 (uint64_t)q->refcount_table_clusters << (q->cluster_bits - 3), buf, &last,
			 &block, err))
		return false;
	if (block == 0 || force)
		return true;
	if (!read_at(image, block, buf, cluster, err))
		return false;
	uint64_t used = last * qcow2_refcounts(q) + qcow2_refcounts_used(q, buf);
	uint64_t clusters = (image->size + cluster - 1) >> q->cluster_bits;

	return used <= clusters || check_l2_tables(image, q, err);
}

/* Each entry says how long it is; the next one is at the next multiple of 8. */
static bool check_snapshots(const struct image *image, const struct qcow2 *q, struct error *err)
{
	uint8_t entry[QCOW2_SNAPSHOT_ENTRY];
	uint64_t at = q->snapshots_offset;
	uint64_t size;

	for (uint32_t i = 0; i < q->snapshots; i++, at = (at + size + 7) & ~UINT64_C(7))
		if (!read_at(image, at, entry, sizeof entry, err) ||
		    !qcow2_check_snapshot(entry, i, &size, image->name, err) ||
		    !inside(image, "snapshot table", at + size, err))
			return false;
	return true;
}

static bool check_bitmap_table(const struct image *image, const struct qcow2 *q,
			       const struct qcow2_bitmap *bitmap, struct error *err)
{
	uint8_t entry[8];

	if (bitmap->table > INT64_MAX - 8 * (uint64_t)bitmap->entries)
		return inside(image, "bitmap's table", bitmap->table, err);
	if (!inside(image, "bitmap's table", bitmap->table + 8 * (uint64_t)bitmap->entries, err))
		return false;
	for (uint32_t i = 0; i < bitmap->entries; i++)
		if (!read_at(image, bitmap->table + 8 * (uint64_t)i, entry, sizeof entry, err) ||
		    !qcow2_check_bitmap_table(q, entry, image->name, err))
			return false;
	return true;
}

/* The directory must be as long as its entries are. */
static bool check_bitmaps(const struct image *image, const struct qcow2 *q, struct error *err)
{
	uint8_t entry[QCOW2_BITMAP_ENTRY];
	uint64_t at = q->bitmaps_offset;
	struct qcow2_bitmap bitmap;

	for (uint32_t i = 0; i < q->bitmaps; i++, at = (at + bitmap.size + 7) & ~UINT64_C(7))
		if (!read_at(image, at, entry, sizeof entry, err) ||
		    !qcow2_check_bitmap(q, entry, i, &bitmap, image->name, err) ||
		    !inside(image, "bitmap directory", at + bitmap.size, err) ||
		    !check_bitmap_table(image, q, &bitmap, err))
			return false;
	if (at - q->bitmaps_offset == q->bitmaps_size)
		return true;
	return error_set(err, EXIT_BAD_IMAGE, get_again,
			 "%s: its %" PRIu32 " bitmaps' directory should have %" PRIu64
			 " bytes, and has %" PRIu64,
			 image->name, q->bitmaps, at - q->bitmaps_offset, q->bitmaps_size);
}

static bool check_qcow2(struct image *image, uint8_t *buf, size_t len, bool force,
			struct error *err)
{
	struct qcow2 q;

	/* A little was read; the header may fill a cluster, whose size stands in byte 23. */
	if (image->size > len && buf[23] <= 21 && (size_t)1 << buf[23] > len) {
		len = image->size < (UINT64_C(1) << buf[23]) ? (size_t)image->size
							     : (size_t)1 << buf[23];
		if (!read_at(image, 0, buf, len, err))
			return false;
	}
	if (!qcow2_parse(buf, len, image->size, image->name, &q, err) ||
	    !check_tables(image, &q, buf, force, err) || !check_snapshots(image, &q, err) ||
	    !check_bitmaps(image, &q, err))
		return false;
	image->virtual_size = q.virtual_size;
	image->dirty = q.incompatible & QCOW2_DIRTY;
	memcpy(image->backing, q.backing, sizeof image->backing);
	memcpy(image->backing_format, q.backing_format, sizeof image->backing_format);
	memcpy(image->mark, q.mark, sizeof image->mark);
	return true;
}

static bool check_raw(struct image *image, struct image_format format, bool force,
		      struct error *err)
{
	bool other = format.kind != IMAGE_UNKNOWN && format.kind != IMAGE_BOOT_DISK &&
		     format.kind != IMAGE_ISO;

	if (image->size % SECTOR)
		return error_set(
			err, EXIT_BAD_IMAGE, get_again,
			"%s has %" PRIu64
			" bytes, and a raw disk has a multiple of 512: it was cut off, or is "
			"no disk",
			image->name, image->size);
	if (other && !force)
		return error_set(err, EXIT_BAD_IMAGE,
				 format.kind == IMAGE_QCOW2
					 ? "leave QEMU_DRIVE_FORMAT unset; VM_FORCE=1 takes it as "
					   "a raw disk all the same"
					 : "unpack or convert it; VM_FORCE=1 takes it as a raw "
					   "disk all the same",
				 "%s is no raw disk, but %s", image->name, format.name);
	image->virtual_size = image->size;
	return true;
}

bool image_check(struct image *image, enum drive_format expected, bool force, struct error *err)
{
	_cleanup_buffer_ uint8_t *buf = NULL;
	struct image_format format;
	size_t len;

	if (!allocate(&buf, err) || !read_format(image, buf, &len, &format, err))
		return false;
	if (expected == FORMAT_RAW)
		return check_raw(image, format, force, err);
	if (format.kind != IMAGE_QCOW2)
		return refuse_other(image, format, buf, len, err);
	return check_qcow2(image, buf, len, force, err);
}

bool image_check_cdrom(const struct image *image, struct error *err)
{
	_cleanup_buffer_ uint8_t *buf = NULL;
	struct image_format format;
	size_t len;

	if (!allocate(&buf, err) || !read_format(image, buf, &len, &format, err))
		return false;
	if (format.kind == IMAGE_QCOW2 || format.kind == IMAGE_FOREIGN ||
	    format.kind == IMAGE_ARCHIVE || format.kind == IMAGE_WRONG)
		return error_set(err, EXIT_BAD_IMAGE,
				 format.kind == IMAGE_ARCHIVE ? "unpack it first"
							      : "set QEMU_CDROM to an ISO image",
				 "%s is no CD-ROM, but %s", image->name, format.name);
	return true;
}
