/* ext2.h - read-only access to files of an ext2, ext3 or ext4 file system.
 *
 * Supports what a boot loader needs: directories, files by blocks or by extents, symbolic links.
 * Like GRUB, it does not replay the journal. Sources: Linux' Documentation/filesystems/ext4, GRUB's
 * fs/ext2.c. No path leads out of the file system: ".." of its root is its root, and links are
 * resolved within it.
 */
#ifndef VM_FORMAT_EXT2_H
#define VM_FORMAT_EXT2_H

#include "format/ext2_super.h"
#include "format/read_at.h"

struct ext2 {
	struct read_at disk;
	uint64_t start; /* of the file system on the disk, bytes */
	struct ext2_super super;
	/* Buffers of the reader: the last block read at each depth of a tree. */
	uint8_t *trees[3];
	uint64_t tree_at[3];
	uint8_t *block;
};

struct ext2_file {
	uint32_t number; /* of its inode */
	uint16_t mode;	 /* as of stat(2) */
	uint32_t flags;
	uint64_t size;	    /* bytes */
	uint8_t blocks[60]; /* the inode's i_block */
};

/* Open the file system in the LENGTH bytes from START on of DISK. False with ERR: there is none, it
 * has an unsupported feature, no memory. */
bool ext2_open(struct ext2 *fs, const struct read_at *disk, uint64_t start, uint64_t length,
	       struct error *err);
void ext2_close(struct ext2 *fs);

/* Find the file or directory PATH ("/boot/vmlinuz"); symbolic links are followed, including the
 * last component. */
bool ext2_find(struct ext2 *fs, const char *path, struct ext2_file *out, struct error *err);

/* Read N bytes at OFFSET of FILE into BUF. The range must be within the file. */
bool ext2_read(struct ext2 *fs, const struct ext2_file *file, uint64_t offset, void *buf, size_t n,
	       struct error *err);

#endif
