/* elf.h - what a file is that somebody wants to boot as a kernel, and what QEMU needs to do so.
 *
 * QEMU's loader (hw/i386/x86-common.c, x86.c before 9.1: x86_load_linux()) looks for Linux' boot
 * header, then for a multiboot 1 header (hw/i386/multiboot.c), then for an ELF file with Xen's PVH
 * note, and in this order so does this. It refuses a multiboot kernel whose file is ELF for x86-64
 * ("Cannot load x86-64 image, give a 32bit one."), although the kernel is entered in 32-bit mode
 * whatever its file looks like: elf_narrow() makes the same kernel an ELF32 file.
 */
#ifndef VM_FORMAT_ELF_H
#define VM_FORMAT_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum kernel_kind {
	KERNEL_UNKNOWN, /* nothing of what follows */
	KERNEL_GZIP,	/* compressed: what is in it counts */
	KERNEL_XZ,
	KERNEL_LINUX,	       /* Linux' boot header: bzImage, zImage */
	KERNEL_MULTIBOOT,      /* multiboot 1, as QEMU loads it */
	KERNEL_MULTIBOOT_WIDE, /* multiboot 1 in an ELF file for x86-64: elf_narrow() */
	KERNEL_PVH,	       /* an ELF file with the note XEN_ELFNOTE_PHYS32_ENTRY */
	KERNEL_MULTIBOOT2,     /* multiboot 2, which QEMU does not know */
	KERNEL_LIMINE,	       /* has requests of Limine's protocol, for no other loader */
	KERNEL_EFI,	       /* a PE/COFF file: for UEFI only */
	KERNEL_ARM64,	       /* Linux' Image for arm64, and others with its header */
	KERNEL_RISCV,	       /* the same for RISC-V */
	KERNEL_ARM,	       /* Linux' zImage for arm */
	KERNEL_ZBOOT,	       /* an EFI program that unpacks such an Image */
	KERNEL_ELF	       /* an ELF file with no entry for a boot loader */
};

struct kernel_file {
	enum kernel_kind kind;
	uint16_t machine; /* e_machine of an ELF file; 0: it is none */
	bool wide;	  /* ELF64 */
	bool long_mode;	  /* an ELF file for x86-64: the kernel needs such a processor */
	uint64_t end;	  /* of the physical memory that it is loaded to, bytes; 0: unknown */
	bool mach;	  /* a multiboot kernel that calls itself GNU Mach */
	bool other;	  /* something else that has Linux' boot header: memtest86+, iPXE */
};

/* The kernel in the N bytes at FILE, the whole of it. */
struct kernel_file kernel_recognise(const uint8_t *file, size_t n);

/* The compressed kernel inside the bzImage of N bytes at FILE, from *OFFSET on, *SIZE bytes.
 * Returns the program that unpacks it to an ELF file ("gzip", "xz", "zstd"), NULL when it is none
 * that is known. Source: Linux' Documentation/arch/x86/boot.rst, payload_offset. */
const char *kernel_payload(const uint8_t *file, size_t n, size_t *offset, size_t *size);

/* KIND for people, with its article: "a Linux kernel". */
const char *kernel_kind_name(enum kernel_kind kind);

/* Make the KERNEL_MULTIBOOT_WIDE in the N bytes at FILE an ELF32 file, in place: the header and the
 * segments that are loaded are written anew, all else (the segments' bytes, the multiboot header)
 * stays where it is. Virtual addresses become the physical ones, which are all that a multiboot
 * loader uses, and the entry with them; sections are left out. Error (EXIT_BAD_IMAGE, its message
 * begins with NAME; FILE is as it was): a segment beyond the file or beyond 4 GiB, two that
 * overlap, an entry in none, no segment at all. Source: ELF (gABI) 1.2; Multiboot 0.6.96, 3.1 and
 * 3.4; QEMU's include/hw/elf_ops.h, which takes the physical addresses, too. */
bool elf_narrow(uint8_t *file, size_t n, const char *name, struct error *err);

#endif
