/* settings_table.c - the table of settings, and values as text. */
#include <stdio.h>
#include <string.h>

#include "config/settings.h"

const struct setting setting_table[SETTINGS_COUNT] = {
#define X(group_, name_, member_, type_, dflt_, min_, max_, choices_, help_)                       \
	[SETTING_##name_] = {.group = group_,                                                      \
			     .name = #name_,                                                       \
			     .type = SETTING_##type_,                                              \
			     .dflt = dflt_,                                                        \
			     .min = min_,                                                          \
			     .max = max_,                                                          \
			     .choices = choices_,                                                  \
			     .help = help_,                                                        \
			     .offset = offsetof(struct settings, member_)},
#include "config/settings.def"
#undef X
};

const struct setting *setting_find(const char *name, size_t len)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (strlen(setting_table[i].name) == len &&
		    memcmp(setting_table[i].name, name, len) == 0)
			return &setting_table[i];
	return NULL;
}

const char *setting_choice(enum setting_id id, int v, char *buf, size_t size)
{
	const char *c = setting_table[id].choices;

	for (; v > 0 && *c; v--) {
		c += strcspn(c, "|");
		c += *c == '|';
	}
	(void)snprintf(buf, size, "%.*s", (int)strcspn(c, "|"), c);
	return buf;
}

const char *setting_text(const struct settings *s, enum setting_id id, char *buf, size_t size)
{
	const struct setting *row = &setting_table[id];
	const void *where = (const char *)s + row->offset;
	const char *text;

	switch (row->type) {
	case SETTING_BOOL: (void)snprintf(buf, size, "%d", *(const bool *)where); break;
	case SETTING_ENUM: return setting_choice(id, *(const int *)where, buf, size);
	case SETTING_INT:
	case SETTING_PORT:
	case SETTING_MEM:
		if (*(const long *)where == (row->type == SETTING_PORT ? PORT_AUTO : 0) &&
		    strcmp(row->dflt, "auto") == 0)
			(void)snprintf(buf, size, "auto");
		else
			(void)snprintf(buf, size, "%ld", *(const long *)where);
		break;
	case SETTING_TEXT:
	case SETTING_PATH:
		text = *(const char *const *)where;
		(void)snprintf(buf, size, "%s",
			       text ? text : (strcmp(row->dflt, "auto") == 0 ? "auto" : ""));
		break;
	}
	return buf;
}
