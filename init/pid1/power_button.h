/* power_button.h - has the guest enabled the power button?
 *
 * Then PWRBTN_EN is set in the power management 1 enable register (ACPI 6.5, 4.8.3.1.2). SeaBIOS
 * puts it at I/O port 0x602 on pc and q35 (hw/i386/acpi-build.c), and QEMU's monitor reads it
 * without side effects.
 */
#ifndef VM_PID1_POWER_BUTTON_H
#define VM_PID1_POWER_BUTTON_H

#include <stdbool.h>

#include "pid1/env.h"

/* Ask; REPLY is called with ARG and the monitor's text. False: QEMU does not answer, or the
 * machine has no such register. */
bool power_button_ask(const struct env *env, qmp_reply *reply, void *arg);

/* Whether RESULT says that the button is not enabled. False if it cannot be parsed. */
bool power_button_off(const struct json_value *result);

#endif
