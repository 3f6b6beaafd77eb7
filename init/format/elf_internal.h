/* elf_internal.h - ELF headers and segments, shared between elf.c, multiboot.c and boot_image.c. */
#ifndef VM_FORMAT_ELF_INTERNAL_H
#define VM_FORMAT_ELF_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ELF_FOUR_GIB UINT64_C(0x100000000)
/* As many program headers as anybody has needed, several times over. */
#define ELF_SEGMENTS_MAX 64
/* A flag of multiboot: where to load it is in the header, the file may be anything. */
#define ELF_MB_ADDRESS 0x10000u

/* The field of the structure at P, by its type's name and its own. */
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

/* The headers of the N bytes at FILE. False: it is no ELF file. */
bool elf_header(const uint8_t *file, size_t n, struct elf *e);

/* The offset of a multiboot header among the first bytes, with its FLAGS; N when there is none. */
size_t elf_multiboot(const uint8_t *file, size_t n, uint32_t *flags);

/* The segments of E that are loaded, into LIST. Returns how many; 0 with ERR. */
size_t elf_loaded(const uint8_t *file, size_t n, const struct elf *e, const char *name,
		  struct segment list[ELF_SEGMENTS_MAX], struct error *err);

/* ENTRY as a physical address: the file may have it as a virtual one, as GRUB takes it, or as a
 * physical one already, as QEMU does. 4 GiB when it lies in no segment. */
uint64_t elf_entry(uint64_t entry, const struct segment *list, size_t count);

/* The same of E's entry, into *ENTRY; false with ERR. */
bool elf_entry_of(const struct elf *e, const struct segment *list, size_t count, const char *name,
		  uint64_t *entry, struct error *err);

/* The program header of S at P; the header of an ELF32 file whose COUNT program headers are at
 * offset TABLE, instead of FILE's of either class. */
void elf_write_segment(uint8_t *p, const struct segment *s);
void elf_write_header(uint8_t *file, uint64_t entry, uint64_t table, size_t count);

#endif
