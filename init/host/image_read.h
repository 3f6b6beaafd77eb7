/* image_read.h - opens a disk image as a file and reads pieces of it. */
#ifndef VM_HOST_IMAGE_READ_H
#define VM_HOST_IMAGE_READ_H

#include <sys/stat.h>

#include "host/image.h"

/* Read N bytes at AT into BUF; bytes beyond the end of the file are zeros, as in QEMU. */
bool image_read(const struct image *image, uint64_t at, uint8_t *buf, size_t n, struct error *err);

/* Read N bytes into *BUF, which is allocated. */
bool image_allocate(uint8_t **buf, size_t n, struct error *err);

/* Open a file or block device: descriptor, size and state go to IMAGE and ST. DIR and FLAGS are
 * those of openat(2). */
bool image_open(int dir, const char *path, bool writable, int flags, struct image *image,
		struct stat *st, struct error *err);

#endif
