/* kernel_fit.h - whether the emulator boots a kernel. */
#ifndef VM_PLAN_KERNEL_FIT_H
#define VM_PLAN_KERNEL_FIT_H

#include <stdbool.h>

#include "base/error.h"
#include "config/settings.h"
#include "format/elf.h"

/* The fix for a file that is not a kernel. */
#define KERNEL_UNKNOWN_FIX                                                                         \
	"name a Linux bzImage, a multiboot 1 kernel or an ELF file with a PVH note; disks go to "  \
	"QEMU_DRIVE, ISO images to QEMU_CDROM"

/* The program that decompresses KIND, or NULL. */
const char *kernel_unpacker(enum kernel_kind kind);

/* Can QEMU boot K, the file PATH of SETTING, on the machine of S? OTHER is the kind of a file that
 * is not a kernel, "" for unknown. False with an error in ERRS: EXIT_BAD_IMAGE, EXIT_BAD_SETTING
 * for a kernel of another architecture. */
bool kernel_fits(const struct settings *s, const char *setting, const char *path,
		 const struct kernel_file *k, const char *other, struct errors *errs);

#endif
