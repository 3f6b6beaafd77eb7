/* fault_text.c - see fault_text.h. */
#include "format/fault_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The instruction pointer after a reset (Intel SDM 3A, 10.1.4, first instruction executed). */
#define RESET_VECTOR 0xfff0

static bool begins(const char *line, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

bool fault_where(const char *text, size_t n, char where[24])
{
	const char *end = text + n;

	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((eol ? eol : end) - text);

		if (begins(text, len, "EIP=") || begins(text, len, "RIP=")) {
			size_t digits = 4;

			while (digits < len && digits < 20 && isxdigit((unsigned char)text[digits]))
				digits++;
			if (digits > 4) {
				memcpy(where, text, digits);
				where[digits] = '\0';
				return true;
			}
		}
		text += len + 1;
	}
	return false;
}

bool fault_in_firmware(const struct fault_text *f)
{
	unsigned long at = f->where[0] ? strtoul(f->where + 4, NULL, 16) : 0;

	return at >= 0xe0000 && at <= 0xfffff;
}

void fault_line(struct fault_text *f, const char *line, size_t n)
{
	if (begins(line, n, "Triple fault"))
		*f = (struct fault_text){.triple = true};
	else if (f->triple && !f->dumped) {
		f->dumped = fault_where(line, n, f->where);
		if (f->dumped && strtoul(f->where + 4, NULL, 16) == RESET_VECTOR)
			f->where[0] = '\0';
	}
}
