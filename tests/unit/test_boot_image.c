/* test_boot_image.c - building the boot image from a kernel and its modules. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/boot_image.h"
#include "format/bytes.h"

static struct error err;

static struct {
	Elf64_Ehdr header;
	Elf64_Phdr segment[1];
	uint32_t multiboot[3];
	uint8_t rest[3000];
} kernel;

static void make_kernel(void)
{
	memset(&kernel, 0, sizeof kernel);
	memcpy(kernel.header.e_ident, "\177ELF\2\1\1", 7);
	kernel.header.e_type = ET_EXEC;
	kernel.header.e_machine = EM_X86_64;
	kernel.header.e_entry = UINT64_C(0xffffffff80100020);
	kernel.header.e_phoff = sizeof kernel.header;
	kernel.header.e_phentsize = sizeof *kernel.segment;
	kernel.header.e_phnum = 1;
	kernel.segment[0] = (Elf64_Phdr){.p_type = PT_LOAD,
					 .p_vaddr = UINT64_C(0xffffffff80100000),
					 .p_paddr = 0x100000,
					 .p_filesz = sizeof kernel,
					 .p_memsz = 0x5001};
	kernel.multiboot[0] = 0x1badb002;
	kernel.multiboot[2] = -0x1badb002u;
}

static void a_boot_image(void **state)
{
	const struct boot_module modules[] = {
		{(const uint8_t *)"first", 5, "one a b"},
		{(const uint8_t *)"", 0, "two"},
	};
	uint64_t end;
	size_t size;
	Elf32_Ehdr h;
	Elf32_Phdr p[2];

	(void)state;
	make_kernel();
	uint8_t *file = boot_image((const uint8_t *)&kernel, sizeof kernel, "k", "the line",
				   modules, 2, &size, &end, &err);

	assert_non_null(file);
	memcpy(&h, file, sizeof h);
	assert_int_equal(h.e_ident[EI_CLASS], ELFCLASS32);
	assert_int_equal(h.e_phnum, 2);
	assert_true(h.e_phoff + sizeof p <= size);
	memcpy(p, file + h.e_phoff, sizeof p);
	assert_int_equal(p[0].p_paddr, 0x100000);
	assert_int_equal(p[0].p_offset, 0);
	assert_int_equal(p[1].p_paddr, 0x106000);
	assert_int_equal(end, p[1].p_paddr + p[1].p_memsz);
	assert_true(p[1].p_offset + p[1].p_filesz <= size);
	/* The code as the processor executes it. */
	const uint8_t *tail = file + p[1].p_offset;
	const uint8_t *code = tail + (h.e_entry - p[1].p_paddr);

	assert_memory_equal(code, "\x81\x0b\x0c\0\0\0\xc7\x43\x10", 9);
	assert_memory_equal(code + 13, "\xc7\x43\x14\x02\0\0\0\xc7\x43\x18", 10);
	assert_memory_equal(code + 27, "\xb9\x20\0\x10\0\xff\xe1", 7);
	const char *line = (const char *)tail + (le32(code + 9) - p[1].p_paddr);
	const uint8_t *list = tail + (le32(code + 23) - p[1].p_paddr);

	assert_string_equal(line, "the line");
	assert_int_equal(le32(list) % 4096, 0);
	assert_int_equal(le32(list + 4) - le32(list), 5);
	assert_memory_equal(tail + (le32(list) - p[1].p_paddr), "first", 5);
	assert_string_equal((const char *)tail + (le32(list + 8) - p[1].p_paddr), "one a b");
	assert_int_equal(le32(list + 16), le32(list + 20));
	assert_string_equal((const char *)tail + (le32(list + 24) - p[1].p_paddr), "two");
	/* The kernel is unchanged after its header. */
	assert_memory_equal(file + 64, (uint8_t *)&kernel + 64, sizeof kernel - 64);
	free(file);
}

static void not_a_boot_image(void **state)
{
	uint64_t end;
	size_t size;

	(void)state;
	for (int i = 0; i < 5; i++) {
		make_kernel();
		switch (i) {
		case 0: kernel.multiboot[0]++; break;
		case 1: /* addresses of its own */
			kernel.multiboot[1] = 0x10000;
			kernel.multiboot[2] -= 0x10000;
			break;
		case 2: kernel.segment[0].p_memsz = UINT64_C(0xffeff001); break;
		case 3: kernel.header.e_entry = 0; break;
		default: kernel.header.e_phnum = 0; break;
		}
		err = (struct error){0};
		assert_null(boot_image((const uint8_t *)&kernel, sizeof kernel, "k", "", NULL, 0,
				       &size, &end, &err));
		assert_int_equal(strncmp(err.message, "k", 1), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_boot_image),
		cmocka_unit_test(not_a_boot_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
