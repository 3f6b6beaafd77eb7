/* untar.h - extracts a tar archive from a guest below a directory, and nowhere else.
 *
 * Regular files, directories, symbolic links, and hard links between files of the archive; set-id
 * bits are dropped, everything belongs to the caller. Devices, FIFOs, names that lead outside and
 * hard links to files that are not in the archive are refused, each with a line. Symbolic links are
 * never followed: one that is part of a path, or in a file's place, is removed.
 */
#ifndef VM_HOST_UNTAR_H
#define VM_HOST_UNTAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "format/tar.h"

/* Limits: members of an archive, memory for the names of its directories, depth of a path. */
#define UNPACK_MEMBERS	 1000000
#define UNPACK_NAMES	 (64u << 20)
#define UNPACK_DEPTH_MAX 128

/* The kind of checksums, named after the program that prints the same ones. */
enum unpack_sums { SUMS_SHA256, SUMS_CKSUM };
#define UNPACK_SUM 65 /* of one file, as text with its NUL */

struct unpack_dir; /* mode and time of a directory, which are set at the end */

struct unpack {
	int root;	   /* everything is extracted below it */
	const char *only;  /* the first component that all members must have; NULL: any */
	uint64_t max_size; /* total size of all files, holes included */
	enum unpack_sums kind;
	/* Zero these before use: */
	uint64_t size, members, refused, names;
	int fd; /* the file being written; -1: none, skip its data */
	uint64_t file_size;
	int64_t mtime;
	struct error err;	  /* the reason for the end */
	char (*sums)[UNPACK_SUM]; /* of every file received */
	size_t sum_count;
	struct unpack_dir *dirs, **last_dir;
	struct tar tar;
};

void unpack_begin(struct unpack *u, int root, const char *only, enum unpack_sums kind,
		  uint64_t max_size);

/* Process N bytes at BUF of the archive. False with U->err. */
bool unpack_feed(struct unpack *u, const uint8_t *buf, size_t n);

/* End of the archive: set modes and times of directories. False with U->err. */
bool unpack_end(struct unpack *u);

/* The checksum over the contents of all files, into OUT: the checksum of the sorted lines of the
 * files' checksums, without the name that sha256sum(1) prints after it. */
void unpack_sum(struct unpack *u, char out[UNPACK_SUM]);

void unpack_free(struct unpack *u);

/* Remove the entry NAME of the directory DIR with its contents; what cannot be removed stays. */
void remove_tree(int dir, const char *name);

/* Move NAME of the directory FROM to TO_NAME in the directory TO. A file or a link replaces
 * anything but a directory; a directory is merged into an existing one. Links at the destination
 * are replaced, never followed. False with ERR (a directory is in a file's place, or errno). */
bool place_tree(int from, const char *name, int to, const char *to_name, struct error *err);

#endif
