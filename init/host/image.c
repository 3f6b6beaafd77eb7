/* image.c - see image.h. The parsers are in format/; this file has the reads, and the child that
 * performs them. image_tables.c checks the tables of a qcow2 image. */
#include "host/image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/zeros.h"
#include "format/image_format.h"
#include "host/confined.h"
#include "host/image_internal.h"
#include "host/image_read.h"

#define SECTOR 512u
/* Memory needed by a check: image_tables.c's bitmap directory, or its set of L2 tables. */
#define MEMORY_MAX ((size_t)256 << 20)

static const char get_again[] = IMAGE_GET_AGAIN;

/* Read the file's beginning into BUF (*LEN bytes) and detect its format. */
static bool read_format(const struct image *image, uint8_t *buf, size_t *len,
			struct image_format *format, struct error *err)
{
	uint8_t tail[SECTOR];
	bool has_tail = image->size >= SECTOR;

	if (image->size == 0)
		return error_set(err, EXIT_BAD_IMAGE, get_again, "%s is empty", image->name);
	*len = image->size < IMAGE_FORMAT_HEAD ? (size_t)image->size : IMAGE_FORMAT_HEAD;
	if (!image_read(image, 0, buf, *len, err) ||
	    (has_tail && !image_read(image, image->size - SECTOR, tail, SECTOR, err)))
		return false;
	*format = image_format(buf, *len, has_tail ? tail : NULL);
	return true;
}

/* Report a file without qcow2's magic number where such an image should be. */
static bool refuse_other(const struct image *image, struct image_format format, const uint8_t *buf,
			 size_t len, struct error *err)
{
	static const char *const fixes[] = {
		[IMAGE_UNKNOWN] = "if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw",
		[IMAGE_FOREIGN] = "convert it: vm image convert --from-format F FILE NEW.qcow2 "
				  "(F: vmdk, vdi, vhdx, vpc; others by qemu-img)",
		[IMAGE_ISO] = "set QEMU_CDROM to it, not QEMU_DRIVE",
		[IMAGE_ARCHIVE] = "unpack it first",
		[IMAGE_WRONG] = get_again,
		[IMAGE_BOOT_DISK] = "set QEMU_DRIVE_FORMAT=raw, or better: "
				    "qemu-img convert -O qcow2 FILE NEW.qcow2",
	};

	if (format.kind == IMAGE_UNKNOWN && is_zeros(buf, len))
		return error_set(err, EXIT_BAD_IMAGE, get_again,
				 "%s is not a qcow2 image: its first %zu bytes are zeros",
				 image->name, len);
	return error_set(err, EXIT_BAD_IMAGE, fixes[format.kind], "%s is not a qcow2 image, but %s",
			 image->name, format.name);
}

static bool check_qcow2(struct image *image, uint8_t *buf, size_t len, bool force,
			struct error *err)
{
	struct qcow2 q;

	/* Read the rest of the header, which may fill a cluster, whose size byte 23 specifies. */
	if (image->size > len && buf[23] <= 21 && (size_t)1 << buf[23] > len) {
		len = image->size < (UINT64_C(1) << buf[23]) ? (size_t)image->size
							     : (size_t)1 << buf[23];
		if (!image_read(image, 0, buf, len, err))
			return false;
	}
	if (!qcow2_parse(buf, len, image->size, image->name, &q, err) ||
	    !image_check_tables(image, &q, buf, force, err))
		return false;
	image->virtual_size = q.virtual_size;
	image->dirty = q.incompatible & QCOW2_DIRTY;
	memcpy(image->backing, q.backing, sizeof image->backing);
	memcpy(image->backing_format, q.backing_format, sizeof image->backing_format);
	memcpy(image->mark, q.mark, sizeof image->mark);
	return true;
}

static bool check_raw(struct image *image, struct image_format format, bool force,
		      struct error *err)
{
	bool other = format.kind != IMAGE_UNKNOWN && format.kind != IMAGE_BOOT_DISK &&
		     format.kind != IMAGE_ISO;

	if (other && !force)
		return error_set(err, EXIT_BAD_IMAGE,
				 format.kind == IMAGE_QCOW2
					 ? "leave its format unset (for a floppy: qemu-img "
					   "convert -O raw FILE NEW.img); VM_FORCE=1 takes it as "
					   "a raw disk all the same"
					 : "unpack or convert it; VM_FORCE=1 takes it as a raw "
					   "disk all the same",
				 "%s is not a raw disk, but %s", image->name, format.name);
	if (image->size % SECTOR)
		return error_set(
			err, EXIT_BAD_IMAGE,
			"get it again if it was truncated; if it is whole, fill its last sector "
			"with zeros: truncate -s %512 FILE",
			"%s has %" PRIu64 " bytes, and a raw disk has a multiple of 512",
			image->name, image->size);
	image->virtual_size = image->size;
	return true;
}

/* image_check() itself, in the child. */
static bool check_disk(struct image *image, enum drive_format expected, bool force,
		       struct error *err)
{
	_cleanup_buffer_ uint8_t *buf = NULL;
	struct image_format format;
	size_t len;

	if (!image_allocate(&buf, IMAGE_CHUNK, err) || !read_format(image, buf, &len, &format, err))
		return false;
	if (expected == FORMAT_RAW)
		return check_raw(image, format, force, err);
	if (format.kind != IMAGE_QCOW2)
		return refuse_other(image, format, buf, len, err);
	return check_qcow2(image, buf, len, force, err);
}

static bool check_cdrom(const struct image *image, bool force, struct error *err)
{
	_cleanup_buffer_ uint8_t *buf = NULL;
	struct image_format format;
	size_t len;

	if (!image_allocate(&buf, IMAGE_CHUNK, err) || !read_format(image, buf, &len, &format, err))
		return false;
	if (format.kind == IMAGE_QCOW2 || format.kind == IMAGE_FOREIGN ||
	    format.kind == IMAGE_ARCHIVE || format.kind == IMAGE_WRONG)
		return error_set(err, EXIT_BAD_IMAGE,
				 format.kind == IMAGE_ARCHIVE ? "unpack it first"
							      : "set QEMU_CDROM to an ISO image",
				 "%s is not a CD-ROM image, but %s", image->name, format.name);
	if (format.kind != IMAGE_ISO && !force)
		return error_set(
			err, EXIT_BAD_IMAGE,
			"set QEMU_CDROM to an ISO image; a disk goes to QEMU_DRIVE, a "
			"floppy to QEMU_FLOPPY; VM_FORCE=1 takes it all the same",
			"%s is not a CD-ROM image: it contains no ISO 9660, UDF or El Torito%s",
			image->name, format.kind == IMAGE_BOOT_DISK ? ", but a boot sector" : "");
	return true;
}

/* ---- running it in a child ----------------------------------------------------------------- */

struct task {
	const struct image *image;
	bool cdrom;
	enum drive_format format;
	bool force;
};

static bool run(const void *arg, void *answer, struct error *err)
{
	const struct task *t = arg;
	struct image *image = answer;

	*image = (struct image){.name = t->image->name, .fd = CONFINED_IN, .size = t->image->size};
	return t->cdrom ? check_cdrom(image, t->force, err)
			: check_disk(image, t->format, t->force, err);
}

static void end_text(char *text, size_t size)
{
	text[size - 1] = '\0';
}

static bool check(struct image *image, const struct task *task, struct error *err)
{
	struct image answer = {0};
	const struct confined c = {.name = image->name,
				   .run = run,
				   .arg = task,
				   .answer = &answer,
				   .size = sizeof answer,
				   .in = image->fd,
				   .out = -1,
				   .memory = MEMORY_MAX};

	if (!confined_run(&c, err))
		return false;
	answer.name = image->name;
	answer.fd = image->fd;
	answer.size = image->size;
	end_text(answer.backing, sizeof answer.backing);
	end_text(answer.backing_format, sizeof answer.backing_format);
	end_text(answer.mark, sizeof answer.mark);
	*image = answer;
	return true;
}

bool image_check(struct image *image, enum drive_format expected, bool force, struct error *err)
{
	const struct task task = {.image = image, .format = expected, .force = force};

	return check(image, &task, err);
}

bool image_check_cdrom(struct image *image, bool force, struct error *err)
{
	const struct task task = {.image = image, .cdrom = true, .force = force};

	return check(image, &task, err);
}
