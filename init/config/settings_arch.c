/* settings_arch.c - checks PC settings on other machines, and vice versa. */
#include <stdio.h>
#include <string.h>

#include "config/arch.h"
#include "config/guest_preset.h"
#include "config/settings_internal.h"

bool settings_no_firmware(const struct settings *s)
{
	return s->bios && strcmp(s->bios, "none") == 0;
}

void settings_resolve_arch(struct settings *s)
{
	const struct arch_row *arch = arch_of(s);

	if (arch->pc)
		return;
	if (!s->machine)
		s->machine = arch->machine;
	if (s->disk_bus == BUS_AUTO)
		s->disk_bus = BUS_VIRTIO;
	if (s->net_model == NET_MODEL_AUTO)
		s->net_model = NET_MODEL_VIRTIO;
	if (s->vga == VGA_AUTO)
		s->vga = s->gl ? VGA_VIRTIO_GL : s->vnc || s->display ? VGA_VIRTIO : VGA_NONE;
}

bool settings_has_power_button(const struct settings *s)
{
	return arch_of(s)->pc ? !settings_machine_is(s->machine, "isapc")
			      : arch_of(s)->button && arch_default_machine(s);
}

static void refuse(const struct settings *s, const char *setting, const char *why,
		   struct errors *errs)
{
	char fix[64];

	(void)snprintf(fix, sizeof fix, "leave %.*s unset with it", (int)strcspn(setting, "="),
		       setting);
	(void)errors_add(errs, EXIT_BAD_SETTING, fix, "QEMU_ARCH=%s with %s: %s", arch_of(s)->name,
			 setting, why);
}

struct rule {
	bool wrong;
	const char *setting, *why;
};

static void check_pc(const struct settings *s, struct errors *errs)
{
	const struct rule rules[] = {
		{s->dtb != NULL, "QEMU_DTB", "a PC has ACPI tables and no device tree"},
		{s->disk_bus >= BUS_VIRTIO_MMIO && strncmp(s->machine, "microvm", 7) != 0,
		 "QEMU_DISK_BUS=virtio-mmio",
		 "on a PC virtio devices are on PCI (QEMU_DISK_BUS=virtio)"},
		{settings_no_firmware(s), "QEMU_BIOS=none", "a PC starts in its firmware"},
	};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].wrong)
			refuse(s, rules[i].setting, rules[i].why, errs);
}

void settings_check_arch(const struct settings *s, struct errors *errs)
{
	const struct arch_row *arch = arch_of(s);
	/* The markers of exov6 fit every xv6. */
	bool known =
		s->guest == GUEST_LINUX || s->guest == GUEST_GENERIC || s->guest == GUEST_EXOV6;
	char guest[32];
	char vga[32];
	const struct rule rules[] = {
		{!known && !s->builtin_guest, guest,
		 "that is a system for PCs (linux and generic are for any machine)"},
		{s->given[SETTING_QEMU_HPET], "QEMU_HPET", "only a PC has an HPET"},
		{s->disk_bus == BUS_IDE, "QEMU_DISK_BUS=ide",
		 "only a PC has IDE (its disks are virtio, scsi, virtio-mmio or ahci)"},
		{s->net != NET_NONE && s->net_model == NET_MODEL_NE2K_ISA,
		 "QEMU_NET_MODEL=ne2k_isa", "only a PC has an ISA bus"},
		{s->vga != VGA_NONE && s->vga != VGA_VIRTIO && s->vga != VGA_VIRTIO_GL, vga,
		 "the graphics card of its machine is virtio"},
		{settings_uefi(s) && s->arch == ARCH_RISCV64, "QEMU_FIRMWARE",
		 "which flash memory its firmware starts from differs between versions of QEMU; "
		 "QEMU_KERNEL takes U-Boot or edk2"},
		{settings_uefi(s) && !arch_default_machine(s), "QEMU_FIRMWARE",
		 "only its machine virt has UEFI's flash memory"},
		{s->floppy != NULL, "QEMU_FLOPPY", "only a PC has a floppy controller"},
		{s->boot == BOOT_DIRECT, "VM_BOOT=direct",
		 "kernels are read from disks of PCs only"},
		{s->fetch && !s->drive, "VM_FETCH=1", "Debian GNU/Hurd is fetched for PCs only"},
		{settings_no_firmware(s) && s->arch != ARCH_RISCV64, "QEMU_BIOS=none",
		 "its machine starts QEMU_KERNEL without firmware anyway"},
	};

	if (arch->pc) {
		check_pc(s, errs);
		return;
	}
	(void)snprintf(guest, sizeof guest, "VM_GUEST=%s",
		       preset_of((enum guest_kind)s->guest)->name);
	(void)snprintf(vga, sizeof vga, "QEMU_VGA=%s",
		       setting_choice(SETTING_QEMU_VGA, s->vga, (char[16]){0}, 16));
	if (s->builtin_guest)
		(void)errors_add(errs, EXIT_BAD_SETTING,
				 "name a kernel for it in QEMU_KERNEL, or a disk in QEMU_DRIVE",
				 "QEMU_ARCH=%s: the built-in guest is for x86-64", arch->name);
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].wrong)
			refuse(s, rules[i].setting, rules[i].why, errs);
}
