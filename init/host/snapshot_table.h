/* snapshot_table.h - read the internal snapshots of a qcow2 image.
 *
 * QEMU and qemu-img make, load and delete them. The table is read from the image's descriptor,
 * which works while QEMU has it, too: QEMU writes a new table first and then points the header to
 * it.
 */
#ifndef VM_HOST_SNAPSHOT_TABLE_H
#define VM_HOST_SNAPSHOT_TABLE_H

#include <stdbool.h>

#include "base/error.h"
#include "format/snapshot_list.h"
#include "host/disk.h"

/* Can the disk that the guest writes to have snapshots? Errors: EXIT_NO_IMAGE (there is no disk),
 * EXIT_BAD_IMAGE (a raw one). */
bool snapshots_possible(const struct disk *disk, struct error *err);

/* What errors call that disk. */
const char *snapshots_disk_name(const struct disk *disk);

/* The snapshots in the image FD, which errors call NAME; read by a confined child. Errors:
 * EXIT_BAD_IMAGE (too many, or it is broken), EXIT_INTERNAL (it cannot be read). */
bool snapshots_read(int fd, const char *name, struct snapshots *out, struct error *err);

#endif
