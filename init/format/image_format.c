/* image_format.c - files that are mistaken for disk images, by their first bytes. */
#include <string.h>
#include <strings.h>

#include "format/qcow2.h"

struct magic {
	const char *bytes;
	size_t len;
	size_t at;
	const char *name;
};

static const struct magic magics[] = {
	{"QFI\xfb", 4, 0, "a qcow image"},
	{"KDMV", 4, 0, "a VMDK image"},
	{"COWD", 4, 0, "a VMDK image"},
	{"# Disk DescriptorFile", 21, 0, "a VMDK descriptor"},
	{"QED\0", 4, 0, "a QED image"},
	{"conectix", 8, 0, "a VHD image"},
	{"vhdxfile", 8, 0, "a VHDX image"},
	{"\x7f\x10\xda\xbe", 4, 64, "a VDI image"},
	{"WithoutFreeSpace", 16, 0, "a Parallels image"},
	{"WithouFreSpacExt", 16, 0, "a Parallels image"},
	{"LUKS\xba\xbe", 6, 0, "a LUKS volume"},
	{"\xfd"
	 "7zXZ\0",
	 6, 0, "an xz archive"},
	{"\x1f\x8b", 2, 0, "a gzip archive"},
	{"\x28\xb5\x2f\xfd", 4, 0, "a zstd archive"},
	{"BZh", 3, 0, "a bzip2 archive"},
	{"PK\x03\x04", 4, 0, "a zip archive"},
	{"7z\xbc\xaf\x27\x1c", 6, 0, "a 7z archive"},
	{"ustar", 5, 257, "a tar archive"},
	{"version https://git-lfs", 23, 0, "a git LFS pointer"},
};

/* White space, then a tag that web pages begin with. */
static bool is_web_page(const uint8_t *buf, size_t len)
{
	static const char *const tags[] = {"<!doctype", "<html", "<head", "<?xml"};
	size_t at = 0;

	while (at < len && strchr(" \t\r\n", buf[at]) && buf[at])
		at++;
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		if (len - at >= strlen(tags[i]) &&
		    strncasecmp((const char *)buf + at, tags[i], strlen(tags[i])) == 0)
			return true;
	return false;
}

const char *image_format_name(const uint8_t *buf, size_t len, const uint8_t *tail)
{
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		const struct magic *m = &magics[i];

		if (len >= m->at + m->len && memcmp(buf + m->at, m->bytes, m->len) == 0)
			return m->name;
	}
	if (tail && memcmp(tail, "conectix", 8) == 0) /* fixed VHD: a footer only */
		return "a VHD image";
	if (is_web_page(buf, len))
		return "a web page: the download went wrong";
	return NULL;
}
