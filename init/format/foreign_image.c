/* foreign_image.c - see foreign_image.h. */
#include "format/foreign_image.h"

#include <string.h>

#include "format/bytes.h"

static const struct {
	const char *name, *driver;
	enum foreign_format format;
} names[] = {
	{"vmdk", "vmdk", FOREIGN_VMDK}, {"vdi", "vdi", FOREIGN_VDI}, {"vhdx", "vhdx", FOREIGN_VHDX},
	{"vpc", "vpc", FOREIGN_VPC},	{"vhd", "vpc", FOREIGN_VPC},
};

#define NAMES (sizeof names / sizeof *names)

enum foreign_format foreign_format(const char *name)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].format;
	return FOREIGN_NONE;
}

const char *foreign_driver(enum foreign_format format)
{
	size_t i = 0;

	while (i < NAMES - 1 && names[i].format != format)
		i++;
	return names[i].driver;
}

/* A sparse extent with capacity 0 contains a descriptor that names the data files. */
static enum foreign_state vmdk_state(const uint8_t *head)
{
	if (memcmp(head, "# Disk DescriptorFile", 21) == 0)
		return FOREIGN_PARTS;
	if (memcmp(head, "COWD", 4) == 0)
		return FOREIGN_WHOLE;
	if (memcmp(head, "KDMV", 4) != 0)
		return FOREIGN_OTHER;
	return le64(head + 12) ? FOREIGN_WHOLE : FOREIGN_PARTS;
}

/* The footer is at the end; a dynamic image has a copy at its beginning. */
static enum foreign_state vpc_state(const uint8_t *head, const uint8_t *tail)
{
	const uint8_t *footer = memcmp(head, "conectix", 8) == 0 ? head : tail;

	if (memcmp(footer, "conectix", 8) != 0)
		return FOREIGN_OTHER;
	return be32(footer + 60) == 4 ? FOREIGN_PARTS : FOREIGN_WHOLE; /* a differencing disk */
}

enum foreign_state foreign_state(enum foreign_format format, const uint8_t *head,
				 const uint8_t *tail)
{
	switch (format) {
	case FOREIGN_VMDK: return vmdk_state(head);
	case FOREIGN_VDI:
		if (memcmp(head + 64, "\x7f\x10\xda\xbe", 4) != 0)
			return FOREIGN_OTHER;
		return le32(head + 76) == 4 ? FOREIGN_PARTS : FOREIGN_WHOLE; /* the same */
	case FOREIGN_VHDX: return memcmp(head, "vhdxfile", 8) == 0 ? FOREIGN_WHOLE : FOREIGN_OTHER;
	case FOREIGN_VPC: return vpc_state(head, tail);
	case FOREIGN_NONE: break;
	}
	return FOREIGN_OTHER;
}
