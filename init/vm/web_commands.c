/* web_commands.c - the commands that vm-web may request, and the form of their arguments. */
#include <stdlib.h>
#include <string.h>

#include "vm/web_broker.h"

/* "$" is the next argument, "$*" all remaining ones. */
static const struct {
	const char *name;
	const char *words[9];
} rows[] = {
	{"exec", {"exec", "--timeout", "$", "--", "$"}},
	{"send", {"send", "$"}},
	{"send-key", {"send", "--key", "$"}},
	{"send-screen", {"send", "--screen", "$"}},
	{"send-screen-key", {"send", "--screen", "--key", "$"}},
	{"expect", {"expect", "--timeout", "$", "--from", "$", "$"}},
	{"expect-screen", {"expect", "--timeout", "$", "--screen", "$"}},
	{"settings", {"settings", "--json"}},
	{"snapshot-list", {"snapshot", "list", "--json"}},
	{"snapshot-save", {"snapshot", "save", "$"}},
	{"snapshot-load", {"snapshot", "load", "$"}},
	{"snapshot-delete", {"snapshot", "delete", "$"}},
	{"warm", {"warm"}},
	{"profile", {"profile", "$*"}},
	{"profile-status", {"profile", "status", "$", "--json"}},
	{"mcp", {"mcp", "--once", "--protocol", "$", "--method", "$", "--name", "$"}},
};

/* The options of vm profile that a client may pass, each with a value; --out is set here. */
static bool profile_option(const char *name)
{
	static const char *const names[] = {"--cpus",	  "--cpu-models", "--ram",  "--accels",
					    "--machines", "--buses",	  "--boot", "--samples",
					    "--warm-up",  "--until",	  "--jobs", "--timeout",
					    "--out"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool all_profile(char *const *args, size_t count, char **argv, size_t *n)
{
	for (size_t i = 0; i < count; i++) {
		if (i % 2 == 0 ? !profile_option(args[i]) : args[i][0] == '-')
			return false;
		argv[(*n)++] = args[i];
	}
	return count % 2 == 0;
}

bool web_command(const char *name, char *const *args, size_t count, char **argv)
{
	size_t row = 0, used = 0, n = 0;

	while (row < sizeof rows / sizeof *rows && strcmp(rows[row].name, name) != 0)
		row++;
	if (row == sizeof rows / sizeof *rows)
		return false;
	argv[n++] = (char *)"vm";
	for (const char *const *w = rows[row].words; *w; w++) {
		if (strcmp(*w, "$*") == 0) {
			if (!all_profile(args, count, argv, &n))
				return false;
			used = count;
		} else if (strcmp(*w, "$") != 0) {
			argv[n++] = (char *)(uintptr_t)*w;
		} else if (used == count || (args[used][0] == '-' && strcmp(w[-1], "--") != 0)) {
			return false;
		} else {
			argv[n++] = args[used++];
		}
	}
	argv[n] = NULL;
	return used == count;
}
