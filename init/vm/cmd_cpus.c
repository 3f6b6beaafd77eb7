/* cmd_cpus.c - vm cpus, vm machines: what the emulator of this start supports. */
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "plan/plan.h"
#include "vm/cmd.h"

static struct plan plan;
static struct emulator emulator;

/* Plan the start and ask its emulator. What is wrong with the settings otherwise is not our
 * question: who asks may be about to mend it. */
static bool ask(char **envp, const char *model, int *status)
{
	struct error err = {0};

	(void)plan_make(&plan, envp);
	if (plan_ask_emulator(&plan, model, &emulator, &err))
		return true;
	*status = cmd_fail(&err);
	return false;
}

/* The value of OPTION in the vector of this start up to its first comma, "" when it has none. */
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

static void print_field(const char *name, const char *text)
{
	char quoted[256];

	(void)printf(",\"%s\":%s", name,
		     text[0] ? json_quote(text, quoted, sizeof quoted) : "null");
}

/* LIST, "a,b", as an array. */
static void print_array(const char *name, const char *list)
{
	const char *between = "";

	(void)printf(",\"%s\":[", name);
	while (*list) {
		int len = (int)strcspn(list, ",");

		(void)printf("%s\"%.*s\"", between, len, list);
		between = ",";
		list += len + (list[len] == ',');
	}
	(void)printf("]");
}

static void print_features(bool json)
{
	for (size_t i = 0; i < emulator.feature_count; i++)
		(void)printf(json ? "%s\"%s\"" : "%s%s\n", json && i ? "," : "",
			     emulator.features[i]);
}

static void print_cpu(const struct cpu_model *c, const char *chosen, bool json)
{
	bool is_default = strcmp(c->name, chosen) == 0;

	if (json) {
		(void)printf("{\"name\":\"%s\"", c->name);
		print_field("alias_of", c->alias_of);
		(void)printf(",\"default\":%s,\"deprecated\":%s", is_default ? "true" : "false",
			     c->deprecated ? "true" : "false");
		print_array("missing", c->missing);
		(void)printf("}");
		return;
	}
	(void)printf("%c %-28s%s%s%s%s%s\n", is_default ? '*' : ' ', c->name,
		     c->missing[0] ? "without " : "whole", c->missing,
		     c->alias_of[0] ? "; stands for " : "", c->alias_of,
		     c->deprecated ? "; deprecated" : "");
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
	if (model && !emulator_cpu(&emulator, model, strlen(model))) {
		struct errors errs = {0};

		emulator_check_cpu(&emulator, model, &errs);
		return cmd_fail(&errs.list[0]);
	}
	(void)in_vector("-cpu", chosen, sizeof chosen);
	if (json)
		(void)printf("{\"qemu\":\"%s\",\"accelerator\":\"%s\",\"%s\":[", emulator.version,
			     accelerator(), model ? "features" : "cpus");
	else if (!model)
		(void)printf("CPU models of %s %s under %s; * marks what this start uses\n",
			     plan.qemu, emulator.version, accelerator());
	if (model)
		print_features(json);
	for (size_t i = 0; !model && i < emulator.cpu_count; i++) {
		(void)printf("%s", json && i ? ",\n" : "");
		print_cpu(&emulator.cpus[i], chosen, json);
	}
	(void)printf("%s", json ? "]}\n" : "");
	return EXIT_CLEAN;
}

static void print_machine(const struct machine_type *m, const char *chosen, bool json)
{
	bool is_default = strcmp(m->name, chosen) == 0 || strcmp(m->alias, chosen) == 0;

	if (json) {
		(void)printf("{\"name\":\"%s\"", m->name);
		print_field("alias", m->alias);
		(void)printf(
			",\"default\":%s,\"qemu_default\":%s,\"deprecated\":%s,\"max_cpus\":%ld}",
			is_default ? "true" : "false", m->standard ? "true" : "false",
			m->deprecated ? "true" : "false", (long)m->cpu_max);
		return;
	}
	(void)printf("%c %-20s up to %ld processor%s%s%s%s\n", is_default ? '*' : ' ', m->name,
		     (long)m->cpu_max, m->cpu_max == 1 ? "" : "s",
		     m->alias[0] ? "; also called " : "", m->alias,
		     m->deprecated ? "; deprecated" : "");
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
		(void)printf("{\"qemu\":\"%s\",\"machines\":[", emulator.version);
	else
		(void)printf("machine types of %s %s; * marks what this start uses\n", plan.qemu,
			     emulator.version);
	for (size_t i = 0; i < emulator.machine_count; i++) {
		(void)printf("%s", json && i ? ",\n" : "");
		print_machine(&emulator.machines[i], chosen, json);
	}
	(void)printf("%s", json ? "]}\n" : "");
	return EXIT_CLEAN;
}
