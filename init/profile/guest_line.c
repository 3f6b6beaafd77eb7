/* guest_line.c - see guest_line.h. */
#include "profile/guest_line.h"

#include <stdbool.h>
#include <string.h>

/* At the beginning of a line, or after Linux' time stamp, because a boot loader's menu contains the
 * names, too. */
static bool begins_line(const char *text, size_t at)
{
	return at == 0 || text[at - 1] == '\n' || text[at - 1] == '\r' ||
	       (at > 1 && text[at - 1] == ' ' && text[at - 2] == ']');
}

void find_guest_line(const char *text, size_t len, char *out, size_t size)
{
	static const char *const words[] = {"GNU Mach ", "Linux version ", "MINIX ", "NetBSD ",
					    "xv6"};

	for (size_t at = 0; at < len; at++)
		for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
			size_t n = strlen(words[i]);

			if (n > len - at || memcmp(text + at, words[i], n) != 0 ||
			    !begins_line(text, at))
				continue;
			for (n = 0; at + n < len && n + 1 < size; n++) {
				if (text[at + n] < ' ' || text[at + n] > '~')
					break;
				out[n] = text[at + n];
			}
			out[n] = '\0';
			return;
		}
}
