/* image_format.h - what a file is that somebody took for a disk image, by its first bytes. */
#ifndef VM_FORMAT_IMAGE_FORMAT_H
#define VM_FORMAT_IMAGE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum image_kind {
	IMAGE_UNKNOWN,	/* nothing known: perhaps a raw disk */
	IMAGE_QCOW2,	/* qcow2, and qcow of version 1 */
	IMAGE_FOREIGN,	/* another format of disk images, all of which QEMU would probe for */
	IMAGE_ISO,	/* ISO 9660 or UDF; perhaps a hybrid that is a raw disk, too */
	IMAGE_ARCHIVE,	/* compressed or packed */
	IMAGE_WRONG,	/* no image at all: a web page, a pointer to a file */
	IMAGE_BOOT_DISK /* a boot sector's signature: a raw disk */
};

struct image_format {
	enum image_kind kind;
	const char *name; /* for people, with its article: "an xz archive" */
};

/* How much of the file's beginning should be there: ISO 9660 begins at 32 KiB. */
#define IMAGE_FORMAT_HEAD 0x9000u

/* The kind of the file that begins with the LEN bytes at BUF; TAIL is its last 512 bytes, or NULL
 * (a VHD or DMG of fixed size says so only there). */
struct image_format image_format(const uint8_t *buf, size_t len, const uint8_t *tail);

#endif
