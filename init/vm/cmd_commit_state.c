/* cmd_commit_state.c - vm commit-state: internal helper of PID 1 that writes a saved state to the
 * disk (pid1/savestate.c). */
#include <stdlib.h>

#include "host/state_dir.h"
#include "proto/between.h"
#include "vm/cmd.h"

int cmd_commit_state(const struct command *self, int argc, char **argv, char **envp)
{
	struct error err = {0};

	(void)envp;
	if (argc != 4)
		return cmd_usage(self, "it takes three arguments", NULL);
	if (state_commit(argv[1], argv[2], STATE_COMMIT_FD, (int)strtol(argv[3], NULL, 10), &err))
		return EXIT_CLEAN;
	error_report(&err);
	return err.status;
}
