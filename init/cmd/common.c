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
