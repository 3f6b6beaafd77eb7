/* grub.h - what GRUB would boot: interprets its configuration up to the kernel.
 *
 * Supports the subset of GRUB's script language that grub-mkconfig writes for Debian's GNU/Linux
 * and GNU/Hurd: variables, if, functions, menu entries and submenus, test, search, the saved
 * environment. Commands that only draw or load modules of GRUB are ignored. Anything else is an
 * error: GRUB itself must boot then. The script is untrusted: its commands, nesting, words and
 * texts are bounded, and it can read only those files of the guest's disk that struct grub_disk
 * provides.
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
#define GRUB_CONFIG_MAX	 (1u << 20) /* maximum size of a script */

enum grub_search { GRUB_BY_UUID, GRUB_BY_LABEL, GRUB_BY_FILE };
enum grub_kind { GRUB_NOTHING, GRUB_FILE, GRUB_EMPTY_FILE, GRUB_DIRECTORY };

/* Access to the disk in GRUB's terms. Devices are named like "hd0,msdos1". */
struct grub_disk {
	void *ctx;
	/* Find the first device with such a file system, into DEVICE. */
	bool (*search)(void *ctx, enum grub_search by, const char *value,
		       char device[GRUB_DEVICE_MAX]);
	enum grub_kind (*look)(void *ctx, const char *device, const char *path);
	/* Read a file of at most GRUB_CONFIG_MAX bytes, from malloc(); NULL with ERR. */
	char *(*read)(void *ctx, const char *device, const char *path, size_t *n,
		      struct error *err);
};

struct grub_file {
	char device[GRUB_DEVICE_MAX];
	char path[GRUB_PATH_MAX];
	char line[GRUB_LINE_MAX]; /* its command line, as GRUB builds it */
};

struct grub_entry {
	char title[256];
	enum { GRUB_LINUX, GRUB_MULTIBOOT } protocol;
	struct grub_file kernel;
	struct grub_file modules[GRUB_MODULES_MAX]; /* or initial ramdisks, to be concatenated */
	int modules_count;
	bool waits; /* the menu has no timeout and waits for a choice */
};

/* Find the entry that GRUB, whose configuration is PREFIX/grub.cfg on DEVICE, boots when no key is
 * pressed. False with ERR (EXIT_BAD_IMAGE), whose message says what was not understood. */
bool grub_choose(const struct grub_disk *disk, const char *device, const char *prefix,
		 struct grub_entry *out, struct error *err);

#endif
