/* elf.c - see elf.h.
 *
 * Files are little-endian, like everything that x86 boots, and are read byte by byte: fields need
 * not be aligned, and the code runs on any host.
 */
#include "format/elf.h"

#include <elf.h>
#include <string.h>

#include "format/bytes.h"
#include "format/elf_internal.h"

/* Multiboot 0.6.96, 3.1.1. QEMU searches the first 8 KiB, minus the size of a whole header. */
#define MB_MAGIC  0x1badb002u
#define MB_SEARCH (8192u - 48)
/* Multiboot 2.0, 3.1.1. */
#define MB2_MAGIC  0xe85250d6u
#define MB2_SEARCH 32768u
/* Linux' Documentation/arch/x86/boot.rst. */
#define LINUX_AT	 0x202u
#define LINUX_MAGIC	 0x53726448u /* "HdrS" */
#define LINUX_MAGIC_SIZE 4u
#define LINUX_VERSION	 0x20eu /* offset of the version's text, 16 bits, counted from... */
#define LINUX_SETUP	 0x200u /* ... here */
#define LINUX_SECTORS	 0x1f1u
#define LINUX_PROTOCOL	 0x206u
#define LINUX_XLOADFLAGS 0x236u /* from protocol 2.12 on */
#define XLF_KERNEL_64	 1u
#define LINUX_PAYLOAD	 0x248u /* offset, followed by length */
/* The Limine boot protocol, "Features". */
#define LIMINE_MAGIC  0xc7b1dd30df4c8b88u
#define LIMINE_MAGIC2 0x0a82e883a194f07bu
/* Microsoft's PE format, "MS-DOS stub". */
#define PE_OFFSET 0x3cu
/* Linux' Documentation/arch/arm64/booting.rst and arch/riscv/boot-image-header.rst;
 * arch/arm/boot/compressed/head.S; drivers/firmware/efi/libstub/zboot-header.S. */
#define IMAGE_AT     56u
#define ARM64_MAGIC  0x644d5241u
#define RISCV_MAGIC2 0x05435352u
#define ZIMAGE_AT    36u
#define ZIMAGE_MAGIC 0x016f2818u
#define ZBOOT_AT     4u
#define ZBOOT_MAGIC  0x676d697au
/* Xen's public/elfnote.h. */
#define XEN_PHYS32_ENTRY 18u

bool elf_header(const uint8_t *file, size_t n, struct elf *e)
{
	if (n < sizeof(Elf32_Ehdr) || memcmp(file, ELFMAG, SELFMAG) != 0 ||
	    file[EI_DATA] != ELFDATA2LSB)
		return false;
	*e = (struct elf){.wide = file[EI_CLASS] == ELFCLASS64,
			  .machine = GET16(file, Elf32_Ehdr, e_machine)};
	if (e->wide) {
		if (n < sizeof(Elf64_Ehdr))
			return false;
		e->entry = GET64(file, Elf64_Ehdr, e_entry);
		e->table = GET64(file, Elf64_Ehdr, e_phoff);
		e->entry_size = GET16(file, Elf64_Ehdr, e_phentsize);
		e->count = GET16(file, Elf64_Ehdr, e_phnum);
	} else {
		e->entry = GET32(file, Elf32_Ehdr, e_entry);
		e->table = GET32(file, Elf32_Ehdr, e_phoff);
		e->entry_size = GET16(file, Elf32_Ehdr, e_phentsize);
		e->count = GET16(file, Elf32_Ehdr, e_phnum);
	}
	size_t whole = e->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (e->entry_size < whole || e->table > n || (n - e->table) / e->entry_size < e->count)
		e->count = 0;
	return true;
}

static struct segment segment_at(const uint8_t *file, const struct elf *e, size_t i)
{
	const uint8_t *p = file + e->table + i * e->entry_size;

	if (e->wide)
		return (struct segment){.type = GET32(p, Elf64_Phdr, p_type),
					.flags = GET32(p, Elf64_Phdr, p_flags),
					.offset = GET64(p, Elf64_Phdr, p_offset),
					.virtual = GET64(p, Elf64_Phdr, p_vaddr),
					.physical = GET64(p, Elf64_Phdr, p_paddr),
					.file_size = GET64(p, Elf64_Phdr, p_filesz),
					.memory_size = GET64(p, Elf64_Phdr, p_memsz),
					.align = GET64(p, Elf64_Phdr, p_align)};
	return (struct segment){.type = GET32(p, Elf32_Phdr, p_type),
				.flags = GET32(p, Elf32_Phdr, p_flags),
				.offset = GET32(p, Elf32_Phdr, p_offset),
				.virtual = GET32(p, Elf32_Phdr, p_vaddr),
				.physical = GET32(p, Elf32_Phdr, p_paddr),
				.file_size = GET32(p, Elf32_Phdr, p_filesz),
				.memory_size = GET32(p, Elf32_Phdr, p_memsz),
				.align = GET32(p, Elf32_Phdr, p_align)};
}

static bool within(uint64_t offset, uint64_t size, size_t n)
{
	return offset <= n && size <= n - offset;
}

/* ---- identification ------------------------------------------------------------------------ */

/* The offset of a multiboot header within the first bytes, with its FLAGS; N if there is none. */
size_t elf_multiboot(const uint8_t *file, size_t n, uint32_t *flags)
{
	for (size_t at = 0; at < MB_SEARCH && at + 12 <= n; at += 4) {
		*flags = le32(file + at + 4);
		if (le32(file + at) == MB_MAGIC && MB_MAGIC + *flags + le32(file + at + 8) == 0)
			return at;
	}
	return n;
}

static bool has_multiboot2(const uint8_t *file, size_t n)
{
	for (size_t at = 0; at < MB2_SEARCH && at + 16 <= n; at += 8)
		if (le32(file + at) == MB2_MAGIC &&
		    MB2_MAGIC + le32(file + at + 4) + le32(file + at + 8) + le32(file + at + 12) ==
			    0)
			return true;
	return false;
}

/* Limine's protocol: every request begins with these two numbers, aligned to 8. */
static bool has_limine_request(const uint8_t *file, size_t n)
{
	for (size_t at = 0; at + 16 <= n; at += 8)
		if (le64(file + at) == LIMINE_MAGIC && le64(file + at + 8) == LIMINE_MAGIC2)
			return true;
	return false;
}

/* PE/COFF: "MZ", and the PE signature at the offset stored at 0x3c. */
static bool is_efi(const uint8_t *file, size_t n)
{
	if (n < PE_OFFSET + 4 || memcmp(file, "MZ", 2) != 0)
		return false;
	size_t at = le32(file + PE_OFFSET);

	return within(at, 4, n) && memcmp(file + at, "PE\0\0", 4) == 0;
}

/* Does the note segment of N bytes at P contain PVH's entry? Names and contents are padded to the
 * segment's alignment (normally 4; QEMU uses p_align). */
static bool has_pvh_note(const uint8_t *p, uint64_t n, uint64_t align)
{
	uint64_t pad = align == 8 ? 7 : 3;

	while (n >= sizeof(Elf64_Nhdr)) {
		uint64_t name = GET32(p, Elf64_Nhdr, n_namesz);
		uint64_t step = sizeof(Elf64_Nhdr) + ((name + pad) & ~pad) +
				((GET32(p, Elf64_Nhdr, n_descsz) + pad) & ~pad);

		if (step > n)
			return false;
		if (GET32(p, Elf64_Nhdr, n_type) == XEN_PHYS32_ENTRY && name == 4 &&
		    memcmp(p + sizeof(Elf64_Nhdr), "Xen", 4) == 0)
			return true;
		p += step;
		n -= step;
	}
	return false;
}

static bool is_pvh(const uint8_t *file, size_t n, const struct elf *e)
{
	for (size_t i = 0; i < e->count; i++) {
		struct segment s = segment_at(file, e, i);

		if (s.type == PT_NOTE && within(s.offset, s.file_size, n) &&
		    has_pvh_note(file + s.offset, s.file_size, s.align))
			return true;
	}
	return false;
}

/* The end of E's segments in memory. */
static uint64_t end_of_memory(const uint8_t *file, const struct elf *e)
{
	uint64_t end = 0;

	for (size_t i = 0; i < e->count; i++) {
		struct segment s = segment_at(file, e, i);
		uint64_t room = UINT64_MAX - s.physical;
		uint64_t last = s.physical + (s.memory_size < room ? s.memory_size : room);

		if (s.type == PT_LOAD && s.memory_size > 0 && last > end)
			end = last;
	}
	return end;
}

/* Linux' text begins with its number, and who built it: "6.12.9 (...@...) #1 ..."
 * (arch/x86/boot/version.c). What else uses its header has its own name there, a number alone, or
 * nothing. */
static bool names_linux(const uint8_t *file, size_t n)
{
	size_t at = n < LINUX_VERSION + 2 ? 0 : le16(file + LINUX_VERSION);

	if (at == 0 || LINUX_SETUP + at >= n || file[LINUX_SETUP + at] < '0' ||
	    file[LINUX_SETUP + at] > '9')
		return false;
	for (at += LINUX_SETUP; at + 2 < n && file[at]; at++)
		if (file[at] == ' ' && file[at + 1] == '(')
			return true;
	return false;
}

/* The headers that QEMU looks for on Arm and RISC-V. */
static enum kernel_kind image_header(const uint8_t *file, size_t n)
{
	static const struct {
		size_t at;
		uint32_t magic;
		enum kernel_kind kind;
	} headers[] = {{ZBOOT_AT, ZBOOT_MAGIC, KERNEL_ZBOOT},
		       {IMAGE_AT, ARM64_MAGIC, KERNEL_ARM64},
		       {IMAGE_AT, RISCV_MAGIC2, KERNEL_RISCV},
		       {ZIMAGE_AT, ZIMAGE_MAGIC, KERNEL_ARM}};

	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		if (n >= headers[i].at + 4 && le32(file + headers[i].at) == headers[i].magic)
			return headers[i].kind;
	return KERNEL_UNKNOWN;
}

struct kernel_file kernel_recognise(const uint8_t *file, size_t n)
{
	static const char mach[] = "GNU Mach ";
	struct kernel_file k = {.kind = KERNEL_UNKNOWN};
	struct elf e = {0};
	uint32_t flags = 0;
	bool elf = elf_header(file, n, &e);
	enum kernel_kind image = elf ? KERNEL_UNKNOWN : image_header(file, n);

	k.machine = elf ? e.machine : 0;
	k.wide = elf && e.wide;
	k.long_mode = elf && e.machine == EM_X86_64;
	if (n >= 3 && memcmp(file, "\x1f\x8b\x08", 3) == 0) /* RFC 1952, 2.3 */
		k.kind = KERNEL_GZIP;
	else if (n >= 6 && memcmp(file,
				  "\xfd"
				  "7zXZ",
				  6) == 0) /* xz-file-format, 2.1.1.1 */
		k.kind = KERNEL_XZ;
	else if (n >= LINUX_AT + LINUX_MAGIC_SIZE && le32(file + LINUX_AT) == LINUX_MAGIC)
		k.kind = KERNEL_LINUX;
	else if (elf_multiboot(file, n, &flags) < n)
		k.kind = k.long_mode && !(flags & ELF_MB_ADDRESS) ? KERNEL_MULTIBOOT_WIDE
								  : KERNEL_MULTIBOOT;
	else if (elf && is_pvh(file, n, &e))
		k.kind = KERNEL_PVH;
	else if (has_multiboot2(file, n))
		k.kind = KERNEL_MULTIBOOT2;
	else if (image != KERNEL_UNKNOWN) /* most are EFI programs, too */
		k.kind = image;
	else if (is_efi(file, n))
		k.kind = KERNEL_EFI;
	else if (has_limine_request(file, n))
		k.kind = KERNEL_LIMINE;
	else if (elf)
		k.kind = KERNEL_ELF;
	if (elf && (k.kind == KERNEL_PVH || k.kind == KERNEL_MULTIBOOT_WIDE ||
		    (k.kind == KERNEL_MULTIBOOT && !(flags & ELF_MB_ADDRESS))))
		k.end = end_of_memory(file, &e);
	k.other = k.kind == KERNEL_LINUX && !names_linux(file, n);
	if (k.kind == KERNEL_LINUX && !k.other && n >= LINUX_XLOADFLAGS + 2)
		k.long_mode = le16(file + LINUX_PROTOCOL) >= 0x20c &&
			      (le16(file + LINUX_XLOADFLAGS) & XLF_KERNEL_64);
	k.mach = (k.kind == KERNEL_MULTIBOOT || k.kind == KERNEL_MULTIBOOT_WIDE) &&
		 memmem(file, n, mach, sizeof mach - 1) != NULL;
	return k;
}

const char *kernel_payload(const uint8_t *file, size_t n, size_t *offset, size_t *size)
{
	static const struct {
		const char *bytes, *program;
		size_t len;
		size_t behind; /* trailing size of four bytes, which Linux appends */
	} formats[] = {{"\x1f\x8b\x08", "gzip", 3, 0},
		       {"\xfd"
			"7zXZ",
			"xz", 6, 4},
		       {"\x28\xb5\x2f\xfd", "zstd", 4, 4}};

	if (n < LINUX_PAYLOAD + 8 || le32(file + LINUX_AT) != LINUX_MAGIC ||
	    le16(file + LINUX_PROTOCOL) < 0x208)
		return NULL;
	size_t setup = file[LINUX_SECTORS] ? file[LINUX_SECTORS] : 4;

	*offset = (setup + 1) * 512 + le32(file + LINUX_PAYLOAD);
	*size = le32(file + LINUX_PAYLOAD + 4);
	if (*offset > n || *size > n - *offset || *size < 16)
		return NULL;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (memcmp(file + *offset, formats[i].bytes, formats[i].len) == 0) {
			*size -= formats[i].behind;
			return formats[i].program;
		}
	return NULL;
}

const char *kernel_kind_name(enum kernel_kind kind)
{
	static const char *const names[] = {
		[KERNEL_UNKNOWN] = "no kernel of a known kind",
		[KERNEL_GZIP] = "gzip-compressed",
		[KERNEL_XZ] = "xz-compressed",
		[KERNEL_LINUX] = "a Linux kernel",
		[KERNEL_MULTIBOOT] = "a multiboot kernel",
		[KERNEL_MULTIBOOT_WIDE] = "a multiboot kernel for x86-64",
		[KERNEL_PVH] = "a PVH kernel",
		[KERNEL_MULTIBOOT2] = "a multiboot 2 kernel",
		[KERNEL_LIMINE] = "a kernel for the Limine boot loader",
		[KERNEL_EFI] = "an EFI program (PE/COFF)",
		[KERNEL_ARM64] = "a Linux kernel for arm64",
		[KERNEL_RISCV] = "a Linux kernel for riscv",
		[KERNEL_ARM] = "a Linux kernel for arm",
		[KERNEL_ZBOOT] = "a kernel inside an EFI program (zboot)",
		[KERNEL_ELF] = "an ELF file without an entry for a boot loader"};

	return names[kind];
}

/* ---- ELF64 to ELF32 ------------------------------------------------------------------------ */

/* Put the loadable segments of E into LIST. Returns their number; 0 with ERR. */
size_t elf_loaded(const uint8_t *file, size_t n, const struct elf *e, const char *name,
		  struct segment list[ELF_SEGMENTS_MAX], struct error *err)
{
	static const char fix[] = "link it for physical addresses below 4 GiB (AT() in the linker "
				  "script), or get a whole copy of the file";
	size_t count = 0;

	for (size_t i = 0; i < e->count; i++) {
		struct segment s = segment_at(file, e, i);
		const char *wrong = NULL;

		if (s.type != PT_LOAD || s.memory_size == 0)
			continue;
		if (count == ELF_SEGMENTS_MAX)
			wrong = "is one of too many";
		else if (!within(s.offset, s.file_size, n) || s.offset + s.file_size > UINT32_MAX)
			wrong = "extends beyond the file";
		else if (s.file_size > s.memory_size)
			wrong = "is larger in the file than in memory";
		else if (s.physical >= ELF_FOUR_GIB || s.memory_size > ELF_FOUR_GIB - s.physical ||
			 s.memory_size > UINT32_MAX)
			wrong = "extends beyond 4 GiB of physical memory";
		for (size_t k = 0; !wrong && k < count; k++)
			if (s.physical < list[k].physical + list[k].memory_size &&
			    list[k].physical < s.physical + s.memory_size)
				wrong = "overlaps another one";
		if (wrong) {
			(void)error_set(err, EXIT_BAD_IMAGE, fix, "%s: its segment %zu %s", name, i,
					wrong);
			return 0;
		}
		list[count++] = s;
	}
	if (count == 0)
		(void)error_set(err, EXIT_BAD_IMAGE, fix, "%s: it has no segment to load", name);
	return count;
}

/* ENTRY as a physical address. The file may contain a virtual one, as GRUB expects, or a physical
 * one, as QEMU expects. 4 GiB if it is outside of all segments. */
uint64_t elf_entry(uint64_t entry, const struct segment *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (entry - list[i].virtual < list[i].memory_size)
			return entry - list[i].virtual + list[i].physical;
	for (size_t i = 0; i < count; i++)
		if (entry - list[i].physical < list[i].memory_size)
			return entry;
	return ELF_FOUR_GIB;
}

bool elf_entry_of(const struct elf *e, const struct segment *list, size_t count, const char *name,
		  uint64_t *entry, struct error *err)
{
	*entry = elf_entry(e->entry, list, count);
	return *entry < ELF_FOUR_GIB ||
	       error_set(err, EXIT_BAD_IMAGE, "correct its ENTRY() in the linker script",
			 "%s: its entry %#llx lies in no segment that is loaded", name,
			 (unsigned long long)e->entry);
}

void elf_write_segment(uint8_t *p, const struct segment *s)
{
	put_le32(AT(p, Elf32_Phdr, p_type), s->type);
	put_le32(AT(p, Elf32_Phdr, p_offset), (uint32_t)s->offset);
	put_le32(AT(p, Elf32_Phdr, p_vaddr), (uint32_t)s->physical);
	put_le32(AT(p, Elf32_Phdr, p_paddr), (uint32_t)s->physical);
	put_le32(AT(p, Elf32_Phdr, p_filesz), (uint32_t)s->file_size);
	put_le32(AT(p, Elf32_Phdr, p_memsz), (uint32_t)s->memory_size);
	put_le32(AT(p, Elf32_Phdr, p_flags), s->flags);
	put_le32(AT(p, Elf32_Phdr, p_align), s->align <= UINT32_MAX ? (uint32_t)s->align : 0);
}

void elf_write_header(uint8_t *file, uint64_t entry, uint64_t table, size_t count)
{
	uint16_t type = GET16(file, Elf64_Ehdr, e_type);

	file[EI_CLASS] = ELFCLASS32;
	memset(file + EI_NIDENT, 0, sizeof(Elf64_Ehdr) - EI_NIDENT);
	put_le16(AT(file, Elf32_Ehdr, e_type), type);
	put_le16(AT(file, Elf32_Ehdr, e_machine), EM_386);
	put_le32(AT(file, Elf32_Ehdr, e_version), EV_CURRENT);
	put_le32(AT(file, Elf32_Ehdr, e_entry), (uint32_t)entry);
	put_le32(AT(file, Elf32_Ehdr, e_phoff), (uint32_t)table);
	put_le16(AT(file, Elf32_Ehdr, e_ehsize), sizeof(Elf32_Ehdr));
	put_le16(AT(file, Elf32_Ehdr, e_phentsize), sizeof(Elf32_Phdr));
	put_le16(AT(file, Elf32_Ehdr, e_phnum), (uint32_t)count);
}

bool elf_narrow(uint8_t *file, size_t n, const char *name, struct error *err)
{
	struct segment list[ELF_SEGMENTS_MAX];
	struct elf e;
	uint32_t flags;

	bool elf = elf_header(file, n, &e);

	if (elf && file[EI_CLASS] ==
			   ELFCLASS32) { /* ELFCLASS32 despite the machine's name (the x32 ABI) */
		put_le16(AT(file, Elf32_Ehdr, e_machine), EM_386);
		return true;
	}
	if (!elf || !e.wide || e.table < sizeof(Elf64_Ehdr) || e.table > UINT32_MAX)
		return error_set(err, EXIT_BAD_IMAGE, "get a whole copy of the file",
				 "%s: its ELF header is damaged", name);
	size_t count = elf_loaded(file, n, &e, name, list, err);

	uint64_t entry;

	if (count == 0 || !elf_entry_of(&e, list, count, name, &entry, err))
		return false;
	uint64_t end = e.table + e.count * e.entry_size;
	size_t header = elf_multiboot(file, n, &flags);

	if (header < sizeof(Elf64_Ehdr) || (header < end && header + 12 > e.table))
		return error_set(err, EXIT_BAD_IMAGE, "put it into a section of its own",
				 "%s: its multiboot header lies among the ELF headers", name);
	memset(file + e.table, 0, (size_t)(end - e.table));
	for (size_t i = 0; i < count; i++)
		elf_write_segment(file + e.table + i * sizeof(Elf32_Phdr), &list[i]);
	elf_write_header(file, entry, e.table, count);
	return true;
}
