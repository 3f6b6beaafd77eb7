/* tar_sparse.c - see tar.h: numbers, and the maps of sparse files. */
#include <stdlib.h>
#include <string.h>

#include "format/tar_internal.h"

bool tar_bad(struct tar *t, const char *why)
{
	t->wrong = why;
	return false;
}

/* A number of LEN bytes: octal with surrounding blanks, or GNU's base 256 (top bit set). Only times
 * may be negative. */
bool tar_number(const uint8_t *p, size_t len, int64_t *out)
{
	uint64_t value = 0;
	bool negative = p[0] == 0xff;
	size_t i = 0;

	if (p[0] & 0x80) {
		if (p[0] != 0x80 && !negative)
			return false;
		for (i = 1; i < len; i++) {
			uint8_t sign = negative ? 0xff : 0;

			/* Bytes that do not fit into 64 bits may only be sign extension. */
			if (i + 8 < len && p[i] != sign)
				return false;
			value = value << 8 | p[i];
		}
		if (negative && len < 9)
			value |= ~UINT64_C(0) << (8 * (len - 1));
		*out = (int64_t)value;
		return negative == (*out < 0);
	}
	while (i < len && p[i] == ' ')
		i++;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++) {
		if (value >> 60)
			return false;
		value = value << 3 | (uint64_t)(p[i] - '0');
	}
	while (i < len && (p[i] == ' ' || p[i] == '\0'))
		i++;
	*out = (int64_t)value;
	return i == len || (i > 0 && p[i - 1] == '\0');
}

/* The decimal number of N characters at S. */
bool tar_decimal(const char *s, size_t n, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || value > (INT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (uint64_t)(s[i] - '0');
	}
	*out = value;
	return n > 0;
}

/* ---- sparse files ------------------------------------------------------------------------- */

static bool add_piece(struct tar *t, uint64_t at, uint64_t size)
{
	const struct tar_piece *last = t->piece_count ? &t->pieces[t->piece_count - 1] : NULL;

	if (t->piece_count == TAR_HOLES)
		return tar_bad(t, "a sparse file has too many pieces");
	if (size > INT64_MAX || at > INT64_MAX - size || (last && at < last->at + last->size))
		return tar_bad(t, "a sparse file's map is wrong");
	if (!t->pieces ||
	    (t->piece_count & (t->piece_count - 1)) == 0) { /* 0, 1, 2, 4 ...: the array is full */
		size_t room = t->piece_count ? 2 * t->piece_count : 1;
		struct tar_piece *more = realloc(t->pieces, room * sizeof *more);

		if (!more)
			return tar_bad(t, "there is no memory");
		t->pieces = more;
	}
	t->pieces[t->piece_count++] = (struct tar_piece){at, size};
	return true;
}

/* COUNT entries of GNU's map; an empty one ends it. */
bool tar_add_gnu_pieces(struct tar *t, const uint8_t *p, size_t count)
{
	for (size_t i = 0; i < count && p[24 * i]; i++) {
		int64_t at, size;

		if (!tar_number(p + 24 * i, 12, &at) || !tar_number(p + 24 * i + 12, 12, &size) ||
		    at < 0 || size < 0)
			return tar_bad(t, "a sparse file's map is wrong");
		if (!add_piece(t, (uint64_t)at, (uint64_t)size))
			return false;
	}
	return true;
}

/* The map is complete: it must match the data in the archive and lie within the file. */
bool tar_check_pieces(struct tar *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->piece_count; i++) {
		const struct tar_piece *p = &t->pieces[i];

		if (p->at + p->size > t->real_size)
			return tar_bad(t, "a sparse file's map goes beyond its end");
		sum += p->size;
	}
	if (sum != t->left)
		return tar_bad(t, "a sparse file's map is not what its data is");
	t->piece = 0;
	t->at = 0;
	return true;
}

/* pax's format 1.0: decimal numbers, each followed by a line end: the number of pieces, then offset
 * and size of each; then zeros to the block's end. META collects it. */
bool tar_take_text_map(struct tar *t, bool *whole)
{
	char *more = realloc(t->meta, t->meta_len + TAR_BLOCK + 1);
	uint64_t numbers[2] = {0, 0};
	uint64_t want = 1;
	uint64_t have = 0;

	if (!more)
		return tar_bad(t, "there is no memory");
	t->meta = more;
	memcpy(t->meta + t->meta_len, t->block, TAR_BLOCK);
	t->meta_len += TAR_BLOCK;
	if (t->meta_len > TAR_PAX_MAX || t->left < TAR_BLOCK)
		return tar_bad(t, "a sparse file's map is too large");
	t->left -= TAR_BLOCK;
	/* Has the last line end arrived? */
	const char *p = t->meta;
	const char *end = t->meta + t->meta_len;

	t->piece_count = 0;
	while (have < want) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		if (!eol) {
			*whole = false;
			return true;
		}
		if (!tar_decimal(p, (size_t)(eol - p), &numbers[have & 1]))
			return tar_bad(t, "a sparse file's map is wrong");
		if (have == 0) {
			if (numbers[0] > TAR_HOLES)
				return tar_bad(t, "a sparse file has too many pieces");
			want = 1 + 2 * numbers[0];
		} else if (have % 2 == 0 && !add_piece(t, numbers[1], numbers[0])) {
			return false;
		}
		have++;
		p = eol + 1;
	}
	free(t->meta);
	t->meta = NULL;
	t->meta_len = 0;
	*whole = true;
	return true;
}
