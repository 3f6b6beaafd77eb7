/* fuzz_qcow2.c - libFuzzer target for the parsers of qcow2 images and the detection of formats.
 *
 * The input is the beginning of a file. A header that is accepted must have the properties that the
 * parsers of tables rely on; the input is then also used as each of the tables.
 */
#include <stdlib.h>
#include <string.h>

#include "format/image_format.h"
#include "format/qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* A refusal has a reason. */
static bool said(bool ok, struct error *err)
{
	check(ok || (err->message[0] && err->fix[0] && err->status == EXIT_BAD_IMAGE));
	*err = (struct error){0};
	return ok;
}

static void check_header(const struct qcow2 *q, uint64_t file_size)
{
	uint64_t table = (uint64_t)q->refcount_table_clusters << q->cluster_bits;

	check(q->cluster_bits >= 9 && q->cluster_bits <= 21 && q->refcount_order <= 6);
	check(q->l1_entries <= 4u << 20 && table > 0 && table <= 8u << 20);
	check(q->l1_entries == 0 || q->l1_offset + 8 * (uint64_t)q->l1_entries <= file_size);
	check(q->refcount_table_offset + table <= file_size);
	check(q->snapshots <= 65536 &&
	      (q->snapshots == 0 ||
	       q->snapshots_offset + 40 * (uint64_t)q->snapshots <= file_size));
	check(q->bitmaps == 0 || q->bitmaps_offset + q->bitmaps_size <= file_size);
	check(!(q->incompatible & (QCOW2_DATA_FILE | QCOW2_CORRUPT)));
	check(memchr(q->backing, '\0', sizeof q->backing) != NULL);
	check(memchr(q->backing_format, '\0', sizeof q->backing_format) != NULL);
}

static void check_tables(const struct qcow2 *q, const uint8_t *data, size_t size,
			 uint64_t file_size)
{
	size_t cluster = (size_t)1 << q->cluster_bits;
	struct error err = {0};
	struct qcow2_bitmap bitmap;
	struct qcow2_snapshot snapshot;
	uint64_t entry;

	(void)said(qcow2_check_table(q, data, size / 8, 0, file_size, "table", "f", &err), &err);
	if (size >= cluster) {
		check(qcow2_refcounts_used(q, data) <= qcow2_refcounts(q));
		(void)said(qcow2_check_l2(q, data, 0, file_size, "f", &err), &err);
	}
	if (size >= QCOW2_SNAPSHOT_ENTRY &&
	    said(qcow2_check_snapshot(data, 0, &entry, "f", &err), &err)) {
		check(entry >= QCOW2_SNAPSHOT_ENTRY && entry < 1u << 20);
		if (size >= entry)
			qcow2_read_snapshot(data, (size_t)entry, &snapshot);
	}
	if (size < QCOW2_BITMAP_ENTRY)
		return;
	if (said(qcow2_check_bitmap(q, data, 0, &bitmap, "f", &err), &err))
		check(bitmap.size > QCOW2_BITMAP_ENTRY && bitmap.size < 1u << 20);
	(void)said(qcow2_check_bitmap_table(q, data, "f", &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qcow2 q;
	struct error err = {0};
	uint64_t file_size = size;

	/* A copy of the exact size, so that a read beyond its end is detected. */
	uint8_t *copy = malloc(size ? size : 1);

	check(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	/* As a complete file, and as the beginning of a large one. */
	for (int i = 0; i < 2; i++, file_size = UINT64_C(1) << 40)
		if (said(qcow2_parse(copy, size, file_size, "f", &q, &err), &err)) {
			check_header(&q, file_size);
			check_tables(&q, copy, size, file_size);
		}
	check(image_format(copy, size, size >= 512 ? copy + size - 512 : NULL).name != NULL);
	free(copy);
	return 0;
}
