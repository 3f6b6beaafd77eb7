/* cmd_cpus.c - vm cpus, vm machines: what this start's emulator supports. */
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "plan/plan.h"
#include "vm/cmd.h"

static struct plan plan;
static struct emulator emulator;

/* Plan the start and query its emulator. Errors in other settings are ignored: the list may be
 * needed to correct them. */
static bool ask(char **envp, const char *model, int *status)
{
	struct error err = {0};

	(void)plan_make(&plan, envp);
	if (plan_query_emulator(&plan, model, &emulator, &err))
		return true;
	*status = cmd_fail(&err);
	return false;
}

/* The value of OPTION in this start's argument vector, up to the first comma; "" if it has none. */
static const char *in_vector(const char *option, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i + 1 < plan.args.count; i++)
		if (strcmp(plan.args.argv[i], option) == 0) {
			const char *value = plan.args.argv[i + 1];

			(void)snprintf(buf, size, "%.*s", (int)strcspn(value, ","), value);
			break;
		}
	return buf;
}

static const char *accelerator(void)
{
	return plan.accel.accel == ACCEL_KVM ? "kvm" : "tcg";
}

static const char *text_or_null(const char *text)
{
	return text[0] ? text : NULL;
}

/* WORDS ("a,b") as a JSON list. */
static const char *list_of(const char *words, char *buf, size_t size)
{
	struct json_list list;

	json_list_begin(&list, buf, size);
	while (*words) {
		int len = (int)strcspn(words, ",");

		json_list_text(&list, words, len);
		words += len + (words[len] == ',');
	}
	return json_list_end(&list);
}

/* The emulator and NAME, the list of what it offers. */
static void print_list(const char *name, struct json_list *list)
{
	static char text[2 * sizeof emulator];
	bool by_accelerator = strcmp(name, "machines") != 0;

	if (by_accelerator)
		(void)json_write(text, sizeof text,
				 JSON_LIST(J_TEXT("qemu", emulator.version),
					   J_TEXT("accelerator", accelerator()),
					   J_RAW(name, json_list_end(list))));
	else
		(void)json_write(text, sizeof text,
				 JSON_LIST(J_TEXT("qemu", emulator.version),
					   J_RAW(name, json_list_end(list))));
	(void)puts(text);
}

static char elements[sizeof emulator];

static void print_cpus_json(const char *model, const char *chosen)
{
	static char missing[16384];
	struct json_list list;

	json_list_begin(&list, elements, sizeof elements);
	for (size_t i = 0; model && i < emulator.feature_count; i++)
		json_list_text(&list, emulator.features[i], -1);
	if (!model)
		list.between = ",\n";
	for (size_t i = 0; !model && i < emulator.cpu_count; i++) {
		const struct cpu_model *c = &emulator.cpus[i];

		json_list_object(&list, JSON_LIST(J_TEXT("name", c->name),
						  J_TEXT("alias_of", text_or_null(c->alias_of)),
						  J_BOOL("default", strcmp(c->name, chosen) == 0),
						  J_BOOL("deprecated", c->deprecated),
						  J_RAW("missing", list_of(c->missing, missing,
									   sizeof missing))));
	}
	print_list(model ? "features" : "cpus", &list);
}

static void print_cpus(const char *model, const char *chosen)
{
	if (!model)
		(void)printf("CPU models of %s %s under %s; * marks what this start uses\n",
			     plan.qemu, emulator.version, accelerator());
	for (size_t i = 0; model && i < emulator.feature_count; i++)
		(void)puts(emulator.features[i]);
	for (size_t i = 0; !model && i < emulator.cpu_count; i++) {
		const struct cpu_model *c = &emulator.cpus[i];

		(void)printf("%c %-28s%s%s%s%s%s\n", strcmp(c->name, chosen) == 0 ? '*' : ' ',
			     c->name, c->missing[0] ? "without " : "whole", c->missing,
			     c->alias_of[0] ? "; stands for " : "", c->alias_of,
			     c->deprecated ? "; deprecated" : "");
	}
}

int cmd_cpus(const struct command *self, int argc, char **argv, char **envp)
{
	char chosen[64];
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	const char *model = argc > 1 + json ? argv[1 + json] : NULL;
	int status;

	if (argc > 2 + json || (model && model[0] == '-'))
		return cmd_usage(self, "unknown argument", argv[argc - 1]);
	if (!ask(envp, model, &status))
		return status;
	if (emulator.cpu_count == 0) {
		struct error err = {0};
		char fix[4200];

		(void)snprintf(fix, sizeof fix, "run %s -cpu help", plan.qemu);
		(void)error_set(
			&err, EXIT_QEMU_FAILED, fix,
			"QEMU %s for this architecture does not tell programs its CPU models",
			emulator.version);
		return cmd_fail(&err);
	}
	if (model && !emulator_cpu(&emulator, model, strlen(model))) {
		struct errors errs = {0};

		emulator_check_cpu(&emulator, model, &errs);
		return cmd_fail(&errs.list[0]);
	}
	(void)in_vector("-cpu", chosen, sizeof chosen);
	if (json)
		print_cpus_json(model, chosen);
	else
		print_cpus(model, chosen);
	return EXIT_CLEAN;
}

static bool is_chosen(const struct machine_type *m, const char *chosen)
{
	return strcmp(m->name, chosen) == 0 || strcmp(m->alias, chosen) == 0;
}

static void print_machines_json(const char *chosen)
{
	struct json_list list;

	json_list_begin(&list, elements, sizeof elements);
	list.between = ",\n";
	for (size_t i = 0; i < emulator.machine_count; i++) {
		const struct machine_type *m = &emulator.machines[i];

		json_list_object(&list, JSON_LIST(J_TEXT("name", m->name),
						  J_TEXT("alias", text_or_null(m->alias)),
						  J_BOOL("default", is_chosen(m, chosen)),
						  J_BOOL("qemu_default", m->standard),
						  J_BOOL("deprecated", m->deprecated),
						  J_INT("max_cpus", m->cpu_max)));
	}
	print_list("machines", &list);
}

static void print_machines(const char *chosen)
{
	(void)printf("machine types of %s %s; * marks what this start uses\n", plan.qemu,
		     emulator.version);
	for (size_t i = 0; i < emulator.machine_count; i++) {
		const struct machine_type *m = &emulator.machines[i];

		(void)printf("%c %-20s up to %ld processor%s%s%s%s\n",
			     is_chosen(m, chosen) ? '*' : ' ', m->name, (long)m->cpu_max,
			     m->cpu_max == 1 ? "" : "s", m->alias[0] ? "; also called " : "",
			     m->alias, m->deprecated ? "; deprecated" : "");
	}
}

int cmd_machines(const struct command *self, int argc, char **argv, char **envp)
{
	char chosen[64];
	bool json;
	int status;

	if (!cmd_only_option(self, argc, argv, "--json", &json, &status) ||
	    !ask(envp, NULL, &status))
		return status;
	(void)in_vector("-machine", chosen, sizeof chosen);
	if (json)
		print_machines_json(chosen);
	else
		print_machines(chosen);
	return EXIT_CLEAN;
}
