/* cmd_args.c - vm args: the argument vector with which vm run would start QEMU. */
#include <stdio.h>

#include "plan/plan.h"
#include "vm/cmd.h"

int cmd_args(const struct command *self, int argc, char **argv, char **envp)
{
	static struct plan plan;
	static char quoted[4 * sizeof plan.args.text]; /* a quote becomes '\'' */
	bool shell;
	int status;

	if (!cmd_only_option(self, argc, argv, "--shell", &shell, &status))
		return status;
	if (!plan_make(&plan, envp)) {
		errors_report(&plan.errors);
		return errors_status(&plan.errors);
	}
	for (size_t i = 0; i < plan.args.count; i++) {
		bool last = i + 1 == plan.args.count;

		if (shell)
			(void)printf("%s%c", args_quote(plan.args.argv[i], quoted, sizeof quoted),
				     last ? '\n' : ' ');
		else
			(void)puts(plan.args.argv[i]);
	}
	return EXIT_CLEAN;
}
