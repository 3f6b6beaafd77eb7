/* foreign_image.h - disk images of other virtual machines, which `vm image convert` reads with
 * qemu-img.
 *
 * The user names the format, and the file must have it. An image that refers to other files, as a
 * differencing image does, is detected, because file names in it are untrusted. Sources: VMware's
 * Virtual Disk Format 5.0, Microsoft's Virtual Hard Disk Image Format 1.0, QEMU's block/vdi.c and
 * vhdx.c.
 */
#ifndef VM_FORMAT_FOREIGN_IMAGE_H
#define VM_FORMAT_FOREIGN_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum foreign_format { FOREIGN_NONE, FOREIGN_VMDK, FOREIGN_VDI, FOREIGN_VHDX, FOREIGN_VPC };

enum foreign_state {
	FOREIGN_WHOLE,
	FOREIGN_PARTS, /* it refers to other files */
	FOREIGN_OTHER, /* it has another format */
};

#define FOREIGN_HEAD 512
#define FOREIGN_TAIL 512

/* The format called NAME: vmdk, vdi, vhdx, vpc or vhd. */
enum foreign_format foreign_format(const char *name);

/* QEMU's name of FORMAT. */
const char *foreign_driver(enum foreign_format format);

/* Is the file an image of FORMAT that begins with the FOREIGN_HEAD bytes at HEAD and ends with the
 * FOREIGN_TAIL bytes at TAIL? */
enum foreign_state foreign_state(enum foreign_format format, const uint8_t *head,
				 const uint8_t *tail);

#endif
