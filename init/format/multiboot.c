/* multiboot.c - see multiboot.h. */
#include "format/multiboot.h"

#include <elf.h>

#include "format/bytes.h"
#include "format/elf_internal.h"

/* Up to entry_addr. */
#define HEADER_SIZE 32u
/* A PC has screen memory and firmware between them. */
#define LOW_END 0xa0000u
#define HIGH_AT 0x100000u
#define EM_486	6u

struct header {
	size_t at; /* offset in the file that corresponds to START */
	size_t start;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

/* Find the bytes of the file that are loaded at load_addr. */
static bool check_start(struct header *h, const char *name, struct error *err)
{
	uint32_t before = h->header_addr - h->load_addr;

	if (h->load_addr > h->header_addr)
		return error_set(err, EXIT_BAD_IMAGE,
				 "set load_addr to where the loaded part begins, which the header "
				 "is in",
				 "%s: its multiboot header has load_addr %#x above header_addr %#x",
				 name, h->load_addr, h->header_addr);
	if (before > h->at)
		return error_set(err, EXIT_BAD_IMAGE,
				 "set header_addr to the header's own address, or link the file "
				 "without gaps",
				 "%s: its multiboot header has header_addr %#x, %u bytes behind "
				 "load_addr, and only %zu bytes are before it in the file",
				 name, h->header_addr, before, h->at);
	h->start = h->at - before;
	return true;
}

/* The ends of the loaded part of the N bytes, and of the zeroed memory after it. */
static bool check_end(const struct header *h, size_t n, const char *name, uint64_t *end,
		      struct error *err)
{
	uint64_t load = h->load_addr;
	uint64_t file_end = load + (n - h->start);
	uint64_t last = h->load_end_addr ? h->load_end_addr : file_end;

	if (h->load_end_addr && h->load_end_addr < h->load_addr)
		return error_set(
			err, EXIT_BAD_IMAGE, "set it to where the loaded part ends, or to 0",
			"%s: its multiboot header has load_end_addr %#x below load_addr %#x", name,
			h->load_end_addr, h->load_addr);
	if (last > UINT32_MAX)
		return error_set(err, EXIT_BAD_IMAGE, "link it for lower addresses",
				 "%s: its multiboot header has load_addr %#x, and the part loaded "
				 "there extends beyond 4 GiB",
				 name, h->load_addr);
	if (h->bss_end_addr && h->bss_end_addr < last)
		return error_set(err, EXIT_BAD_IMAGE,
				 "set it to where the zeroed memory ends, or to 0",
				 "%s: its multiboot header has bss_end_addr %#x, and the loaded "
				 "part ends at "
				 "%#llx",
				 name, h->bss_end_addr, (unsigned long long)last);
	if (h->load_end_addr > file_end)
		return error_set(
			err, EXIT_BAD_IMAGE,
			"get a whole copy of the file, or cover the part that is not in the file "
			"by bss_end_addr",
			"%s: its multiboot header has load_end_addr %#x, and the file ends at "
			"%#llx",
			name, h->load_end_addr, (unsigned long long)file_end);
	*end = h->bss_end_addr ? h->bss_end_addr : last;
	return true;
}

static bool check_addresses(const uint8_t *file, size_t n, size_t at, const char *name,
			    uint64_t *memory, struct error *err)
{
	uint64_t end = 0;

	if (n - at < HEADER_SIZE)
		return error_set(err, EXIT_BAD_IMAGE, "get a whole copy of the file",
				 "%s is truncated in its multiboot header", name);
	struct header h = {.at = at,
			   .header_addr = le32(file + at + 12),
			   .load_addr = le32(file + at + 16),
			   .load_end_addr = le32(file + at + 20),
			   .bss_end_addr = le32(file + at + 24),
			   .entry_addr = le32(file + at + 28)};

	if (!check_start(&h, name, err) || !check_end(&h, n, name, &end, err))
		return false;
	if (h.entry_addr < h.load_addr || h.entry_addr >= end)
		return error_set(err, EXIT_BAD_IMAGE,
				 "set entry_addr to the first instruction, by its physical address",
				 "%s: its multiboot header has entry_addr %#x outside of the "
				 "loaded part, %#x to %#llx",
				 name, h.entry_addr, h.load_addr, (unsigned long long)end);
	if (h.load_addr < HIGH_AT && end > LOW_END)
		return error_set(err, EXIT_BAD_IMAGE, "link it for 0x100000 and above",
				 "%s: its multiboot header has load_addr %#x, and the part loaded "
				 "there extends into the screen's memory at %#x",
				 name, h.load_addr, LOW_END);
	*memory = end;
	return true;
}

static bool check_elf(const uint8_t *file, size_t n, const char *name, const struct kernel_file *k,
		      uint32_t flags, struct error *err)
{
	struct segment list[ELF_SEGMENTS_MAX];
	struct elf e;
	uint64_t entry;

	if (!elf_header(file, n, &e))
		return error_set(
			err, EXIT_BAD_IMAGE,
			"set bit 16 and the five addresses, or link it as an ELF file",
			"%s: its multiboot header has flags %#x, without bit 16 (addresses "
			"in the header), and it is no ELF file",
			name, flags);
	if (e.machine != EM_386 && e.machine != EM_486 && e.machine != EM_X86_64)
		return error_set(err, EXIT_BAD_IMAGE, "build it for i386 or x86-64",
				 "%s is for another processor: its ELF header has e_machine %u",
				 name, e.machine);
	size_t count = elf_loaded(file, n, &e, name, list, err);

	/* PVH has its entry in the note. */
	return count && (k->kind == KERNEL_PVH || elf_entry_of(&e, list, count, name, &entry, err));
}

bool kernel_check(const uint8_t *file, size_t n, const char *name, struct kernel_file *k,
		  struct error *err)
{
	uint32_t flags = 0;

	if (k->kind == KERNEL_PVH)
		return check_elf(file, n, name, k, 0, err);
	if (k->kind != KERNEL_MULTIBOOT && k->kind != KERNEL_MULTIBOOT_WIDE)
		return true;
	size_t at = elf_multiboot(file, n, &flags);

	if (flags & ELF_MB_ADDRESS)
		return check_addresses(file, n, at, name, &k->end, err);
	return check_elf(file, n, name, k, flags, err);
}
