/* cmd_run.c - vm run: plan, report, and exec PID 1's program. vm init: the same for its plain form.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "host/programs.h"
#include "host/signals.h"
#include "plan/check_network.h"
#include "plan/handover.h"
#include "vm/cmd.h"
#include "vm/companion.h"
#include "vm/fetch.h"

int cmd_run(const struct command *self, int argc, char **argv, char **envp)
{
	static struct plan plan;
	struct error err = {0};
	bool given;
	int status;

	if (!cmd_only_option(self, argc, argv, NULL, &given, &status))
		return status;
	signals_block();
	if (!fetch_image(envp, &status))
		return status;
	plan.repairs = true;
	bool ok = plan_make(&plan, envp);

	warnings_report(&plan.warnings);
	if (!ok) {
		errors_report(&plan.errors);
		return errors_status(&plan.errors);
	}
	plan_describe(&plan);
	if (network_open(&plan, &err) && companions_start(&plan.s, &err))
		handover_plan(&plan, &err);
	return cmd_fail(&err);
}

int cmd_init(const struct command *self, int argc, char **argv, char **envp)
{
	char path[4096];

	if (argc < 2)
		return cmd_usage(self, "a command is missing", NULL);
	char **all = calloc((size_t)argc + 2, sizeof *all);

	if (all && program_init(path, sizeof path)) {
		all[0] = (char *)"init";
		memcpy(all + 1, argv, (size_t)argc * sizeof *all);
		(void)execve(path, all, envp);
		log_error("%s: %s", path, strerror(errno));
	} else {
		log_error("the program init was not found");
		log_line(LOG_ERROR, "  fix: ", "install it beside vm, or as /init");
	}
	free(all);
	return EXIT_INTERNAL;
}
