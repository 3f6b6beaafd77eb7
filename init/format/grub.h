/* grub.h - what GRUB would boot: its configuration, carried out as far as it leads to a kernel.
 *
 * Of GRUB's script language that which grub-mkconfig writes for Debian's GNU/Linux and GNU/Hurd:
 * variables, if, functions, menu entries and submenus, test, search, the saved environment. What
 * only paints or loads parts of GRUB is passed over. Anything else is an error: GRUB itself knows
 * better then. The script is somebody else's: its commands, nesting, words and texts are bounded,
 * and it gets at nothing but the files of the guest's disk that struct grub_disk shows it.
 */
#ifndef VM_FORMAT_GRUB_H
#define VM_FORMAT_GRUB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define GRUB_DEVICE_MAX	 32
#define GRUB_PATH_MAX	 1024
#define GRUB_LINE_MAX	 4096
#define GRUB_MODULES_MAX 16
#define GRUB_CONFIG_MAX	 (1u << 20) /* bytes of a script */

enum grub_search { GRUB_BY_UUID, GRUB_BY_LABEL, GRUB_BY_FILE };
enum grub_kind { GRUB_NOTHING, GRUB_FILE, GRUB_EMPTY_FILE, GRUB_DIRECTORY };

/* The disk as GRUB sees it. Devices are named as "hd0,msdos1". */
struct grub_disk {
	void *ctx;
	/* The first device whose file system is that, into DEVICE. */
	bool (*search)(void *ctx, enum grub_search by, const char *value,
		       char device[GRUB_DEVICE_MAX]);
	enum grub_kind (*look)(void *ctx, const char *device, const char *path);
	/* The text of a file of at most GRUB_CONFIG_MAX bytes, from malloc(); NULL with ERR. */
	char *(*read)(void *ctx, const char *device, const char *path, size_t *n,
		      struct error *err);
};

struct grub_file {
	char device[GRUB_DEVICE_MAX];
	char path[GRUB_PATH_MAX];
	char line[GRUB_LINE_MAX]; /* its command line, as GRUB makes it */
};

struct grub_entry {
	char title[256];
	enum { GRUB_LINUX, GRUB_MULTIBOOT } protocol;
	struct grub_file kernel;
	struct grub_file modules[GRUB_MODULES_MAX]; /* or initial ramdisks, one behind the other */
	int modules_count;
	bool waits; /* the menu waits for ever for somebody to choose */
};

/* The entry that GRUB, whose configuration is PREFIX/grub.cfg on DEVICE, boots when nobody touches
 * a key. False with ERR (EXIT_BAD_IMAGE), whose message says what was not understood. */
bool grub_choose(const struct grub_disk *disk, const char *device, const char *prefix,
		 struct grub_entry *out, struct error *err);

#endif
