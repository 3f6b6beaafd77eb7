/* multiboot.h - checks whether QEMU can load a kernel that kernel_recognise() has identified.
 *
 * QEMU ends on an inconsistent header with a message that names no file, silently drops what lies
 * beyond the memory, and jumps to any entry. Source: Multiboot 0.6.96, 3.1.3; hw/i386/multiboot.c
 * in QEMU 7.2 to 11.
 */
#ifndef VM_FORMAT_MULTIBOOT_H
#define VM_FORMAT_MULTIBOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/elf.h"

/* Check K, the kernel in the N bytes at FILE, and store the end of its memory in K->end. Kinds
 * other than multiboot 1 and PVH are accepted. Error (EXIT_BAD_IMAGE, its message begins with
 * NAME): a segment or a field of the multiboot header, with its value. */
bool kernel_check(const uint8_t *file, size_t n, const char *name, struct kernel_file *k,
		  struct error *err);

#endif
