/* disk.h - the policy for disk images, and the descriptors that QEMU receives.
 *
 * An image is opened once; the checks read that descriptor and QEMU inherits it (-add-fd), so that
 * the file cannot be replaced in between. QEMU never opens an image by name: a permitted backing
 * chain is opened and checked here, layer by layer, and passed as a list.
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
	int fd; /* CLOEXEC; opened with the access mode that QEMU will use */
	enum drive_format format;
	bool device; /* a block device instead of a file: QEMU's host_device */
	bool writable;
	uint64_t virtual_size; /* bytes */
};

/* layers[0] is what the guest writes to; each further layer is the backing file of the previous
 * one. count == 0: no disk. */
struct disk {
	struct disk_layer layers[DISK_LAYERS_MAX];
	int count;
	int overlays;	    /* number of layers above the image of a throwaway disk */
	bool embedded;	    /* the built-in guest */
	bool dirty;	    /* qcow2's dirty bit: QEMU will repair it when it opens the image */
	char path[4096];    /* of the image (not of the overlay) */
	char overlay[4096]; /* of an overlay that is kept, "" for none */
	bool overlay_new;   /* not named yet: disk_keep_overlay() */
};

/* Choose the image: QEMU_DRIVE, or the one in VM_IMAGE_DIR (see settings.def), or the built-in
 * guest if QEMU_KERNEL, QEMU_CDROM and QEMU_FLOPPY are unset, too. PATH is empty if there is no
 * disk. *EMBEDDED: it is the built-in guest. Errors: several images without a choice, only a raw
 * image, no image and no built-in guest. */
bool disk_find(const struct settings *s, char path[4096], bool *embedded, struct errors *errs);

/* The built-in guest will boot: does VM_IMAGE_DIR contain a file that the user may have intended to
 * boot? Reported in ERRS (EXIT_NO_IMAGE), or with VM_FORCE, and for an ISO image, in WARNINGS. */
void disk_check_unused(const struct settings *s, struct errors *errs, struct errors *warnings);

/* The mark that identifies a state of the file FD: its size and modification time. */
bool disk_mark(int fd, char out[64], struct error *err);

/* Can a file with the mark WAS be the one whose mark is IS now? Archives store whole seconds: a
 * layer of a container image that was built here and came back from a registry or from `docker
 * load`. */
bool disk_marks_match(const char *was, const char *is);

/* Path of QEMU_OVERLAY of the image at PATH: `PATH.overlay`, for a name `PATH.NAME.overlay`, for
 * the built-in guest in VM_IMAGE_DIR. */
bool overlay_path(const struct settings *s, const char *path, bool embedded, char out[4096],
		  struct error *err);

/* Open and check the image at PATH (and with QEMU_BACKING=allow its backing files), and with
 * QEMU_DISK_MODE=throwaway or overlay add an overlay: an anonymous one in VM_TMP_DIR, or the kept
 * one, which must have been made for this state of the image. All errors go to ERRS: EXIT_NO_IMAGE
 * (no file, a directory), EXIT_NO_PERMISSION (not readable, or read-only although it must be
 * written: file mode, file system), EXIT_BAD_IMAGE (everything else: a damaged or unsupported qcow2
 * file, an image in use by another QEMU). Nothing is written to an image, and a new overlay has no
 * name yet. */
bool disk_open(const struct settings *s, const char *path, bool embedded, struct disk *out,
	       struct errors *errs);

/* IMAGE is the only layer of DISK: open, check and add its backing files by the rules of
 * disk_open(). Layers that were added stay in DISK in any case. */
struct image;
bool disk_open_backing(const struct settings *s, const struct image *image, struct disk *disk,
		       struct error *err);

/* Set the owner of a new overlay that is to be kept and, when it is complete, name it. */
bool disk_keep_overlay(struct disk *disk, const struct identity *id, struct error *err);

/* Remove the kept overlay of the image at PATH; OVERLAY receives its path. Errors: there is none
 * (EXIT_NO_IMAGE), it is in use (EXIT_BAD_IMAGE), it cannot be removed (EXIT_NO_PERMISSION). */
bool overlay_reset(const struct settings *s, const char *path, bool embedded, char overlay[4096],
		   struct error *err);

/* Create an anonymous file in DIR, open for reading and writing; -1 with errno. */
int disk_open_anonymous(const char *dir, mode_t mode);

/* Open a CD-ROM image, which must be a regular, readable file; *FD is for QEMU. */
bool cdrom_open(const struct settings *s, const char *path, int *fd, struct errors *errs);

/* Release the locks that a QEMU that has ended left on our descriptors: they belong to the open
 * file description, not to the process (fcntl(2), F_OFD_SETLK), and would block other programs. */
void disk_unlock(const struct disk *disk);

void disk_close(struct disk *disk);

#endif
