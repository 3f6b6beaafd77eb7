/* small_printf.h - vsnprintf(3) in 2 KiB of code; the C library's has 11 KiB, half of it for long
 * double. The linker replaces the C library's by this in all of init (Makefile).
 *
 * Conversions: %s %c %d %i %u %x %X %o %f %%, with the flags - 0 and #, a width and a precision
 * (also *), and the sizes hh h l ll z j t. %f has at most 9 decimals, up to 2^64. Anything else
 * ends the text.
 */
#ifndef VM_BASE_SMALL_PRINTF_H
#define VM_BASE_SMALL_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

int small_vsnprintf(char *buf, size_t size, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));
int small_snprintf(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
