/* qcow2.c - see qcow2.h. All numbers in the file are big-endian. */
#include "format/qcow2.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/bytes.h"

#define V2_HEADER	   72u
#define V3_HEADER	   104u
#define REFCOUNT_TABLE_MAX (8u << 20)
#define L1_MAX		   (32u << 20)
#define SNAPSHOTS_MAX	   65536u
#define BACKING_NAME_MAX   1023u
#define BITMAPS_MAX	   65535u
#define BITMAP_DIR_MAX	   (1024u * BITMAPS_MAX)

#define AUTOCLEAR_BITMAPS  1u
#define AUTOCLEAR_RAW_DATA 2u

enum extension {
	EXTENSION_END = 0,
	EXTENSION_BACKING_FORMAT = (int)0xe2792aca,
	EXTENSION_ENCRYPTION = 0x0537be77,
	EXTENSION_BITMAPS = 0x23852875,
	EXTENSION_DATA_FILE = 0x44415441,
	EXTENSION_MARK = QCOW2_EXTENSION_MARK,
};

static const char broken[] =
	"get the image again, or make a new one; qemu-img check FILE shows details";
static const char convert[] =
	"convert it, if you trust where it comes from: qemu-img convert -O qcow2 FILE NEW.qcow2";

/* Report a field with a value that QEMU rejects. */
#define BAD(...) error_set(err, EXIT_BAD_IMAGE, broken, __VA_ARGS__)
/* Report a feature that this program rejects. */
#define REFUSED(fix, ...) error_set(err, EXIT_BAD_IMAGE, fix, __VA_ARGS__)

/* Is [OFFSET, OFFSET + SIZE) inside the file, at a multiple of the cluster size? QEMU checks the
 * offset of a table without entries, too. */
static bool check_area(const struct qcow2 *q, uint64_t offset, uint64_t size, uint64_t file_size,
		       const char *what, const char *name, struct error *err)
{
	uint64_t mask = (UINT64_C(1) << q->cluster_bits) - 1;

	if (offset & mask)
		return BAD("%s: %s at offset %" PRIu64
			   " is not at a multiple of the cluster size %" PRIu64,
			   name, what, offset, mask + 1);
	if (offset == 0 && size)
		return BAD("%s: %s is at offset 0, where the header is", name, what);
	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return BAD("%s: %s at offset %" PRIu64 ", %" PRIu64 " bytes, ends beyond 2^63",
			   name, what, offset, size);
	if (size && offset + size > file_size)
		return BAD("%s is truncated: %s ends at byte %" PRIu64
			   ", and the file has %" PRIu64,
			   name, what, offset + size, file_size);
	return true;
}

static bool check_version(struct qcow2 *q, const uint8_t *buf, size_t len, const char *name,
			  struct error *err)
{
	q->version = be32(buf + 4);
	q->cluster_bits = be32(buf + 20);
	if (q->version == 1)
		return REFUSED(convert, "%s is a qcow image of version 1; 2 and 3 can be used",
			       name);
	if (q->version != 2 && q->version != 3)
		return BAD("%s: version (at byte 4) is %" PRIu32 ", must be 2 or 3", name,
			   q->version);
	if (q->cluster_bits < 9 || q->cluster_bits > 21)
		return BAD("%s: cluster_bits (at byte 20) is %" PRIu32 ", must be 9 to 21", name,
			   q->cluster_bits);
	q->header_length = V2_HEADER;
	q->refcount_order = 4;
	if (q->version == 2)
		return true;
	if (len < V3_HEADER)
		return BAD("%s is truncated in the header: %zu bytes of %u", name, len, V3_HEADER);
	q->incompatible = be64(buf + 72);
	q->autoclear = be64(buf + 88);
	q->refcount_order = be32(buf + 96);
	q->header_length = be32(buf + 100);
	if (q->header_length < V3_HEADER || q->header_length > UINT32_C(1) << q->cluster_bits ||
	    q->header_length % 8)
		return BAD("%s: header_length (at byte 100) is %" PRIu32
			   ", must be a multiple of 8 from 104 to the cluster size",
			   name, q->header_length);
	if (q->refcount_order > 6)
		return BAD("%s: refcount_order (at byte 96) is %" PRIu32 ", must be 0 to 6", name,
			   q->refcount_order);
	return true;
}

static bool check_features(const struct qcow2 *q, const uint8_t *buf, size_t len, const char *name,
			   struct error *err)
{
	const uint64_t known = QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_DATA_FILE | QCOW2_COMPRESSION |
			       QCOW2_EXTENDED_L2;
	/* The compression type follows the 104 bytes that every v3 header has. */
	uint8_t compression =
		q->version == 3 && q->header_length > V3_HEADER && len > V3_HEADER ? buf[104] : 0;

	if (q->incompatible & ~known)
		return BAD("%s: incompatible_features (at byte 72) has the unknown bits 0x%" PRIx64,
			   name, q->incompatible & ~known);
	if (q->incompatible & QCOW2_CORRUPT)
		return REFUSED(
			"make a copy, then: qemu-img check -r all FILE",
			"%s: its corrupt bit (at byte 72) is set; QEMU found it damaged before",
			name);
	if (q->incompatible & QCOW2_DATA_FILE || q->autoclear & AUTOCLEAR_RAW_DATA)
		return REFUSED(convert,
			       "%s: its data lie in an external file, by which an image can read "
			       "any file of the host",
			       name);
	if (q->incompatible & QCOW2_EXTENDED_L2 && q->cluster_bits < 14)
		return BAD("%s: cluster_bits (at byte 20) is %" PRIu32
			   ", must be at least 14 with extended L2 entries",
			   name, q->cluster_bits);
	if (compression > 1)
		return BAD("%s: compression_type (at byte 104) is %u, must be 0 (zlib) or 1 (zstd)",
			   name, compression);
	if ((compression != 0) != ((q->incompatible & QCOW2_COMPRESSION) != 0))
		return BAD("%s: compression_type (at byte 104) is %u and feature bit 3 is %sset",
			   name, compression, q->incompatible & QCOW2_COMPRESSION ? "" : "not ");
	uint32_t crypt = be32(buf + 32);

	if (crypt > 2)
		return BAD("%s: crypt_method (at byte 32) is %" PRIu32 ", must be 0", name, crypt);
	if (crypt)
		return REFUSED(convert,
			       "%s: it is encrypted: crypt_method (at byte 32) is %" PRIu32, name,
			       crypt);
	return true;
}

static bool check_l1(struct qcow2 *q, const uint8_t *buf, uint64_t file_size, const char *name,
		     struct error *err)
{
	q->virtual_size = be64(buf + 24);
	q->l1_entries = be32(buf + 36);
	q->l1_offset = be64(buf + 40);
	if (q->virtual_size > INT64_MAX)
		return BAD("%s: size (at byte 24) is %" PRIu64 ", must be below 2^63", name,
			   q->virtual_size);
	if ((uint64_t)q->l1_entries * 8 > L1_MAX)
		return BAD("%s: l1_size (at byte 36) is %" PRIu32 ", must be at most %u", name,
			   q->l1_entries, L1_MAX / 8);
	/* One L2 table is a cluster of 8-byte (extended: 16-byte) entries, one for each cluster. */
	unsigned l2_bits = q->cluster_bits - (q->incompatible & QCOW2_EXTENDED_L2 ? 4 : 3);
	unsigned shift = q->cluster_bits + l2_bits;
	uint64_t needed = (q->virtual_size >> shift) +
			  ((q->virtual_size & ((UINT64_C(1) << shift) - 1)) != 0);

	if (q->l1_entries < needed)
		return BAD("%s: l1_size (at byte 36) is %" PRIu32 ", must be at least %" PRIu64
			   " for a disk of %" PRIu64 " bytes",
			   name, q->l1_entries, needed, q->virtual_size);
	return check_area(q, q->l1_offset, (uint64_t)q->l1_entries * 8, file_size,
			  "the L1 table (at byte 40)", name, err);
}

static bool check_refcounts(struct qcow2 *q, const uint8_t *buf, uint64_t file_size,
			    const char *name, struct error *err)
{
	q->refcount_table_offset = be64(buf + 48);
	q->refcount_table_clusters = be32(buf + 56);
	q->snapshots = be32(buf + 60);
	q->snapshots_offset = be64(buf + 64);
	uint64_t size = (uint64_t)q->refcount_table_clusters << q->cluster_bits;

	if (size == 0 || size > REFCOUNT_TABLE_MAX)
		return BAD("%s: refcount_table_clusters (at byte 56) is %" PRIu32
			   ", must be 1 to %u",
			   name, q->refcount_table_clusters, REFCOUNT_TABLE_MAX >> q->cluster_bits);
	if (!check_area(q, q->refcount_table_offset, size, file_size,
			"the refcount table (at byte 48)", name, err))
		return false;
	if (q->snapshots > SNAPSHOTS_MAX)
		return BAD("%s: nb_snapshots (at byte 60) is %" PRIu32 ", must be at most %u", name,
			   q->snapshots, SNAPSHOTS_MAX);
	return check_area(q, q->snapshots_offset, (uint64_t)q->snapshots * QCOW2_SNAPSHOT_ENTRY,
			  file_size, "the snapshot table (at byte 64)", name, err);
}

/* QEMU ignores bitmaps that are marked as out of date. */
static bool read_bitmaps(struct qcow2 *q, const uint8_t *data, uint32_t size, uint64_t file_size,
			 const char *name, struct error *err)
{
	if (size != 24)
		return BAD("%s: its bitmaps extension has %" PRIu32 " bytes, must have 24", name,
			   size);
	if (!(q->autoclear & AUTOCLEAR_BITMAPS))
		return true;
	q->bitmaps = be32(data);
	q->bitmaps_size = be64(data + 8);
	q->bitmaps_offset = be64(data + 16);
	if (q->bitmaps == 0 || q->bitmaps > BITMAPS_MAX || be32(data + 4) != 0)
		return BAD("%s: its bitmaps extension says %" PRIu32 " bitmaps (reserved: %" PRIu32
			   "), must be 1 to %u (0)",
			   name, q->bitmaps, be32(data + 4), BITMAPS_MAX);
	if (q->bitmaps_size == 0 || q->bitmaps_size > BITMAP_DIR_MAX)
		return BAD("%s: its bitmap directory has %" PRIu64 " bytes, must have 1 to %u",
			   name, q->bitmaps_size, BITMAP_DIR_MAX);
	return check_area(q, q->bitmaps_offset, q->bitmaps_size, file_size, "the bitmap directory",
			  name, err);
}

/* Copy the extension WHAT, which is a text, to OUT. */
static bool read_text(const uint8_t *data, uint32_t size, char *out, size_t room, const char *what,
		      const char *name, struct error *err)
{
	if (size >= room)
		return BAD("%s: %s has %" PRIu32 " bytes, must have at most %zu", name, what, size,
			   room - 1);
	memcpy(out, data, size);
	out[size] = '\0';
	return true;
}

static bool read_extension(struct qcow2 *q, uint32_t type, const uint8_t *data, uint32_t size,
			   uint64_t file_size, const char *name, struct error *err)
{
	switch (type) {
	case (uint32_t)EXTENSION_BACKING_FORMAT:
		return read_text(data, size, q->backing_format, sizeof q->backing_format,
				 "the backing format's name", name, err);
	case EXTENSION_DATA_FILE:
		return REFUSED(convert,
			       "%s: it names an external data file, by which an image can read any "
			       "file of the host",
			       name);
	case EXTENSION_MARK:
		return read_text(data, size, q->mark, sizeof q->mark, "the mark of its base", name,
				 err);
	case EXTENSION_ENCRYPTION: return REFUSED(convert, "%s: it is encrypted", name);
	case EXTENSION_BITMAPS: return read_bitmaps(q, data, size, file_size, name, err);
	default: return true; /* QEMU keeps unknown extensions */
	}
}

/* Header extensions are between the header and the backing file name, or the end of the cluster. */
static bool check_extensions(struct qcow2 *q, const uint8_t *buf, uint64_t end, uint64_t file_size,
			     const char *name, struct error *err)
{
	uint64_t at = q->header_length;

	while (at < end) {
		if (end - at < 8)
			return BAD("%s: the header extension at byte %" PRIu64 " leaves the header",
				   name, at);
		uint32_t type = be32(buf + at);
		uint32_t size = be32(buf + at + 4);

		if (type == EXTENSION_END && size <= end - at - 8)
			return true;
		if (size > end - at - 8)
			return BAD("%s: header extension 0x%" PRIx32 " of %" PRIu32
				   " bytes at byte %" PRIu64 " leaves the header",
				   name, type, size, at);
		if (!read_extension(q, type, buf + at + 8, size, file_size, name, err))
			return false;
		at += 8 + ((size + UINT64_C(7)) & ~UINT64_C(7));
	}
	return true;
}

static bool read_backing(struct qcow2 *q, const uint8_t *buf, size_t len, uint64_t *extensions_end,
			 const char *name, struct error *err)
{
	uint64_t offset = be64(buf + 8);
	uint32_t size = be32(buf + 16);
	uint64_t cluster = UINT64_C(1) << q->cluster_bits;

	*extensions_end = cluster;
	if (offset != 0) {
		if (offset < q->header_length || offset > cluster)
			return BAD("%s: backing_file_offset (at byte 8) is %" PRIu64
				   ", must be from %" PRIu32 ", behind the header, to %" PRIu64
				   ", in the first cluster",
				   name, offset, q->header_length, cluster);
		if (size > cluster - offset || size > BACKING_NAME_MAX)
			return BAD("%s: backing_file_size (at byte 16) is %" PRIu32
				   ", must be at most %u and end in the first cluster",
				   name, size, BACKING_NAME_MAX);
		if (offset + size > len)
			return BAD("%s is truncated in the backing file's name", name);
		memcpy(q->backing, buf + offset, size);
		q->backing[size] = '\0';
		if (strlen(q->backing) != size)
			return BAD("%s: the backing file's name has a zero byte", name);
		*extensions_end = offset;
	}
	if (*extensions_end > len)
		*extensions_end = len;
	return true;
}

bool qcow2_parse(const uint8_t *buf, size_t len, uint64_t file_size, const char *name,
		 struct qcow2 *out, struct error *err)
{
	static const uint8_t magic[4] = {'Q', 'F', 'I', 0xfb};
	uint64_t extensions_end;

	memset(out, 0, sizeof *out);
	if (len < 4 || memcmp(buf, magic, 4) != 0)
		return BAD("%s is not a qcow2 image: it does not begin with QFI\\xfb", name);
	if (len < V2_HEADER)
		return BAD("%s is truncated in the header: %zu bytes of %u", name, len, V2_HEADER);
	return check_version(out, buf, len, name, err) &&
	       check_features(out, buf, len, name, err) &&
	       check_l1(out, buf, file_size, name, err) &&
	       check_refcounts(out, buf, file_size, name, err) &&
	       read_backing(out, buf, len, &extensions_end, name, err) &&
	       check_extensions(out, buf, extensions_end, file_size, name, err);
}
