/* image_read.h - a disk image as a file: opened, and read in pieces. */
#ifndef VM_HOST_IMAGE_READ_H
#define VM_HOST_IMAGE_READ_H

#include <sys/stat.h>

#include "host/image.h"

/* Read N bytes at AT into BUF; what lies behind the end of the file is zeros, as QEMU has it. */
bool image_read(const struct image *image, uint64_t at, uint8_t *buf, size_t n, struct error *err);

/* N bytes into *BUF. */
bool image_allocate(uint8_t **buf, size_t n, struct error *err);

/* A file's or block device's descriptor, size and state, into IMAGE and ST. DIR and FLAGS as of
 * openat(2). */
bool image_open(int dir, const char *path, bool writable, int flags, struct image *image,
		struct stat *st, struct error *err);

#endif
