/* image_format.h - detects the format of a file that is used as a disk image, by its first bytes.
 */
#ifndef VM_FORMAT_IMAGE_FORMAT_H
#define VM_FORMAT_IMAGE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum image_kind {
	IMAGE_UNKNOWN,	/* unknown: possibly a raw disk */
	IMAGE_QCOW2,	/* qcow2, and qcow of version 1 */
	IMAGE_FOREIGN,	/* another disk image format that QEMU would probe for */
	IMAGE_ISO,	/* ISO 9660 or UDF; possibly a hybrid, which is a raw disk, too */
	IMAGE_ARCHIVE,	/* compressed or an archive */
	IMAGE_WRONG,	/* not an image: a web page, a Git LFS pointer */
	IMAGE_BOOT_DISK /* boot sector signature: a raw disk */
};

struct image_format {
	enum image_kind kind;
	const char *name; /* with its article, for messages: "an xz archive" */
};

/* Size of the file's beginning that should be passed: ISO 9660 begins at 32 KiB. */
#define IMAGE_FORMAT_HEAD 0x9000u

/* Classify the file that begins with the LEN bytes at BUF; TAIL is its last 512 bytes, or NULL
 * (fixed-size VHD and DMG have their signature only there). */
struct image_format image_format(const uint8_t *buf, size_t len, const uint8_t *tail);

#endif
