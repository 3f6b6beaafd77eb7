/* qcow2_write.c - a fresh, empty qcow2 image, for overlays.
 *
 * Layout in clusters of 64 KiB: header, refcount table, one refcount block (it covers 32768
 * clusters, 2 GiB of file: more than the L1 table of any size we take), then the L1 table, all
 * zeros. Refcounts are 16 bits (refcount_order 4).
 */
#include <string.h>

#include "format/bytes.h"
#include "format/qcow2.h"

#define CLUSTER_BITS 16u
#define CLUSTER	     (UINT64_C(1) << CLUSTER_BITS)
/* What one L2 table (8192 entries) maps: 512 MiB. */
#define L2_COVERS (CLUSTER << 13)
/* 65536 L1 entries. */
#define VIRTUAL_MAX (UINT64_C(32) << 40)

size_t qcow2_overlay(uint64_t virtual_size, uint8_t *out, uint64_t *file_size)
{
	uint64_t entries = (virtual_size + L2_COVERS - 1) / L2_COVERS;
	uint64_t l1_clusters = (entries * 8 + CLUSTER - 1) >> CLUSTER_BITS;

	if (virtual_size > VIRTUAL_MAX)
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
	put_be32(out + 96, 4);	  /* refcount_order */
	put_be32(out + 100, 112); /* header_length; 8 bytes with the compression type 0 */
	put_be64(out + CLUSTER, 2 * CLUSTER);
	for (uint64_t i = 0; i < 3 + l1_clusters; i++)
		out[2 * CLUSTER + 2 * i + 1] = 1;
	*file_size = (3 + l1_clusters) * CLUSTER;
	return QCOW2_OVERLAY_HEAD;
}
