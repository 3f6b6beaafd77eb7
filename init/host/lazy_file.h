/* lazy_file.h - presents a part of a disk as a file for another program: data that it reads or
 * overwrites is fetched on demand, and its writes stay in the file.
 *
 * The program's system calls are watched (host/seccomp.h). If the kernel does not support that,
 * everything is fetched first.
 */
#ifndef VM_HOST_LAZY_FILE_H
#define VM_HOST_LAZY_FILE_H

#include "host/nbd.h"

#define LAZY_CHUNK  65536u
#define LAZY_FILES  64 /* maximum number of descriptors of the program */
#define LAZY_CHANGE 4096u

struct lazy_file {
	struct nbd *disk;
	uint64_t start, size;	 /* the part, bytes */
	int fd;			 /* the file: sparse, SIZE bytes, without a name */
	uint8_t *have;		 /* a bit for each chunk: it was fetched */
	uint64_t at[LAZY_FILES]; /* file offset of the program's descriptor N, if it is the file */
	struct error failed;	 /* why a chunk could not be fetched */
};

/* Create F's file in DIR. Call lazy_end() afterwards, in any case. */
bool lazy_begin(struct lazy_file *f, struct nbd *disk, uint64_t start, uint64_t size,
		const char *dir, struct error *err);
void lazy_end(struct lazy_file *f);

/* Start over, and fetch everything. */
bool lazy_fill(struct lazy_file *f, struct error *err);

/* Answer one system call of the program (struct qemu_img's `watched`); ARG is the lazy_file. */
bool lazy_handle_call(int watch, void *arg);

/* Find the changes: TAKE is called for each piece that differs from the disk (at most LAZY_CHANGE
 * bytes, at OFFSET of the disk); the piece with the part's first bytes comes last. False with ERR,
 * which may be TAKE's. */
bool lazy_changes(struct lazy_file *f,
		  bool (*take)(void *arg, uint64_t offset, const uint8_t *was, const uint8_t *is,
			       size_t n, struct error *err),
		  void *arg, struct error *err);

#endif
