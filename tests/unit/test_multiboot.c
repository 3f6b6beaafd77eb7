/* test_multiboot.c - multiboot headers and ELF segments that QEMU would load wrongly. The files are
 * built field by field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#include "format/multiboot.h"

#define MAGIC	0x1badb002u
#define ADDRESS 0x10000u
#define SIZE	0x1000u
#define AT	0x100u /* of the header */

/* A flat kernel of SIZE bytes, loaded to 1 MiB, whose header is AT bytes into it. */
static struct flat {
	uint8_t before[AT];
	uint32_t magic, flags, checksum, header_addr, load_addr, load_end_addr, bss_end_addr,
		entry_addr;
	uint8_t rest[SIZE - AT - 32];
} flat;

static struct error err;
static struct kernel_file k;

static int make(void **state)
{
	(void)state;
	flat = (struct flat){.magic = MAGIC,
			     .flags = ADDRESS,
			     .checksum = -(MAGIC + ADDRESS),
			     .header_addr = 0x100000 + AT,
			     .load_addr = 0x100000,
			     .entry_addr = 0x100000};
	return 0;
}

static bool check(size_t n)
{
	err = (struct error){0};
	k = kernel_recognise((uint8_t *)&flat, n);
	return kernel_check((uint8_t *)&flat, n, "kernel", &k, &err);
}

/* The kernel is loaded up to END. */
static void assert_loads(uint64_t end)
{
	if (!check(sizeof flat))
		fail_msg("%s", err.message);
	assert_int_equal(k.kind, KERNEL_MULTIBOOT);
	assert_int_equal(k.end, end);
	(void)make(NULL);
}

static void refused_of(size_t n, const char *why)
{
	assert_false(check(n));
	if (!strstr(err.message, why) || strncmp(err.message, "kernel", 6) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(err.status, EXIT_BAD_IMAGE);
	assert_true(err.fix[0]);
	(void)make(NULL);
}

static void refused(const char *why)
{
	refused_of(sizeof flat, why);
}

static void addresses_that_qemu_loads(void **state)
{
	(void)state;
	assert_loads(0x101000);
	flat.load_end_addr = 0x100800;
	assert_loads(0x100800);
	flat.load_end_addr = 0x101000;
	flat.bss_end_addr = 0x101000;
	assert_loads(0x101000);
	flat.bss_end_addr = 0x300000;
	assert_loads(0x300000);
	flat.entry_addr = 0x100fff;
	assert_loads(0x101000);
	/* Bytes before the header are not loaded. */
	flat.load_addr = flat.entry_addr = 0x100000 + AT;
	assert_loads(0x101000);
	flat.load_addr = flat.entry_addr = 0x1000;
	flat.header_addr = 0x1000 + AT;
	assert_loads(0x2000);
	flat.load_addr = flat.entry_addr = 0xffffe000;
	flat.header_addr = 0xffffe000 + AT;
	assert_loads(0xfffff000);
}

static void addresses_that_qemu_does_not_load(void **state)
{
	(void)state;
	flat.load_addr = 0x100101;
	refused("load_addr 0x100101 above header_addr 0x100100");
	flat.header_addr = 0x100101;
	refused("header_addr 0x100101, 257 bytes behind load_addr, and only 256 bytes");
	flat.load_end_addr = 0xfffff;
	refused("load_end_addr 0xfffff below load_addr 0x100000");
	flat.load_end_addr = 0x101001;
	refused("load_end_addr 0x101001, and the file ends at 0x101000");
	flat.bss_end_addr = 0x100fff;
	refused("bss_end_addr 0x100fff, and the loaded part ends at 0x101000");
	flat.load_end_addr = 0x101001; /* the first of two, as in QEMU */
	flat.bss_end_addr = 0x100fff;
	refused("bss_end_addr 0x100fff, and the loaded part ends at 0x101001");
	flat.entry_addr = 0xfffff;
	refused("entry_addr 0xfffff outside of the loaded part, 0x100000 to 0x101000");
	flat.entry_addr = 0x101000;
	refused("entry_addr 0x101000 outside of the loaded part");
	flat.load_addr = flat.entry_addr = 0xfffff000;
	flat.header_addr = 0xfffff000 + AT;
	refused("load_addr 0xfffff000, and the part loaded there extends beyond 4 GiB");
	flat.load_addr = flat.entry_addr = 0x9f001;
	flat.header_addr = 0x9f001 + AT;
	refused("load_addr 0x9f001, and the part loaded there extends into the screen's memory");
	refused_of(AT + 31, "is truncated in its multiboot header");
	flat.flags = 3;
	flat.checksum = -(MAGIC + 3);
	refused("flags 0x3, without bit 16");
}

/* An ELF file for i386, or of CLASS and MACHINE, with a multiboot header without addresses. */
static void elf(uint8_t class, uint16_t machine)
{
	Elf32_Ehdr e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, class, ELFDATA2LSB, 1},
			.e_machine = machine,
			.e_entry = 0x100010,
			.e_phoff = sizeof e,
			.e_phentsize = sizeof(Elf32_Phdr),
			.e_phnum = 1};
	Elf32_Phdr p = {.p_type = PT_LOAD,
			.p_vaddr = 0x80100000,
			.p_paddr = 0x100000,
			.p_filesz = SIZE,
			.p_memsz = 2 * SIZE};

	memcpy(flat.before, &e, sizeof e);
	memcpy(flat.before + sizeof e, &p, sizeof p);
	flat.flags = 0;
	flat.checksum = -MAGIC;
}

static void elf_files(void **state)
{
	Elf32_Ehdr *e = (Elf32_Ehdr *)(void *)flat.before;
	Elf32_Phdr *p = (Elf32_Phdr *)(void *)(flat.before + sizeof *e);

	(void)state;
	elf(ELFCLASS32, EM_386);
	assert_loads(0x102000);
	elf(ELFCLASS32, EM_386);
	e->e_entry = 0x80101fff; /* virtual */
	assert_loads(0x102000);
	elf(ELFCLASS32, EM_386);
	e->e_entry = 0x102000;
	refused("its entry 0x102000 lies in no segment");
	elf(ELFCLASS32, EM_386);
	p->p_paddr = 0xfffff000;
	refused("its segment 0 extends beyond 4 GiB");
	elf(ELFCLASS32, EM_386);
	p->p_filesz = SIZE + 1;
	refused("its segment 0 extends beyond the file");
	elf(ELFCLASS32, EM_ARM);
	refused("another processor: its ELF header has e_machine 40");
	/* Addresses in the header have precedence. */
	elf(ELFCLASS32, EM_ARM);
	flat.flags = ADDRESS;
	flat.checksum = -(MAGIC + ADDRESS);
	assert_loads(0x101000);
}

/* Kernels with another boot protocol cause no error. */
static void other_kinds(void **state)
{
	(void)state;
	flat.magic = 0;
	assert_true(check(sizeof flat));
	assert_int_equal(k.kind, KERNEL_UNKNOWN);
	assert_true(check(0));
	(void)make(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(addresses_that_qemu_loads, make),
		cmocka_unit_test_setup(addresses_that_qemu_does_not_load, make),
		cmocka_unit_test_setup(elf_files, make),
		cmocka_unit_test_setup(other_kinds, make),
	};

	return cmocka_run_group_tests_name("multiboot", tests, NULL, NULL);
}
