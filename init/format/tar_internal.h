/* tar_internal.h - what tar.c and tar_sparse.c share. */
#ifndef VM_FORMAT_TAR_INTERNAL_H
#define VM_FORMAT_TAR_INTERNAL_H

#include "format/tar.h"

/* The archive is damaged: WHY. Returns false. */
bool tar_bad(struct tar *t, const char *why);

/* The number in a header's field of LEN bytes at P. False when it is none. */
bool tar_number(const uint8_t *p, size_t len, int64_t *out);

/* The decimal number of N characters at S, as extended headers have it. False when it is none. */
bool tar_decimal(const char *s, size_t n, uint64_t *out);

/* COUNT entries at P of the map in GNU's header become pieces. */
bool tar_add_gnu_pieces(struct tar *t, const uint8_t *p, size_t count);

/* T->block is one more block of the map before the data; *WHOLE: the last one. */
bool tar_take_text_map(struct tar *t, bool *whole);

/* The map is whole: does it fit the file and what the archive holds of it? */
bool tar_check_pieces(struct tar *t);

#endif
