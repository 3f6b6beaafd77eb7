/* elf.h - detects the kind of a kernel file, and prepares it for QEMU.
 *
 * QEMU's loader (hw/i386/x86-common.c, x86.c before 9.1: x86_load_linux()) looks for Linux' boot
 * header, then for a multiboot 1 header (hw/i386/multiboot.c), then for an ELF file with Xen's PVH
 * note; this code uses the same order. QEMU rejects a multiboot kernel in an x86-64 ELF file
 * ("Cannot load x86-64 image, give a 32bit one."), although a multiboot kernel is entered in 32-bit
 * mode regardless of its file format: elf_narrow() converts the file to ELF32.
 */
#ifndef VM_FORMAT_ELF_H
#define VM_FORMAT_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum kernel_kind {
	KERNEL_UNKNOWN, /* none of the following */
	KERNEL_GZIP,	/* compressed: examine the contents */
	KERNEL_XZ,
	KERNEL_LINUX,	       /* Linux' boot header: bzImage, zImage */
	KERNEL_MULTIBOOT,      /* multiboot 1, as QEMU loads it */
	KERNEL_MULTIBOOT_WIDE, /* multiboot 1 in an ELF file for x86-64: elf_narrow() */
	KERNEL_PVH,	       /* an ELF file with the note XEN_ELFNOTE_PHYS32_ENTRY */
	KERNEL_MULTIBOOT2,     /* multiboot 2, which QEMU does not support */
	KERNEL_LIMINE, /* has requests of the Limine protocol, and works with no other loader */
	KERNEL_EFI,    /* a PE/COFF file: for UEFI only */
	KERNEL_ARM64,  /* Linux' Image for arm64, and others with its header */
	KERNEL_RISCV,  /* the same for RISC-V */
	KERNEL_ARM,    /* Linux' zImage for arm */
	KERNEL_ZBOOT,  /* an EFI program that decompresses such an Image */
	KERNEL_ELF     /* an ELF file without an entry for a boot loader */
};

struct kernel_file {
	enum kernel_kind kind;
	uint16_t machine; /* e_machine of an ELF file; 0: not an ELF file */
	bool wide;	  /* ELF64 */
	bool long_mode; /* an ELF file or a Linux kernel for x86-64: it needs a 64-bit processor */
	uint64_t end;	/* end of the physical memory that it is loaded to, bytes; 0: unknown */
	bool mach;	/* a multiboot kernel that identifies itself as GNU Mach */
	bool other;	/* other programs with Linux' boot header: memtest86+, iPXE */
};

/* Identify the kernel in the N bytes at FILE, a whole file. */
struct kernel_file kernel_recognise(const uint8_t *file, size_t n);

/* Find the compressed kernel inside the bzImage of N bytes at FILE: *SIZE bytes from *OFFSET on.
 * Returns the program that decompresses it to an ELF file ("gzip", "xz", "zstd"), NULL for an
 * unknown format. Source: Linux' Documentation/arch/x86/boot.rst, payload_offset. */
const char *kernel_payload(const uint8_t *file, size_t n, size_t *offset, size_t *size);

/* KIND with its article, for messages: "a Linux kernel". */
const char *kernel_kind_name(enum kernel_kind kind);

/* Convert the KERNEL_MULTIBOOT_WIDE in the N bytes at FILE to an ELF32 file, in place: the header
 * and the loadable program headers are rewritten, everything else (the segments' bytes, the
 * multiboot header) stays in place. Virtual addresses, and the entry, become physical ones, which
 * are all that a multiboot loader uses; sections are dropped. Error (EXIT_BAD_IMAGE, its message
 * begins with NAME; FILE is unchanged): a segment beyond the file or beyond 4 GiB, overlapping
 * segments, an entry outside of all segments, no segments. Source: ELF (gABI) 1.2; Multiboot
 * 0.6.96, 3.1 and 3.4; QEMU's include/hw/elf_ops.h, which uses the physical addresses, too. */
bool elf_narrow(uint8_t *file, size_t n, const char *name, struct error *err);

#endif
