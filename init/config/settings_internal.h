/* settings_internal.h - shared by the files behind settings_resolve(). */
#ifndef VM_CONFIG_SETTINGS_INTERNAL_H
#define VM_CONFIG_SETTINGS_INTERNAL_H

#include "config/settings.h"

/* Has TEXT nothing but letters, digits and what ALSO has? */
bool settings_only(const char *text, const char *also);

/* NAME=VALUE is WHAT, with its FIX, to ERRS. */
void settings_bad(struct errors *errs, const char *name, const char *value, const char *what,
		  const char *fix);

/* TEXT, the value of ROW, without what surrounds it: blanks and carriage returns at its end and one
 * pair of quotes around it; of a text in which these have a meaning (QEMU_APPEND, ...) without
 * carriage returns at its end only. A copy lies in S->cleaned. */
const char *settings_clean(struct settings *s, const struct setting *row, const char *text);

/* Why TEXT may be refused though its author sees nothing wrong with it: quotes, a comment, a blank.
 * NULL: no such reason. */
const char *settings_hint(const char *text);

/* Does NAME begin as the names of ours that nobody else uses? */
bool settings_claimed(const char *name);

/* Is NAME=VALUE what Kubernetes or a docker link announces a service by? */
bool settings_announcement(const char *name, size_t len, const char *value);

/* Is NAME likely to be one of ours, mistyped? NEAREST is that one. */
bool settings_near(const char *name, size_t len, char nearest[64]);

/* Names that are not ours and not near any, and quotes that QEMU or a kernel would see. */
void settings_warn_values(const struct settings *s, struct errors *warnings);

/* What the settings of disks, CD-ROMs and floppies say, together and with the machine. */
void settings_check_disks(const struct settings *s, struct errors *errs);

/* What QEMU_FIRMWARE cannot be together with. */
void settings_check_firmware(const struct settings *s, struct errors *errs);

/* What the settings of the group Network say, together and with the machine. */
void settings_check_network(const struct settings *s, struct errors *errs);

/* What is auto and does not depend on the guest where the machine is no PC. */
void settings_resolve_arch(struct settings *s);

/* Has the machine a power button? */
bool settings_button(const struct settings *s);

/* Refuse what the architecture has not. */
void settings_check_arch(const struct settings *s, struct errors *errs);

#endif
