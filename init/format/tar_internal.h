/* tar_internal.h - shared by tar.c and tar_sparse.c. */
#ifndef VM_FORMAT_TAR_INTERNAL_H
#define VM_FORMAT_TAR_INTERNAL_H

#include "format/tar.h"

/* Set the error WHY. Returns false. */
bool tar_bad(struct tar *t, const char *why);

/* The number in a header field of LEN bytes at P. False if it is invalid. */
bool tar_number(const uint8_t *p, size_t len, int64_t *out);

/* The decimal number of N characters at S, as in extended headers. False if it is invalid. */
bool tar_decimal(const char *s, size_t n, uint64_t *out);

/* Convert COUNT entries at P of the map in GNU's header to pieces. */
bool tar_add_gnu_pieces(struct tar *t, const uint8_t *p, size_t count);

/* T->block is one more block of the map before the data; *WHOLE: the last one. */
bool tar_take_text_map(struct tar *t, bool *whole);

/* The map is complete: does it fit the file and the data in the archive? */
bool tar_check_pieces(struct tar *t);

#endif
