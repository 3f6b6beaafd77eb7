/* disk_internal.h - shared between disk.c and overlay.c. */
#ifndef VM_HOST_DISK_INTERNAL_H
#define VM_HOST_DISK_INTERNAL_H

#include <sys/stat.h>

#include "host/disk.h"
#include "host/image.h"

/* A file's or block device's descriptor, size and state, into IMAGE and ST. DIR and FLAGS as of
 * openat(2). */
bool disk_open_image(int dir, const char *path, bool writable, int flags, struct image *image,
		     struct stat *st, struct error *err);

/* Put QEMU_DISK_MODE's overlay in front of the layers. */
bool overlay_add(const struct settings *s, struct disk *disk, struct error *err);

#endif
