/* cmd_settings.c - vm settings: the table as text, as JSON and for docs/settings.md. */
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "config/retired.h"
#include "vm/cmd.h"

enum { VALUE_MAX = 8192, RETIRED_JSON = 4096 };

/* What of ROW is deprecated, a sentence each: in Markdown with BOLD around the word. */
static void print_deprecated(const struct setting *row, const char *bold)
{
	size_t len = strlen(row->name);

	for (const struct retired *r = NULL; (r = retired_find(row->name, len, r)) != NULL;)
		(void)printf(". %sDeprecated%s since version %s%s%s%s: %s", bold, bold, r->since,
			     r->value[0] ? " (" : "", r->value, r->value[0] ? ")" : "", r->instead);
}

static const char *deprecated_json(const struct setting *row, char buf[RETIRED_JSON])
{
	struct json_list list;
	size_t len = strlen(row->name);

	json_list_begin(&list, buf, RETIRED_JSON);
	for (const struct retired *r = NULL; (r = retired_find(row->name, len, r)) != NULL;)
		json_list_object(&list, JSON_LIST(J_TEXT("value", r->value[0] ? r->value : NULL),
						  J_TEXT("since", r->since),
						  J_TEXT("instead", r->instead)));
	return json_list_end(&list);
}

static void print_text(const struct settings *s)
{
	static char value[VALUE_MAX];
	const char *group = "";

	for (int i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting *row = &setting_table[i];

		if (strcmp(group, row->group) != 0)
			(void)printf("%s%s\n", group[0] ? "\n" : "", row->group);
		group = row->group;
		(void)setting_text(s, (enum setting_id)i, value, sizeof value);
		const char *values = row->type == SETTING_ENUM	? row->choices
				     : row->type == SETTING_MEM ? "MiB, or with K, M, G, T"
								: "";

		(void)printf("  %s=%s%s\n      %s%s%s. Default: %s", row->name, value,
			     s->given[i] ? "   (set)" : "", values, values[0] ? ": " : "",
			     row->help, row->dflt[0] ? row->dflt : "unset");
		print_deprecated(row, "");
		(void)printf("\n");
	}
}

static void print_json(const struct settings *s)
{
	static const char *const types[] = {"bool", "int", "port", "mem", "enum", "text", "path"};
	static char value[VALUE_MAX];
	static char text[8 * VALUE_MAX];
	static char deprecated[RETIRED_JSON];

	(void)printf("[\n");
	for (int i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting *row = &setting_table[i];

		(void)setting_text(s, (enum setting_id)i, value, sizeof value);
		(void)json_write(text, sizeof text,
				 JSON_LIST(J_TEXT("name", row->name), J_TEXT("group", row->group),
					   J_TEXT("type", types[row->type]), J_TEXT("value", value),
					   J_BOOL("set", s->given[i]), J_TEXT("default", row->dflt),
					   J_INT("min", row->min), J_INT("max", row->max),
					   J_TEXT("choices", row->choices),
					   J_TEXT("help", row->help),
					   J_RAW("deprecated", deprecated_json(row, deprecated))));
		(void)printf("%s%s\n", text, i + 1 < SETTINGS_COUNT ? "," : "");
	}
	(void)printf("]\n");
}

/* The separator of table columns must be escaped. */
static void print_cell(const char *text)
{
	for (; *text; text++)
		(void)printf(*text == '|' ? "\\%c" : "%c", *text);
}

static void print_markdown(void)
{
	const char *group = "";

	for (int i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting *row = &setting_table[i];

		if (strcmp(group, row->group) != 0)
			(void)printf("%s## %s\n\n| setting | values | default | meaning "
				     "|\n|---|---|---|---|\n",
				     group[0] ? "\n" : "", row->group);
		group = row->group;
		(void)printf("| `%s` | ", row->name);
		switch (row->type) {
		case SETTING_BOOL: print_cell("0, 1"); break;
		case SETTING_ENUM: print_cell(row->choices); break;
		case SETTING_INT:
		case SETTING_PORT: (void)printf("%ld–%ld", row->min, row->max); break;
		case SETTING_MEM: print_cell("MiB, or with K, M, G, T"); break;
		case SETTING_TEXT: print_cell("text"); break;
		case SETTING_PATH: print_cell("path"); break;
		}
		(void)printf(" | %s%s%s | ", row->dflt[0] ? "`" : "",
			     row->dflt[0] ? row->dflt : "unset", row->dflt[0] ? "`" : "");
		print_cell(row->help);
		print_deprecated(row, "**");
		(void)printf(" |\n");
	}
}

int cmd_settings(const struct command *self, int argc, char **argv, char **envp)
{
	static struct settings s;
	static struct errors errs;

	if (argc > 2)
		return cmd_usage(self, "unknown argument", argv[2]);
	bool ok = settings_parse(envp, &s, &errs);

	if (argc == 2 && strcmp(argv[1], "--json") == 0)
		print_json(&s);
	else if (argc == 2 && strcmp(argv[1], "--markdown") == 0)
		print_markdown();
	else if (argc == 2)
		return cmd_usage(self, "unknown argument", argv[1]);
	else
		print_text(&s);
	(void)fflush(stdout);
	if (!ok)
		errors_report(&errs);
	return errors_status(&errs);
}
