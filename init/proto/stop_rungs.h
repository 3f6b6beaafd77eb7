/* stop_rungs.h - the steps of a stop, in order. */
#ifndef VM_PROTO_STOP_RUNGS_H
#define VM_PROTO_STOP_RUNGS_H

#include <stdbool.h>

enum rung {
	RUNG_NONE,    /* nobody asked for a stop */
	RUNG_SUSPEND, /* VM_STOP=suspend: its state is saved */
	RUNG_ACPI,    /* QMP system_powerdown: the power button */
	RUNG_SSH,     /* the guest's own command, over ssh */
	RUNG_SERIAL,  /* the same on the serial console, after a login if need be */
	RUNG_QUIT,    /* QMP quit: flushes the disks, cuts off the guest */
	RUNG_TERM,    /* SIGTERM to QEMU: the same without QMP */
	RUNG_KILL,    /* SIGKILL to QEMU's process group */
	RUNG_DOWN,    /* QEMU has ended */
	RUNG_COUNT
};

/* Does RUNG ask the guest, so that a following end is a clean shutdown? */
bool rung_is_gentle(enum rung rung);

/* "ACPI power button", ... */
const char *rung_name(enum rung rung);

/* The rungs in TEXT ("acpi,ssh,serial" or "none") as bits, with those that every guest has (quit,
 * SIGTERM, SIGKILL). 0 with *BAD at an unknown word. */
unsigned rungs_parse(const char *text, const char **bad);

#endif
