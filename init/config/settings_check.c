/* settings_check.c - helpers for the checks of settings. */
#include <stdio.h>
#include <string.h>

#include "config/settings_internal.h"

bool settings_consists_of(const char *text, const char *also)
{
	for (; *text; text++)
		if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
		      (*text >= '0' && *text <= '9') || strchr(also, *text)))
			return false;
	return true;
}

void settings_error(struct errors *errs, const char *name, const char *value, const char *what,
		    const char *fix)
{
	const char *hint = settings_hint(value);
	char both[512];

	(void)snprintf(both, sizeof both, "%s; %s", hint ? hint : "", fix);
	(void)errors_add(errs, EXIT_BAD_SETTING, hint ? both : fix, "%s=%.200s %s", name, value,
			 what);
}

bool settings_machine_is(const char *machine, const char *name)
{
	size_t len = strcspn(machine, ",");
	const char *version = strcmp(name, "q35") == 0 ? "pc-q35-" : "pc-i440fx-";

	if (len == strlen(name) && memcmp(machine, name, len) == 0)
		return true;
	return strcmp(name, "isapc") != 0 && strncmp(machine, version, strlen(version)) == 0;
}
