/* elf_internal.h - ELF headers and segments, shared by elf.c, multiboot.c and boot_image.c. */
#ifndef VM_FORMAT_ELF_INTERNAL_H
#define VM_FORMAT_ELF_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ELF_FOUR_GIB UINT64_C(0x100000000)
/* Several times the number of program headers in known kernels. */
#define ELF_SEGMENTS_MAX 64
/* Multiboot flag: the header contains the load addresses, and the file may have any format. */
#define ELF_MB_ADDRESS 0x10000u

/* A field of the structure at P, by the names of its type and its member. */
#define AT(p, type, field)    ((p) + offsetof(type, field))
#define GET16(p, type, field) le16(AT(p, type, field))
#define GET32(p, type, field) le32(AT(p, type, field))
#define GET64(p, type, field) le64(AT(p, type, field))

/* An ELF file's program headers, of either class. */
struct elf {
	bool wide; /* ELF64 */
	uint16_t machine;
	uint64_t entry;
	uint64_t table; /* offset of the program headers */
	size_t count, entry_size;
};

struct segment {
	uint32_t type, flags;
	uint64_t offset, virtual, physical, file_size, memory_size, align;
};

/* Read the headers of the N bytes at FILE. False: it is not an ELF file. */
bool elf_header(const uint8_t *file, size_t n, struct elf *e);

/* The offset of a multiboot header within the first bytes, with its FLAGS; N if there is none. */
size_t elf_multiboot(const uint8_t *file, size_t n, uint32_t *flags);

/* Put the loadable segments of E into LIST. Returns their number; 0 with ERR. */
size_t elf_loaded(const uint8_t *file, size_t n, const struct elf *e, const char *name,
		  struct segment list[ELF_SEGMENTS_MAX], struct error *err);

/* ENTRY as a physical address. The file may contain a virtual one, as GRUB expects, or a physical
 * one, as QEMU expects. 4 GiB if it is outside of all segments. */
uint64_t elf_entry(uint64_t entry, const struct segment *list, size_t count);

/* The same for E's entry, into *ENTRY; false with ERR. */
bool elf_entry_of(const struct elf *e, const struct segment *list, size_t count, const char *name,
		  uint64_t *entry, struct error *err);

/* Write the program header of S to P; write the header of an ELF32 file, whose COUNT program
 * headers are at offset TABLE, in place of FILE's header of either class. */
void elf_write_segment(uint8_t *p, const struct segment *s);
void elf_write_header(uint8_t *file, uint64_t entry, uint64_t table, size_t count);

#endif
