/* serial_text.h - encodes bytes as text for a terminal line, with checksums.
 *
 * Two codes, depending on what the guest's shell can decode: base64 (RFC 4648) if it has base64(1),
 * else octal escapes for `printf %b` in one direction and pairs of hexadecimal digits of od(1) in
 * the other. Three checksums: of sha256sum(1), of cksum(1), and one that a shell computes itself.
 */
#ifndef VM_FORMAT_SERIAL_TEXT_H
#define VM_FORMAT_SERIAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum serial_code { CODE_BASE64, CODE_DIGITS };

enum serial_sum { SUM_CKSUM, SUM_SHA256, SUM_SHELL };

/* Maximum length of the text for N bytes. */
#define SERIAL_TEXT_MAX(n) (5 * (n) + 4)

/* The checksum of cksum(1) (POSIX) of the N bytes at BUF. */
uint32_t posix_cksum(const void *buf, size_t n);

/* A checksum for shell arithmetic: k = (k * 251 + byte) % 8388593, starting at 0, which does not
 * overflow 32 bits (the POSIX minimum). */
uint32_t shell_sum(const uint8_t *buf, size_t n);

/* Encode the N bytes at BUF for the guest into OUT (SERIAL_TEXT_MAX(n) bytes): base64, or \0ooo for
 * each. Returns the text's length; there is no NUL. */
size_t serial_encode(enum serial_code code, const uint8_t *buf, size_t n, char *out);

/* Decode the guest's text, N characters at TEXT: base64, or two hexadecimal digits per byte, into
 * OUT (N bytes are enough). Returns the number of bytes, or -1 if the text is invalid. */
ssize_t serial_decode(enum serial_code code, const char *text, size_t n, uint8_t *out);

#endif
