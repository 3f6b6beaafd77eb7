/* help.c - vm --help and vm COMMAND --help, as text and as JSON. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json_write.h"
#include "vm/commands.h"

enum { WIDTH = 80, WIDTH_MIN = 40, WIDTH_MAX = 100, OPTION_COLUMN = 26, NAME_COLUMN = 14 };

/* Width of the text: the terminal's, within bounds, or WIDTH in a pipe. */
static int width(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH;
	if (size.ws_col < WIDTH_MIN)
		return WIDTH_MIN;
	return size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col;
}

/* The length of the word at TEXT. With BRACKETS, [--option VALUE] is one word. */
static size_t word_length(const char *text, bool brackets)
{
	size_t n = 0;

	for (int depth = 0; text[n] && text[n] != '\n' && (text[n] != ' ' || depth > 0); n++)
		if (brackets)
			depth += text[n] == '[' ? 1 : text[n] == ']' ? -1 : 0;
	return n;
}

/* Print TEXT with its lines indented to column INDENT; the cursor is in column AT. */
static void print_wrapped(FILE *to, const char *text, int at, int indent, bool brackets)
{
	int columns = width(fileno(to));
	bool first = true;

	while (*text) {
		int n = (int)word_length(text, brackets);

		if (!first && at + 1 + n > columns) {
			(void)fprintf(to, "\n%*s", indent, "");
			at = indent;
		} else if (!first) {
			(void)putc(' ', to);
			at++;
		}
		(void)fprintf(to, "%.*s", n, text);
		at += n;
		text += n;
		first = *text == '\n';
		if (first) {
			(void)fprintf(to, "\n\n%*s", indent, "");
			at = indent;
		}
		text += *text ? 1 : 0;
	}
	(void)putc('\n', to);
}

void help_usage(FILE *to)
{
	const char *group = "";

	(void)fputs("usage: vm COMMAND [ARGUMENTS]\n", to);
	for (const struct command *c = commands; c->name; c++) {
		if (!c->about[0])
			continue;
		if (strcmp(group, c->group) != 0)
			(void)fprintf(to, "\n%s\n", c->group);
		group = c->group;
		(void)fprintf(to, "  %-10s  ", c->name);
		print_wrapped(to, c->about, NAME_COLUMN, NAME_COLUMN, false);
	}
	(void)fputs("\n", to);
	print_wrapped(to, "'vm COMMAND --help' explains a command, 'vm settings' the settings.", 0,
		      0, false);
}

void help_command(const struct command *c)
{
	char sentence[128];
	int at = printf("usage: vm %s%s", c->name, c->synopsis[0] ? " " : "");

	print_wrapped(stdout, c->synopsis, at, 4, true);
	(void)putchar('\n');
	(void)snprintf(sentence, sizeof sentence, "%s.", c->about);
	print_wrapped(stdout, sentence, 0, 0, false);
	if (c->help) {
		(void)putchar('\n');
		print_wrapped(stdout, c->help, 0, 0, false);
	}
	if (c->options)
		(void)printf("\nOptions:\n");
	for (const struct command_option *o = c->options; o && o->name; o++) {
		at = printf("  %s%s%s", o->name, o->value[0] ? " " : "", o->value);
		if (at + 2 > OPTION_COLUMN)
			at = printf("\n") - 1;
		(void)printf("%*s", OPTION_COLUMN - at, "");
		print_wrapped(stdout, o->help, OPTION_COLUMN, OPTION_COLUMN, false);
	}
}

static const char *text_of(const char *text)
{
	return text ? text : "";
}

static const char *options_of(const struct command *c, char *buf, size_t size)
{
	struct json_list list;

	json_list_begin(&list, buf, size);
	for (const struct command_option *o = c->options; o && o->name; o++)
		json_list_object(&list, JSON_LIST(J_TEXT("name", o->name),
						  J_TEXT("value", text_of(o->value)),
						  J_TEXT("help", text_of(o->help))));
	return json_list_end(&list);
}

void help_json(void)
{
	static char options[16384];
	static char text[2 * sizeof options];

	(void)printf("[");
	for (const struct command *c = commands; c->name; c++) {
		if (!c->about[0])
			continue;
		(void)json_write(
			text, sizeof text,
			JSON_LIST(J_TEXT("group", text_of(c->group)), J_TEXT("name", c->name),
				  J_TEXT("synopsis", text_of(c->synopsis)),
				  J_TEXT("about", c->about), J_TEXT("help", text_of(c->help)),
				  J_TEXT("first", text_of(c->first)),
				  J_RAW("options", options_of(c, options, sizeof options))));
		(void)printf("%s\n%s", c == commands ? "" : ",", text);
	}
	(void)printf("\n]\n");
}
