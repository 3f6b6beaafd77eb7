/* settings_firmware.c - checks QEMU_FIRMWARE in combination with other settings. */
#include <string.h>

#include "config/settings_internal.h"

bool settings_uefi(const struct settings *s)
{
	return s->firmware && strcmp(s->firmware, "bios") != 0;
}

void settings_check_firmware(const struct settings *s, struct errors *errs)
{
	const char *value = s->firmware;

	if (!settings_uefi(s))
		return;
	if (strcmp(value, "uefi") != 0 && value[0] != '/')
		settings_error(
			errs, "QEMU_FIRMWARE", value,
			"is neither bios nor uefi nor an absolute path",
			"set QEMU_FIRMWARE=uefi, or to the path of a UEFI code volume such as "
			"OVMF_CODE_4M.fd");
	if (s->bios)
		settings_error(errs, "QEMU_FIRMWARE", value,
			       "with QEMU_BIOS: a machine has one firmware",
			       "leave one of them unset");
	if (settings_machine_is(s->machine, "isapc"))
		settings_error(errs, "QEMU_FIRMWARE", value,
			       "with QEMU_MACHINE=isapc: UEFI needs PCI",
			       "use QEMU_MACHINE=q35 or pc, or leave QEMU_FIRMWARE unset");
	if (s->builtin_guest)
		settings_error(errs, "QEMU_FIRMWARE", value,
			       "with the built-in guest, whose boot loader is for the BIOS",
			       "name a disk in QEMU_DRIVE, a CD-ROM in QEMU_CDROM, or set "
			       "QEMU_DRIVE=none for the firmware alone");
	if (s->boot == BOOT_DIRECT)
		settings_error(errs, "QEMU_FIRMWARE", value,
			       "with VM_BOOT=direct, which goes past the firmware",
			       "leave one of them unset");
}
