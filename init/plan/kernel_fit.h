/* kernel_fit.h - whether the emulator boots a kernel. */
#ifndef VM_PLAN_KERNEL_FIT_H
#define VM_PLAN_KERNEL_FIT_H

#include <stdbool.h>

#include "base/error.h"
#include "config/settings.h"
#include "format/elf.h"

/* The program that unpacks what is of KIND, or NULL. */
const char *kernel_unpacker(enum kernel_kind kind);

/* Does QEMU boot K, the file PATH of SETTING, on the machine of S? OTHER is what it is if it is no
 * kernel, "" for unknown. False with an error of ERRS: EXIT_BAD_IMAGE, EXIT_BAD_SETTING for a
 * kernel of another architecture. */
bool kernel_fits(const struct settings *s, const char *setting, const char *path,
		 const struct kernel_file *k, const char *other, struct errors *errs);

#endif
