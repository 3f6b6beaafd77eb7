/* emulator_check.c - checks names of CPU models, features and machine types against an emulator's
 * (emulator.h). */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "qemu/emulator.h"

static bool is(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && memcmp(name, text, len) == 0;
}

const struct cpu_model *emulator_cpu(const struct emulator *e, const char *name, size_t len)
{
	for (size_t i = 0; i < e->cpu_count; i++)
		if (is(e->cpus[i].name, name, len))
			return &e->cpus[i];
	return NULL;
}

/* The machine type NAME (of LEN bytes; also an alias), NULL if there is none. */
static const struct machine_type *machine_named(const struct emulator *e, const char *name,
						size_t len)
{
	for (size_t i = 0; i < e->machine_count; i++)
		if (is(e->machines[i].name, name, len) ||
		    (e->machines[i].alias[0] && is(e->machines[i].alias, name, len)))
			return &e->machines[i];
	return NULL;
}

/* Report that SETTING=VALUE is not a WHAT of WHOSE; NEAR has a suggestion, and the command LIST
 * prints all. */
static void unknown(const char *setting, const char *value, const char *owner, const char *what,
		    const struct nearest *near, const char *list, struct errors *errs)
{
	char fix[200];

	(void)snprintf(fix, sizeof fix, "the nearest one is %s; %s lists all", near->name, list);
	(void)errors_add(errs, EXIT_BAD_SETTING, fix, "%s=%.200s: %s has no %s %s", setting, value,
			 owner, what, near->to);
}

static const char *emulator_name(const struct emulator *e, char buf[80])
{
	(void)snprintf(buf, 80, "QEMU %s", e->version);
	return buf;
}

static bool has_feature(const struct emulator *e, const char *name)
{
	for (size_t i = 0; i < e->feature_count; i++)
		if (strcmp(e->features[i], name) == 0)
			return true;
	return false;
}

/* Parse features as QEMU does: +NAME, -NAME or NAME=VALUE, with _ for - (target/i386/cpu.c,
 * x86_cpu_parse_featurestr(), which also takes tsc-freq). */
static void check_features(const struct emulator *e, const char *value, const char *model,
			   struct errors *errs)
{
	for (const char *p = strchr(value, ','); p; p = strchr(p, ',')) {
		char name[64];
		char owner[160];
		char list[96];
		struct nearest near = {.to = name};

		p += 1 + (p[1] == '+' || p[1] == '-');
		(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(p, ",="), p);
		for (char *c = name; *c; c++)
			*c = *c == '_' ? '-' : *c;
		if (has_feature(e, name) || strcmp(name, "tsc-freq") == 0)
			continue;
		for (size_t i = 0; i < e->feature_count; i++)
			nearest_compare(&near, e->features[i]);
		(void)snprintf(owner, sizeof owner, "the model %s of QEMU %s", model, e->version);
		(void)snprintf(list, sizeof list, "vm cpus %s", model);
		unknown("QEMU_CPU", value, owner, "feature", &near, list, errs);
	}
}

void emulator_check_cpu(const struct emulator *e, const char *value, struct errors *errs)
{
	char name[64];
	char owner[80];
	size_t len = strcspn(value, ",");
	struct nearest near = {.to = name};

	(void)snprintf(name, sizeof name, "%.*s", (int)len, value);
	if (e->cpu_count == 0) /* they are not known */
		return;
	if (emulator_cpu(e, value, len)) {
		if (e->feature_count > 0)
			check_features(e, value, name, errs);
		return;
	}
	for (size_t i = 0; i < e->cpu_count; i++)
		nearest_compare(&near, e->cpus[i].name);
	unknown("QEMU_CPU", value, emulator_name(e, owner), "CPU model", &near, "vm cpus", errs);
}

void emulator_check_machine(const struct emulator *e, const char *value, struct errors *errs)
{
	char name[64];
	char owner[80];
	size_t len = strcspn(value, ",");
	struct nearest near = {.to = name};

	if (machine_named(e, value, len))
		return;
	(void)snprintf(name, sizeof name, "%.*s", (int)len, value);
	for (size_t i = 0; i < e->machine_count; i++) {
		nearest_compare(&near, e->machines[i].name);
		if (e->machines[i].alias[0])
			nearest_compare(&near, e->machines[i].alias);
	}
	unknown("QEMU_MACHINE", value, emulator_name(e, owner), "machine type", &near,
		"vm machines", errs);
}
