/* guest_disk.h - reads a disk as the guest sees it, from the layers of an image: qcow2 (including
 * clusters compressed with deflate) over qcow2 or raw.
 *
 * The layers are those that QEMU gets (host/disk.h); backing file names in an image are ignored.
 * Source: QEMU, docs/interop/qcow2.rst.
 */
#ifndef VM_FORMAT_GUEST_DISK_H
#define VM_FORMAT_GUEST_DISK_H

#include "format/qcow2.h"
#include "format/read_at.h"

#define GUEST_DISK_LAYERS 8

struct guest_disk_layer {
	struct read_at file;
	bool is_qcow2;
	/* Buffers of the reader. */
	struct qcow2 header; /* if it is qcow2 */
	uint8_t *l2;	     /* one table */
	uint64_t l2_at;	     /* its offset, 0: none is cached */
	uint8_t *data;	     /* the last compressed cluster, decompressed */
	uint8_t *packed;     /* and compressed */
	uint64_t data_at;    /* its offset, 0: none is cached */
	size_t data_have;    /* number of bytes that were decompressed */
};

struct guest_disk {
	struct guest_disk_layer layers[GUEST_DISK_LAYERS]; /* layers[0] is on top */
	int count;
};

/* Make a disk OUT from D, whose layers have file and is_qcow2 set; OUT then reads from D. False
 * with ERR: not a qcow2 image, an unsupported feature, no memory. */
bool guest_disk_open(struct guest_disk *d, struct read_at *out, struct error *err);

void guest_disk_close(struct guest_disk *d);

#endif
