/* cmd_check.c - vm check: errors, warnings and decisions of a start, without starting anything. */
#include <stdio.h>

#include "base/json_write.h"
#include "base/log.h"
#include "plan/plan.h"
#include "vm/cmd.h"

#define MESSAGES_JSON (ERRORS_MAX * 2 * sizeof(struct error))

static const char *list_of(const struct errors *errors, char buf[MESSAGES_JSON])
{
	struct json_list list;

	json_list_begin(&list, buf, MESSAGES_JSON);
	for (size_t i = 0; i < errors->count && i < ERRORS_MAX; i++)
		json_list_object(&list, JSON_LIST(J_INT("status", errors->list[i].status),
						  J_TEXT("message", errors->list[i].message),
						  J_TEXT("fix", errors->list[i].fix)));
	return json_list_end(&list);
}

static void print_json(const struct plan *plan, bool ok)
{
	static char errors[MESSAGES_JSON], warnings[MESSAGES_JSON], text[3 * MESSAGES_JSON];

	(void)json_write(text, sizeof text,
			 JSON_LIST(J_BOOL("ok", ok), J_TEXT("accelerator", plan->accel.reason),
				   J_TEXT("boot", plan->boot.text),
				   J_RAW("errors", list_of(&plan->errors, errors)),
				   J_RAW("warnings", list_of(&plan->warnings, warnings))));
	(void)puts(text);
}

int cmd_check(const struct command *self, int argc, char **argv, char **envp)
{
	static struct plan plan;
	bool json;
	int status;

	if (!cmd_only_option(self, argc, argv, "--json", &json, &status))
		return status;
	bool ok = plan_make(&plan, envp);

	if (json) {
		print_json(&plan, ok);
		return errors_status(&plan.errors);
	}
	warnings_report(&plan.warnings);
	if (ok) {
		plan_describe(&plan);
		log_info("all checks passed");
	} else {
		errors_report(&plan.errors);
	}
	return errors_status(&plan.errors);
}
