/* boot_image.h - combines a multiboot kernel and its modules into one file that QEMU's -kernel
 * boots, with exactly the command lines that GRUB would pass.
 *
 * With -initrd, QEMU begins the command lines of a module and of the kernel with the file's path
 * (hw/i386/multiboot.c), which GRUB omits; the Hurd's servers get their names and arguments from
 * these lines. So modules and command lines become segments of an ELF32 file of the kernel, and its
 * entry is a few instructions that add them to the multiboot information before they jump to the
 * kernel's own entry. Source: Multiboot 0.6.96, 3.2 and 3.3.
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

/* Build the file for the multiboot kernel of N bytes at KERNEL (an ELF file of either class) with
 * the command line LINE and COUNT modules. Returns *SIZE bytes from malloc(); *END is its end in
 * memory. NULL with ERR (its message begins with NAME): not such a kernel, load addresses in its
 * header, or no room below 4 GiB. */
uint8_t *boot_image(const uint8_t *kernel, size_t n, const char *name, const char *line,
		    const struct boot_module *modules, size_t count, size_t *size, uint64_t *end,
		    struct error *err);

#endif
