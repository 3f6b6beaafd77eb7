/* arch.c - see arch.h.
 *
 * Processors: `virt` boots every kernel with cortex-a72 and cortex-a15; `max` of aarch64 has
 * pointer authentication, which TCG emulates slowly, and 52-bit addresses, with which Linux before
 * 5.12 does not boot. Sources: QEMU's docs/system/arm/virt.rst and docs/system/riscv/virt.rst,
 * hw/arm/virt.c, hw/riscv/virt.c.
 */
#include "config/arch.h"

#include <elf.h>
#include <string.h>

static const struct arch_row rows[] = {
	[ARCH_X86_64] = {.name = "x86_64",
			 .pc = true,
			 .button = true,
			 .elf_machine = EM_X86_64,
			 .wide_elf = true},
	[ARCH_I386] = {.name = "i386", .pc = true, .button = true, .elf_machine = EM_386},
	[ARCH_AARCH64] = {.name = "aarch64",
			  .button = true,
			  .machine = "virt",
			  .ram = "mach-virt.ram",
			  .tcg_cpu = "cortex-a72",
			  .elf_machine = EM_AARCH64,
			  .wide_elf = true,
			  .firmware = {"/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
				       "/usr/share/AAVMF/QEMU_EFI.fd",
				       "/usr/share/qemu/edk2-aarch64-code.fd"}},
	[ARCH_ARM] = {.name = "arm",
		      .button = true,
		      .machine = "virt",
		      .ram = "mach-virt.ram",
		      .tcg_cpu = "cortex-a15",
		      .elf_machine = EM_ARM,
		      .firmware = {"/usr/share/AAVMF/AAVMF32_CODE.fd",
				   "/usr/share/qemu/edk2-arm-code.fd"}},
	[ARCH_RISCV64] = {.name = "riscv64",
			  .machine = "virt",
			  .ram = "riscv_virt_board.ram",
			  .tcg_cpu = "rv64",
			  .elf_machine = EM_RISCV,
			  .wide_elf = true},
};

const struct arch_row *arch_of(const struct settings *s)
{
	return &rows[s->arch];
}

const struct arch_row *arch_of_elf(uint16_t machine, bool wide)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].elf_machine == machine && rows[i].wide_elf == wide)
			return &rows[i];
	return NULL;
}

bool arch_default_machine(const struct settings *s)
{
	const char *machine = arch_of(s)->machine;
	size_t len = machine ? strlen(machine) : 0;

	return len && strncmp(s->machine, machine, len) == 0 &&
	       (s->machine[len] == '\0' || s->machine[len] == ',' || s->machine[len] == '-');
}

bool arch_native(const struct settings *s)
{
#if defined(__x86_64__)
	return arch_of(s)->pc;
#elif defined(__aarch64__)
	return s->arch == ARCH_AARCH64;
#else
	(void)s;
	return false;
#endif
}
