/* settings_internal.h - shared by the files behind settings_resolve(). */
#ifndef VM_CONFIG_SETTINGS_INTERNAL_H
#define VM_CONFIG_SETTINGS_INTERNAL_H

#include "config/settings.h"

/* Does TEXT consist of letters, digits and the characters of ALSO only? */
bool settings_consists_of(const char *text, const char *also);

/* Add to ERRS: NAME=VALUE is WHAT, with its FIX. */
void settings_error(struct errors *errs, const char *name, const char *value, const char *what,
		    const char *fix);

/* TEXT, the value of ROW, without surrounding characters: trailing blanks and carriage returns and
 * one pair of quotes; if these are significant in the value (QEMU_APPEND, ...), only without
 * trailing carriage returns. S->cleaned holds the copy. */
const char *settings_clean(struct settings *s, const struct setting *row, const char *text);

/* A likely reason why TEXT is rejected although it looks valid: quotes, a comment, a blank. NULL:
 * none found. */
const char *settings_hint(const char *text);

/* Is NAME=VALUE one that Kubernetes or a docker link sets to announce a service? */
bool settings_is_service_variable(const char *name, size_t len, const char *value);

/* Is NAME likely a mistyped setting? NEAREST receives the setting. A name that begins with none of
 * the settings' first words is like none. */
enum likeness {
	LIKE_NONE,
	LIKE_PART, /* a setting's beginning, which may be another program's: VNC_PASSWORD */
	LIKE_SLIP
};
enum likeness settings_nearest(const char *name, size_t len, char nearest[64]);

/* Warn about unknown names that do not stop the start, and about quotes that QEMU or a kernel would
 * see. */
void settings_warn_values(const struct settings *s, struct errors *warnings);

/* Check disks, CD-ROMs and floppies together and with the machine. */
void settings_check_disks(const struct settings *s, struct errors *errs);

/* Check QEMU_FIRMWARE with other settings. */
void settings_check_firmware(const struct settings *s, struct errors *errs);

/* Check the settings of the group Network together and with the machine. */
void settings_check_network(const struct settings *s, struct errors *errs);

/* Resolve settings that are auto and do not depend on the guest, on machines other than PCs. */
void settings_resolve_arch(struct settings *s);

/* Does the machine have a power button? */
bool settings_has_power_button(const struct settings *s);

/* Reject settings that the architecture does not support. */
void settings_check_arch(const struct settings *s, struct errors *errs);

#endif
