/* tar.h - a reader for untrusted tar archives.
 *
 * POSIX ustar and pax (IEEE Std 1003.1, pax(1)), GNU's long names and sparse files (tar manual,
 * "Basic Tar Format"), and the old format without a magic number. The archive is fed in pieces of
 * any size; results are passed to callbacks. Nothing is written, and no path is interpreted here.
 */
#ifndef VM_FORMAT_TAR_H
#define VM_FORMAT_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK   512
#define TAR_PATH    4096       /* bytes of a path or a link's target, with the NUL */
#define TAR_PAX_MAX (1u << 20) /* bytes of one extended header */
#define TAR_HOLES   (1u << 16) /* maximum number of data pieces of a sparse file */

enum tar_type {
	TAR_FILE,
	TAR_DIRECTORY,
	TAR_SYMLINK,
	TAR_HARD_LINK,
	TAR_DEVICE,
	TAR_FIFO,
	TAR_OTHER /* an unsupported kind */
};

struct tar_entry {
	enum tar_type type;
	const char *path;
	const char *link; /* of a symbolic or hard link: the target; else "" */
	uint32_t mode;	  /* permissions, 07777 at most */
	int64_t mtime;	  /* seconds since 1970 */
	uint64_t size;	  /* of a file, holes included; else 0 */
};

/* Callbacks of the reader; returning false stops it. */
struct tar_calls {
	bool (*entry)(void *arg, const struct tar_entry *e);
	/* N bytes at BUF belong at AT of the last entry, a file. */
	bool (*data)(void *arg, uint64_t at, const uint8_t *buf, size_t n);
	/* The last entry, a file, is complete. */
	bool (*end)(void *arg);
};

struct tar_piece {
	uint64_t at, size;
};

enum tar_state { TAR_HEADER, TAR_MAP, TAR_DATA, TAR_META, TAR_SKIP, TAR_PADDING, TAR_ENDED };

/* Zero it before use; tar_free() at the end. */
struct tar {
	enum tar_state state;
	const char *wrong; /* the reason why the archive is damaged; NULL: no error so far */
	uint8_t block[TAR_BLOCK];
	size_t filled;	  /* bytes in BLOCK */
	uint64_t left;	  /* remaining bytes of the part that STATE reads */
	uint32_t padding; /* and the padding after it, to the block's end */
	bool zero;	  /* the last block was all zero */
	char meta_type;	  /* x: pax, L and K: GNU's long name and link, g: ignored */
	char *meta;
	size_t meta_len;
	char path[TAR_PATH], link[TAR_PATH];	      /* of the entry */
	bool has_path, has_link, has_size, has_mtime; /* given by an extended header */
	uint64_t size;
	int64_t mtime;
	struct tar_piece *pieces; /* of a sparse file */
	size_t piece_count, piece;
	uint64_t at;		  /* offset in PIECES[PIECE], or in the file */
	bool sparse, sparse_text; /* SPARSE_TEXT: pax's format 1.0, the map precedes the data */
	uint64_t real_size;
	struct tar_entry entry;
};

/* Process the N bytes at BUF. False: the archive is damaged (T->wrong has the reason), or a
 * callback returned false (T->wrong is NULL). Data after the archive's end is ignored. */
bool tar_feed(struct tar *t, const uint8_t *buf, size_t n, const struct tar_calls *calls,
	      void *arg);

/* End of input. False: the archive is truncated (T->wrong). */
bool tar_end(struct tar *t);

void tar_free(struct tar *t);

#endif
