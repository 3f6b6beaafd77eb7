/* args_firmware.c - UEFI's flash memory in QEMU's argument vector (args.h). */
#include <stdio.h>

#include "base/json_write.h"
#include "qemu/args_parts.h"

static void add_volume(struct args *a, int fd, const char *node, bool writable)
{
	char file[32], path[32], json[256];

	args_option(a, "-add-fd", "fd=%d,set=%d,opaque=%s", fd, fd, node);
	(void)snprintf(file, sizeof file, "%s-file", node);
	(void)snprintf(path, sizeof path, "/dev/fdset/%d", fd);
	(void)json_write(json, sizeof json,
			 JSON_LIST(J_TEXT("driver", "raw"), J_TEXT("node-name", node),
				   J_BOOL("read-only", !writable),
				   J_OBJECT("file", J_TEXT("driver", "file"),
					    J_TEXT("node-name", file), J_TEXT("filename", path))));
	args_option(a, "-blockdev", "%s", json);
}

void args_firmware(const struct builder *b)
{
	if (!b->f->uefi)
		return;
	add_volume(b->out, QEMU_FD_FIRMWARE, "firmware", false);
	add_volume(b->out, QEMU_FD_FIRMWARE + 1, "variables", true);
}
