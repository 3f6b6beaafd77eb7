/* boot_image.h - a multiboot kernel and its modules as one file that QEMU's -kernel boots, with the
 * very command lines that GRUB would give them.
 *
 * With -initrd, QEMU begins the line of a module, and that of the kernel, with the file's path
 * (hw/i386/multiboot.c), where GRUB leaves it out; the Hurd's servers take their names and
 * arguments from these lines. So here modules and lines are segments of an ELF32 file of the
 * kernel, and its entry is a few instructions that enter them into the multiboot information before
 * they jump to the kernel's own. Source: Multiboot 0.6.96, 3.2 and 3.3.
 */
#ifndef VM_FORMAT_BOOT_IMAGE_H
#define VM_FORMAT_BOOT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct boot_module {
	const uint8_t *bytes;
	size_t size;
	const char *line;
};

/* The multiboot kernel of N bytes at KERNEL (an ELF file of either class), whose command line is
 * LINE, with COUNT modules. Returns the file, *SIZE bytes from malloc(), and where it ends in
 * memory, *END; NULL with ERR (its message begins with NAME): it is no such kernel, has addresses
 * of its own in its header, or there is no room below 4 GiB. */
uint8_t *boot_image(const uint8_t *kernel, size_t n, const char *name, const char *line,
		    const struct boot_module *modules, size_t count, size_t *size, uint64_t *end,
		    struct error *err);

#endif
