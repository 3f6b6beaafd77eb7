/* script.h - the guest of vm script --boot (script_boot.c). */
#ifndef VM_VM_SCRIPT_H
#define VM_VM_SCRIPT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* git-bisect(1): "the current source code cannot be tested". Also for an error in the script. */
#define SCRIPT_NOT_STARTED 125

struct script_guest {
	pid_t pid;
	int status; /* as from waitpid(2) */
};

/* Start a guest with ENVP's settings and wait until PID 1 answers. False with ERR, whose status is
 * SCRIPT_NOT_STARTED, or EXIT_BAD_USAGE if a guest runs already. */
bool script_boot(struct script_guest *g, char **envp, struct error *err);

/* Cut the guest's power. Returns STATUS, the script's, or SCRIPT_NOT_STARTED if the guest never
 * ran. */
int script_boot_end(struct script_guest *g, char **envp, int status);

#endif
