/* guest_disk.c - see guest_disk.h. */
#include "format/guest_disk.h"

#include <stdlib.h>
#include <string.h>

#include "format/bytes.h"
#include "format/inflate.h"

#define L1_OFFSET     UINT64_C(0x00fffffffffffe00)
#define L2_COMPRESSED (UINT64_C(1) << 62)
#define L2_ZERO	      UINT64_C(1) /* version 3 only; bit 0 is reserved, 0, in version 2 */
#define SECTOR	      512u
/* Extended L2 entries have a second word with bits for 32 subclusters: allocated, and reads as
 * zeros. */
#define PARTS_BITS 5u

#define BAD(...) error_set(err, EXIT_BAD_IMAGE, "qemu-img check FILE shows details", __VA_ARGS__)

static uint64_t size_of(const struct guest_disk_layer *l)
{
	return l->is_qcow2 ? l->header.virtual_size : l->file.size;
}

static bool is_extended(const struct guest_disk_layer *l)
{
	return l->header.incompatible & QCOW2_EXTENDED_L2;
}

/* The kind of a cluster of a layer, or of a part of it. */
struct place {
	enum { PLACE_BELOW, PLACE_ZEROS, PLACE_FILE, PLACE_PACKED } kind;
	uint64_t offset; /* in the file */
	size_t packed;	 /* maximum compressed size, for PLACE_PACKED */
};

/* Read N bytes of the file of L at OFFSET; as in QEMU, bytes after its end are zeros. */
static bool read_file(const struct guest_disk_layer *l, uint64_t offset, uint8_t *buf, size_t n,
		      struct error *err)
{
	uint64_t there = offset < l->file.size ? l->file.size - offset : 0;
	size_t have = there < n ? (size_t)there : n;

	memset(buf + have, 0, n - have);
	return have == 0 || l->file.read(l->file.ctx, offset, buf, have, err);
}

/* Find the byte OFFSET of L. */
static bool find(struct guest_disk_layer *l, uint64_t offset, struct place *out, struct error *err)
{
	const struct qcow2 *q = &l->header;
	unsigned bits = q->cluster_bits;
	bool extended = is_extended(l);
	unsigned l2_bits = bits - (extended ? 4 : 3);
	uint64_t cluster = offset >> bits;
	uint64_t index = cluster >> l2_bits;
	uint8_t entry[8];

	*out = (struct place){.kind = PLACE_BELOW};
	if (index >= q->l1_entries)
		return true;
	if (!read_file(l, q->l1_offset + 8 * index, entry, sizeof entry, err))
		return false;
	uint64_t table = be64(entry) & L1_OFFSET;

	if (table == 0)
		return true;
	if (table != l->l2_at) {
		l->l2_at = 0;
		if (!read_file(l, table, l->l2, (size_t)1 << bits, err))
			return false;
		l->l2_at = table;
	}
	const uint8_t *at =
		l->l2 + ((cluster & ((UINT64_C(1) << l2_bits) - 1)) << (bits - l2_bits));
	uint64_t e = be64(at);
	uint64_t parts = extended ? be64(at + 8) : ~UINT64_C(0);
	unsigned part = extended ? offset >> (bits - PARTS_BITS) & 31 : 0;

	if (e & L2_COMPRESSED) {
		unsigned at_bits = 62 - (bits - 8);
		uint64_t first = e & ((UINT64_C(1) << at_bits) - 1);
		uint64_t sectors = e >> at_bits & ((UINT64_C(1) << (bits - 8)) - 1);

		*out = (struct place){.kind = PLACE_PACKED,
				      .offset = first,
				      .packed = (size_t)((sectors + 1) * SECTOR - first % SECTOR)};
	} else if (extended ? parts >> (32 + part) & 1 : q->version >= 3 && (e & L2_ZERO)) {
		out->kind = PLACE_ZEROS;
	} else if ((e & L1_OFFSET) && (parts >> part & 1)) {
		*out = (struct place){.kind = PLACE_FILE, .offset = e & L1_OFFSET};
	}
	return true;
}

/* A partition table or a superblock needs only the beginning of a compressed cluster: at most
 * starts nothing more is read, so the rest is decompressed on demand. */
#define FIRST_PART 4096u

/* Decompress the first WANT bytes of the cluster at P into L->data. */
static bool unpack(struct guest_disk_layer *l, const struct place *p, size_t want,
		   struct error *err)
{
	size_t size = (size_t)1 << l->header.cluster_bits;
	bool whole = want > FIRST_PART;

	if (p->offset == l->data_at && want <= l->data_have)
		return true;
	l->data_at = 0;
	if (!l->data)
		l->data = malloc(size);
	if (!l->packed) /* the number of sectors has cluster_bits - 8 bits: at most two clusters */
		l->packed = malloc(2 * size + SECTOR);
	if (!l->data || !l->packed)
		return error_set(err, EXIT_INTERNAL, "give the container more memory", "no memory");
	if (p->packed <= 2 * size + SECTOR && read_file(l, p->offset, l->packed, p->packed, err)) {
		if (whole)
			l->data_have = inflate_raw(l->packed, p->packed, l->data, size) ? size : 0;
		else
			l->data_have =
				inflate_start(l->packed, p->packed, l->data, size, FIRST_PART);
		if (want <= l->data_have) {
			l->data_at = p->offset;
			return true;
		}
	}
	return BAD("the compressed cluster at byte %llu is damaged", (unsigned long long)p->offset);
}

/* Read N bytes at OFFSET, all in one cluster (or subcluster) of layer I if that is qcow2, into BUF.
 */
static bool read_piece(struct guest_disk *d, int i, uint64_t offset, uint8_t *buf, size_t n,
		       struct error *err);

/* Read from layer I on. The disk may be shorter in lower layers; the rest is zeros. */
static bool read_layer(struct guest_disk *d, int i, uint64_t offset, uint8_t *buf, size_t n,
		       struct error *err)
{
	if (i == d->count || offset >= size_of(&d->layers[i])) {
		memset(buf, 0, n);
		return true;
	}
	struct guest_disk_layer *l = &d->layers[i];
	uint64_t left = size_of(l) - offset;

	if (left < n) {
		memset(buf + left, 0, n - (size_t)left);
		n = (size_t)left;
	}
	if (!l->is_qcow2)
		return read_file(l, offset, buf, n, err);
	uint64_t unit = UINT64_C(1) << (l->header.cluster_bits - (is_extended(l) ? PARTS_BITS : 0));

	while (n > 0) {
		uint64_t room = unit - (offset & (unit - 1));
		size_t piece = room < n ? (size_t)room : n;

		if (!read_piece(d, i, offset, buf, piece, err))
			return false;
		offset += piece;
		buf += piece;
		n -= piece;
	}
	return true;
}

static bool read_piece(struct guest_disk *d, int i, uint64_t offset, uint8_t *buf, size_t n,
		       struct error *err)
{
	struct guest_disk_layer *l = &d->layers[i];
	unsigned bits = l->header.cluster_bits;
	size_t within = (size_t)(offset & ((UINT64_C(1) << bits) - 1));
	struct place p;

	if (!find(l, offset, &p, err))
		return false;
	switch (p.kind) {
	case PLACE_BELOW: return read_layer(d, i + 1, offset, buf, n, err);
	case PLACE_ZEROS: memset(buf, 0, n); return true;
	case PLACE_FILE: return read_file(l, p.offset + within, buf, n, err);
	case PLACE_PACKED: break;
	}
	if (!unpack(l, &p, within + n, err))
		return false;
	memcpy(buf, l->data + within, n);
	return true;
}

static bool read_disk(void *ctx, uint64_t offset, void *buf, size_t n, struct error *err)
{
	struct guest_disk *d = ctx;
	uint64_t size = size_of(&d->layers[0]);

	if (offset > size || n > size - offset)
		return BAD("byte %llu is beyond the end of the disk", (unsigned long long)offset);
	return read_layer(d, 0, offset, buf, n, err);
}

/* It is in the first cluster, whose size is given by byte 23 (docs/interop/qcow2.rst). */
static bool read_header(struct guest_disk_layer *l, struct error *err)
{
	size_t most = l->file.size < QCOW2_HEAD_MAX ? (size_t)l->file.size : QCOW2_HEAD_MAX;
	size_t n = most < 4096 ? most : 4096;
	uint8_t *head = malloc(QCOW2_HEAD_MAX);
	bool ok = head && l->file.read(l->file.ctx, 0, head, n, err);

	if (ok && n == 4096 && head[23] <= 21 && n < (size_t)1 << head[23]) {
		n = (size_t)1 << head[23];
		n = n < most ? n : most;
		ok = l->file.read(l->file.ctx, 0, head, n, err);
	}
	ok = ok && qcow2_parse(head, n, l->file.size, "the image", &l->header, err);
	free(head);
	return ok;
}

bool guest_disk_open(struct guest_disk *d, struct read_at *out, struct error *err)
{
	for (int i = 0; i < d->count; i++) {
		struct guest_disk_layer *l = &d->layers[i];

		if (!l->is_qcow2)
			continue;
		if (!read_header(l, err))
			return false;
		if (l->header.incompatible & QCOW2_COMPRESSION)
			return BAD("its clusters are compressed with zstd");
		l->l2 = malloc((size_t)1 << l->header.cluster_bits);
		if (!l->l2)
			return error_set(err, EXIT_INTERNAL, "give the container more memory",
					 "no memory");
	}
	*out = (struct read_at){.read = read_disk, .ctx = d, .size = size_of(&d->layers[0])};
	return true;
}

void guest_disk_close(struct guest_disk *d)
{
	for (int i = 0; i < d->count; i++) {
		free(d->layers[i].l2);
		free(d->layers[i].data);
		free(d->layers[i].packed);
	}
	d->count = 0;
}
