/* image_internal.h - shared by image.c and image_tables.c. */
#ifndef VM_HOST_IMAGE_INTERNAL_H
#define VM_HOST_IMAGE_INTERNAL_H

#include "format/qcow2.h"
#include "host/image.h"

/* Tables are read in pieces of this size: a cluster of any size, and the beginning of a file, fit.
 */
#define IMAGE_CHUNK QCOW2_HEAD_MAX

#define IMAGE_GET_AGAIN "get the image again, and compare its size and checksum"

/* Check the tables that the header Q of IMAGE refers to; BUF has IMAGE_CHUNK bytes. FORCE is as for
 * image_check(). */
bool image_check_tables(const struct image *image, const struct qcow2 *q, uint8_t *buf, bool force,
			struct error *err);

#endif
