/* guest_profile.h - the properties of each kind of guest, as one table; it supplies the defaults
 * marked auto. docs/guests.md says where the facts come from. */
#ifndef VM_CONFIG_GUEST_PROFILE_H
#define VM_CONFIG_GUEST_PROFILE_H

#include "config/settings.h"

/* sh, or the small shell of images/mach-mini. */
enum shell { SHELL_SH, SHELL_MACHSH };

struct profile {
	const char *name;
	const char *machine;
	enum disk_bus disk_bus;
	enum net net;
	enum vga vga;
	long ram_mb;
	const char *tcg_cpu;
	enum ready ready;	 /* what ready means */
	const char *stop_ladder; /* as of VM_STOP_LADDER. The Hurd ignores the power button, so no
				    time is spent on it; serial where the guest's shell is known */
	enum shell shell;	 /* how an exit status is read */
	const char *const *poweroff; /* its shutdown commands, most likely first */
	const char *set_clock;	     /* its command to set the clock, before @SECONDS; NULL: none */
	bool idle_panic;	     /* its kernel may stop with interrupts on */
	bool mp_table;	   /* finds its processors by the MultiProcessor table, not by ACPI */
	bool pvpanic;	   /* it has a driver for the device that reports a panic */
	const char *about; /* one line for people */
};

/* The profile of G, which must not be GUEST_AUTO. */
const struct profile *profile_of(enum guest g);

#endif
