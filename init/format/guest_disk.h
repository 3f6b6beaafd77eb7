/* guest_disk.h - the bytes of a guest's disk as the guest sees them, from the layers of an image:
 * qcow2 (also with clusters compressed by deflate) over qcow2 or raw.
 *
 * The layers are those that QEMU gets (host/disk.h); a backing file that an image names is not
 * looked at. Source: QEMU, docs/interop/qcow2.rst.
 */
#ifndef VM_FORMAT_GUEST_DISK_H
#define VM_FORMAT_GUEST_DISK_H

#include "format/qcow2.h"
#include "format/read_at.h"

#define GUEST_DISK_LAYERS 8

struct guest_disk_layer {
	struct read_at file;
	bool is_qcow2;
	/* The reader's own. */
	struct qcow2 header; /* where it is qcow2 */
	uint8_t *l2;	     /* one table */
	uint64_t l2_at;	     /* its offset, 0: none is there */
	uint8_t *data;	     /* the last compressed cluster that was unpacked */
	uint8_t *packed;     /* and as it was */
	uint64_t data_at;
};

struct guest_disk {
	struct guest_disk_layer layers[GUEST_DISK_LAYERS]; /* layers[0] is on top */
	int count;
};

/* D's layers have file and is_qcow2; D as a disk into OUT, which reads from D from then on.
 * False with ERR: no qcow2 image, a feature that this does not read, no memory. */
bool guest_disk_open(struct guest_disk *d, struct read_at *out, struct error *err);

void guest_disk_close(struct guest_disk *d);

#endif
