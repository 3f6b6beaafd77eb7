/* retired.h - settings that are deprecated or removed: the rows DEPRECATED and REMOVED of
 * settings.def.
 *
 * docs/stability.md has the policy: a deprecated setting works as before, and a start that uses it
 * prints a warning; a removed one aborts the start.
 */
#ifndef VM_CONFIG_RETIRED_H
#define VM_CONFIG_RETIRED_H

#include <stdbool.h>
#include <stddef.h>

#include "config/settings.h"

struct retired {
	const char *name;    /* NULL: the end of the table */
	const char *value;   /* the value that is deprecated; "" for the whole setting */
	const char *since;   /* version */
	const char *instead; /* the replacement: "set NAME" */
	bool removed;
};

/* The first row about the setting NAME (LEN bytes) after AFTER (NULL: of all), or NULL. */
const struct retired *retired_find(const char *name, size_t len, const struct retired *after);

/* The row of the setting NAME (LEN bytes) if it was removed, or NULL. */
const struct retired *retired_removed(const char *name, size_t len);

/* Warn about each deprecated setting or value that S uses. */
void retired_warn(const struct settings *s, struct errors *warnings);

#endif
