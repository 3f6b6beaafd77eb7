/* retired.c - see retired.h. */
#include "config/retired.h"

#include <stdio.h>
#include <string.h>

#define X(group, name, member, type, dflt, min, max, choices, help)
/* SETTING_NAME: a deprecated setting must be in the table. */
#define DEPRECATED(name_, value_, since_, instead_)                                                \
	{.name = #name_,                                                                           \
	 .value = (value_),                                                                        \
	 .since = (since_),                                                                        \
	 .instead = (instead_),                                                                    \
	 .removed = SETTING_##name_ >= SETTINGS_COUNT},
#define REMOVED(name_, since_, instead_)                                                           \
	{.name = #name_, .value = "", .since = (since_), .instead = (instead_), .removed = true},

static const struct retired table[] = {
#ifdef RETIRED_TABLE /* tests/29-stability.bats has one */
#include RETIRED_TABLE
#else
#include "config/settings.def"
#endif
	{.name = NULL},
};

const struct retired *retired_find(const char *name, size_t len, const struct retired *after)
{
	for (const struct retired *r = after ? after + 1 : table; r->name; r++)
		if (strlen(r->name) == len && memcmp(r->name, name, len) == 0)
			return r;
	return NULL;
}

const struct retired *retired_removed(const char *name, size_t len)
{
	const struct retired *r = retired_find(name, len, NULL);

	while (r && !r->removed)
		r = retired_find(name, len, r);
	return r;
}

/* Is it the value given in S? */
static bool is_used(const struct settings *s, const struct retired *r)
{
	char value[256];
	const struct setting *row = setting_find(r->name, strlen(r->name));

	if (!row || !s->given[row - setting_table])
		return false;
	return !r->value[0] ||
	       strcmp(setting_text(s, (enum setting_id)(row - setting_table), value, sizeof value),
		      r->value) == 0;
}

void retired_warn(const struct settings *s, struct errors *warnings)
{
	char fix[384];

	for (const struct retired *r = table; r->name; r++) {
		if (r->removed || !is_used(s, r))
			continue;
		(void)snprintf(fix, sizeof fix,
			       "%s; it works as before until the next major version", r->instead);
		(void)errors_add(warnings, EXIT_BAD_SETTING, fix,
				 "%s%s%s is deprecated since version %s", r->name,
				 r->value[0] ? "=" : "", r->value, r->since);
	}
}
