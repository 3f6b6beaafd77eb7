/* command.h - a sub-command's row in the table, and the message for wrong arguments. */
#ifndef VM_PROTO_COMMAND_H
#define VM_PROTO_COMMAND_H

#include <stdbool.h>

struct command_option {
	const char *name;  /* "--timeout" */
	const char *value; /* a placeholder (S, FILE, DIR), choices (ssh|serial), or "" */
	const char *help;  /* a phrase without a full stop */
};

/* --help, the manual page and the shell completions come from these. Texts are wrapped when they
 * are printed; "\n" begins a paragraph. */
struct command {
	const char *group;
	const char *name;
	const char *synopsis; /* arguments, for the usage line */
	const char *about;    /* one line; "" for an internal command, which is not listed */
	const char *help;     /* more sentences, or NULL */
	const char *first; /* kind of the first argument: FILE, or choices (save|load), or NULL */
	const struct command_option *options; /* terminated by one without a name; may be NULL */
	int (*run)(const struct command *self, int argc, char **argv, char **envp);
};

/* "NAME: what is wrong" and the usage line on standard error; returns EXIT_BAD_USAGE. */
int cmd_usage(const struct command *self, const char *what, const char *argument);

/* Parse the only option OPTION, if it is given. False, with a message, for anything else. */
bool cmd_only_option(const struct command *self, int argc, char **argv, const char *option,
		     bool *given, int *status);

#endif
