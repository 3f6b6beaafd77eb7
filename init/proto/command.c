/* command.c - see command.h. */
#include "proto/command.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"

int cmd_usage(const struct command *self, const char *what, const char *argument)
{
	log_error("vm %s: %s%s%s", self->name, what, argument ? " " : "", argument ? argument : "");
	log_line(LOG_ERROR, "  fix: ", "vm %s%s%s", self->name, self->synopsis[0] ? " " : "",
		 self->synopsis);
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
