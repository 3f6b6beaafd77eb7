/* power_button.h - has the guest enabled the power button, and can it do so?
 *
 * It has if PWRBTN_EN is set in the power management 1 enable register; the button interrupts no
 * system that has not switched ACPI on, which sets SCI_EN in the control register (ACPI 6.5,
 * 4.8.3.1.2 and 4.8.3.2.1). SeaBIOS puts them at the I/O ports 0x602 and 0x604 on pc and q35
 * (hw/i386/acpi-build.c), and QEMU's monitor reads both at once, without side effects. Firmware may
 * set SCI_EN itself (OVMF does, and without SMM QEMU).
 */
#ifndef VM_PID1_POWER_BUTTON_H
#define VM_PID1_POWER_BUTTON_H

#include <stdbool.h>

#include "pid1/env.h"

/* BUTTON_OFF: not enabled. BUTTON_NO_ACPI: nor has ACPI been switched on. BUTTON_ON: enabled, or
 * the answer cannot be parsed. */
enum power_button { BUTTON_ON, BUTTON_OFF, BUTTON_NO_ACPI };

/* Ask; REPLY is called with ARG and the monitor's text. False: QEMU does not answer, or the
 * machine has no such registers. */
bool power_button_ask(const struct env *env, qmp_reply *reply, void *arg);

enum power_button power_button_state(const struct json_value *result);

#endif
