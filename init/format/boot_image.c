/* boot_image.c - see boot_image.h. */
#include "format/boot_image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "format/bytes.h"
#include "format/elf_internal.h"

#define PAGE 4096u
/* Fields of the multiboot information: flags and offsets (3.3). */
#define INFO_CMDLINE	4u
#define INFO_MODULES	8u
#define AT_CMDLINE	16u
#define AT_MODULE_COUNT 20u
#define AT_MODULES	24u
/* An entry of the list of modules. */
#define MODULE_SIZE 16u
#define STUB_SIZE   64u

/* The part of the image after the kernel, at ADDRESS in memory. */
struct tail {
	uint8_t *bytes;
	size_t size;
	uint64_t address;
};

static size_t to_page(size_t n)
{
	return (n + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/* Allocate N bytes of the tail, whose buffer is large enough. Returns their offset. */
static size_t take(struct tail *t, size_t n)
{
	size_t at = t->size;

	t->size += n;
	return at;
}

static size_t put_text(struct tail *t, const char *text)
{
	size_t n = strlen(text) + 1;
	size_t at = take(t, n);

	memcpy(t->bytes + at, text, n);
	return at;
}

/* The code: EBX is the multiboot information, EAX the magic number, and ECX is free (3.2). */
static size_t put_stub(struct tail *t, size_t line, size_t list, size_t count, uint64_t entry)
{
	uint32_t base = (uint32_t)t->address;
	size_t at = take(t, STUB_SIZE);
	uint8_t *p = t->bytes + at;

	memcpy(p, "\x81\x0b", 2); /* or dword [ebx], … */
	put_le32(p + 2, INFO_CMDLINE | INFO_MODULES);
	const struct {
		uint8_t at;
		uint32_t value;
	} fields[] = {{AT_CMDLINE, base + (uint32_t)line},
		      {AT_MODULE_COUNT, (uint32_t)count},
		      {AT_MODULES, base + (uint32_t)list}};

	p += 6;
	for (size_t i = 0; i < 3; i++, p += 7) { /* mov dword [ebx + …], … */
		memcpy(p, "\xc7\x43", 2);
		p[2] = fields[i].at;
		put_le32(p + 3, fields[i].value);
	}
	*p = 0xb9; /* mov ecx, … */
	put_le32(p + 1, (uint32_t)entry);
	memcpy(p + 5, "\xff\xe1", 2); /* jmp ecx */
	return at;
}

/* Lay out modules (page-aligned), their list, the command lines, the code. Returns the new entry.
 */
static uint64_t fill(struct tail *t, const char *line, const struct boot_module *modules,
		     size_t count, uint64_t entry)
{
	size_t starts[64] = {0};

	for (size_t i = 0; i < count; i++) {
		starts[i] = take(t, to_page(modules[i].size));
		if (modules[i].size)
			memcpy(t->bytes + starts[i], modules[i].bytes, modules[i].size);
	}
	size_t list = take(t, count * (size_t)MODULE_SIZE);

	for (size_t i = 0; i < count; i++) {
		uint8_t *p = t->bytes + list + i * MODULE_SIZE;

		put_le32(p, (uint32_t)(t->address + starts[i]));
		put_le32(p + 4, (uint32_t)(t->address + starts[i] + modules[i].size));
		put_le32(p + 8, (uint32_t)(t->address + put_text(t, modules[i].line)));
	}
	size_t text = put_text(t, line);

	return t->address + put_stub(t, text, list, count, entry);
}

static size_t room_for(const char *line, const struct boot_module *modules, size_t count)
{
	size_t n = strlen(line) + 1 + STUB_SIZE;

	for (size_t i = 0; i < count; i++)
		n += to_page(modules[i].size) + MODULE_SIZE + strlen(modules[i].line) + 1;
	return to_page(n);
}

uint8_t *boot_image(const uint8_t *kernel, size_t n, const char *name, const char *line,
		    const struct boot_module *modules, size_t count, size_t *size, uint64_t *end,
		    struct error *err)
{
	struct segment list[ELF_SEGMENTS_MAX + 1];
	struct elf e;
	uint32_t flags = 0;
	uint64_t last = 0;
	uint64_t entry = ELF_FOUR_GIB;

	bool fits = elf_header(kernel, n, &e) && n <= UINT32_MAX / 2;
	size_t header = fits ? elf_multiboot(kernel, n, &flags) : n;

	fits = fits && header < n && header >= sizeof(Elf64_Ehdr) && !(flags & ELF_MB_ADDRESS) &&
	       count <= 64;
	size_t segments = fits ? elf_loaded(kernel, n, &e, name, list, err) : 0;

	if (fits && segments == 0)
		return NULL;
	if (segments) {
		entry = elf_entry(e.entry, list, segments);
		for (size_t i = 0; i < segments; i++)
			if (list[i].physical + list[i].memory_size > last)
				last = list[i].physical + list[i].memory_size;
	}
	if (entry == ELF_FOUR_GIB) {
		(void)error_set(err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
				"%s is not a multiboot kernel in an ELF file, or has no entry",
				name);
		return NULL;
	}
	size_t room = room_for(line, modules, count);
	size_t whole = to_page(n) + room + (segments + 1) * sizeof(Elf32_Phdr);
	struct tail t = {.address = (last + PAGE - 1) & ~(uint64_t)(PAGE - 1)};

	if (t.address + room > ELF_FOUR_GIB || whole > UINT32_MAX / 2) {
		(void)error_set(err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
				"%s: there is no room for its modules", name);
		return NULL;
	}
	uint8_t *file = calloc(1, whole);

	if (!file) {
		(void)error_set(err, EXIT_INTERNAL, "give the container more memory", "no memory");
		return NULL;
	}
	memcpy(file, kernel, n);
	t.bytes = file + to_page(n);
	entry = fill(&t, line, modules, count, entry);
	list[segments++] = (struct segment){.type = PT_LOAD,
					    .flags = PF_R | PF_W | PF_X,
					    .offset = to_page(n),
					    .physical = t.address,
					    .file_size = room,
					    .memory_size = room,
					    .align = PAGE};
	for (size_t i = 0; i < segments; i++)
		elf_write_segment(file + to_page(n) + room + i * sizeof(Elf32_Phdr), &list[i]);
	elf_write_header(file, entry, to_page(n) + room, segments);
	*size = whole;
	*end = t.address + room;
	return file;
}
