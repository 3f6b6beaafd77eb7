/* power_button.h - has the guest enabled the power button, and can it do so? (plan/power_button.c)
 */
#ifndef VM_PID1_POWER_BUTTON_H
#define VM_PID1_POWER_BUTTON_H

#include <stdbool.h>

#include "pid1/env.h"

/* BUTTON_OFF: not enabled. BUTTON_NO_ACPI: nor has ACPI been switched on. BUTTON_ON: enabled, or
 * the answer cannot be parsed. */
enum power_button { BUTTON_ON, BUTTON_OFF, BUTTON_NO_ACPI };

/* Ask; REPLY is called with ARG and the monitor's text. False: QEMU does not answer, or the
 * machine cannot be asked. */
bool power_button_ask(const struct env *env, qmp_reply *reply, void *arg);

/* B is the question that RESULT answers. */
enum power_button power_button_state(const struct plan_button *b, const struct json_value *result);

#endif
