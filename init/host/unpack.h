/* unpack.h - decompresses an untrusted file with a confined program. */
#ifndef VM_HOST_UNPACK_H
#define VM_HOST_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "host/privileges.h"

/* Size limit of a kernel or a decompressed module; a Linux without debug information takes a tenth.
 */
#define UNPACK_BYTES_MAX ((size_t)512 << 20)

/* Decompress the file IN with `PROGRAM -dc` (gzip, xz) into the empty file OUT, whose offset is
 * reset to 0. It runs as ID, for at most a minute. NAME is the file's name in errors:
 * EXIT_QEMU_FAILED (no such program), EXIT_BAD_IMAGE (damaged, too large, takes too long),
 * EXIT_NO_PERMISSION (no space), EXIT_CLEAN (SIGTERM or SIGINT is pending, and stays pending). */
bool unpack(const char *program, int in, int out, const char *name, const struct identity *id,
	    struct error *err);

#endif
