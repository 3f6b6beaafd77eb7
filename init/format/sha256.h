/* sha256.h - SHA-256 (FIPS 180-4) of bytes in memory, in the format of sha256sum(1). */
#ifndef VM_FORMAT_SHA256_H
#define VM_FORMAT_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#define SHA256_TEXT 65 /* 64 hexadecimal digits and the NUL */

/* The sum of the N bytes at BUF as text into OUT. */
void sha256_text(const void *buf, size_t n, char out[SHA256_TEXT]);

/* The same for the whole file FD, whose offset does not change. False with errno. */
bool sha256_file(int fd, char out[SHA256_TEXT]);

#endif
