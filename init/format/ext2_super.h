/* ext2_super.h - the superblock of an ext2, ext3 or ext4 file system.
 *
 * Source: Linux' Documentation/filesystems/ext4/super.rst and e2fsprogs' ext2_fs.h; the Hurd's
 * ext2fs/ext2_fs.h has the same.
 */
#ifndef VM_FORMAT_EXT2_SUPER_H
#define VM_FORMAT_EXT2_SUPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its offset in the file system, and its length. */
#define EXT2_SUPER_AT	1024u
#define EXT2_SUPER_SIZE 1024u

enum ext2_state {
	EXT2_STATE_CLEAN = 1 << 0,  /* unmounted cleanly; Linux and the Hurd clear it while the file
				       system is mounted for writing */
	EXT2_STATE_ERRORS = 1 << 1, /* its driver found it damaged */
	EXT2_STATE_ORPHANS = 1 << 2,
};

enum ext2_creator { EXT2_CREATOR_LINUX = 0, EXT2_CREATOR_HURD = 1 };

/* The incompatible features that a reader must support. */
enum ext2_incompatible {
	EXT2_COMPRESSION = 0x1,
	EXT2_FILETYPE = 0x2,
	EXT2_RECOVER =
		0x4, /* the journal contains changes that the file system does not have yet */
	EXT2_JOURNAL_DEVICE = 0x8,
	EXT2_META_BG = 0x10,
	EXT2_EXTENTS = 0x40,
	EXT2_64BIT = 0x80,
	EXT2_MMP = 0x100,
	EXT2_FLEX_BG = 0x200,
	EXT2_EA_INODE = 0x400,
	EXT2_CSUM_SEED = 0x2000,
	EXT2_LARGE_DIR = 0x4000,
	EXT2_INLINE_DATA = 0x8000,
	EXT2_ENCRYPT = 0x10000,
	EXT2_CASEFOLD = 0x20000,
};

#define EXT2_HAS_JOURNAL 0x4 /* a compatible feature */

struct ext2_super {
	uint32_t block_size; /* bytes, 1024 to 65536 */
	uint64_t blocks;
	uint32_t first_block; /* of group 0 */
	uint32_t blocks_per_group;
	uint32_t groups;
	uint32_t inodes;
	uint32_t inodes_per_group;
	uint32_t inode_size;	  /* bytes, 128 to block_size */
	uint32_t group_desc_size; /* bytes, 32 to 1024 */
	uint32_t first_meta_group;
	uint16_t state;	  /* enum ext2_state */
	uint16_t errors;  /* action on errors: 1 continue, 2 mount read-only, 3 panic */
	uint32_t creator; /* enum ext2_creator */
	uint32_t compatible, incompatible, read_only;
	uint8_t uuid[16];
	char label[17];	     /* raw: must be escaped */
	char last_mount[65]; /* raw, too */
};

/* Parse the superblock at BUF (EXT2_SUPER_SIZE bytes) of a file system in a partition of LENGTH
 * bytes. False if it is none, or if its numbers are inconsistent or exceed the partition. */
bool ext2_super_parse(const uint8_t *buf, uint64_t length, struct ext2_super *out);

/* Was it unmounted cleanly, with no errors and an empty journal? */
bool ext2_super_clean(const struct ext2_super *s);

/* UUID as text, as blkid(8) and GRUB's search print it. */
void ext2_super_uuid(const struct ext2_super *s, char out[37]);

#endif
