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
#include <sys/types.h>

#include "base/error.h"
#include "config/settings.h"
#include "host/privileges.h"

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
	int overlays;	    /* of the layers: on a throwaway disk, what lies on top of its image */
	bool embedded;	    /* the built-in guest */
	bool dirty;	    /* qcow2's dirty bit: QEMU will repair it when it opens the image */
	char path[4096];    /* of the image (not of the overlay) */
	char overlay[4096]; /* of an overlay that is kept, "" for none */
	bool overlay_new;   /* it has no name yet: disk_keep_overlay() */
};

/* The image to use: QEMU_DRIVE, or what lies in VM_IMAGE_DIR (see settings.def), or the built-in
 * guest when there is no QEMU_KERNEL, QEMU_CDROM and QEMU_FLOPPY either; PATH is left empty for no
 * disk at all. *EMBEDDED tells the built-in one. Error: several images and no choice made, a raw
 * image only, no image and no built-in guest. */
bool disk_find(const struct settings *s, char path[4096], bool *embedded, struct errors *errs);

/* The built-in guest is to boot: does VM_IMAGE_DIR hold a file that may have been meant instead? To
 * ERRS (EXIT_NO_IMAGE), or with VM_FORCE, and for an ISO image, to WARNINGS. */
void disk_overlooked(const struct settings *s, struct errors *errs, struct errors *warnings);

/* The state of the file FD, to be known again: its size, and when it was written last. */
bool disk_mark(int fd, char out[64], struct error *err);

/* Where QEMU_OVERLAY of the image at PATH lies: `PATH.overlay`, for a name `PATH.NAME.overlay`, the
 * built-in guest's in VM_IMAGE_DIR. */
bool overlay_path(const struct settings *s, const char *path, bool embedded, char out[4096],
		  struct error *err);

/* Open and check the image at PATH (and with QEMU_BACKING=allow its backing files, and with
 * QEMU_DISK_MODE=throwaway or overlay put an overlay on top: an anonymous one from VM_TMP_DIR, or
 * the one that is kept, which must have been made for this state of the image). Everything that is
 * wrong goes to ERRS: EXIT_NO_IMAGE (no file, a directory), EXIT_NO_PERMISSION (not readable, or
 * read-only where it must be written: file mode, file system), EXIT_BAD_IMAGE (all else: a
 * damaged or unsupported qcow2 file, an image in use by another QEMU). Nothing is written to an
 * image, and a new overlay has no name yet. */
bool disk_open(const struct settings *s, const char *path, bool embedded, struct disk *out,
	       struct errors *errs);

/* IMAGE, which is named by its path, is DISK's only layer: open and check its backing files, for
 * which disk_open()'s rules hold, and add them. What was added stays in DISK in any case. */
struct image;
bool disk_open_backing(const struct settings *s, const struct image *image, struct disk *disk,
		       struct error *err);

/* A new overlay that is to be kept gets its owner and, whole, its name. */
bool disk_keep_overlay(struct disk *disk, const struct identity *id, struct error *err);

/* Remove the overlay that is kept over the image at PATH; OVERLAY is where it was. Errors: there is
 * none (EXIT_NO_IMAGE), it is in use (EXIT_BAD_IMAGE), it cannot be removed (EXIT_NO_PERMISSION).
 */
bool overlay_reset(const struct settings *s, const char *path, bool embedded, char overlay[4096],
		   struct error *err);

/* A new file without a name in DIR, open for reading and writing; -1 with errno. */
int disk_open_nameless(const char *dir, mode_t mode);

/* The same for a CD-ROM: a regular, readable file; *FD is what QEMU gets. */
bool cdrom_open(const struct settings *s, const char *path, int *fd, struct errors *errs);

/* Take off the locks that a QEMU which is gone has left on our descriptors: they belong to the open
 * file, not to the process (fcntl(2), F_OFD_SETLK), and another program would mind them. */
void disk_unlock(const struct disk *disk);

void disk_close(struct disk *disk);

#endif
