/* ext2.c - see ext2.h. All numbers are little-endian. Every loop is bounded: by the size of a
 * directory, the depth of a tree, the number of links.
 */
#include "format/ext2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/bytes.h"

#define ROOT_INODE     2u
#define LINKS_MAX      16
#define PATH_BYTES_MAX 4096u
#define DIRECTORY_MAX  (64u << 20)
#define FILE_EXTENTS   0x80000u
#define FILE_NOT_BLOCKS                                                                            \
	0x10000804u /* inline data, encrypted, compressed: blocks do not contain the plain data */
#define EXTENT_MAGIC  0xf30au
#define EXTENT_DEPTH  5u
#define EXTENT_SIZE   12u
#define DIRECT_BLOCKS 12u

#define KNOWN                                                                                      \
	(EXT2_FILETYPE | EXT2_RECOVER | EXT2_EXTENTS | EXT2_64BIT | EXT2_MMP | EXT2_FLEX_BG |      \
	 EXT2_EA_INODE | EXT2_CSUM_SEED | EXT2_LARGE_DIR | EXT2_INLINE_DATA | EXT2_ENCRYPT |       \
	 EXT2_CASEFOLD)

static const char damaged[] = "run e2fsck on the guest's disk";

#define BAD(...) error_set(err, EXIT_BAD_IMAGE, damaged, __VA_ARGS__)

static bool read_bytes(const struct ext2 *fs, uint64_t offset, void *buf, size_t n,
		       struct error *err)
{
	uint64_t size = fs->super.blocks * fs->super.block_size;

	if (offset > size || n > size - offset)
		return BAD("a block is outside of the file system");
	return fs->disk.read(fs->disk.ctx, fs->start + offset, buf, n, err);
}

bool ext2_open(struct ext2 *fs, const struct read_at *disk, uint64_t start, uint64_t length,
	       struct error *err)
{
	uint8_t buf[EXT2_SUPER_SIZE];

	*fs = (struct ext2){.disk = *disk, .start = start};
	if (length < EXT2_SUPER_AT + EXT2_SUPER_SIZE)
		return BAD("the partition is too small for a file system");
	if (!disk->read(disk->ctx, start + EXT2_SUPER_AT, buf, sizeof buf, err))
		return false;
	if (!ext2_super_parse(buf, length, &fs->super))
		return BAD("there is no ext2 file system");
	uint32_t unknown = fs->super.incompatible & ~(uint32_t)KNOWN;

	if (unknown)
		return BAD("its file system has unsupported features (%#x)", (unsigned)unknown);
	for (int i = 0; i < 3; i++)
		fs->trees[i] = malloc(fs->super.block_size);
	fs->block = malloc(fs->super.block_size);
	if (fs->trees[0] && fs->trees[1] && fs->trees[2] && fs->block)
		return true;
	ext2_close(fs);
	return error_set(err, EXIT_INTERNAL, "give the container more memory", "no memory");
}

void ext2_close(struct ext2 *fs)
{
	for (int i = 0; i < 3; i++)
		free(fs->trees[i]);
	free(fs->block);
	*fs = (struct ext2){0};
}

/* ---- inodes ---------------------------------------------------------------------------------- */

static bool read_inode(struct ext2 *fs, uint32_t number, struct ext2_file *out, struct error *err)
{
	const struct ext2_super *s = &fs->super;
	uint8_t desc[64] = {0};
	uint8_t inode[128];

	if (number == 0 || number > s->inodes)
		return BAD("it names inode %u, and there are %u", (unsigned)number,
			   (unsigned)s->inodes);
	uint32_t group = (number - 1) / s->inodes_per_group;
	uint32_t index = (number - 1) % s->inodes_per_group;
	size_t desc_size = s->group_desc_size < sizeof desc ? s->group_desc_size : sizeof desc;

	if (group >= s->groups || !read_bytes(fs,
					      (uint64_t)(s->first_block + 1) * s->block_size +
						      (uint64_t)group * s->group_desc_size,
					      desc, desc_size, err))
		return group < s->groups ? false : BAD("inode %u is in no group", (unsigned)number);
	uint64_t table = le32(desc + 8) | (uint64_t)le32(desc + 40) << 32;

	if (table >= s->blocks)
		return BAD("the inodes of group %u are outside of the file system",
			   (unsigned)group);
	if (!read_bytes(fs, table * s->block_size + (uint64_t)index * s->inode_size, inode,
			sizeof inode, err))
		return false;
	*out = (struct ext2_file){.number = number,
				  .mode = le16(inode),
				  .flags = le32(inode + 32),
				  .size = le32(inode + 4)};
	if (S_ISREG(out->mode))
		out->size |= (uint64_t)le32(inode + 108) << 32;
	memcpy(out->blocks, inode + 40, sizeof out->blocks);
	return true;
}

/* ---- a file's blocks ------------------------------------------------------------------------- */

/* Consecutive blocks of a file; block 0: a hole. */
struct run {
	uint64_t block;
	uint64_t count;
};

/* Read block NUMBER, of depth DEPTH of a tree. */
static const uint8_t *tree_block(struct ext2 *fs, unsigned depth, uint64_t number,
				 struct error *err)
{
	if (fs->tree_at[depth] == number)
		return fs->trees[depth];
	fs->tree_at[depth] = 0;
	if (number >= fs->super.blocks)
		(void)BAD("a block is outside of the file system");
	else if (read_bytes(fs, number * fs->super.block_size, fs->trees[depth],
			    fs->super.block_size, err)) {
		fs->tree_at[depth] = number;
		return fs->trees[depth];
	}
	return NULL;
}

/* The entries of LIST from number I on, of N, as one run. */
static struct run run_of(const uint8_t *list, uint64_t i, uint64_t n)
{
	struct run r = {.block = le32(list + 4 * i), .count = 1};

	while (i + r.count < n &&
	       le32(list + 4 * (i + r.count)) == (r.block ? r.block + r.count : 0))
		r.count++;
	return r;
}

/* Direct, indirect, double and triple indirect blocks. */
static bool map_blocks(struct ext2 *fs, const struct ext2_file *file, uint64_t at, struct run *out,
		       struct error *err)
{
	uint64_t each = fs->super.block_size / 4;
	uint64_t covers = 1; /* of an entry at the present depth */
	unsigned depth = 0;

	if (at < DIRECT_BLOCKS) {
		*out = run_of(file->blocks, at, DIRECT_BLOCKS);
		return true;
	}
	at -= DIRECT_BLOCKS;
	for (covers = each; at >= covers; covers *= each) {
		at -= covers;
		if (++depth == 3)
			return BAD("inode %u is longer than it can be", (unsigned)file->number);
	}
	uint64_t block = le32(file->blocks + 4 * (size_t)(DIRECT_BLOCKS + depth));

	for (;; depth--) {
		if (block == 0) {
			*out = (struct run){.count = covers - at};
			return true;
		}
		const uint8_t *list = tree_block(fs, depth, block, err);

		if (!list)
			return false;
		covers /= each;
		if (depth == 0) {
			*out = run_of(list, at, each);
			return true;
		}
		block = le32(list + 4 * (at / covers));
		at %= covers;
	}
}

/* The last of the N entries of 12 bytes at LIST that begins at or before block AT; NULL: none. */
static const uint8_t *extent_for(const uint8_t *list, unsigned n, uint64_t at)
{
	const uint8_t *found = NULL;

	for (unsigned i = 0; i < n; i++, list += EXTENT_SIZE)
		if (le32(list) <= at)
			found = list;
		else
			break;
	return found;
}

static bool map_extents(struct ext2 *fs, const struct ext2_file *file, uint64_t at, struct run *out,
			struct error *err)
{
	const uint8_t *node = file->blocks;
	size_t size = sizeof file->blocks;

	for (unsigned level = 0; level <= EXTENT_DEPTH; level++) {
		unsigned n = le16(node + 2);
		unsigned depth = le16(node + 6);

		if (le16(node) != EXTENT_MAGIC || n > (size - EXTENT_SIZE) / EXTENT_SIZE ||
		    depth > EXTENT_DEPTH - level)
			break;
		const uint8_t *first = node + EXTENT_SIZE;
		const uint8_t *e = extent_for(first, n, at);
		const uint8_t *next = e ? e + EXTENT_SIZE : first;
		bool last = next == first + (size_t)n * EXTENT_SIZE;

		if (depth > 0 && e) {
			node = tree_block(fs, depth > 1, /* two alternating buffers */
					  le32(e + 4) | (uint64_t)le16(e + 8) << 32, err);
			if (!node)
				return false;
			size = fs->super.block_size;
			continue;
		}
		unsigned length = e ? le16(e + 4) : 0;
		bool unwritten = length > 32768; /* allocated but read as zeros */

		length -= unwritten ? 32768 : 0;
		if (e && at - le32(e) < length) {
			uint64_t start = le32(e + 8) | (uint64_t)le16(e + 6) << 32;

			*out = (struct run){.block = unwritten ? 0 : start + (at - le32(e)),
					    .count = length - (at - le32(e))};
		} else { /* a hole; treated as one block, because its length is unknown */
			*out = (struct run){.count = last ? 1 : le32(next) - at};
		}
		return true;
	}
	return BAD("the extents of inode %u are damaged", (unsigned)file->number);
}

bool ext2_read(struct ext2 *fs, const struct ext2_file *file, uint64_t offset, void *buf, size_t n,
	       struct error *err)
{
	uint32_t size = fs->super.block_size;
	uint8_t *to = buf;

	if (file->flags & FILE_NOT_BLOCKS)
		return BAD("inode %u is compressed, encrypted or inline", (unsigned)file->number);
	if (offset > file->size || n > file->size - offset)
		return BAD("inode %u is shorter than that", (unsigned)file->number);
	while (n > 0) {
		struct run run = {0};
		bool ok = file->flags & FILE_EXTENTS
				  ? map_extents(fs, file, offset / size, &run, err)
				  : map_blocks(fs, file, offset / size, &run, err);

		if (!ok)
			return false;
		uint64_t bytes = run.count * size - offset % size;
		size_t piece = bytes < n ? (size_t)bytes : n;

		if (run.block == 0)
			memset(to, 0, piece);
		else if (run.block >= fs->super.blocks)
			return BAD("a block of inode %u is outside of the file system",
				   (unsigned)file->number);
		else if (!read_bytes(fs, run.block * size + offset % size, to, piece, err))
			return false;
		offset += piece;
		to += piece;
		n -= piece;
	}
	return true;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The inode of NAME (N bytes) in the directory DIR; 0: none. False with ERR: damaged. */
static bool look_up(struct ext2 *fs, const struct ext2_file *dir, const char *name, size_t n,
		    uint32_t *inode, struct error *err)
{
	uint32_t size = fs->super.block_size;

	*inode = 0;
	if (dir->size > DIRECTORY_MAX)
		return BAD("a directory has more than %u MiB", DIRECTORY_MAX >> 20);
	for (uint64_t offset = 0; offset < dir->size; offset += size) {
		uint64_t left = dir->size - offset;
		size_t here = left < size ? (size_t)left : size;

		if (!ext2_read(fs, dir, offset, fs->block, here, err))
			return false;
		for (size_t at = 0; at + 8 <= here;) {
			const uint8_t *e = fs->block + at;
			size_t length = le16(e + 4);

			/* With blocks of 64 KiB, 65535 (and 0, written by the kernel) means up to
			 * the end. */
			if (size == 65536 && (length == 65535 || length == 0))
				length = size - at;
			if (length < 8 || length > here - at || (size_t)e[6] + 8 > length)
				return BAD("a directory is damaged (inode %u)",
					   (unsigned)dir->number);
			if (le32(e) && e[6] == n && memcmp(e + 8, name, n) == 0) {
				*inode = le32(e);
				return true;
			}
			at += length;
		}
	}
	return true;
}

/* The target of the symbolic link FILE followed by REST, into TEXT. */
static bool follow(struct ext2 *fs, const struct ext2_file *file, const char *rest,
		   char text[PATH_BYTES_MAX], struct error *err)
{
	char more[PATH_BYTES_MAX];
	size_t n = (size_t)file->size;

	(void)snprintf(more, sizeof more, "%s", rest);
	if (n == 0 || file->size + strlen(more) + 2 > PATH_BYTES_MAX)
		return BAD("a symbolic link is too long");
	/* A short target is stored in the inode itself. */
	if (n < sizeof file->blocks)
		memcpy(text, file->blocks, n);
	else if (!ext2_read(fs, file, 0, text, n, err))
		return false;
	(void)snprintf(text + n, PATH_BYTES_MAX - n, "/%s", more);
	return true;
}

bool ext2_find(struct ext2 *fs, const char *path, struct ext2_file *out, struct error *err)
{
	char text[PATH_BYTES_MAX];
	struct ext2_file dir;
	int links = 0;

	if (strlen(path) >= sizeof text)
		return BAD("a name is too long");
	(void)snprintf(text, sizeof text, "%s", path);
	if (!read_inode(fs, ROOT_INODE, out, err))
		return false;
	for (const char *p = text;;) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");
		uint32_t inode;

		if (n == 0)
			return true;
		if (!S_ISDIR(out->mode))
			return error_set(err, EXIT_NO_IMAGE,
					 "set VM_BOOT=firmware, or auto to try both",
					 "%s does not exist", path);
		dir = *out;
		if (!look_up(fs, &dir, p, n, &inode, err))
			return false;
		if (inode == 0)
			return error_set(err, EXIT_NO_IMAGE,
					 "set VM_BOOT=firmware, or auto to try both",
					 "%s does not exist", path);
		if (!read_inode(fs, inode, out, err))
			return false;
		p += n;
		if (!S_ISLNK(out->mode))
			continue;
		if (++links > LINKS_MAX)
			return BAD("%s: too many symbolic links", path);
		if (!follow(fs, out, p, text, err))
			return false;
		p = text;
		*out = dir;
		if (*p == '/' && !read_inode(fs, ROOT_INODE, out, err))
			return false;
	}
}
