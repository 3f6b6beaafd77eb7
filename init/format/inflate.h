/* inflate.h - what deflate has compressed (RFC 1951), alone and in a gzip file (RFC 1952).
 *
 * For compressed clusters of a qcow2 image, and for kernels. All of the input and all of the output
 * are in memory.
 */
#ifndef VM_FORMAT_INFLATE_H
#define VM_FORMAT_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The deflate stream at the beginning of the N bytes at IN, which must give exactly ROOM bytes,
 * into OUT. False when it does not, or is damaged; what is in OUT then is not defined. */
bool inflate_raw(const uint8_t *in, size_t n, uint8_t *out, size_t room);

/* How many bytes the gzip file of N bytes at IN says it holds (modulo 4 GiB); 0 when it is none. */
size_t gzip_size(const uint8_t *in, size_t n);

/* The one member that the gzip file of N bytes at IN holds, of gzip_size() = ROOM bytes, into OUT.
 * The checksum is not compared. */
bool gzip_unpack(const uint8_t *in, size_t n, uint8_t *out, size_t room);

#endif
