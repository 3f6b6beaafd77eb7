/* cmd_check.c - vm check: errors, warnings and decisions of a start, without starting anything. */
#include <stdio.h>

#include "base/log.h"
#include "format/json.h"
#include "plan/plan.h"
#include "vm/cmd.h"

static void print_list(const char *name, const struct errors *list)
{
	static char message[2 * sizeof list->list[0].message];
	static char fix[2 * sizeof list->list[0].fix];

	(void)printf("\"%s\":[", name);
	for (size_t i = 0; i < list->count && i < ERRORS_MAX; i++)
		(void)printf("%s{\"status\":%d,\"message\":%s,\"fix\":%s}", i ? "," : "",
			     (int)list->list[i].status,
			     json_quote(list->list[i].message, message, sizeof message),
			     json_quote(list->list[i].fix, fix, sizeof fix));
	(void)printf("]");
}

int cmd_check(const struct command *self, int argc, char **argv, char **envp)
{
	static struct plan plan;
	char reason[2 * sizeof plan.accel.reason];
	bool json;
	int status;

	if (!cmd_only_option(self, argc, argv, "--json", &json, &status))
		return status;
	bool ok = plan_make(&plan, envp);

	if (json) {
		(void)printf("{\"ok\":%s,\"accelerator\":%s,", ok ? "true" : "false",
			     json_quote(plan.accel.reason, reason, sizeof reason));
		print_list("errors", &plan.errors);
		(void)printf(",");
		print_list("warnings", &plan.warnings);
		(void)printf("}\n");
		return errors_status(&plan.errors);
	}
	for (size_t i = 0; i < plan.warnings.count && i < ERRORS_MAX; i++)
		log_warning("%s", plan.warnings.list[i].message);
	if (ok) {
		plan_describe(&plan);
		log_info("all checks passed");
	} else {
		errors_report(&plan.errors);
	}
	return errors_status(&plan.errors);
}
