/* message_match.c - finds a message by a part of it, or by a line that contains it. */
#include <ctype.h>
#include <string.h>

#include "vm/messages.h"

/* Messages with fewer letters match too many lines. */
enum { LETTERS_MIN = 5 };

/* The number of letters of TEXT if its parts between the gaps occur in LINE in that order, else 0.
 */
static int letters_in(const char *text, const char *line)
{
	static const size_t gap = sizeof MESSAGE_ANY - 1;
	int letters = 0;

	while (*text) {
		const char *end = strstr(text, MESSAGE_ANY);
		size_t n = end ? (size_t)(end - text) : strlen(text);
		const char *at = n ? memmem(line, strlen(line), text, n) : line;

		if (!at)
			return 0;
		for (size_t i = 0; i < n; i++)
			letters += isalpha((unsigned char)text[i]) != 0;
		line = at + n;
		text += n + (end ? gap : 0);
	}
	return letters >= LETTERS_MIN ? letters : 0;
}

int message_fits(const struct message *m, const char *pattern)
{
	if (strcasestr(m->text, pattern) || strcasestr(m->fix, pattern))
		return MESSAGE_PART;
	return letters_in(m->text, pattern);
}
