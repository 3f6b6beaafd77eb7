/* ram_file.h - a guest's memory in a saved state.
 *
 * In the form `mapped` the file equals the memory: offset N of the file is offset N of QEMU's
 * memory, and pages of zeros are holes. QEMU maps it, and any number of guests share its pages.
 *
 * The form `packed` is for layers of container images, which do not preserve holes:
 *
 *    "VMRAM1\n\0"  8 bytes
 *    size          of the memory in bytes, 64 bits, little endian, as the following
 *    count         of pieces
 *    offset, length of each piece; both are multiples of 4096, and the offsets increase
 *    data of the pieces, from the next multiple of 4096 on
 */
#ifndef VM_HOST_RAM_FILE_H
#define VM_HOST_RAM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/privileges.h"

#define RAM_PAGE 4096u

/* Copy the non-zero pages of the memory FROM (a file of whole pages) to the empty file TO of the
 * same form, which gets the size of FROM. False with errno. */
bool ram_copy(int from, int to);

/* The same with TO in the form `packed`. */
bool ram_pack(int from, int to);

/* Copy the pieces of FROM, which is packed and untrusted, into the empty memory TO of SIZE bytes.
 * Errors: EXIT_BAD_IMAGE. */
bool ram_unpack(int from, int to, uint64_t size, struct error *err);

/* May QEMU map FD, a state's memory of SIZE bytes, while a guest runs? Truncating the file would
 * end that guest by SIGBUS, so only root and our user may have write access, and it must be on a
 * local file system. False: WHY is the reason; its pages can be copied instead. */
bool ram_mappable(int fd, uint64_t size, const struct identity *qemu, const char **why);

#endif
