/* disk_internal.h - shared by disk.c and overlay.c. */
#ifndef VM_HOST_DISK_INTERNAL_H
#define VM_HOST_DISK_INTERNAL_H

#include <sys/stat.h>

#include "host/disk.h"
#include "host/image.h"

/* Insert QEMU_DISK_MODE's overlay above the layers. */
bool overlay_add(const struct settings *s, struct disk *disk, struct error *err);

#endif
