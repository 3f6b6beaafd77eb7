/* sha256.h - SHA-256 (FIPS 180-4) of bytes in memory, as sha256sum(1) prints it. */
#ifndef VM_FORMAT_SHA256_H
#define VM_FORMAT_SHA256_H

#include <stddef.h>

#define SHA256_TEXT 65 /* 64 hexadecimal digits and the NUL */

/* The sum of the N bytes at BUF as text into OUT. */
void sha256_text(const void *buf, size_t n, char out[SHA256_TEXT]);

#endif
