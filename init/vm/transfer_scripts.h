/* transfer_scripts.h - the shell scripts of vm push and vm pull, and the programs that they need.
 *
 * A directory, and everything where there is tar, goes as a tar archive; one regular file goes as
 * it is into a guest that has no tar (or no find, sort, sed) but a shell.
 */
#ifndef VM_VM_TRANSFER_SCRIPTS_H
#define VM_VM_TRANSFER_SCRIPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "format/serial_text.h"

/* A program for checksums, $1 and $2 of the scripts. */
struct sums {
	const char *program; /* with its options */
	const char *sed;     /* leaves of its lines the sum alone */
	enum serial_sum kind;
};

/* Prints the programs that are there in parentheses, three times: on the serial line the kernel may
 * print into one. */
extern const char transfer_probe[];

/* Arguments behind $1 and $2: the path, options for tar. A line with a checksum, then the archive.
 */
extern const char transfer_send[];
/* The destination, options for tar, what is sent is called, not empty: into a directory that is
 * there. */
extern const char transfer_place[];
/* The same for one regular file: the path; the destination, its mode (octal), its name, into. */
extern const char transfer_send_file[];
extern const char transfer_place_file[];

#define TRANSFER_PLACE_MAX 1400 /* bytes of the longest of them */

/* The first list of programs in TEXT that is whole, into OUT: each has a blank on either side. */
bool transfer_find_tools(const char *text, char *out, size_t size);
bool transfer_has(const char *tools, const char *name);

/* Can TOOLS send or place an archive, checksums aside? False with ERR, which names what WHERE
 * lacks.
 */
bool transfer_has_tar(const char *tools, const char *where, struct error *err);
/* Can the guest with TOOLS take one file? */
bool transfer_has_file(const char *tools, struct error *err);

/* The program for checksums that HERE and THERE have, in this order: sha256sum, cksum. NULL: none.
 */
const struct sums *transfer_sums(const char *here, const char *there);
/* For one file: these, else the file's size, else nothing (SUM_SHELL). */
const struct sums *transfer_file_sums(const char *here, const char *there);

#endif
