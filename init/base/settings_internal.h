/* settings_internal.h - what the files behind settings_resolve() share. */
#ifndef VM_BASE_SETTINGS_INTERNAL_H
#define VM_BASE_SETTINGS_INTERNAL_H

#include "base/settings.h"

/* Has TEXT nothing but letters, digits and what ALSO has? */
bool settings_only(const char *text, const char *also);

/* NAME=VALUE is WHAT, with its FIX, to ERRS. */
void settings_bad(struct errors *errs, const char *name, const char *value, const char *what,
		  const char *fix);

/* Is the machine type of the family NAME: `pc` is also pc-i440fx-7.2, `q35` also pc-q35-9.2? */
bool settings_machine_is(const char *machine, const char *name);

/* What the settings of the group Network say, together and with the machine. */
void settings_check_network(const struct settings *s, struct errors *errs);

#endif
