/* main.c - the program init: PID 1.
 *
 * Without arguments it is the container's entry: `vm run` makes the plan in this process, and
 * executes init again with it (qemu/handover.c). `init COMMAND` is `vm COMMAND`, but `init init
 * COMMAND` is the plain init (plain_init.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "host/confined.h"
#include "host/programs.h"
#include "host/signals.h"
#include "pid1/plain_init.h"
#include "pid1/supervisor.h"
#include "plan/handover.h"

static int carry_out(const char *number)
{
	struct error err = {0};
	struct plan *plan = handover_take((int)strtol(number, NULL, 10), &err);

	if (!plan) {
		error_report(&err);
		return err.status;
	}
	confined_as(&plan->identity);
	/* `vm run` on a host, not in a container. */
	if (getpid() != 1)
		(void)prctl(PR_SET_NAME, "vm");
	return supervise(plan);
}

int main(int argc, char **argv, char **envp)
{
	static char path[4096];
	char *run[] = {(char *)"vm", (char *)"run", NULL};

	clock_start();
	if (argc == 3 && strcmp(argv[1], "--plan") == 0)
		return carry_out(argv[2]);
	if (argc > 2 && strcmp(argv[1], "init") == 0 && strcmp(argv[2], "--help") != 0)
		return plain_init(argv + 2, envp);
	if (!program_vm(path, sizeof path)) {
		log_error("the program vm is not there");
		log_line(LOG_ERROR, "  fix: ", "install it beside init, or as %s", path);
		return EXIT_INTERNAL;
	}
	/* Signals from now on stay pending until the supervisor reads them. */
	if (argc < 2)
		signals_block();
	(void)execve(path, argc < 2 ? run : argv, envp);
	log_error("%s: %s", path, strerror(errno));
	return EXIT_INTERNAL;
}
