/* colour.c - see colour.h. */
#include "base/colour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/io.h"

enum { BAR = 24, COLUMNS = 80, COLUMNS_MAX = 250 };

const char colour_end[] = "\033[0m";

/* The environment variable NAME; "" if it is not set. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

bool terminal_is_smart(int fd)
{
	const char *term = variable("TERM");

	return term[0] && strcmp(term, "dumb") != 0 && isatty(fd);
}

bool colour_wanted(int fd)
{
	const char *force = variable("CLICOLOR_FORCE");

	if (variable("NO_COLOR")[0])
		return false;
	if (force[0] && strcmp(force, "0") != 0)
		return true;
	return strcmp(variable("CLICOLOR"), "0") != 0 && terminal_is_smart(fd);
}

const char *colour_begin(enum colour colour)
{
	static const char *const sequences[] = {
		[COLOUR_RED] = "\033[1;31m",
		[COLOUR_YELLOW] = "\033[33m",
		[COLOUR_GREEN] = "\033[32m",
		[COLOUR_CYAN] = "\033[36m",
	};

	return sequences[colour];
}

void bar_draw(double part, unsigned long turn, const char *text)
{
	char line[4 * COLUMNS_MAX];
	char bar[BAR + 1];
	struct winsize size;
	size_t columns = COLUMNS;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > BAR + 8)
		columns = size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
	for (size_t i = 0; i < BAR; i++)
		bar[i] = part < 0 ? (i == turn % BAR ? '#' : '.')
				  : ((double)i < part * BAR ? '#' : '.');
	bar[BAR] = '\0';
	size_t n = (size_t)snprintf(line, sizeof line, "\r[%s] ", bar);

	/* The last column stays empty: some terminals wrap after writing it. */
	n += escape_text(text, strlen(text), "", line + n, columns - (BAR + 3));
	n += (size_t)snprintf(line + n, sizeof line - n, "\033[K");
	(void)write_all(STDERR_FILENO, line, n);
}
