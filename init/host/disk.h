/* disk.h - the policy on disk images, and the descriptors that QEMU gets.
 *
 * An image is opened once; the checks read that very descriptor and QEMU inherits it (-add-fd), so
 * that nothing can be put in its place in between. QEMU never opens an image by name: a backing
 * chain that is allowed is opened and checked here, layer by layer, and handed over as a list.
 */
#ifndef VM_HOST_DISK_H
#define VM_HOST_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/settings.h"

#define DISK_LAYERS_MAX 8

struct disk_layer {
	int fd; /* CLOEXEC; its access mode is the one QEMU will open it with */
	enum drive_format format;
	bool device; /* a block device, not a file: QEMU's host_device */
	bool writable;
	uint64_t virtual_size; /* bytes */
};

/* layers[0] is what the guest writes to, each further one is the backing file of the one before.
 * count == 0: no disk. */
struct disk {
	struct disk_layer layers[DISK_LAYERS_MAX];
	int count;
	bool embedded;	 /* the built-in guest */
	bool dirty;	 /* qcow2's dirty bit: QEMU will repair it when it opens the image */
	char path[4096]; /* of the image (not of the overlay) */
};

/* The image to use: QEMU_DRIVE, or what lies in VM_IMAGE_DIR (see settings.def), or the built-in
 * guest when there is no QEMU_KERNEL and no QEMU_CDROM either; PATH is left empty for no disk at
 * all. *EMBEDDED tells the built-in one. Error: several images and no choice made, a raw image
 * only, no image and no built-in guest. */
bool disk_find(const struct settings *s, char path[4096], bool *embedded, struct errors *errs);

/* Open and check the image at PATH (and with QEMU_BACKING=allow its backing files, and with
 * QEMU_DISK_MODE=throwaway put an anonymous overlay from VM_TMP_DIR on top). Everything that is
 * wrong goes to ERRS: EXIT_NO_IMAGE (no file, a directory), EXIT_NO_PERMISSION (not readable, or
 * read-only where it must be written: file mode, file system), EXIT_BAD_IMAGE (all else: what
 * QEMU.md lists under qcow2 and untrusted images, an image in use by another QEMU). Nothing is
 * written to an image. */
bool disk_open(const struct settings *s, const char *path, bool embedded, struct disk *out,
	       struct errors *errs);

/* The same for a CD-ROM: a regular, readable file; *FD is what QEMU gets. */
bool cdrom_open(const char *path, int *fd, struct errors *errs);

/* Take off the locks that a QEMU which is gone has left on our descriptors: they belong to the open
 * file, not to the process (fcntl(2), F_OFD_SETLK), and another program would mind them. */
void disk_unlock(const struct disk *disk);

void disk_close(struct disk *disk);

#endif
