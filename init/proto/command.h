/* command.h - a sub-command as it is typed: its row in the table, and wrong arguments. */
#ifndef VM_PROTO_COMMAND_H
#define VM_PROTO_COMMAND_H

#include <stdbool.h>

struct command {
	const char *name;
	const char *synopsis; /* arguments, for the usage line */
	const char *about;    /* one line */
	const char *help;     /* more lines, or "" */
	int (*run)(const struct command *self, int argc, char **argv, char **envp);
};

/* "NAME: what is wrong" and the usage line on standard error; returns EXIT_BAD_USAGE. */
int cmd_usage(const struct command *self, const char *what, const char *argument);

/* Take the only option OPTION, if it is there. False (said) for anything else. */
bool cmd_only_option(const struct command *self, int argc, char **argv, const char *option,
		     bool *given, int *status);

#endif
