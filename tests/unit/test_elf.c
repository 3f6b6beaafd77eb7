/* test_elf.c - detecting the type of a kernel file, and converting ELF64 to ELF32. The files are
 * built field by field with <elf.h>.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#include "format/elf.h"

#define SIZE   0x3000u
#define LOADED 0x1000u
#define ENTRY  UINT64_C(0xffffffff80100010)

/* Two segments, one at an address that only virtual memory has, and a multiboot header in it. */
static struct image {
	Elf64_Ehdr header;
	Elf64_Phdr segment[3];
	uint8_t space[LOADED - sizeof(Elf64_Ehdr) - 3 * sizeof(Elf64_Phdr)];
	uint32_t multiboot[3];
	uint8_t rest[SIZE - LOADED - 12];
} image;

static struct error err;

static int make(void **state)
{
	(void)state;
	image = (struct image){.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
						      ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
					  .e_type = ET_EXEC,
					  .e_machine = EM_X86_64,
					  .e_version = EV_CURRENT,
					  .e_entry = ENTRY,
					  .e_phoff = sizeof(Elf64_Ehdr),
					  .e_ehsize = sizeof(Elf64_Ehdr),
					  .e_phentsize = sizeof(Elf64_Phdr),
					  .e_phnum = 3},
			       .segment = {{.p_type = PT_LOAD,
					    .p_flags = PF_R | PF_X,
					    .p_offset = LOADED,
					    .p_vaddr = UINT64_C(0xffffffff80100000),
					    .p_paddr = 0x100000,
					    .p_filesz = 0x1000,
					    .p_memsz = 0x1000,
					    .p_align = 0x1000},
					   {.p_type = PT_GNU_STACK, .p_align = 16},
					   {.p_type = PT_LOAD,
					    .p_flags = PF_R | PF_W,
					    .p_offset = LOADED + 0x1000,
					    .p_vaddr = UINT64_C(0xffffffff80101000),
					    .p_paddr = 0x101000,
					    .p_filesz = 0x800,
					    .p_memsz = 0x2000,
					    .p_align = 0x1000}},
			       .multiboot = {0x1badb002, 3, -(0x1badb002u + 3)}};
	err = (struct error){0};
	return 0;
}

static struct kernel_file recognise(void)
{
	return kernel_recognise((uint8_t *)&image, sizeof image);
}

static bool narrow(void)
{
	return elf_narrow((uint8_t *)&image, sizeof image, "kernel", &err);
}

static void kinds(void **state)
{
	static const struct {
		const char *bytes;
		size_t n, at;
		enum kernel_kind kind;
	} heads[] = {
		{"\x1f\x8b\x08", 3, 0, KERNEL_GZIP},
		{"\xfd"
		 "7zXZ",
		 6, 0, KERNEL_XZ},
		{"HdrS", 4, 0x202, KERNEL_LINUX},
		{"\xd6\x50\x52\xe8\0\0\0\0\x10\0\0\0\x1a\xaf\xad\x17", 16, 4096, KERNEL_MULTIBOOT2},
		{"\x02\xb0\xad\x1b\0\0\0\0\xfe\x4f\x52\xe4", 12, 8140, KERNEL_MULTIBOOT},
		{"ARM\x64", 4, 56, KERNEL_ARM64},
		{"RSC\x05", 4, 56, KERNEL_RISCV},
		{"\x18\x28\x6f\x01", 4, 36, KERNEL_ARM},
		{"zimg", 4, 4, KERNEL_ZBOOT},
		{"\x02\xb0\xad\x1b\0\0\0\0\xff\x4f\x52\xe4", 12, 0, KERNEL_UNKNOWN},
		{"\x02\xb0\xad\x1b\0\0\0\0\xfe\x4f\x52\xe4", 12, 8144, KERNEL_UNKNOWN}};
	uint8_t file[12288];

	(void)state;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		memset(file, 0, sizeof file);
		memcpy(file + heads[i].at, heads[i].bytes, heads[i].n);
		assert_int_equal(kernel_recognise(file, sizeof file).kind, heads[i].kind);
		/* A truncated header is not recognised. */
		assert_int_equal(kernel_recognise(file, heads[i].at + heads[i].n - 1).kind,
				 KERNEL_UNKNOWN);
	}
	assert_int_equal(kernel_recognise(file, 0).kind, KERNEL_UNKNOWN);
}

/* Kernels for boot protocols that QEMU does not support: the first one in the list that matches is
 * named. */
static void other_loaders(void **state)
{
	static const char limine[] = "\x88\x8b\x4c\xdf\x30\xdd\xb1\xc7\x7b\xf0\x94\xa1\x83\xe8"
				     "\x82\x0a";
	static const char multiboot2[] = "\xd6\x50\x52\xe8\0\0\0\0\x10\0\0\0\x1a\xaf\xad\x17";
	static const char multiboot[] = "\x02\xb0\xad\x1b\0\0\0\0\xfe\x4f\x52\xe4";
	static uint8_t file[0x12000];

	(void)state;
	memset(file, 0, sizeof file);
	memcpy(file + 0x11ff0, limine, 16);
	assert_int_equal(kernel_recognise(file, sizeof file).kind, KERNEL_LIMINE);
	assert_int_equal(kernel_recognise(file, sizeof file - 1).kind, KERNEL_UNKNOWN);
	memcpy(file, "MZ", 2);
	memcpy(file + 0x3c, "\x80\0\0", 3);
	memcpy(file + 0x80, "PE\0", 4);
	assert_int_equal(kernel_recognise(file, sizeof file).kind, KERNEL_EFI);
	assert_int_equal(kernel_recognise(file, 0x83).kind, KERNEL_UNKNOWN);
	assert_int_equal(kernel_recognise(file, 0x3f).kind, KERNEL_UNKNOWN);
	memcpy(file + 0x1000, multiboot2, 16);
	assert_int_equal(kernel_recognise(file, sizeof file).kind, KERNEL_MULTIBOOT2);
	memcpy(file + 0x1100, multiboot, 12);
	assert_int_equal(kernel_recognise(file, sizeof file).kind, KERNEL_MULTIBOOT);
	memcpy(file + 0x202, "HdrS", 4);
	assert_int_equal(kernel_recognise(file, sizeof file).kind, KERNEL_LINUX);
	memset(file, 0, sizeof file);
	memcpy(file, "MZ", 2);
	memcpy(file + 0x3c, "\xff\xff\xff\xff", 4);
	assert_int_equal(kernel_recognise(file, sizeof file).kind, KERNEL_UNKNOWN);
}

/* A boot header is Linux's if it points to a version that consists of a number and the builder. */
static void not_every_bzimage_is_linux(void **state)
{
	static const struct {
		const char *version;
		uint16_t at;
		bool other;
	} rows[] = {{"6.12.9 (root@host) #1", 0x1000, false},
		    {"Memtest86+ v7", 0x1000, true},
		    {"iPXE 1.21", 0x1000, true},
		    {"1.0.0+git-20190125.36a4c85-5.1", 0x1000, true}, /* Debian's iPXE */
		    {"", 0x1000, true},
		    {"6.12", 0, true},	     /* none */
		    {"6.12", 0xffff, true}}; /* outside of the file */
	uint8_t file[12288];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		memset(file, 0, sizeof file);
		memcpy(file + 0x202, "HdrS", 4);
		memcpy(file + 0x1200, rows[i].version, strlen(rows[i].version));
		file[0x20e] = (uint8_t)rows[i].at;
		file[0x20f] = (uint8_t)(rows[i].at >> 8);
		assert_int_equal(kernel_recognise(file, sizeof file).kind, KERNEL_LINUX);
		assert_int_equal(kernel_recognise(file, sizeof file).other, rows[i].other);
		/* Linux by its protocol 2.12 and XLF_KERNEL_64 (Documentation/arch/x86/boot.rst).
		 */
		assert_false(kernel_recognise(file, sizeof file).long_mode);
		file[0x236] = 1;
		assert_false(kernel_recognise(file, sizeof file).long_mode);
		file[0x206] = 0x0c;
		file[0x207] = 2;
		assert_int_equal(kernel_recognise(file, sizeof file).long_mode, !rows[i].other);
		assert_false(kernel_recognise(file, 0x237).long_mode);
		/* Cut off before the text, and in its pointer. */
		assert_true(kernel_recognise(file, 0x1200).other);
		assert_true(kernel_recognise(file, 0x20f).other);
	}
}

/* The compression of a bzImage's payload, from the payload fields of its header and the first
 * bytes. */
static void payloads(void **state)
{
	static const struct {
		const char *bytes, *program;
		size_t behind;
	} rows[] = {{"\x1f\x8b\x08\0\0\0", "gzip", 0},
		    {"\xfd"
		     "7zXZ",
		     "xz", 4},
		    {"\x28\xb5\x2f\xfd\0\0", "zstd", 4},
		    {"BZh9\0\0", NULL, 0}};
	static uint8_t file[8192];
	size_t at;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		memset(file, 0, sizeof file);
		memcpy(file + 0x202, "HdrS", 4);
		memcpy(file + 0x206, "\x0f\x02", 2);
		file[0x1f1] = 3; /* sectors */
		file[0x249] = 1; /* offset 256, length 512 */
		file[0x24d] = 2;
		memcpy(file + 4 * 512 + 256, rows[i].bytes, 6);
		const char *program = kernel_payload(file, sizeof file, &at, &n);

		if (!rows[i].program) {
			assert_null(program);
			continue;
		}
		assert_string_equal(program, rows[i].program);
		assert_int_equal(at, 4 * 512 + 256);
		assert_int_equal(n, 512 - rows[i].behind);
		/* Cut off, of an older protocol, or not Linux: none. */
		assert_null(kernel_payload(file, 4 * 512 + 256 + 511, &at, &n));
		assert_null(kernel_payload(file, 0x24f, &at, &n));
		file[0x24f] = 0xff;
		assert_null(kernel_payload(file, sizeof file, &at, &n));
		file[0x24f] = 0;
		file[0x206] = 7;
		assert_null(kernel_payload(file, sizeof file, &at, &n));
		file[0x206] = 0x0f;
		file[0x202] = 0;
		assert_null(kernel_payload(file, sizeof file, &at, &n));
	}
}

static void elf_kinds(void **state)
{
	static const uint8_t note[] = {4,   0,	 0,   0, 8, 0, 0, 0, 18, 0, 0, 0,
				       'X', 'e', 'n', 0, 0, 0, 1, 0, 0,	 0, 0, 0};

	(void)state;
	assert_int_equal(recognise().kind, KERNEL_MULTIBOOT_WIDE);
	assert_true(recognise().long_mode);
	assert_int_equal(recognise().end, 0x103000);
	assert_false(recognise().mach);
	memcpy(image.rest + 100, "xGNU Mach 1.8", 13);
	assert_true(recognise().mach);
	/* If the multiboot header contains addresses, QEMU ignores the file format. */
	image.multiboot[1] |= 0x10000;
	image.multiboot[2] -= 0x10000;
	assert_int_equal(recognise().kind, KERNEL_MULTIBOOT);
	assert_int_equal(recognise().end, 0);
	image.multiboot[0] = 0;
	assert_int_equal(recognise().kind, KERNEL_ELF);
	assert_false(recognise().mach);
	memcpy(image.rest, note, sizeof note);
	image.segment[1] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = LOADED + 12, .p_filesz = sizeof note, .p_align = 4};
	assert_int_equal(recognise().kind, KERNEL_PVH);
	image.segment[2].p_memsz = UINT64_MAX;
	assert_int_equal(recognise().end, UINT64_MAX);
	image.segment[1].p_filesz--;
	assert_int_equal(recognise().kind, KERNEL_ELF);
	image.segment[1].p_filesz++;
	image.rest[0] = 3; /* another name */
	assert_int_equal(recognise().kind, KERNEL_ELF);
	image.header.e_phoff = sizeof image;
	assert_int_equal(recognise().kind, KERNEL_ELF);
}

static void elf64_is_rewritten_as_elf32(void **state)
{
	static struct image before;
	const uint8_t *file = (const uint8_t *)&image;
	Elf32_Ehdr header;
	Elf32_Phdr segment[2];

	(void)state;
	before = image;
	assert_true(narrow());
	memcpy(&header, file, sizeof header);
	assert_memory_equal(header.e_ident, "\177ELF\1\1\1", 7);
	assert_int_equal(header.e_type, ET_EXEC);
	assert_int_equal(header.e_machine, EM_386);
	assert_int_equal(header.e_entry, 0x100010);
	assert_int_equal(header.e_phnum, 2);
	assert_int_equal(header.e_phentsize, sizeof(Elf32_Phdr));
	assert_int_equal(header.e_shnum, 0);
	memcpy(segment, file + header.e_phoff, sizeof segment);
	assert_int_equal(segment[0].p_offset, LOADED);
	assert_int_equal(segment[0].p_vaddr, 0x100000);
	assert_int_equal(segment[0].p_flags, PF_R | PF_X);
	assert_int_equal(segment[1].p_paddr, 0x101000);
	assert_int_equal(segment[1].p_filesz, 0x800);
	assert_int_equal(segment[1].p_memsz, 0x2000);
	assert_memory_equal(file + LOADED, (uint8_t *)&before + LOADED, SIZE - LOADED);
	assert_int_equal(recognise().kind, KERNEL_MULTIBOOT);
	assert_false(recognise().long_mode);
	assert_int_equal(recognise().end, 0x103000);
}

static void an_entry_may_be_a_physical_address(void **state)
{
	(void)state;
	image.header.e_entry = 0x101ff0; /* of the second one, in what is not in the file */
	assert_true(narrow());
	assert_int_equal(((Elf32_Ehdr *)&image)->e_entry, 0x101ff0);
}

static void refused(const char *why)
{
	static struct image before;

	before = image;
	assert_false(narrow());
	if (!strstr(err.message, why) || strncmp(err.message, "kernel: ", 8) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(err.status, EXIT_BAD_IMAGE);
	assert_true(err.fix[0]);
	assert_memory_equal(&before, &image, sizeof image);
	(void)make(NULL);
}

static void segments_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	image.segment[2].p_paddr = UINT64_C(0xffffe001);
	refused("segment 2 extends beyond 4 GiB");
	image.segment[2].p_memsz = UINT64_MAX;
	refused("segment 2 extends beyond 4 GiB");
	image.segment[2].p_paddr = 0x100fff;
	refused("segment 2 overlaps another one");
	image.segment[2].p_filesz = 0x2001;
	refused("segment 2 extends beyond the file");
	image.segment[2].p_offset = UINT64_MAX;
	refused("segment 2 extends beyond the file");
	image.segment[2].p_memsz = 0x7ff;
	refused("segment 2 is larger in the file than in memory");
	image.header.e_entry = 0x104000;
	refused("its entry 0x104000 lies in no segment");
	image.segment[0].p_type = image.segment[2].p_type = PT_NOTE;
	refused("it has no segment to load");
	image.header.e_phentsize = 55;
	refused("it has no segment to load");
	image.header.e_phoff = 8;
	refused("its ELF header is damaged");
	memcpy(&image.segment[1], image.multiboot, 12);
	refused("its multiboot header lies among the ELF headers");
}

static void x32_needs_no_rewriting(void **state)
{
	(void)state;
	image.header.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(recognise().kind, KERNEL_MULTIBOOT_WIDE);
	assert_true(narrow());
	assert_int_equal(recognise().kind, KERNEL_MULTIBOOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(other_loaders),
		cmocka_unit_test(not_every_bzimage_is_linux),
		cmocka_unit_test(payloads),
		cmocka_unit_test_setup(elf_kinds, make),
		cmocka_unit_test_setup(elf64_is_rewritten_as_elf32, make),
		cmocka_unit_test_setup(an_entry_may_be_a_physical_address, make),
		cmocka_unit_test_setup(segments_that_do_not_fit_are_refused, make),
		cmocka_unit_test_setup(x32_needs_no_rewriting, make),
	};

	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
