/* multiboot.h - does QEMU load the kernel that kernel_recognise() has found, where its own headers
 * say?
 *
 * QEMU ends on a header that contradicts itself with a message that names no file, loads what lies
 * beyond the memory into nothing, and jumps to any entry. Source: Multiboot 0.6.96, 3.1.3;
 * hw/i386/multiboot.c in QEMU 7.2 to 11.
 */
#ifndef VM_FORMAT_MULTIBOOT_H
#define VM_FORMAT_MULTIBOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/elf.h"

/* Check K, the kernel in the N bytes at FILE, and enter where its memory ends into K->end. Kinds
 * that are neither multiboot 1 nor PVH are right. Error (EXIT_BAD_IMAGE, its message begins with
 * NAME): a segment or a field of the multiboot header, with its value. */
bool kernel_check(const uint8_t *file, size_t n, const char *name, struct kernel_file *k,
		  struct error *err);

#endif
