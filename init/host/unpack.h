/* unpack.h - decompress a file of others by a program that may do little else. */
#ifndef VM_HOST_UNPACK_H
#define VM_HOST_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "host/privileges.h"

/* What a kernel or an unpacked module may take; a Linux without debug information takes a tenth. */
#define UNPACK_BYTES_MAX ((size_t)512 << 20)

/* Put what `PROGRAM -dc` (gzip, xz) makes of the file IN into the empty file OUT, whose offset goes
 * back to 0. It runs as ID, within a minute. NAME is what errors call the file: EXIT_QEMU_FAILED
 * (no such program), EXIT_BAD_IMAGE (damaged, too large, takes too long), EXIT_NO_PERMISSION (no
 * room), EXIT_CLEAN (SIGTERM or SIGINT is pending, and stays so). */
bool unpack(const char *program, int in, int out, const char *name, const struct identity *id,
	    struct error *err);

#endif
