/* arch.h - the properties of each architecture of QEMU_ARCH as a table: its machine, its processor,
 * and its firmware and kernels. */
#ifndef VM_CONFIG_ARCH_H
#define VM_CONFIG_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"

#define ARCH_FIRMWARE_MAX 3

struct arch_row {
	const char *name; /* of qemu-system-NAME */
	bool pc; /* a PC: ISA, HPET, ACPI registers, SeaBIOS, defaults from the presets. For others,
		    the following members are the defaults */
	bool button; /* its default machine has a power button that QEMU can press */
	const char *machine;
	const char *ram; /* memory ID of that machine (QEMU: MachineClass.default_ram_id) */
	const char *tcg_cpu;
	uint16_t elf_machine; /* of its ELF files; WIDE_ELF: they are ELF64 */
	bool wide_elf;
	const char *firmware[ARCH_FIRMWARE_MAX]; /* paths where packages install firmware that boots
						    a disk */
};

const struct arch_row *arch_of(const struct settings *s);

/* The architecture of ELF files with MACHINE and this width; NULL: not supported. */
const struct arch_row *arch_of_elf(uint16_t machine, bool wide);

/* Is the machine type the one of the architecture's row, or a version of it? */
bool arch_default_machine(const struct settings *s);

/* Can this host's KVM run it? */
bool arch_native(const struct settings *s);

#endif
