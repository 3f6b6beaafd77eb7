/* small_string.h - functions of <string.h> and <stdlib.h> whose C library versions are large. The
 * linker replaces those by these in all of init (Makefile).
 *
 * Numbers are decimal or, with base 16, hexadecimal with or without 0x; no other base. A number
 * out of range becomes the largest value, with ERANGE. Searches take time n times m; the searched
 * texts are short here.
 */
#ifndef VM_BASE_SMALL_STRING_H
#define VM_BASE_SMALL_STRING_H

#include <stddef.h>

long small_strtol(const char *text, char **end, int base);
unsigned long small_strtoul(const char *text, char **end, int base);
unsigned long long small_strtoull(const char *text, char **end, int base);

void *small_memmem(const void *in, size_t n, const void *what, size_t m);
char *small_strstr(const char *in, const char *what);

#endif
