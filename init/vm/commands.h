/* commands.h - the table of sub-commands, and its help texts. */
#ifndef VM_VM_COMMANDS_H
#define VM_VM_COMMANDS_H

#include <stdio.h>

#include "proto/command.h"

/* In the order of `vm --help`, up to a row without a name. The rows of a group follow each other.
 */
extern const struct command commands[];

/* The command NAME, or NULL. */
const struct command *command_find(const char *name);

/* The list of commands. */
void help_usage(FILE *to);
/* The help of one command on standard output. */
void help_command(const struct command *c);
/* The whole table on standard output, for scripts/docs and other programs. */
void help_json(void);

#endif
