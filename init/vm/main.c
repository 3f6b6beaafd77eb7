/* main.c - selects the sub-command.
 *
 * The program vm contains all commands (commands.c) and makes the plan that PID 1 executes
 * (cmd_run.c). The other program is init (pid1/main.c).
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "vm/cmd.h"
#include "vm/commands.h"

/* vm --help [--json], vm help [COMMAND]. -1: something else. */
static int answer_help(int argc, char **argv)
{
	bool option = strcmp(argv[1], "--help") == 0;
	const struct command *c;

	if (!option && strcmp(argv[1], "help") != 0)
		return -1;
	if (option && argc == 3 && strcmp(argv[2], "--json") == 0) {
		help_json();
		return EXIT_CLEAN;
	}
	c = argc == 3 ? command_find(argv[2]) : NULL;
	if (c)
		help_command(c);
	else
		help_usage(stdout);
	return EXIT_CLEAN;
}

int main(int argc, char **argv, char **envp)
{
	const struct command *c;
	int status;

	clock_start();
	if (argc < 2) {
		help_usage(stderr);
		return EXIT_BAD_USAGE;
	}
	status = answer_help(argc, argv);
	if (status >= 0)
		return status;
	if (strcmp(argv[1], "--version") == 0)
		argv[1] += 2;
	c = command_find(argv[1]);
	if (c && argc > 2 && strcmp(argv[2], "--help") == 0) {
		help_command(c);
		return EXIT_CLEAN;
	}
	if (c)
		return c->run(c, argc - 1, argv + 1, envp);
	log_error("there is no command %s", argv[1]);
	log_line(LOG_ERROR, "  fix: ",
		 "vm --help lists the commands; to run a program in the container: init COMMAND");
	return EXIT_BAD_USAGE;
}
