/* run.c - vm run: plan, report, supervise. */
#include "pid1/run.h"
#include "base/log.h"
#include "pid1/fetch.h"
#include "pid1/signals.h"
#include "pid1/supervisor.h"
#include "plan/plan.h"

static void report_warnings(const struct errors *warnings)
{
	for (size_t i = 0; i < warnings->count && i < ERRORS_MAX; i++)
		log_warning("%s", warnings->list[i].message);
}

int cmd_run(const struct command *self, int argc, char **argv, char **envp)
{
	static struct plan plan;
	bool given;
	int status;

	if (!cmd_only_option(self, argc, argv, NULL, &given, &status))
		return status;
	signals_block();
	if (!fetch_image(envp, &status))
		return status;
	bool ok = plan_make(&plan, envp);

	report_warnings(&plan.warnings);
	if (!ok) {
		errors_report(&plan.errors);
		return errors_status(&plan.errors);
	}
	plan_describe(&plan);
	return supervise(&plan);
}
