/* direct_read.c - see direct_read.h. */
#include "plan/direct_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "format/boot_disk.h"
#include "format/boot_image.h"
#include "format/elf.h"
#include "format/guest_disk.h"
#include "format/inflate.h"
#include "host/confined.h"

static int layer_fd(int i)
{
	return i == 0 ? CONFINED_IN : CONFINED_MORE + i - 1;
}

static bool read_layer(void *ctx, uint64_t offset, void *buf, size_t n, struct error *err)
{
	int i = *(int *)ctx;

	for (uint8_t *p = buf; n > 0;) {
		ssize_t got = pread(layer_fd(i), p, n, (off_t)offset);

		if (got <= 0)
			return error_set(err, EXIT_BAD_IMAGE,
					 "get the image again, and compare its size and checksum",
					 "the image cannot be read: %s",
					 got < 0 ? strerror(errno) : "it was truncated");
		p += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return true;
}

static bool open_disk(const struct direct_task *t, struct guest_disk *d, struct read_at *out,
		      struct error *err)
{
	static int numbers[DISK_LAYERS_MAX];

	d->count = t->count;
	for (int i = 0; i < t->count; i++) {
		struct guest_disk_layer *l = &d->layers[i];

		numbers[i] = i;
		*l = (struct guest_disk_layer){
			.file = {.read = read_layer, .ctx = &numbers[i], .size = t->layers[i].size},
			.is_qcow2 = t->layers[i].is_qcow2};
	}
	return guest_disk_open(d, out, err);
}

static bool put(int fd, const void *bytes, size_t n, struct error *err)
{
	return write_all(fd, bytes, n) ||
	       error_set(err, EXIT_NO_PERMISSION,
			 "give VM_TMP_DIR room (docker run --tmpfs /var/tmp)",
			 "no space in VM_TMP_DIR: %s", strerror(errno));
}

/* Does the command line LINE contain a word that begins with PREFIX? */
static bool has_word(const char *line, const char *prefix)
{
	for (const char *p = line; (p = strstr(p, prefix)) != NULL; p++)
		if (p == line || p[-1] == ' ')
			return true;
	return false;
}

/* Send the guest's console to its serial line if its configuration does not, as prepare-image does
 * for the Hurd. Linux has several consoles, Mach one. */
static void add_console(const struct direct_task *t, struct direct_found *f)
{
	size_t n = strlen(f->line);

	if (f->kind == FOUND_LINUX && !has_word(f->line, "console=ttyS"))
		(void)snprintf(f->line + n, sizeof f->line - n, " console=tty0 console=ttyS0");
	else if (f->kind == FOUND_MACH && !has_word(f->line, "console=") && !t->screen)
		(void)snprintf(f->line + n, sizeof f->line - n, "%sconsole=com0", n ? " " : "");
}

static bool read_file(struct boot_disk *b, const struct grub_file *file, bool unpack,
		      struct direct_found *f, uint8_t **bytes, size_t *n, struct error *err)
{
	*bytes = boot_disk_read(b, file, unpack, n, err);
	f->bytes += *bytes ? *n : 0;
	return *bytes &&
	       (f->bytes <= DIRECT_READ_MAX ||
		error_set(err, EXIT_BAD_IMAGE, "set VM_BOOT=firmware, or auto to try both",
			  "kernel and modules have more than %zu MiB", DIRECT_READ_MAX >> 20));
}

/* Extract the compressed ELF file of a Linux kernel for its decompressor. */
static bool hand_out_payload(const struct direct_task *t, struct direct_found *f,
			     const uint8_t *kernel, size_t size, struct error *err)
{
	size_t at;
	size_t n;
	const char *program = t->slow ? kernel_payload(kernel, size, &at, &n) : NULL;

	if (!program)
		return true;
	(void)snprintf(f->unpacker, sizeof f->unpacker, "%s", program);
	return put(layer_fd(t->count + 1), kernel + at, n, err);
}

/* Decompress a ramdisk that is a single gzip file if that is quicker here than in the guest. */
static void unpack_ramdisk(uint8_t **bytes, size_t *n)
{
	size_t size = gzip_size(*bytes, *n);
	uint8_t *out = size && size <= DIRECT_READ_MAX ? malloc(size) : NULL;

	if (!out || !gzip_unpack(*bytes, *n, out, size)) {
		free(out);
		return;
	}
	free(*bytes);
	*bytes = out;
	*n = size;
}

/* The unchanged kernel, and its ramdisks laid out as GRUB does: one after the other, each aligned
 * to four bytes. */
static bool hand_out_linux(struct boot_disk *b, const struct direct_task *t, struct direct_found *f,
			   const uint8_t *kernel, size_t size, struct error *err)
{
	static const char zeros[4];
	int fd = layer_fd(t->count);

	if (!put(CONFINED_OUT, kernel, size, err) || !hand_out_payload(t, f, kernel, size, err))
		return false;
	for (int i = 0; i < b->entry.modules_count; i++) {
		uint8_t *bytes;
		size_t n;

		if (!read_file(b, &b->entry.modules[i], false, f, &bytes, &n, err))
			return false;
		uint64_t began = clock_now();

		if (t->slow)
			unpack_ramdisk(&bytes, &n);
		f->unpack_ns += clock_now() - began;
		if (!put(fd, bytes, n, err) || !put(fd, zeros, (4 - n % 4) % 4, err))
			return false;
		free(bytes);
	}
	f->ramdisk = b->entry.modules_count > 0;
	return true;
}

static bool hand_out_multiboot(struct boot_disk *b, struct direct_found *f, const uint8_t *kernel,
			       size_t size, struct error *err)
{
	struct boot_module modules[GRUB_MODULES_MAX];

	for (int i = 0; i < b->entry.modules_count; i++) {
		uint8_t *bytes;

		if (!read_file(b, &b->entry.modules[i], true, f, &bytes, &modules[i].size, err))
			return false;
		modules[i].bytes = bytes;
		modules[i].line = b->entry.modules[i].line;
	}
	uint8_t *image = boot_image(kernel, size, f->kernel, f->line, modules,
				    (size_t)b->entry.modules_count, &size, &f->end, err);

	f->line[0] = '\0'; /* the image contains it */
	return image && put(CONFINED_OUT, image, size, err);
}

static bool hand_out(struct boot_disk *b, const struct direct_task *t, struct direct_found *f,
		     struct error *err)
{
	const struct grub_entry *e = &b->entry;
	bool linux_wanted = e->protocol == GRUB_LINUX;
	uint8_t *kernel;
	size_t size;

	(void)snprintf(f->title, sizeof f->title, "%s", e->title);
	(void)snprintf(f->device, sizeof f->device, "%s", e->kernel.device);
	(void)snprintf(f->kernel, sizeof f->kernel, "%s", e->kernel.path);
	(void)snprintf(f->line, sizeof f->line, "%s", e->kernel.line);
	f->modules = e->modules_count;
	f->waits = e->waits;
	f->clean = b->clean;
	if (!read_file(b, &e->kernel, !linux_wanted, f, &kernel, &size, err))
		return false;
	struct kernel_file k = kernel_recognise(kernel, size);
	bool is_linux = k.kind == KERNEL_LINUX;

	if (linux_wanted != is_linux ||
	    (!is_linux && k.kind != KERNEL_MULTIBOOT && k.kind != KERNEL_MULTIBOOT_WIDE))
		return error_set(err, EXIT_BAD_IMAGE, "", "%s is %s", f->kernel,
				 kernel_kind_name(k.kind));
	f->kind = k.other    ? FOUND_BZIMAGE
		  : is_linux ? FOUND_LINUX
		  : k.mach   ? FOUND_MACH
			     : FOUND_MULTIBOOT;
	f->long_mode = k.long_mode;
	add_console(t, f);
	return is_linux ? hand_out_linux(b, t, f, kernel, size, err)
			: hand_out_multiboot(b, f, kernel, size, err);
}

bool direct_read(const void *arg, void *answer, struct error *err)
{
	static struct guest_disk layers;
	static struct boot_disk b;
	struct read_at disk;

	return open_disk(arg, &layers, &disk, err) && boot_disk_open(&disk, &b, err) &&
	       hand_out(&b, arg, answer, err);
}
