/* serial_text.h - bytes as text that a terminal line carries, and the checksum that proves it.
 *
 * Two codes, by what the guest's shell can undo: base64 (RFC 4648) where there is base64(1), else
 * octal escapes for `printf %b` one way and pairs of hexadecimal digits of od(1) the other. Three
 * checksums: of sha256sum(1), of cksum(1), and one that a shell computes by itself.
 */
#ifndef VM_FORMAT_SERIAL_TEXT_H
#define VM_FORMAT_SERIAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum serial_code { CODE_BASE64, CODE_DIGITS };

enum serial_sum { SUM_CKSUM, SUM_SHA256, SUM_SHELL };

/* Bytes of text that N bytes become, at most. */
#define SERIAL_TEXT_MAX(n) (5 * (n) + 4)

/* The checksum of cksum(1) (POSIX) of the N bytes at BUF. */
uint32_t posix_cksum(const void *buf, size_t n);

/* The checksum that a shell computes of the N bytes at BUF: k = (k * 251 + byte) % 8388593, from 0
 * on, which no shell's arithmetic overflows (32 bits, POSIX). */
uint32_t shell_sum(const uint8_t *buf, size_t n);

/* Write the N bytes at BUF into OUT (SERIAL_TEXT_MAX(n) bytes) as what the guest undoes: base64, or
 * \0ooo each. Returns the text's length; there is no NUL. */
size_t serial_encode(enum serial_code code, const uint8_t *buf, size_t n, char *out);

/* Undo what the guest has written: base64, or two hexadecimal digits each, N characters at TEXT,
 * into OUT (N bytes are enough). Returns the number of bytes, or -1 when the text is not that. */
ssize_t serial_decode(enum serial_code code, const char *text, size_t n, uint8_t *out);

#endif
