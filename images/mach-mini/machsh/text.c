/* text.c - string functions. */
#include "machsh.h"

size_t str_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool str_eq(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

#define MAX_DIGITS 18 /* any number of 18 digits fits into 64 bits */

/* Parses digits at *S and advances *S past them; false if there are none or too many. */
static bool digits(const char **s, int max, uint64_t *n)
{
	const char *p = *s;

	for (*n = 0; *p >= '0' && *p <= '9'; p++) {
		if (p - *s >= max)
			return false;
		*n = *n * 10 + (uint64_t)(*p - '0');
	}
	if (p == *s)
		return false;
	*s = p;
	return true;
}

bool str_number(const char *s, uint64_t *n)
{
	uint64_t value;

	if (!digits(&s, MAX_DIGITS, &value) || *s)
		return false;
	*n = value;
	return true;
}

bool str_seconds(const char *s, uint64_t *ms)
{
	uint64_t whole, part = 0;

	if (!digits(&s, MAX_DIGITS - 3, &whole))
		return false;
	if (*s == '.') {
		const char *first = ++s;

		if (!digits(&s, 3, &part))
			return false;
		for (ptrdiff_t n = s - first; n < 3; n++)
			part *= 10;
	}
	if (*s)
		return false;
	*ms = whole * 1000 + part;
	return true;
}
