/* kernel_fit.c - see kernel_fit.h. */
#include "plan/kernel_fit.h"

#include <stdio.h>
#include <string.h>

#include "config/arch.h"

const char *kernel_unpacker(enum kernel_kind kind)
{
	return kind == KERNEL_GZIP ? "gzip" : kind == KERNEL_XZ ? "xz" : NULL;
}

/* Kernel kinds that QEMU cannot boot, and the alternative. */
static bool refuse(const char *setting, const char *path, enum kernel_kind kind, const char *other,
		   struct errors *errs)
{
	static const char *const fixes[] = {
		[KERNEL_UNKNOWN] = KERNEL_UNKNOWN_FIX,
		[KERNEL_GZIP] = "unpack it before, and name the result",
		[KERNEL_XZ] = "unpack it before, and name the result",
		[KERNEL_MULTIBOOT2] = "QEMU knows multiboot 1 only: let GRUB boot it (multiboot2 "
				      "in the grub.cfg of an ISO by grub-mkrescue), and name that "
				      "in QEMU_CDROM",
		[KERNEL_LIMINE] = "put it into an ISO with Limine (xorriso and limine "
				  "bios-install), and name that in QEMU_CDROM",
		[KERNEL_EFI] = "put it into an ISO or a disk as EFI/BOOT/BOOTX64.EFI, and boot "
			       "that with QEMU_FIRMWARE=uefi; of a Linux kernel take the bzImage",
		[KERNEL_ZBOOT] = "name the Image that was packed into it (in a kernel's tree: "
				 "arch/*/boot/Image)",
		[KERNEL_ELF] = "give it a multiboot header within its first 8 KiB or a PVH note, "
			       "or name the bzImage of a Linux kernel"};
	const char *what = kind == KERNEL_UNKNOWN && other[0] ? other : kernel_kind_name(kind);

	return errors_add(errs, EXIT_BAD_IMAGE, fixes[kind], "%s=%s is %s%s", setting, path, what,
			  kernel_unpacker(kind) ? " twice" : ": QEMU cannot boot it");
}

/* The architecture of K: x86_64 or i386 for a PC. NULL: any, or an unsupported one. */
static const char *made_for(const struct kernel_file *k)
{
	const struct arch_row *elf = k->machine ? arch_of_elf(k->machine, k->wide) : NULL;

	switch (k->kind) {
	case KERNEL_ARM64: return "aarch64";
	case KERNEL_ARM: return "arm";
	case KERNEL_RISCV: return "riscv64";
	case KERNEL_LINUX: return "x86_64";
	case KERNEL_MULTIBOOT: return elf ? elf->name : "i386";
	default: return elf ? elf->name : NULL;
	}
}

static bool for_pc(const char *made)
{
	return strcmp(made, "x86_64") == 0 || strcmp(made, "i386") == 0;
}

bool kernel_fits(const struct settings *s, const char *setting, const char *path,
		 const struct kernel_file *k, const char *other, struct errors *errs)
{
	const struct arch_row *arch = arch_of(s);
	const char *made = made_for(k);
	char fix[64];

	if (made && (arch->pc ? !for_pc(made) : strcmp(made, arch->name) != 0)) {
		(void)snprintf(fix, sizeof fix, "%s%s, or name another kernel",
			       for_pc(made) ? "leave QEMU_ARCH unset" : "set QEMU_ARCH=",
			       for_pc(made) ? "" : made);
		return errors_add(errs, EXIT_BAD_SETTING, fix, "%s=%s is for %s, and QEMU_ARCH=%s",
				  setting, path, made, arch->name);
	}
	switch (k->kind) {
	case KERNEL_GZIP:
	case KERNEL_XZ:
	case KERNEL_LIMINE:
	case KERNEL_EFI:
	case KERNEL_ZBOOT: return refuse(setting, path, k->kind, other, errs);
	case KERNEL_LINUX:
	case KERNEL_MULTIBOOT:
	case KERNEL_MULTIBOOT_WIDE:
	case KERNEL_PVH:
		return !k->long_mode || s->arch != ARCH_I386 ||
		       errors_add(errs, EXIT_BAD_SETTING,
				  "set QEMU_ARCH=x86_64, or name a 32-bit kernel",
				  "%s=%s is for x86-64, and QEMU_ARCH=i386 has no such processor",
				  setting, path);
	default: break;
	}
	if (arch->pc)
		return refuse(setting, path, k->kind, other, errs);
	/* Other machines accept ELF files, and raw binaries. */
	if (k->machine && !made)
		return errors_add(errs, EXIT_BAD_IMAGE, "name a kernel that is",
				  "%s=%s is an ELF file of another architecture, not for %s",
				  setting, path, arch->name);
	return !(k->kind == KERNEL_UNKNOWN && other[0]) ||
	       refuse(setting, path, k->kind, other, errs);
}
