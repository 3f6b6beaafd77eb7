/* nbd.h - read and write a disk through the program that knows its format: qemu-nbd(8).
 *
 * It runs as qemu-img does (host/qemu_img.h), on the open layers of a disk, and serves one
 * client, which is us. It holds QEMU's locks on the files meanwhile.
 */
#ifndef VM_HOST_NBD_H
#define VM_HOST_NBD_H

#include <stdint.h>

#include "host/qemu_img.h"

struct nbd {
	const char *name; /* of the disk, for errors */
	pid_t pid;	  /* 0: it does not run */
	int fd;
	int errors; /* what it prints */
	uint64_t size;
	uint64_t end_ns; /* when all of it must be done, CLOCK_MONOTONIC */
	char pid_text[32];
	struct qemu_img tool;
};

/* Serve DISK, which people call NAME. N must not be moved; nbd_end() afterwards, in any case. ID is
 * QEMU's user; SECONDS bound all that is done with it. */
bool nbd_start(struct nbd *n, const struct disk *disk, const char *name, bool writable,
	       const struct settings *s, const struct identity *id, unsigned seconds,
	       struct error *err);

/* LEN bytes at OFFSET; errors: EXIT_BAD_IMAGE, EXIT_CLEAN (SIGTERM is pending). */
bool nbd_read(struct nbd *n, uint64_t offset, void *buf, size_t len, struct error *err);
bool nbd_write(struct nbd *n, uint64_t offset, const void *buf, size_t len, struct error *err);
/* All that was written is on the disk. */
bool nbd_flush(struct nbd *n, struct error *err);

/* End it, and wait until it has closed the disk. */
void nbd_end(struct nbd *n);

#endif
