/* fuzz_elf.c - libFuzzer target for the detection of kernels, the check of their load addresses,
 * and the conversion of ELF64 to ELF32.
 *
 * The input is a kernel's file. The segments of an accepted kernel end below 4 GiB. A converted
 * kernel must be accepted by QEMU's loader for ELF32, with the same bytes after the headers; a
 * refused one must be unchanged and have a reason.
 */
#include <stdlib.h>
#include <string.h>

#include "format/elf.h"
#include "format/multiboot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {0};
	/* Of the exact size, so that an access beyond its end is detected. */
	uint8_t *copy = malloc(size ? size : 1);

	check(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	struct kernel_file k = kernel_recognise(copy, size);

	check(kernel_kind_name(k.kind) != NULL);
	bool right = kernel_check(copy, size, "f", &k, &err);

	check(size == 0 || memcmp(copy, data, size) == 0);
	if (right && (k.kind == KERNEL_MULTIBOOT || k.kind == KERNEL_PVH))
		check(k.end > 0 && k.end <= UINT64_C(0x100000000));
	if (!right)
		check(err.message[0] && err.fix[0] && err.status == EXIT_BAD_IMAGE);
	err = (struct error){0};
	if (elf_narrow(copy, size, "f", &err)) {
		struct kernel_file now = kernel_recognise(copy, size);

		check(!now.long_mode);
		if (k.kind == KERNEL_MULTIBOOT_WIDE)
			check(now.kind == KERNEL_MULTIBOOT);
	} else {
		check(err.message[0] && err.fix[0] && err.status == EXIT_BAD_IMAGE);
		check(size == 0 || memcmp(copy, data, size) == 0);
	}
	free(copy);
	return 0;
}
