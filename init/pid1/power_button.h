/* power_button.h - does the guest listen to the power button?
 *
 * A guest that does has set PWRBTN_EN in the power management 1 enable register
 * (ACPI 6.5, 4.8.3.1.2), which SeaBIOS puts at I/O port 0x602 on pc and q35 (hw/i386/acpi-build.c),
 * and QEMU's monitor reads without any effect on the guest.
 */
#ifndef VM_PID1_POWER_BUTTON_H
#define VM_PID1_POWER_BUTTON_H

#include <stdbool.h>

#include "pid1/env.h"

/* Ask; REPLY, with ARG, gets the monitor's text. False: QEMU does not answer, or the machine is
 * another one. */
bool power_button_ask(const struct env *env, qmp_reply *reply, void *arg);

/* Does RESULT, of that reply, say that the guest does not listen? False as well when it says
 * nothing. */
bool power_button_off(const struct json_value *result);

#endif
