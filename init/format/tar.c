/* tar.c - see tar.h.
 *
 * A state machine over blocks of 512 bytes. Extended headers (pax x, GNU L and K) are collected in
 * memory of bounded size and modify the header that follows them; a sparse file's map becomes a
 * list of pieces, to which its data is distributed.
 */
#include "format/tar_internal.h"

#include <stdlib.h>
#include <string.h>

/* Offsets of the header's fields (pax(1), "ustar Interchange Format"; GNU's from its src/tar.h). */
enum {
	NAME = 0,
	MODE = 100,
	SIZE = 124,
	MTIME = 136,
	CHECKSUM = 148,
	TYPE = 156,
	LINK = 157,
	MAGIC = 257,
	PREFIX = 345,
	GNU_SPARSE = 386,
	GNU_EXTENDED = 482,
	GNU_REAL_SIZE = 483,
	MAP_EXTENDED = 504
};

/* The sum of the header's bytes with blanks in place of the sum itself; old tars summed signed
 * bytes. */
static bool checksum_fits(const uint8_t *h)
{
	int64_t told;
	int64_t sum = 0;
	int64_t signed_sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		uint8_t c = i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : h[i];

		sum += c;
		signed_sum += (int8_t)c;
	}
	return tar_number(h + CHECKSUM, 8, &told) && (told == sum || told == signed_sum);
}

static void copy_field(char *out, const uint8_t *field, size_t len)
{
	size_t n = strnlen((const char *)field, len);

	memcpy(out, field, n);
	out[n] = '\0';
}

/* ---- headers ------------------------------------------------------------------------------ */

static bool keep_text(char out[TAR_PATH], bool *has, const char *text, size_t n)
{
	if (n >= TAR_PATH || memchr(text, '\0', n))
		return false;
	memcpy(out, text, n);
	out[n] = '\0';
	*has = true;
	return true;
}

static bool is(const char *key, size_t key_len, const char *name)
{
	return strlen(name) == key_len && memcmp(key, name, key_len) == 0;
}

/* One record of a pax header. Unknown keys are ignored. */
static bool take_record(struct tar *t, const char *key, size_t key_len, const char *value, size_t n)
{
	uint64_t v;

	if (is(key, key_len, "path") || is(key, key_len, "GNU.sparse.name"))
		return keep_text(t->path, &t->has_path, value, n) ||
		       tar_bad(t, "a path is too long");
	if (is(key, key_len, "linkpath"))
		return keep_text(t->link, &t->has_link, value, n) ||
		       tar_bad(t, "a path is too long");
	if (is(key, key_len, "size")) {
		if (!tar_decimal(value, n, &t->size))
			return tar_bad(t, "a size is not a number");
		t->has_size = true;
	} else if (is(key, key_len, "mtime")) {
		bool minus = n > 0 && value[0] == '-';
		const char *dot = memchr(value, '.', n);
		size_t digits = (dot ? (size_t)(dot - value) : n) - minus;

		if (tar_decimal(value + minus, digits, &v)) {
			t->mtime = minus ? -(int64_t)v : (int64_t)v;
			t->has_mtime = true;
		}
	} else if (is(key, key_len, "GNU.sparse.major")) {
		if (n != 1 || *value != '1')
			return tar_bad(t, "a sparse file is in a format that is not read here");
		t->sparse = t->sparse_text = true;
	} else if (is(key, key_len, "GNU.sparse.realsize")) {
		if (!tar_decimal(value, n, &t->real_size))
			return tar_bad(t, "a size is not a number");
	} else if (is(key, key_len, "GNU.sparse.map") || is(key, key_len, "GNU.sparse.numblocks")) {
		return tar_bad(t, "a sparse file is in a format that is not read here");
	}
	return true;
}

/* `LENGTH KEY=VALUE\n`, repeated. */
static bool take_pax(struct tar *t)
{
	const char *p = t->meta;
	size_t left = t->meta_len;

	while (left > 0) {
		const char *blank = memchr(p, ' ', left < 20 ? left : 20);
		uint64_t len;

		if (!blank || !tar_decimal(p, (size_t)(blank - p), &len) || len > left ||
		    len < (size_t)(blank - p) + 3 || p[len - 1] != '\n')
			return tar_bad(t, "an extended header is wrong");
		const char *key = blank + 1;
		const char *end = p + len - 1;
		const char *equals = memchr(key, '=', (size_t)(end - key));

		if (!equals)
			return tar_bad(t, "an extended header is wrong");
		if (!take_record(t, key, (size_t)(equals - key), equals + 1,
				 (size_t)(end - equals - 1)))
			return false;
		p += len;
		left -= len;
	}
	return true;
}

static bool take_meta(struct tar *t)
{
	bool ok = true;

	if (t->meta_type == 'x') {
		ok = take_pax(t);
	} else if (t->meta_type != 'g') {
		char *to = t->meta_type == 'L' ? t->path : t->link;
		bool *has = t->meta_type == 'L' ? &t->has_path : &t->has_link;

		ok = keep_text(to, has, t->meta, strnlen(t->meta, t->meta_len)) ||
		     tar_bad(t, "a path is too long");
	}
	free(t->meta);
	t->meta = NULL;
	return ok;
}

static enum tar_type type_of(char type, const char *path)
{
	size_t n = strlen(path);

	switch (type) {
	case '0':
	case '7': return TAR_FILE;
	case '\0': /* the old format: a trailing slash marks a directory */
		return n > 0 && path[n - 1] == '/' ? TAR_DIRECTORY : TAR_FILE;
	case 'S': return TAR_FILE;
	case '1': return TAR_HARD_LINK;
	case '2': return TAR_SYMLINK;
	case '3':
	case '4': return TAR_DEVICE;
	case '5':
	case 'D': return TAR_DIRECTORY;
	case '6': return TAR_FIFO;
	default: return TAR_OTHER;
	}
}

/* The names of the header H, unless an extended header has given them. */
static void take_names(struct tar *t, const uint8_t *h)
{
	bool posix =
		memcmp(h + MAGIC, "ustar", 6) == 0; /* GNU's format uses PREFIX for other fields */

	if (!t->has_path) {
		size_t n = 0;

		if (posix && h[PREFIX]) {
			copy_field(t->path, h + PREFIX, 155);
			n = strlen(t->path);
			t->path[n++] = '/';
		}
		copy_field(t->path + n, h + NAME, 100);
	}
	if (!t->has_link)
		copy_field(t->link, h + LINK, 100);
}

static bool begin_data(struct tar *t, const struct tar_calls *calls, void *arg)
{
	bool file = t->entry.type == TAR_FILE;

	t->has_path = t->has_link = t->has_size = t->has_mtime = false;
	if (!calls->entry(arg, &t->entry))
		return false;
	t->at = 0;
	t->state = file ? TAR_DATA : TAR_SKIP;
	return !file || !t->sparse || tar_check_pieces(t);
}

/* Process the header of a file with data, or of any other entry. */
static bool take_entry(struct tar *t, const uint8_t *h, const struct tar_calls *calls, void *arg)
{
	char type = (char)h[TYPE];
	int64_t mode, mtime, real;
	bool gnu_sparse = type == 'S';

	take_names(t, h);
	if (!tar_number(h + MODE, 8, &mode) || !tar_number(h + MTIME, 12, &mtime))
		return tar_bad(t, "a header is wrong");
	t->entry = (struct tar_entry){.type = type_of(type, t->path),
				      .path = t->path,
				      .link = "",
				      .mode = (uint32_t)mode & 07777,
				      .mtime = t->has_mtime ? t->mtime : mtime};
	if (t->entry.type == TAR_SYMLINK || t->entry.type == TAR_HARD_LINK)
		t->entry.link = t->link;
	/* Links, directories and similar entries have no data, regardless of their size field
	 * (pax(1)). */
	if (t->entry.type != TAR_FILE && t->entry.type != TAR_OTHER && type != 'D')
		t->left = 0;
	t->padding = (uint32_t)(-t->left & (TAR_BLOCK - 1));
	if (t->entry.type != TAR_FILE)
		t->sparse = t->sparse_text = false;
	if (gnu_sparse) {
		t->sparse = true;
		t->sparse_text = false;
		if (!tar_number(h + GNU_REAL_SIZE, 12, &real) || real < 0)
			return tar_bad(t, "a header is wrong");
		t->real_size = (uint64_t)real;
		if (!tar_add_gnu_pieces(t, h + GNU_SPARSE, 4))
			return false;
	}
	if (t->entry.type == TAR_FILE)
		t->entry.size = t->sparse ? t->real_size : t->left;
	if (t->sparse && (t->sparse_text || h[GNU_EXTENDED])) {
		t->state = TAR_MAP;
		t->meta_len = 0;
		return true;
	}
	return begin_data(t, calls, arg);
}

/* BLOCK is a complete header. */
static bool take_header(struct tar *t, const struct tar_calls *calls, void *arg)
{
	const uint8_t *h = t->block;
	int64_t size;
	bool zero = true;

	for (size_t i = 0; zero && i < TAR_BLOCK; i++)
		zero = h[i] == 0;
	if (zero) {
		t->state = t->zero ? TAR_ENDED : TAR_HEADER;
		t->zero = true;
		return true;
	}
	t->zero = false;
	if (!checksum_fits(h))
		return tar_bad(t, "a header's checksum is wrong");
	if (!tar_number(h + SIZE, 12, &size) || size < 0)
		return tar_bad(t, "a header is wrong");
	char type = (char)h[TYPE];
	bool meta = type == 'x' || type == 'g' || type == 'L' || type == 'K';

	t->left = t->has_size && !meta ? t->size : (uint64_t)size;
	if (t->left > INT64_MAX - TAR_BLOCK)
		return tar_bad(t, "a size is too large");
	if (!meta) {
		if (!t->sparse) /* from a pax header; the map follows */
			t->real_size = 0;
		t->piece_count = 0;
		return take_entry(t, h, calls, arg);
	}
	if (t->left > TAR_PAX_MAX)
		return tar_bad(t, "an extended header is too large");
	t->padding = (uint32_t)(-t->left & (TAR_BLOCK - 1));
	t->meta_type = type;
	t->meta_len = 0;
	t->meta = malloc(t->left + 1);
	if (!t->meta)
		return tar_bad(t, "there is no memory");
	t->state = TAR_META;
	return true;
}

/* ---- maps of sparse files in blocks of their own -------------------------------------------- */

/* BLOCK is part of the map. */
static bool take_map(struct tar *t, const struct tar_calls *calls, void *arg)
{
	bool whole;

	if (t->sparse_text) {
		if (!tar_take_text_map(t, &whole))
			return false;
	} else {
		if (!tar_add_gnu_pieces(t, t->block, 21))
			return false;
		whole = !t->block[MAP_EXTENDED];
	}
	return !whole || begin_data(t, calls, arg);
}

/* ---- the stream ----------------------------------------------------------------------------- */

/* Pass on some of the N bytes at BUF of a file; *USED says how many. */
static bool take_data(struct tar *t, const uint8_t *buf, size_t n, size_t *used,
		      const struct tar_calls *calls, void *arg)
{
	uint64_t at = t->at;
	size_t part = n < t->left ? n : (size_t)t->left;

	if (t->sparse) {
		while (t->piece < t->piece_count && t->at == t->pieces[t->piece].size) {
			t->piece++;
			t->at = 0;
		}
		if (t->piece == t->piece_count)
			return tar_bad(t, "a sparse file's map is wrong");
		const struct tar_piece *p = &t->pieces[t->piece];

		at = p->at + t->at;
		if (part > p->size - t->at)
			part = (size_t)(p->size - t->at);
	}
	t->at += part;
	t->left -= part;
	*used = part;
	return calls->data(arg, at, buf, part);
}

/* The part that STATE reads is complete (LEFT == 0). */
static bool ended(struct tar *t, const struct tar_calls *calls, void *arg)
{
	if (t->state == TAR_META && !take_meta(t))
		return false;
	if (t->state == TAR_DATA && !calls->end(arg))
		return false;
	if (t->state != TAR_META)
		t->sparse = t->sparse_text = false;
	t->left = t->padding;
	t->padding = 0;
	t->state = t->left ? TAR_PADDING : TAR_HEADER;
	return true;
}

static bool take_block(struct tar *t, const uint8_t *buf, size_t n, size_t *used,
		       const struct tar_calls *calls, void *arg)
{
	*used = n < TAR_BLOCK - t->filled ? n : TAR_BLOCK - t->filled;
	memcpy(t->block + t->filled, buf, *used);
	t->filled += *used;
	if (t->filled < TAR_BLOCK)
		return true;
	t->filled = 0;
	return t->state == TAR_MAP ? take_map(t, calls, arg) : take_header(t, calls, arg);
}

bool tar_feed(struct tar *t, const uint8_t *buf, size_t n, const struct tar_calls *calls, void *arg)
{
	while (n > 0 && t->state != TAR_ENDED) {
		bool in_block = t->state == TAR_HEADER || t->state == TAR_MAP;
		size_t used = n < t->left ? n : (size_t)t->left;

		if (in_block) {
			if (!take_block(t, buf, n, &used, calls, arg))
				return false;
		} else if (t->state == TAR_DATA) {
			if (!take_data(t, buf, n, &used, calls, arg))
				return false;
		} else {
			if (t->state == TAR_META)
				memcpy(t->meta + t->meta_len, buf, used);
			t->meta_len += t->state == TAR_META ? used : 0;
			t->left -= used;
		}
		buf += used;
		n -= used;
		while (t->state != TAR_HEADER && t->state != TAR_MAP && t->state != TAR_ENDED &&
		       t->left == 0)
			if (!ended(t, calls, arg))
				return false;
	}
	return true;
}

bool tar_end(struct tar *t)
{
	/* Some tars omit the second block of zeros, or both. */
	if (t->state == TAR_ENDED || (t->state == TAR_HEADER && t->filled == 0))
		return true;
	return tar_bad(t, "the archive ends too early");
}

void tar_free(struct tar *t)
{
	free(t->meta);
	free(t->pieces);
	t->meta = NULL;
	t->pieces = NULL;
}
