/* fuzz_boot_disk.c - libFuzzer target for the parsers of a guest's disk before its boot: partition
 * table, file system, GRUB's configuration, deflate.
 *
 * The input is a disk: the first bytes unchanged, followed by zeros. If its first byte is odd, the
 * rest is a gzip stream instead, whose announced size may be anything.
 */
#include <stdlib.h>
#include <string.h>

#include "format/boot_disk.h"
#include "format/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK (UINT64_C(1) << 22)

struct input {
	const uint8_t *data;
	size_t size;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static bool read_disk(void *ctx, uint64_t offset, void *buf, size_t n, struct error *err)
{
	const struct input *in = ctx;
	size_t have = offset < in->size ? in->size - (size_t)offset : 0;

	check(offset <= DISK && n <= DISK - offset);
	(void)err;
	have = have < n ? have : n;
	if (have)
		memcpy(buf, in->data + offset, have);
	memset((uint8_t *)buf + have, 0, n - have);
	return true;
}

static void unpack(const uint8_t *data, size_t size)
{
	size_t n = gzip_size(data, size);
	uint8_t *out = n <= 1u << 20 ? malloc(n ? n : 1) : NULL;

	if (out)
		(void)gzip_unpack(data, size, out, n);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_disk b;
	struct input in = {.data = data, .size = size};
	const struct read_at disk = {.read = read_disk, .ctx = &in, .size = DISK};
	struct error err = {0};

	if (size > 0 && data[0] % 2) {
		unpack(data + 1, size - 1);
		return 0;
	}
	if (boot_disk_open(&disk, &b, &err)) {
		size_t n;

		free(boot_disk_read(&b, &b.entry.kernel, true, &n, &err));
		for (int i = 0; i < b.entry.modules_count; i++)
			free(boot_disk_read(&b, &b.entry.modules[i], false, &n, &err));
	} else {
		check(err.message[0] != '\0');
	}
	boot_disk_close(&b);
	return 0;
}
