/* choices.c - see choices.h. */
#include "base/choices.h"

#include <string.h>

int choice_index(const char *choices, const char *text)
{
	size_t n = strlen(text);
	int i = 0;

	for (const char *at = choices; *at; at += *at == '|') {
		size_t len = strcspn(at, "|");

		if (len == n && memcmp(at, text, n) == 0)
			return i;
		at += len;
		i++;
	}
	return -1;
}
