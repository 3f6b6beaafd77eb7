/* nbd.h - reads and writes a disk through qemu-nbd(8), which supports its format.
 *
 * It runs like qemu-img (host/qemu_img.h), on the open layers of a disk, and serves this process as
 * its only client. Meanwhile it holds QEMU's locks on the files.
 */
#ifndef VM_HOST_NBD_H
#define VM_HOST_NBD_H

#include <stdint.h>

#include "host/qemu_img.h"

struct nbd {
	const char *name; /* of the disk, for errors */
	pid_t pid;	  /* 0: not running */
	int fd;
	int errors; /* its standard error */
	uint64_t size;
	uint64_t end_ns; /* time limit for all of it, CLOCK_MONOTONIC */
	char pid_text[32];
	struct qemu_img tool;
};

/* Serve DISK, called NAME in errors. N must not be moved; call nbd_end() afterwards, in any case.
 * ID is QEMU's user; SECONDS limit the whole operation. */
bool nbd_start(struct nbd *n, const struct disk *disk, const char *name, bool writable,
	       const struct settings *s, const struct identity *id, unsigned seconds,
	       struct error *err);

/* Transfer LEN bytes at OFFSET; errors: EXIT_BAD_IMAGE, EXIT_CLEAN (SIGTERM is pending). */
bool nbd_read(struct nbd *n, uint64_t offset, void *buf, size_t len, struct error *err);
bool nbd_write(struct nbd *n, uint64_t offset, const void *buf, size_t len, struct error *err);
/* Flush all written data to the disk. */
bool nbd_flush(struct nbd *n, struct error *err);

/* End it, and wait until it has closed the disk. */
void nbd_end(struct nbd *n);

#endif
