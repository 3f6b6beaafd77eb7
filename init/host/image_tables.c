/* image_tables.c - checks the tables of a qcow2 image (image_internal.h).
 *
 * A truncated file (an interrupted download) is detected in three steps, each by the tables of the
 * previous one: the header's tables must be inside the file; the targets of the L1 and refcount
 * tables must be, too; and if the last refcount block counts clusters beyond the end, the L2 tables
 * are read: if they use such a cluster, data are missing. If not, these clusters were only reserved
 * when a QEMU was killed, and nothing is lost.
 *
 * Regardless of the file's contents, each table is read once and all sizes are bounded.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "host/image_internal.h"
#include "host/image_read.h"

/* Report that an entry of TABLE ends at END, beyond the file. */
static bool inside(const struct image *image, const char *table, uint64_t end, struct error *err)
{
	return end <= image->size ||
	       error_set(err, EXIT_BAD_IMAGE, IMAGE_GET_AGAIN,
			 "%s is truncated: an entry of the %s ends at byte %" PRIu64
			 ", and the file has %" PRIu64,
			 image->name, table, end, image->size);
}

/* Read a table of ENTRIES offsets at AT. *LAST is the index of the last non-zero entry, *OFFSET its
 * value. */
static bool check_table(const struct image *image, const struct qcow2 *q, const char *table,
			uint64_t at, uint64_t entries, uint8_t *buf, uint64_t *last,
			uint64_t *offset, struct error *err)
{
	*offset = 0;
	for (uint64_t first = 0; first < entries; first += IMAGE_CHUNK / 8) {
		uint64_t left = entries - first;
		size_t n = left < IMAGE_CHUNK / 8 ? (size_t)left : IMAGE_CHUNK / 8;

		if (!image_read(image, at + 8 * first, buf, 8 * n, err) ||
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

/* L2 tables already read, by their offsets: a hash table with open addressing. All entries of an L1
 * table may name the same table. */
struct seen {
	uint64_t *slots; /* 0: free; no L2 table is at 0 */
	size_t mask;
};

/* Add OFFSET; false if it was present. */
static bool seen_add(struct seen *seen, uint64_t offset)
{
	size_t i = (size_t)(offset * UINT64_C(0x9e3779b97f4a7c15) >> 20) & seen->mask;

	while (seen->slots[i] && seen->slots[i] != offset)
		i = (i + 1) & seen->mask;
	if (seen->slots[i])
		return false;
	seen->slots[i] = offset;
	return true;
}

/* Read the L2 tables named by the N entries at L1, from number FIRST on. */
static bool check_l2_piece(const struct image *image, const struct qcow2 *q, const uint8_t *l1,
			   size_t n, uint64_t first, struct seen *seen, uint8_t *table,
			   struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t offset = qcow2_entry(l1, i);

		if (offset && seen_add(seen, offset) &&
		    (!image_read(image, offset, table, (size_t)1 << q->cluster_bits, err) ||
		     !qcow2_check_l2(q, table, first + i, image->size, image->name, err)))
			return false;
	}
	return true;
}

/* Read every L2 table once. */
static bool check_l2_tables(const struct image *image, const struct qcow2 *q, struct error *err)
{
	_cleanup_buffer_ uint8_t *table = NULL;
	_cleanup_buffer_ uint8_t *l1 = NULL;
	_cleanup_buffer_ uint8_t *slots = NULL;
	size_t room = 1024;

	while (room < 2 * (size_t)q->l1_entries)
		room *= 2;
	if (!image_allocate(&table, IMAGE_CHUNK, err) || !image_allocate(&l1, IMAGE_CHUNK, err) ||
	    !image_allocate(&slots, room * sizeof(uint64_t), err))
		return false;
	memset(slots, 0, room * sizeof(uint64_t));
	struct seen seen = {.slots = (uint64_t *)(void *)slots, .mask = room - 1};

	for (uint64_t first = 0; first < q->l1_entries; first += IMAGE_CHUNK / 8) {
		uint64_t left = q->l1_entries - first;
		size_t n = left < IMAGE_CHUNK / 8 ? (size_t)left : IMAGE_CHUNK / 8;

		if (!image_read(image, q->l1_offset + 8 * first, l1, 8 * n, err) ||
		    !check_l2_piece(image, q, l1, n, first, &seen, table, err))
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
	if (!image_read(image, block, buf, cluster, err))
		return false;
	uint64_t used = last * qcow2_refcounts(q) + qcow2_refcounts_used(q, buf);
	uint64_t clusters = (image->size + cluster - 1) >> q->cluster_bits;

	return used <= clusters || check_l2_tables(image, q, err);
}

/* Each entry contains its size; the next one begins at the next multiple of 8. */
static bool check_snapshots(const struct image *image, const struct qcow2 *q, struct error *err)
{
	uint8_t entry[QCOW2_SNAPSHOT_ENTRY];
	uint64_t at = q->snapshots_offset;
	uint64_t size;

	for (uint32_t i = 0; i < q->snapshots; i++, at = (at + size + 7) & ~UINT64_C(7))
		if (!image_read(image, at, entry, sizeof entry, err) ||
		    !qcow2_check_snapshot(entry, i, &size, image->name, err) ||
		    !inside(image, "snapshot table", at + size, err))
			return false;
	if (at - q->snapshots_offset <= QCOW2_SNAPSHOT_TABLE_MAX)
		return true;
	return error_set(err, EXIT_BAD_IMAGE, "delete some of them with qemu-img snapshot -d",
			 "%s: its snapshot table has %" PRIu64 " bytes, must have at most %u",
			 image->name, at - q->snapshots_offset, QCOW2_SNAPSHOT_TABLE_MAX);
}

/* Limit for the tables of all bitmaps together, which QEMU does not have. The largest table of one
 * bitmap has 8 MiB, that of a bitmap of a terabyte 16 bytes. */
#define BITMAP_TABLES_MAX (UINT64_C(64) << 20)

static bool check_bitmap_table(const struct image *image, const struct qcow2 *q,
			       const struct qcow2_bitmap *bitmap, uint64_t *sum, uint8_t *buf,
			       struct error *err)
{
	uint64_t bytes = 8 * (uint64_t)bitmap->entries;

	*sum += bytes;
	if (*sum > BITMAP_TABLES_MAX)
		return error_set(err, EXIT_BAD_IMAGE,
				 "remove some of them: qemu-img bitmap --remove FILE NAME",
				 "%s: the tables of its bitmaps have more than %" PRIu64 " MiB",
				 image->name, BITMAP_TABLES_MAX >> 20);
	if (bitmap->table > INT64_MAX - bytes)
		return inside(image, "bitmap's table", bitmap->table, err);
	if (!inside(image, "bitmap's table", bitmap->table + bytes, err))
		return false;
	for (uint64_t done = 0; done < bytes; done += IMAGE_CHUNK) {
		size_t n = bytes - done < IMAGE_CHUNK ? (size_t)(bytes - done) : IMAGE_CHUNK;

		if (!image_read(image, bitmap->table + done, buf, n, err))
			return false;
		for (size_t i = 0; i < n; i += 8)
			if (!qcow2_check_bitmap_table(q, buf + i, image->name, err))
				return false;
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct qcow2_bitmap *x = a;
	const struct qcow2_bitmap *y = b;

	return strncmp(x->name, y->name, x->name_size > y->name_size ? x->name_size : y->name_size);
}

/* QEMU compares bitmap names up to a zero byte. LIST is sorted here. */
static bool check_names(const struct image *image, struct qcow2_bitmap *list, uint32_t n,
			struct error *err)
{
	qsort(list, n, sizeof *list, by_name);
	for (uint32_t i = 1; i < n; i++)
		if (by_name(&list[i - 1], &list[i]) == 0)
			return error_set(err, EXIT_BAD_IMAGE,
					 "get the image again, or make a new one",
					 "%s: two of its bitmaps have the same name", image->name);
	return true;
}

/* The directory's size must be the sum of its entries. */
static bool check_directory(const struct image *image, const struct qcow2 *q, const uint8_t *dir,
			    struct qcow2_bitmap *list, uint8_t *buf, struct error *err)
{
	uint64_t at = 0;
	uint64_t sum = 0;
	uint32_t n = 0;

	for (; n < q->bitmaps && q->bitmaps_size - at >= QCOW2_BITMAP_ENTRY; n++) {
		if (!qcow2_check_bitmap(q, dir + at, n, &list[n], image->name, err))
			return false;
		uint64_t size = (list[n].size + 7) & ~UINT64_C(7);

		if (size > q->bitmaps_size - at)
			break;
		list[n].name = (const char *)dir + at + QCOW2_BITMAP_ENTRY;
		if (!check_bitmap_table(image, q, &list[n], &sum, buf, err))
			return false;
		at += size;
	}
	if (n == q->bitmaps && at == q->bitmaps_size)
		return check_names(image, list, n, err);
	return error_set(err, EXIT_BAD_IMAGE, IMAGE_GET_AGAIN,
			 "%s: its bitmap directory has %" PRIu64 " bytes, which is not the size of "
			 "the entries of its %" PRIu32 " bitmaps",
			 image->name, q->bitmaps_size, q->bitmaps);
}

static bool check_bitmaps(const struct image *image, const struct qcow2 *q, uint8_t *buf,
			  struct error *err)
{
	_cleanup_buffer_ uint8_t *dir = NULL;
	_cleanup_buffer_ uint8_t *list = NULL;

	if (q->bitmaps == 0)
		return true;
	return image_allocate(&dir, (size_t)q->bitmaps_size, err) &&
	       image_allocate(&list, q->bitmaps * sizeof(struct qcow2_bitmap), err) &&
	       image_read(image, q->bitmaps_offset, dir, (size_t)q->bitmaps_size, err) &&
	       check_directory(image, q, dir, (struct qcow2_bitmap *)(void *)list, buf, err);
}

bool image_check_tables(const struct image *image, const struct qcow2 *q, uint8_t *buf, bool force,
			struct error *err)
{
	return check_tables(image, q, buf, force, err) && check_snapshots(image, q, err) &&
	       check_bitmaps(image, q, buf, err);
}
