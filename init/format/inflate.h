/* inflate.h - decompresses deflate data (RFC 1951), raw and in a gzip file (RFC 1952).
 *
 * For compressed clusters of a qcow2 image, and for kernels. All input and output is in memory.
 */
#ifndef VM_FORMAT_INFLATE_H
#define VM_FORMAT_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decompress the deflate stream at the beginning of the N bytes at IN, which must produce exactly
 * ROOM bytes, into OUT. False if it does not or is damaged; the contents of OUT are then undefined.
 */
bool inflate_raw(const uint8_t *in, size_t n, uint8_t *out, size_t room);

/* Like inflate_raw(), but decompression may end early, once WANT bytes or more are in OUT. Returns
 * the number of bytes; 0 if the data is damaged before that. */
size_t inflate_start(const uint8_t *in, size_t n, uint8_t *out, size_t room, size_t want);

/* The size (modulo 4 GiB) that the gzip file of N bytes at IN declares; 0 if it is none. */
size_t gzip_size(const uint8_t *in, size_t n);

/* Decompress the only member of the gzip file of N bytes at IN, of gzip_size() = ROOM bytes, into
 * OUT. The checksum is not verified. */
bool gzip_unpack(const uint8_t *in, size_t n, uint8_t *out, size_t room);

#endif
