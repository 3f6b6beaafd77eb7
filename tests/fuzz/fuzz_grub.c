/* fuzz_grub.c - libFuzzer target for the parser of GRUB's configuration.
 *
 * The input is grub.cfg and, after a zero byte, the saved environment. Every result must have the
 * properties that the planner relies on: terminated texts, a possible number of modules.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/grub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const char *text[2];
	size_t n[2];
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static bool search(void *ctx, enum grub_search by, const char *value, char device[GRUB_DEVICE_MAX])
{
	(void)ctx, (void)by;
	strcpy(device, "hd0,msdos2");
	return value[0] != 'n';
}

static enum grub_kind look(void *ctx, const char *device, const char *path)
{
	(void)ctx;
	check(memchr(device, '\0', GRUB_DEVICE_MAX) && memchr(path, '\0', GRUB_PATH_MAX));
	return (enum grub_kind)(strlen(path) % 4);
}

/* A copy of the exact size, so that a read beyond its end is detected. */
static char *read_file(void *ctx, const char *device, const char *path, size_t *n,
		       struct error *err)
{
	const struct input *in = ctx;
	int which = strstr(path, "grubenv") != NULL;
	char *copy = malloc(in->n[which] ? in->n[which] : 1);

	(void)device, (void)err;
	check(copy != NULL);
	memcpy(copy, in->text[which], in->n[which]);
	*n = in->n[which];
	return copy;
}

static void check_file(const struct grub_file *f)
{
	check(memchr(f->device, '\0', sizeof f->device) && memchr(f->path, '\0', sizeof f->path) &&
	      memchr(f->line, '\0', sizeof f->line) && f->path[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct grub_entry e;
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	size_t first = zero ? (size_t)(zero - data) : size;
	struct input in = {.text = {(const char *)data, (const char *)(zero ? zero + 1 : data)},
			   .n = {first, zero ? size - first - 1 : 0}};
	const struct grub_disk disk = {
		.ctx = &in, .search = search, .look = look, .read = read_file};
	struct error err = {0};

	if (!grub_choose(&disk, "hd0,msdos1", "/boot/grub", &e, &err)) {
		check(err.message[0] && err.status == EXIT_BAD_IMAGE);
		return 0;
	}
	check(e.modules_count >= 0 && e.modules_count <= GRUB_MODULES_MAX);
	check(memchr(e.title, '\0', sizeof e.title) != NULL);
	check_file(&e.kernel);
	for (int i = 0; i < e.modules_count; i++)
		check_file(&e.modules[i]);
	return 0;
}
