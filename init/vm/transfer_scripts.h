/* transfer_scripts.h - the shell scripts of vm push and vm pull, and the programs that they need.
 *
 * Directories, and everything if the guest has tar, are sent as a tar archive. A single regular
 * file is sent as it is to a guest that lacks tar (or find, sort, sed) but has a shell.
 */
#ifndef VM_VM_TRANSFER_SCRIPTS_H
#define VM_VM_TRANSFER_SCRIPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "format/serial_text.h"

/* A checksum program: $1 and $2 of the scripts. */
struct sums {
	const char *program; /* with its options */
	const char *sed;     /* reduces its lines to the sum */
	enum serial_sum kind;
};

/* Prints the available programs in parentheses, three times, because kernel messages on the serial
 * line can break one. */
extern const char transfer_probe[];

/* Arguments after $1 and $2: path, options for tar. Prints a line with a checksum, then the
 * archive.
 */
extern const char transfer_send[];
/* Arguments: destination, options for tar, name of the member, non-empty to unpack into an existing
 * directory. */
extern const char transfer_place[];
/* The same for one regular file: the path; the destination, its mode (octal), its name, into. */
extern const char transfer_send_file[];
extern const char transfer_place_file[];

#define TRANSFER_PLACE_MAX 1400 /* bytes of the longest of them */

/* Copy the first complete list of programs in TEXT to OUT, each with a blank on either side. */
bool transfer_find_tools(const char *text, char *out, size_t size);
bool transfer_has(const char *tools, const char *name);

/* Can TOOLS send or unpack an archive, apart from checksums? False with ERR, which names the
 * programs that WHERE lacks. */
bool transfer_has_tar(const char *tools, const char *where, struct error *err);
/* Can the guest with TOOLS receive single files? */
bool transfer_has_file(const char *tools, struct error *err);

/* The first checksum program that HERE and THERE both have: sha256sum, cksum. NULL: none. */
const struct sums *transfer_sums(const char *here, const char *there);
/* For single files: the same, else the file's size, else nothing (SUM_SHELL). */
const struct sums *transfer_file_sums(const char *here, const char *there);

#endif
