/* snapshot_table.h - reads the internal snapshots of a qcow2 image.
 *
 * QEMU and qemu-img create, load and delete them. The table is read from the image's descriptor,
 * which works even while QEMU uses it: QEMU writes a new table before it changes the header's
 * pointer.
 */
#ifndef VM_HOST_SNAPSHOT_TABLE_H
#define VM_HOST_SNAPSHOT_TABLE_H

#include <stdbool.h>

#include "base/error.h"
#include "format/snapshot_list.h"
#include "host/disk.h"

/* Can the disk that the guest writes to have snapshots? Errors: EXIT_NO_IMAGE (no disk),
 * EXIT_BAD_IMAGE (a raw disk). */
bool snapshots_check_disk(const struct disk *disk, struct error *err);

/* The name of that disk in errors. */
const char *snapshots_disk_name(const struct disk *disk);

/* Read the snapshots in the image FD, called NAME in errors, in a confined child. Errors:
 * EXIT_BAD_IMAGE (too many, or damaged), EXIT_INTERNAL (read error). */
bool snapshots_read(int fd, const char *name, struct snapshots *out, struct error *err);

#endif
