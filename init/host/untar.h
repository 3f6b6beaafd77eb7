/* untar.h - write what a tar archive of a guest holds below a directory, and nowhere else.
 *
 * Regular files, directories, symbolic links and hard links among these files; set-id bits are
 * dropped, everything belongs to the caller. Devices, FIFOs, names that lead out and hard links to
 * what is not in the archive are refused, each with a line. No symbolic link is ever followed: one
 * that stands in a path's way, or in a file's place, is removed.
 */
#ifndef VM_HOST_UNTAR_H
#define VM_HOST_UNTAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "format/tar.h"

/* The most members of an archive, bytes of its directories' names in memory, and directories of a
 * path. */
#define UNPACK_MEMBERS	 1000000
#define UNPACK_NAMES	 (64u << 20)
#define UNPACK_DEPTH_MAX 128

/* Which checksums of the files' contents are made, after the program that prints the same ones. */
enum unpack_sums { SUMS_SHA256, SUMS_CKSUM };
#define UNPACK_SUM 65 /* of one file, as text with its NUL */

struct unpack_dir; /* a directory's mode and time, which it gets at the end */

struct unpack {
	int root;	   /* everything is below it */
	const char *only;  /* the one name in it that members may have as their first */
	uint64_t max_size; /* bytes of all files, holes included */
	enum unpack_sums kind;
	/* Zeroed to begin with: */
	uint64_t size, members, refused, names;
	int fd; /* the file that is being written; -1: none, skip its data */
	uint64_t file_size;
	int64_t mtime;
	struct error err;	  /* why it ended */
	char (*sums)[UNPACK_SUM]; /* of every file that has come */
	size_t sum_count;
	struct unpack_dir *dirs, **last_dir;
	struct tar tar;
};

void unpack_begin(struct unpack *u, int root, const char *only, enum unpack_sums kind,
		  uint64_t max_size);

/* Take N bytes at BUF of the archive. False with U->err. */
bool unpack_feed(struct unpack *u, const uint8_t *buf, size_t n);

/* The archive is whole: directories get their modes and times. False with U->err. */
bool unpack_end(struct unpack *u);

/* What stands for the contents of all files, into OUT: the checksum of the sorted lines of theirs,
 * without the name that sha256sum(1) prints behind it. */
void unpack_sum(struct unpack *u, char out[UNPACK_SUM]);

void unpack_free(struct unpack *u);

/* Remove what is called NAME in the directory DIR, with all that is in it; what cannot be removed
 * stays. */
void remove_tree(int dir, const char *name);

/* Move NAME of the directory FROM to TO_NAME in the directory TO: a file or a link replaces what is
 * no directory there, a directory is merged into one that is there. Links at the destination are
 * replaced, never followed. False with ERR (a directory is in a file's place, or errno). */
bool place_tree(int from, const char *name, int to, const char *to_name, struct error *err);

#endif
