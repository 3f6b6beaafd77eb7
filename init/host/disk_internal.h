/* disk_internal.h - shared between disk.c and overlay.c. */
#ifndef VM_HOST_DISK_INTERNAL_H
#define VM_HOST_DISK_INTERNAL_H

#include <sys/stat.h>

#include "host/disk.h"
#include "host/image.h"

/* Put QEMU_DISK_MODE's overlay in front of the layers. */
bool overlay_add(const struct settings *s, struct disk *disk, struct error *err);

#endif
