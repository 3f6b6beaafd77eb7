/* status_text.c - prints PID 1's answers about the guest's state. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/colour.h"
#include "base/error.h"
#include "vm/cmd.h"

/* Print the N bytes at TEXT in COLOUR. */
static void print_in(enum colour colour, const char *text, size_t n)
{
	(void)printf("%s%.*s%s", colour_begin(colour), (int)n, text, colour_end);
}

/* Print one line of `vm status`. The words of the state, which are the program's own, are coloured.
 */
static void print_field(const char *line, size_t n)
{
	static const struct {
		const char *begin;
		enum colour colour;
	} fields[] = {
		{"state        running", COLOUR_GREEN}, {"state        ", COLOUR_YELLOW},
		{"ready        yes", COLOUR_GREEN},	{"ready        no", COLOUR_YELLOW},
		{"phase        ", COLOUR_CYAN},
	};
	static const size_t column = 13;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		size_t word = n > column ? column + strcspn(line + column, " \n") : n;

		if (strncmp(line, fields[i].begin, strlen(fields[i].begin)) != 0)
			continue;
		(void)printf("%.*s", (int)column, line);
		print_in(fields[i].colour, line + column, word - column);
		line += word;
		n -= word;
		break;
	}
	(void)printf("%.*s", (int)n, line);
}

void status_print(const char *text)
{
	bool colour = colour_wanted(STDOUT_FILENO);

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (colour)
			print_field(text, n);
		else
			(void)printf("%.*s", (int)n, text);
		(void)putchar('\n');
		text += n + (text[n] == '\n');
	}
}

void status_print_health(const char *text, int status)
{
	size_t n = strcspn(text, ",:;");

	if (!text[0])
		return;
	if (colour_wanted(STDOUT_FILENO)) {
		print_in(status == EXIT_CLEAN		    ? COLOUR_GREEN
			 : strncmp(text, "running", n) == 0 ? COLOUR_YELLOW
							    : COLOUR_RED,
			 text, n);
		text += n;
	}
	(void)printf("%s\n", text);
}
