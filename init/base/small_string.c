/* small_string.c - see small_string.h. */
#include "base/small_string.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : INT_MAX;
}

/* Parse digits at TEXT, after blanks and a sign. *END is TEXT if there are none. */
static uint64_t magnitude(const char *text, const char **end, int base, bool *negative,
			  bool *overflow)
{
	const char *at = text;
	uint64_t n = 0;

	at += strspn(at, " \t\n\v\f\r");
	*negative = *at == '-';
	if (*at == '-' || *at == '+')
		at++;
	if (base == 16 && at[0] == '0' && (at[1] | 0x20) == 'x' && digit(at[2]) < 16)
		at += 2;
	*overflow = false;
	*end = text;
	for (; digit(*at) < base; at++) {
		*overflow |= __builtin_mul_overflow(n, (uint64_t)base, &n) ||
			     __builtin_add_overflow(n, (uint64_t)digit(*at), &n);
		*end = at + 1;
	}
	return n;
}

unsigned long long small_strtoull(const char *text, char **end, int base)
{
	const char *stop;
	bool negative, overflow;
	uint64_t n = magnitude(text, &stop, base, &negative, &overflow);

	if (end)
		*end = (char *)(uintptr_t)stop;
	if (overflow)
		errno = ERANGE;
	return overflow ? ULLONG_MAX : negative ? -n : n;
}

unsigned long small_strtoul(const char *text, char **end, int base)
{
	return small_strtoull(text, end, base);
}

long small_strtol(const char *text, char **end, int base)
{
	const char *stop;
	bool negative, overflow;
	uint64_t n = magnitude(text, &stop, base, &negative, &overflow);

	if (end)
		*end = (char *)(uintptr_t)stop;
	if (overflow || n > (uint64_t)LONG_MAX + negative) {
		errno = ERANGE;
		return negative ? LONG_MIN : LONG_MAX;
	}
	return (long)(negative ? -n : n);
}

void *small_memmem(const void *in, size_t n, const void *what, size_t m)
{
	const char *at = in;

	for (; n >= m; at++, n--)
		if (memcmp(at, what, m) == 0)
			return (void *)(uintptr_t)at;
	return NULL;
}

char *small_strstr(const char *in, const char *what)
{
	return small_memmem(in, strlen(in), what, strlen(what));
}
