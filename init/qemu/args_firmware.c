/* args_firmware.c - UEFI's flash memory in QEMU's argument vector (args.h). */
#include "qemu/args_parts.h"

static void add_volume(struct args *a, int fd, const char *node, bool writable)
{
	args_option(a, "-add-fd", "fd=%d,set=%d,opaque=%s", fd, fd, node);
	args_option(
		a, "-blockdev",
		"{\"driver\":\"raw\",\"node-name\":\"%s\",\"read-only\":%s,\"file\":{\"driver\":"
		"\"file\",\"node-name\":\"%s-file\",\"filename\":\"/dev/fdset/%d\"}}",
		node, writable ? "false" : "true", node, fd);
}

void args_firmware(const struct builder *b)
{
	if (!b->f->uefi)
		return;
	add_volume(b->out, QEMU_FD_FIRMWARE, "firmware", false);
	add_volume(b->out, QEMU_FD_FIRMWARE + 1, "variables", true);
}
