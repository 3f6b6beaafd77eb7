/* power_button.c - how QEMU is asked whether the guest has enabled the power button.
 *
 * On a PC it has if PWRBTN_EN is set in the power management 1 enable register; the button
 * interrupts no system that has not switched ACPI on, which sets SCI_EN in the control register
 * (ACPI 6.5, 4.8.3.1.2 and 4.8.3.2.1). SeaBIOS puts them at the I/O ports 0x602 and 0x604 on pc and
 * q35 (hw/i386/acpi-build.c); the monitor reads both at once. Firmware may set SCI_EN itself (OVMF
 * does, and without SMM QEMU).
 *
 * On Arm's virt it is line 3 of the GPIO controller, a PL061 at 0x9030000, and enabled by a bit of
 * its register GPIOIE (hw/arm/virt.c, create_gpio_devices; Arm DDI 0190, 3.3.5). If firmware boots
 * the guest, it is an event of ACPI's generic event device instead, which nothing enables
 * (virt_powerdown_req).
 *
 * Reading these registers has no side effects.
 */
#include <string.h>

#include "config/arch.h"
#include "plan/plan.h"

static const struct plan_button pc = {"{\"command-line\":\"i/w 0x602\"}", 0x100, 0x10000};
static const struct plan_button gpio = {"{\"command-line\":\"xp/1xw 0x9030410\"}", 1u << 3, 0};

void plan_power_button(struct plan *plan)
{
	const struct settings *s = &plan->s;

	plan->button = (struct plan_button){0};
	if (arch_of(s)->pc) {
		/* pc, pc-q35-9.2, q35; isapc and microvm have no such registers. */
		if (strncmp(s->machine, "pc", 2) == 0 || strncmp(s->machine, "q35", 3) == 0)
			plan->button = pc;
	} else if (arch_of(s)->button && arch_default_machine(s) && s->kernel && !s->bios &&
		   !settings_uefi(s) && !s->extra_args) {
		plan->button = gpio;
	}
}
