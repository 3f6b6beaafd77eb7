/* foreign_image.h - disk images of other virtual machines, which `vm image convert` reads by
 * qemu-img.
 *
 * The format is named by the user and has to be what the file says. An image that consists of
 * further files, or is a difference from one, is told apart: their names in it are a stranger's.
 * Sources: VMware's Virtual Disk Format 5.0, Microsoft's Virtual Hard Disk Image Format 1.0, QEMU's
 * block/vdi.c and vhdx.c.
 */
#ifndef VM_FORMAT_FOREIGN_IMAGE_H
#define VM_FORMAT_FOREIGN_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum foreign_format { FOREIGN_NONE, FOREIGN_VMDK, FOREIGN_VDI, FOREIGN_VHDX, FOREIGN_VPC };

enum foreign_state {
	FOREIGN_WHOLE,
	FOREIGN_PARTS, /* it names other files */
	FOREIGN_OTHER, /* it is not of this format */
};

#define FOREIGN_HEAD 512
#define FOREIGN_TAIL 512

/* What NAME stands for: vmdk, vdi, vhdx, vpc or vhd. */
enum foreign_format foreign_format(const char *name);

/* QEMU's name of FORMAT. */
const char *foreign_driver(enum foreign_format format);

/* Is the file an image of FORMAT that begins with the FOREIGN_HEAD bytes at HEAD and ends with the
 * FOREIGN_TAIL bytes at TAIL? */
enum foreign_state foreign_state(enum foreign_format format, const uint8_t *head,
				 const uint8_t *tail);

#endif
