/* ram_file.h - a guest's memory in a saved state.
 *
 * In the form `mapped` the file is the memory: the byte at offset N is the byte at N of QEMU's
 * memory, and pages of zeros are holes. QEMU maps it, and any number of guests share its pages.
 *
 * In the form `packed`, for layers of images, which keep no holes, it is
 *
 *   "VMRAM1\n\0"  8 bytes
 *   size          of the memory in bytes, 64 bits, little endian, as the following
 *   count         of pieces
 *   offset, length of each piece; both are multiples of 4096, and the offsets rise
 *   the pieces' bytes, from the next multiple of 4096 on
 */
#ifndef VM_HOST_RAM_FILE_H
#define VM_HOST_RAM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/privileges.h"

#define RAM_PAGE 4096u

/* The pages of the memory FROM (a file of whole pages) that are not zero, into the empty file TO
 * of the same form: TO gets the size of FROM. False with errno. */
bool ram_copy(int from, int to);

/* The same, TO in the form `packed`. */
bool ram_pack(int from, int to);

/* The pieces of FROM, which is packed and somebody else's, into the empty memory TO of SIZE bytes.
 * Errors: EXIT_BAD_IMAGE. */
bool ram_unpack(int from, int to, uint64_t size, struct error *err);

/* May QEMU map FD, a state's memory of SIZE bytes, for as long as a guest runs? Whoever can cut the
 * file off ends that guest by SIGBUS, so it has to be the work of root or of ours, on a file system
 * of this host. False: WHY says what speaks against it, and its pages can be copied instead. */
bool ram_mappable(int fd, uint64_t size, const struct identity *qemu, const char **why);

#endif
