/* qcow2_tables.c - the tables of a qcow2 image: L1, L2 and refcount tables, snapshots, bitmaps.
 *
 * QEMU reads zeros beyond the end of a file, so it opens a truncated file, and the missing data is
 * lost. Truncation is detected by tables that point beyond the end.
 */
#include <inttypes.h>
#include <stdio.h>

#include "format/bytes.h"
#include "format/qcow2.h"

/* In every table, bits 9 to 55 of an entry are an offset. L2: bit 62 marks a compressed cluster,
 * whose offset has other bits (qcow2.rst, Compressed Clusters Descriptor). */
#define OFFSET_MASK   UINT64_C(0x00fffffffffffe00)
#define L2_COMPRESSED (UINT64_C(1) << 62)

/* block/qcow2.h and block/qcow2-bitmap.c, check_dir_entry(). */
#define SNAPSHOT_EXTRA_MAX 1024u
#define BITMAP_NAME_MAX	   1023u
#define BITMAP_TABLE_MAX   0x8000000u
#define BITMAP_BYTES_MAX   0x20000000u /* of one bitmap, in memory */
#define BITMAP_IN_USE	   1u
#define BITMAP_FLAGS	   3u
#define BITMAP_DIRTY	   1u /* the only defined type */

static const char broken[] =
	"get the image again, or make a new one; qemu-img check FILE shows details";
static const char cut_off[] = "get the image again, and compare its size and checksum";

#define BAD(...) error_set(err, EXIT_BAD_IMAGE, broken, __VA_ARGS__)

uint64_t qcow2_entry(const uint8_t *entries, size_t i)
{
	return be64(entries + 8 * i) & OFFSET_MASK;
}

bool qcow2_check_table(const struct qcow2 *q, const uint8_t *entries, size_t n, uint64_t first,
		       uint64_t file_size, const char *table, const char *name, struct error *err)
{
	uint64_t cluster = UINT64_C(1) << q->cluster_bits;

	for (size_t i = 0; i < n; i++) {
		uint64_t offset = qcow2_entry(entries, i);

		if (offset % cluster)
			return BAD("%s: entry %" PRIu64 " of the %s, %" PRIu64
				   ", is not at a multiple of the cluster size %" PRIu64,
				   name, first + i, table, offset, cluster);
		/* The last table of a file may be shorter than its cluster. */
		if (offset && offset >= file_size)
			return error_set(err, EXIT_BAD_IMAGE, cut_off,
					 "%s is truncated: entry %" PRIu64
					 " of the %s points to byte %" PRIu64
					 ", and the file has %" PRIu64,
					 name, first + i, table, offset, file_size);
	}
	return true;
}

uint64_t qcow2_refcounts(const struct qcow2 *q)
{
	return (UINT64_C(8) << q->cluster_bits) >> q->refcount_order;
}

uint64_t qcow2_refcounts_used(const struct qcow2 *q, const uint8_t *block)
{
	unsigned bits = 1u << q->refcount_order;
	size_t n = (size_t)1 << q->cluster_bits;

	while (n > 0 && block[n - 1] == 0)
		n--;
	if (n == 0)
		return 0;
	if (bits >= 8)
		return (n - 1) / (bits / 8) + 1;
	/* Several counts share a byte, the first one in its lowest bits. */
	unsigned used = 8 / bits;

	while (block[n - 1] >> (used - 1) * bits == 0)
		used--;
	return (n - 1) * (8 / bits) + used;
}

bool qcow2_check_l2(const struct qcow2 *q, const uint8_t *table, uint64_t index, uint64_t file_size,
		    const char *name, struct error *err)
{
	size_t step = q->incompatible & QCOW2_EXTENDED_L2 ? 16 : 8;
	uint64_t compressed_mask = (UINT64_C(1) << (62 - (q->cluster_bits - 8))) - 1;

	for (size_t at = 0; at < (size_t)1 << q->cluster_bits; at += step) {
		uint64_t entry = be64(table + at);
		uint64_t offset = entry & (entry & L2_COMPRESSED ? compressed_mask : OFFSET_MASK);

		if (offset && offset >= file_size)
			return error_set(err, EXIT_BAD_IMAGE,
					 "get the image again, and compare its size and checksum; "
					 "after a crash of the host: VM_FORCE=1",
					 "%s is truncated: entry %zu of L2 table %" PRIu64
					 " points to byte %" PRIu64 ", and the file has %" PRIu64,
					 name, at / step, index, offset, file_size);
	}
	return true;
}

bool qcow2_check_snapshot(const uint8_t *entry, uint32_t index, uint64_t *size, const char *name,
			  struct error *err)
{
	uint32_t id = (uint32_t)entry[12] << 8 | entry[13];
	uint32_t title = (uint32_t)entry[14] << 8 | entry[15];
	uint32_t extra = be32(entry + 36);

	if (extra > SNAPSHOT_EXTRA_MAX)
		return BAD("%s: entry %" PRIu32 " of the snapshot table has %" PRIu32
			   " bytes of extra data, must have at most %u",
			   name, index, extra, SNAPSHOT_EXTRA_MAX);
	*size = QCOW2_SNAPSHOT_ENTRY + extra + id + title;
	return true;
}

/* Copy N bytes at TEXT to OUT. */
static void take_text(char *out, size_t size, const uint8_t *text, size_t n)
{
	(void)snprintf(out, size, "%.*s", n < size ? (int)n : (int)size - 1, (const char *)text);
}

void qcow2_read_snapshot(const uint8_t *entry, size_t n, struct qcow2_snapshot *out)
{
	size_t id = (size_t)entry[12] << 8 | entry[13];
	size_t title = (size_t)entry[14] << 8 | entry[15];
	size_t extra = n - QCOW2_SNAPSHOT_ENTRY - id - title;

	*out = (struct qcow2_snapshot){.memory = extra >= 8 ? be64(entry + QCOW2_SNAPSHOT_ENTRY)
							    : be32(entry + 32),
				       .clock_ns = be64(entry + 24),
				       .date = be32(entry + 16)};
	take_text(out->id, sizeof out->id, entry + n - title - id, id);
	take_text(out->name, sizeof out->name, entry + n - title, title);
}

/* Number of clusters of a bitmap with a bit for each 2^GRANULARITY bytes of the disk, in words of
 * 64. */
static uint64_t bitmap_clusters(const struct qcow2 *q, unsigned granularity)
{
	uint64_t bits = (q->virtual_size >> granularity) +
			((q->virtual_size & ((UINT64_C(1) << granularity) - 1)) != 0);
	uint64_t bytes = (bits + 63) / 64 * 8;

	return (bytes + (UINT64_C(1) << q->cluster_bits) - 1) >> q->cluster_bits;
}

bool qcow2_check_bitmap(const struct qcow2 *q, const uint8_t *entry, uint32_t index,
			struct qcow2_bitmap *out, const char *name, struct error *err)
{
	uint32_t entries = be32(entry + 8);
	uint32_t flags = be32(entry + 12);
	unsigned type = entry[16];
	unsigned granularity = entry[17];
	uint32_t title = (uint32_t)entry[18] << 8 | entry[19];
	uint32_t extra = be32(entry + 20);
	bool in_use = flags & BITMAP_IN_USE;

	*out = (struct qcow2_bitmap){.size = QCOW2_BITMAP_ENTRY + title,
				     .name_size = title,
				     .table = be64(entry),
				     .entries = in_use ? 0 : entries};
	if (out->table && out->table % (UINT64_C(1) << q->cluster_bits) == 0 && entries &&
	    entries <= BITMAP_TABLE_MAX &&
	    (uint64_t)entries << q->cluster_bits <= BITMAP_BYTES_MAX && !(flags & ~BITMAP_FLAGS) &&
	    type == BITMAP_DIRTY && granularity >= 9 && granularity <= 31 && title &&
	    title <= BITMAP_NAME_MAX && !extra &&
	    (in_use || entries == bitmap_clusters(q, granularity)))
		return true;
	return BAD("%s: entry %" PRIu32 " of the bitmap directory is broken: %" PRIu32
		   " clusters at %" PRIu64 ", flags 0x%" PRIx32
		   ", type %u, granularity %u, name of %" PRIu32 ", %" PRIu32 " more bytes",
		   name, index, entries, out->table, flags, type, granularity, title, extra);
}

bool qcow2_check_bitmap_table(const struct qcow2 *q, const uint8_t *entry, const char *name,
			      struct error *err)
{
	uint64_t value = be64(entry);
	uint64_t offset = value & OFFSET_MASK;

	/* Without an offset, bit 0 says that all bits of the cluster are set. */
	if ((value & ~OFFSET_MASK & ~(offset ? 0 : UINT64_C(1))) == 0 &&
	    offset % (UINT64_C(1) << q->cluster_bits) == 0)
		return true;
	return BAD("%s: an entry of a bitmap's table is 0x%" PRIx64 ", no offset of a cluster",
		   name, value);
}
