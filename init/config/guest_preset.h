/* guest_preset.h - the properties of each kind of guest as a table; it supplies the defaults of
 * settings that are auto. docs/guests.md lists the sources. */
#ifndef VM_CONFIG_GUEST_PRESET_H
#define VM_CONFIG_GUEST_PRESET_H

#include "config/settings.h"

/* sh, or the small shell of images/mach-mini. */
enum shell { SHELL_SH, SHELL_MACHSH };

struct guest_preset {
	const char *name;
	const char *machine;
	enum disk_bus disk_bus;
	enum net net;
	enum vga vga;
	long ram_mb;
	const char *tcg_cpu;
	enum ready ready; /* condition for readiness */
	const char
		*stop_ladder; /* default of VM_STOP_LADDER. Without acpi for the Hurd, which ignores
				 the power button; with serial if the guest's shell is known */
	enum shell shell;     /* how an exit status is read */
	const char *const *poweroff; /* its shutdown commands, most likely first */
	const char *set_clock;	     /* its command to set the clock, before @SECONDS; NULL: none */
	bool idle_panic;	     /* its kernel may stop with interrupts enabled */
	bool mp_table;	   /* finds its processors by the MultiProcessor table, not by ACPI */
	bool pvpanic;	   /* it has a driver for the device that reports a panic */
	const char *about; /* one-line description */
};

/* The preset of G, which must not be GUEST_AUTO. */
const struct guest_preset *preset_of(enum guest_kind g);

#endif
