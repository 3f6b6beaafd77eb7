/* cmd_commit_state.c - vm commit-state: PID 1's helper, which takes the time to put a saved state
 * on the disk (pid1/savestate.c). Not for people. */
#include <stdlib.h>

#include "host/state_dir.h"
#include "pid1/savestate.h"
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
