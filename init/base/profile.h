/* profile.h - what is known of each kind of guest, as one table; the defaults marked auto come
 * from here. Where the facts come from: docs/guests.md.
 */
#ifndef VM_BASE_PROFILE_H
#define VM_BASE_PROFILE_H

#include "base/settings.h"

struct profile {
	const char *name;
	const char *machine;
	enum disk_bus disk_bus;
	enum net net;
	enum vga vga;
	long ram_mb;
	const char *tcg_cpu;
	const char *login; /* text on the serial console at which someone can log in */
	bool ignores_acpi; /* the power button does nothing: no time is spent on it */
	const char *about; /* one line for people */
};

/* The profile of G, which must not be GUEST_AUTO. */
const struct profile *profile_of(enum guest g);

#endif
