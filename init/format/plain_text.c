/* plain_text.c - see plain_text.h. */
#include "format/plain_text.h"

#include <string.h>

const char plain_text_fix[] = "save it as UTF-8 (PowerShell: | Out-File -Encoding ascii, not >)";

const char *plain_text(char *text, size_t *n)
{
	if (*n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return "is UTF-16";
	if (*n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		*n -= 3;
		memmove(text, text + 3, *n + 1);
	}
	return memchr(text, '\0', *n) ? "is no text: it has NUL bytes, as UTF-16 has" : NULL;
}

const char *plain_text_lines(char *text, size_t *n)
{
	const char *why = plain_text(text, n);
	size_t kept = 0;

	for (size_t i = 0; !why && i < *n; i++)
		if (text[i] != '\r' || (text[i + 1] != '\n' && text[i + 1] != '\0'))
			text[kept++] = text[i];
	if (!why) {
		text[kept] = '\0';
		*n = kept;
	}
	return why;
}
