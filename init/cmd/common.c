/* common.c - what several sub-commands need for their arguments. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cmd/cmd.h"

int cmd_usage(const struct command *self, const char *what, const char *argument)
{
	(void)fprintf(stderr, "vm: error: vm %s: %s%s%s\nvm:   fix: vm %s%s%s\n", self->name, what,
		      argument ? " " : "", argument ? argument : "", self->name,
		      self->synopsis[0] ? " " : "", self->synopsis);
	return EXIT_BAD_USAGE;
}

bool cmd_only_option(const struct command *self, int argc, char **argv, const char *option,
		     bool *given, int *status)
{
	*given = false;
	for (int i = 1; i < argc; i++) {
		if (!option || strcmp(argv[i], option) != 0) {
			*status = cmd_usage(self, "unknown argument", argv[i]);
			return false;
		}
		*given = true;
	}
	return true;
}

int cmd_fail(const struct error *err)
{
	(void)fprintf(stderr, "vm: error: %s\n", err->message);
	if (err->fix[0])
		(void)fprintf(stderr, "vm:   fix: %s\n", err->fix);
	return err->status;
}

bool cmd_quote(char *out, size_t size, const char *text)
{
	size_t n = strlen(out);

	if (n + 4 >= size)
		return false;
	n += (size_t)snprintf(out + n, size - n, "%s'", n ? " " : "");
	for (; *text && n + 6 < size; text++)
		n += (size_t)snprintf(out + n, size - n, *text == '\'' ? "'\\''" : "%c", *text);
	(void)snprintf(out + n, size - n, "'");
	return !*text;
}
