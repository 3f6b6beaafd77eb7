/* qcow2.h - reads and writes the header of a qcow2 image (QEMU: docs/interop/qcow2.rst).
 *
 * The reader rejects what QEMU rejects when it opens an image (block/qcow2.c) and features that
 * must not be used, each with the field, its value and the permitted values. Pure: bytes in, a
 * struct or an error out.
 */
#ifndef VM_FORMAT_QCOW2_H
#define VM_FORMAT_QCOW2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Maximum size of qcow2_parse()'s input: the first cluster contains header, extensions and backing
 * file name, and a cluster has at most 2 MiB. */
#define QCOW2_HEAD_MAX (2u << 20)

enum qcow2_incompatible {
	QCOW2_DIRTY = 1 << 0,
	QCOW2_CORRUPT = 1 << 1,
	QCOW2_DATA_FILE = 1 << 2,
	QCOW2_COMPRESSION = 1 << 3,
	QCOW2_EXTENDED_L2 = 1 << 4,
};

struct qcow2 {
	uint32_t version;
	uint32_t cluster_bits;
	uint32_t header_length;
	uint32_t refcount_order;
	uint64_t virtual_size; /* bytes */
	uint64_t incompatible; /* enum qcow2_incompatible */
	uint64_t autoclear;    /* bit 0: the bitmaps are up to date; bit 1: raw external data */
	uint64_t l1_offset;
	uint32_t l1_entries;
	uint64_t refcount_table_offset;
	uint32_t refcount_table_clusters;
	uint64_t snapshots_offset;
	uint32_t snapshots;
	uint32_t bitmaps;	 /* number of bitmaps that QEMU will read */
	uint64_t bitmaps_offset; /* of their directory */
	uint64_t bitmaps_size;
	char backing[1024];	 /* "" for none */
	char backing_format[16]; /* "" if the image does not specify it; as long as in QEMU */
	char mark[64];		 /* struct qcow2_base; "" for none */
};

/* Parse the LEN bytes at BUF, the beginning of a file of FILE_SIZE bytes (LEN is FILE_SIZE, or at
 * least its first cluster, which QCOW2_HEAD_MAX always contains). NAME is used in errors. Errors
 * are EXIT_BAD_IMAGE. */
bool qcow2_parse(const uint8_t *buf, size_t len, uint64_t file_size, const char *name,
		 struct qcow2 *out, struct error *err);

/* Does every one of the N entries (in file format) of an L1 or refcount table, from entry FIRST on,
 * point into a file of FILE_SIZE bytes, at a multiple of the cluster size? TABLE is its name ("L1
 * table"). */
bool qcow2_check_table(const struct qcow2 *q, const uint8_t *entries, size_t n, uint64_t first,
		       uint64_t file_size, const char *table, const char *name, struct error *err);

/* The offset in entry I of an L1 or refcount table, 0 for none. */
uint64_t qcow2_entry(const uint8_t *entries, size_t i);

/* The number of clusters that one refcount block counts, and the number up to the last one with a
 * non-zero count in BLOCK (one cluster). */
uint64_t qcow2_refcounts(const struct qcow2 *q);
uint64_t qcow2_refcounts_used(const struct qcow2 *q, const uint8_t *block);

/* Does L2 table number INDEX (one cluster) refer only to clusters that begin inside the file? */
bool qcow2_check_l2(const struct qcow2 *q, const uint8_t *table, uint64_t index, uint64_t file_size,
		    const char *name, struct error *err);

/* Check entry INDEX of the snapshot table or of the bitmap directory, by its fixed part at ENTRY.
 * *SIZE is the size of the whole entry; the next one follows at the next multiple of 8. */
#define QCOW2_SNAPSHOT_ENTRY	 40u
#define QCOW2_SNAPSHOT_TABLE_MAX (64u << 20) /* block/qcow2.h, QCOW_MAX_SNAPSHOTS_SIZE */
bool qcow2_check_snapshot(const uint8_t *entry, uint32_t index, uint64_t *size, const char *name,
			  struct error *err);
/* Decode the whole entry, N = *SIZE bytes at ENTRY. Longer texts are cut. */
struct qcow2_snapshot {
	char id[32];
	char name[128];
	uint64_t memory;   /* bytes of machine state, 0 for none */
	uint64_t clock_ns; /* how long the guest had run */
	uint32_t date;	   /* seconds since 1970 */
};
void qcow2_read_snapshot(const uint8_t *entry, size_t n, struct qcow2_snapshot *out);
#define QCOW2_BITMAP_ENTRY 24u
struct qcow2_bitmap {
	const char *name; /* unused here: it follows the fixed part */
	size_t name_size; /* bytes */
	uint64_t size;	  /* of its entry */
	uint64_t table;	  /* offset */
	uint32_t entries; /* of the table; 0 if the bitmap is in use and QEMU does not load it */
};
bool qcow2_check_bitmap(const struct qcow2 *q, const uint8_t *entry, uint32_t index,
			struct qcow2_bitmap *out, const char *name, struct error *err);
/* One entry of a bitmap's table. */
bool qcow2_check_bitmap_table(const struct qcow2 *q, const uint8_t *entry, const char *name,
			      struct error *err);

/* Reference of a kept overlay to its base image. MARK, in our own header extension, which QEMU
 * preserves (block/qcow2.c, unknown_header_ext), identifies the state of the base for which the
 * overlay was made. */
struct qcow2_base {
	const char *name;   /* at most 1023 bytes */
	const char *format; /* "raw" or "qcow2" */
	const char *mark;   /* at most 63 bytes */
};
#define QCOW2_EXTENSION_MARK 0x564d4241 /* "VMBA" */

/* Create the beginning of an empty image of VIRTUAL_SIZE bytes with cluster size 64 KiB: header,
 * refcount table and its first block; the rest (the L1 table) is zeros. BASE, for its backing file,
 * may be NULL. *FILE_SIZE is the required file size. Returns the number of bytes in OUT, 0 if the
 * size exceeds this layout's maximum (32 TiB) or BASE's name is too long. */
#define QCOW2_OVERLAY_HEAD (3u << 16)
size_t qcow2_overlay(uint64_t virtual_size, const struct qcow2_base *base, uint8_t *out,
		     uint64_t *file_size);

#endif
