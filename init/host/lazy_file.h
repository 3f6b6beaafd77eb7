/* lazy_file.h - a part of a disk as a file that another program works on: what it reads or
 * overwrites is fetched at that moment, what it writes stays in the file.
 *
 * The program's calls are watched (host/seccomp.h). Where the kernel cannot do that, all is fetched
 * before.
 */
#ifndef VM_HOST_LAZY_FILE_H
#define VM_HOST_LAZY_FILE_H

#include "host/nbd.h"

#define LAZY_CHUNK  65536u
#define LAZY_FILES  64 /* descriptors that the program may have */
#define LAZY_CHANGE 4096u

struct lazy_file {
	struct nbd *disk;
	uint64_t start, size;	 /* the part, bytes */
	int fd;			 /* the file: sparse, SIZE bytes, without a name */
	uint8_t *have;		 /* a bit for each chunk that was fetched */
	uint64_t at[LAZY_FILES]; /* offset of the program's descriptor N, where that is the file */
	struct error failed;	 /* why a chunk could not be fetched */
};

/* F gets a file in DIR. lazy_end() afterwards, in any case. */
bool lazy_begin(struct lazy_file *f, struct nbd *disk, uint64_t start, uint64_t size,
		const char *dir, struct error *err);
void lazy_end(struct lazy_file *f);

/* Begin anew, and fetch all of it. */
bool lazy_fill(struct lazy_file *f, struct error *err);

/* Answer one call of the program (struct qemu_img's `watched`); ARG is the lazy_file. */
bool lazy_watched(int watch, void *arg);

/* What the file has and the disk has not: TAKE is called for each piece (at most LAZY_CHANGE bytes,
 * at OFFSET of the disk), that of the part's first bytes last. False with ERR, TAKE's too. */
bool lazy_changes(struct lazy_file *f,
		  bool (*take)(void *arg, uint64_t offset, const uint8_t *was, const uint8_t *is,
			       size_t n, struct error *err),
		  void *arg, struct error *err);

#endif
