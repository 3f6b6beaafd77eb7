/* image_format.c - see image_format.h. The formats of disk images are those that QEMU probes for
 * (block/\*.c, the functions *_probe), plus files that users download by mistake. */
#include "format/image_format.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define TAIL 512u

struct magic {
	const char *bytes;
	size_t len;
	size_t at;
	struct image_format format;
};

#define MAGIC(text, at_, kind_, name_)                                                             \
	{                                                                                          \
		.bytes = (text), .len = sizeof(text) - 1, .at = (at_),                             \
		.format = {.kind = (kind_), .name = (name_)},                                      \
	}

static const struct magic magics[] = {
	MAGIC("QFI\xfb", 0, IMAGE_QCOW2, "a qcow2 image"),
	MAGIC("KDMV", 0, IMAGE_FOREIGN, "a VMDK image"),
	MAGIC("COWD", 0, IMAGE_FOREIGN, "a VMDK image"),
	MAGIC("# Disk DescriptorFile", 0, IMAGE_FOREIGN, "a VMDK descriptor"),
	MAGIC("QED\0", 0, IMAGE_FOREIGN, "a QED image"),
	MAGIC("conectix", 0, IMAGE_FOREIGN, "a VHD image"),
	MAGIC("vhdxfile", 0, IMAGE_FOREIGN, "a VHDX image"),
	MAGIC("\x7f\x10\xda\xbe", 64, IMAGE_FOREIGN, "a VDI image"),
	MAGIC("WithoutFreeSpace", 0, IMAGE_FOREIGN, "a Parallels image"),
	MAGIC("WithouFreSpacExt", 0, IMAGE_FOREIGN, "a Parallels image"),
	MAGIC("Bochs Virtual HD Image", 0, IMAGE_FOREIGN, "a Bochs image"),
	MAGIC("#!/bin/sh\n#V2.0 Format\nmodprobe cloop", 0, IMAGE_FOREIGN, "a cloop image"),
	MAGIC("LUKS\xba\xbe", 0, IMAGE_FOREIGN, "a LUKS volume"),
	MAGIC("\xfd"
	      "7zXZ\0",
	      0, IMAGE_ARCHIVE, "an xz archive"),
	MAGIC("\x1f\x8b\x08", 0, IMAGE_ARCHIVE, "a gzip archive"),
	MAGIC("\x28\xb5\x2f\xfd", 0, IMAGE_ARCHIVE, "a zstd archive"),
	MAGIC("BZh", 0, IMAGE_ARCHIVE, "a bzip2 archive"),
	MAGIC("PK\x03\x04", 0, IMAGE_ARCHIVE, "a zip archive"),
	MAGIC("7z\xbc\xaf\x27\x1c", 0, IMAGE_ARCHIVE, "a 7z archive"),
	MAGIC("ustar", 257, IMAGE_ARCHIVE, "a tar archive"),
	MAGIC("version https://git-lfs", 0, IMAGE_WRONG, "a git-lfs pointer, not the file itself"),
	/* The volume descriptors begin in sector 16 of 2048 bytes; El Torito's is in sector 17. */
	MAGIC("CD001", 0x8001, IMAGE_ISO, "an ISO image"),
	MAGIC("BEA01", 0x8001, IMAGE_ISO, "a UDF image"),
	MAGIC("CD001", 0x8801, IMAGE_ISO, "an El Torito image"),
	MAGIC("NSR02", 0x8801, IMAGE_ISO, "a UDF image"),
	MAGIC("NSR03", 0x8801, IMAGE_ISO, "a UDF image"),
	/* Last: an ISO may begin with a boot sector. */
	MAGIC("\x55\xaa", 510, IMAGE_BOOT_DISK, "a raw disk (it has a boot sector)"),
};

/* White space, then the beginnings of web pages and of servers' error messages. */
static bool is_web_page(const uint8_t *buf, size_t len)
{
	static const char *const tags[] = {"<!doctype", "<html", "<head", "<?xml", "<error"};
	size_t at = 0;

	while (at < len && (buf[at] == ' ' || (buf[at] >= '\t' && buf[at] <= '\r')))
		at++;
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		if (len - at >= strlen(tags[i]) &&
		    strncasecmp((const char *)buf + at, tags[i], strlen(tags[i])) == 0)
			return true;
	return false;
}

struct image_format image_format(const uint8_t *buf, size_t len, const uint8_t *tail)
{
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		const struct magic *m = &magics[i];

		if (len >= m->at + m->len && memcmp(buf + m->at, m->bytes, m->len) == 0)
			return m->format;
	}
	if (tail && memcmp(tail, "conectix", 8) == 0)
		return (struct image_format){IMAGE_FOREIGN, "a VHD image"};
	if (tail && memcmp(tail, "koly", 4) == 0)
		return (struct image_format){IMAGE_FOREIGN, "a DMG image"};
	if (is_web_page(buf, len))
		return (struct image_format){IMAGE_WRONG, "a web page: the download failed"};
	return (struct image_format){IMAGE_UNKNOWN, "of no known format"};
}
