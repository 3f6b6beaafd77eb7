/* cmd_version.c - vm version. */
#include <stdio.h>

#include "base/error.h"
#include "vm/cmd.h"

#ifndef VM_VERSION
#define VM_VERSION "unknown"
#endif

int cmd_version(const struct command *self, int argc, char **argv, char **envp)
{
	bool given;
	int status;

	(void)envp;
	if (!cmd_only_option(self, argc, argv, NULL, &given, &status))
		return status;
	(void)printf("vm %s\n", VM_VERSION);
	return EXIT_CLEAN;
}
