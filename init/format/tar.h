/* tar.h - a reader of tar archives, of which nothing is trusted.
 *
 * POSIX ustar and pax (IEEE Std 1003.1, pax(1)), GNU's long names and sparse files (tar manual,
 * "Basic Tar Format"), and the old format without a magic number. The archive is fed in pieces cut
 * anywhere; what was found is told by calls. Nothing is written and no path is looked at here.
 */
#ifndef VM_FORMAT_TAR_H
#define VM_FORMAT_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK   512
#define TAR_PATH    4096       /* bytes of a path or a link's target, with the NUL */
#define TAR_PAX_MAX (1u << 20) /* bytes of one extended header */
#define TAR_HOLES   (1u << 16) /* pieces of data of one sparse file */

enum tar_type {
	TAR_FILE,
	TAR_DIRECTORY,
	TAR_SYMLINK,
	TAR_HARD_LINK,
	TAR_DEVICE,
	TAR_FIFO,
	TAR_OTHER /* a kind that no reader here knows */
};

struct tar_entry {
	enum tar_type type;
	const char *path;
	const char *link; /* of a symbolic or hard link: the target; else "" */
	uint32_t mode;	  /* permissions, 07777 at most */
	int64_t mtime;	  /* seconds since 1970 */
	uint64_t size;	  /* of a file, holes included; else 0 */
};

/* What the reader calls; false ends the reading. */
struct tar_calls {
	bool (*entry)(void *arg, const struct tar_entry *e);
	/* N bytes at BUF belong at AT of the last entry, a file. */
	bool (*data)(void *arg, uint64_t at, const uint8_t *buf, size_t n);
	/* The last entry, a file, is whole. */
	bool (*end)(void *arg);
};

struct tar_piece {
	uint64_t at, size;
};

enum tar_state { TAR_HEADER, TAR_MAP, TAR_DATA, TAR_META, TAR_SKIP, TAR_PADDING, TAR_ENDED };

/* Zeroed to begin with; tar_free() at the end. */
struct tar {
	enum tar_state state;
	const char *wrong; /* the archive is damaged; NULL: not so far */
	uint8_t block[TAR_BLOCK];
	size_t filled;	  /* of BLOCK */
	uint64_t left;	  /* bytes of what STATE reads */
	uint32_t padding; /* and behind it, to the block's end */
	bool zero;	  /* the last block was all 0 */
	char meta_type;	  /* x: pax, L and K: GNU's long name and link, g: ignored */
	char *meta;
	size_t meta_len;
	char path[TAR_PATH], link[TAR_PATH];	      /* of the entry */
	bool has_path, has_link, has_size, has_mtime; /* said before the header */
	uint64_t size;
	int64_t mtime;
	struct tar_piece *pieces; /* of a sparse file */
	size_t piece_count, piece;
	uint64_t at;		  /* the place in PIECES[PIECE], or in the file */
	bool sparse, sparse_text; /* SPARSE_TEXT: pax's format 1.0, the map is before the data */
	uint64_t real_size;
	struct tar_entry entry;
};

/* Take the N bytes at BUF. False: the archive is damaged (T->wrong says how), or a call returned
 * false (T->wrong is NULL). What comes behind the archive's end is ignored. */
bool tar_feed(struct tar *t, const uint8_t *buf, size_t n, const struct tar_calls *calls,
	      void *arg);

/* No more comes. False: the archive was cut (T->wrong). */
bool tar_end(struct tar *t);

void tar_free(struct tar *t);

#endif
