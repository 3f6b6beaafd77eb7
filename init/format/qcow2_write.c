/* qcow2_write.c - creates an empty qcow2 image, for overlays.
 *
 * Layout in clusters of 64 KiB: header, refcount table, one refcount block (it covers 32768
 * clusters, 2 GiB of file: more than the L1 table of any supported size), then the L1 table, all
 * zeros. Refcounts are 16 bits (refcount_order 4).
 */
#include <string.h>

#include "format/bytes.h"
#include "format/qcow2.h"

#define CLUSTER_BITS 16u
#define CLUSTER	     (UINT64_C(1) << CLUSTER_BITS)
/* Size that one L2 table (8192 entries) maps: 512 MiB. */
#define L2_COVERS (CLUSTER << 13)
/* 65536 L1 entries. */
#define VIRTUAL_MAX (UINT64_C(32) << 40)

#define HEADER		112u /* 8 bytes with the compression type 0 */
#define BACKING_FORMAT	0xe2792acau
#define BACKING_NAME	1023u
#define EXTENSION_BYTES 64u

/* Write a header extension at AT; returns the position of the next one. */
static uint8_t *put_extension(uint8_t *at, uint32_t type, const char *text)
{
	size_t n = strlen(text);

	put_be32(at, type);
	put_be32(at + 4, (uint32_t)n);
	memcpy(at + 8, text, n);
	return at + 8 + ((n + 7) & ~(size_t)7);
}

static void put_base(uint8_t *out, const struct qcow2_base *base)
{
	uint8_t *at = put_extension(out + HEADER, BACKING_FORMAT, base->format);
	size_t n = strlen(base->name);

	at = put_extension(at, QCOW2_EXTENSION_MARK, base->mark);
	at += 8; /* the end: type 0, no bytes */
	put_be64(out + 8, (uint64_t)(at - out));
	put_be32(out + 16, (uint32_t)n);
	memcpy(at, base->name, n);
}

size_t qcow2_overlay(uint64_t virtual_size, const struct qcow2_base *base, uint8_t *out,
		     uint64_t *file_size)
{
	uint64_t entries = (virtual_size + L2_COVERS - 1) / L2_COVERS;
	uint64_t l1_clusters = (entries * 8 + CLUSTER - 1) >> CLUSTER_BITS;

	if (virtual_size > VIRTUAL_MAX ||
	    (base && (strlen(base->name) > BACKING_NAME || strlen(base->format) > EXTENSION_BYTES ||
		      strlen(base->mark) >= EXTENSION_BYTES)))
		return 0;
	memset(out, 0, QCOW2_OVERLAY_HEAD);
	memcpy(out, "QFI\xfb", 4);
	put_be32(out + 4, 3);
	put_be32(out + 20, CLUSTER_BITS);
	put_be64(out + 24, virtual_size);
	put_be32(out + 36, (uint32_t)entries);
	put_be64(out + 40, 3 * CLUSTER); /* L1 table */
	put_be64(out + 48, CLUSTER);	 /* refcount table */
	put_be32(out + 56, 1);
	put_be32(out + 96, 4); /* refcount_order */
	put_be32(out + 100, HEADER);
	if (base)
		put_base(out, base);
	put_be64(out + CLUSTER, 2 * CLUSTER);
	for (uint64_t i = 0; i < 3 + l1_clusters; i++)
		out[2 * CLUSTER + 2 * i + 1] = 1;
	*file_size = (3 + l1_clusters) * CLUSTER;
	return QCOW2_OVERLAY_HEAD;
}
