/* stop_rungs.h - the steps of a stop, in order. */
#ifndef VM_PROTO_STOP_RUNGS_H
#define VM_PROTO_STOP_RUNGS_H

#include <stdbool.h>

enum rung {
	RUNG_NONE,    /* no stop was requested */
	RUNG_SUSPEND, /* VM_STOP=suspend: the state is saved */
	RUNG_ACPI,    /* QMP system_powerdown: the power button */
	RUNG_SSH,     /* the guest's own command, over ssh */
	RUNG_SERIAL,  /* the same on the serial console, with a login if necessary */
	RUNG_QUIT,    /* QMP quit: flushes the disks, cuts off the guest */
	RUNG_TERM,    /* SIGTERM to QEMU: the same without QMP */
	RUNG_KILL,    /* SIGKILL to QEMU's process group */
	RUNG_DOWN,    /* QEMU has ended */
	RUNG_COUNT
};

/* Whether RUNG asks the guest, so that its end afterwards is a clean shutdown. */
bool rung_is_gentle(enum rung rung);

/* "ACPI power button", ... */
const char *rung_name(enum rung rung);

/* Parse TEXT ("acpi,ssh,serial" or "none") into bits, with those that always apply (quit, SIGTERM,
 * SIGKILL). 0 with *BAD at an unknown word. */
unsigned rungs_parse(const char *text, const char **bad);

#endif
