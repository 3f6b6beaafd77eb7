/* state_dir.h - where a machine's saved state lies: a directory that appears whole or not at all.
 *
 *   VM_STATE_DIR/DISK.warm/       or  VM_STATE_DIR/DISK.suspended/
 *     memory          the guest's memory (host/ram_file.h), or memory and devices as QEMU's
 *                     migration writes them
 *     devices         the migration's stream, when the memory is not in it
 *     overlay-N       what the guest had written on a throwaway disk: qcow2 layers, 0 on top
 *     manifest.json   what it belongs to (qemu/manifest.h)
 *
 * It is made under another name in the same directory and renamed at the end.
 */
#ifndef VM_HOST_STATE_DIR_H
#define VM_HOST_STATE_DIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "config/settings.h"
#include "host/disk.h"
#include "host/privileges.h"

#define STATE_OVERLAYS 3
#define STATE_MEMORY   "memory"
#define STATE_DEVICES  "devices"
#define STATE_MANIFEST "manifest.json"

#define STATE_PATH_MAX 4300

/* The directory of DISK's state of KIND ("warm", "suspended"). A suspended guest on a throwaway
 * disk belongs to its container, so the host's name is in it. */
bool state_path(const struct settings *s, const struct disk *disk, const char *kind,
		char out[STATE_PATH_MAX], struct error *err);

/* Make an empty directory beside the future DIR; PART gets its path. A link as the directory that
 * DIR is in is followed if it is root's or ours. Errors: EXIT_NO_PERMISSION. */
bool state_begin(const char *dir, char part[STATE_PATH_MAX], struct error *err);

/* The new file NAME in PART, for writing; -1 with ERR. */
int state_create(const char *part, const char *name, struct error *err);

/* What the guest may go on after: copy COUNT files from the descriptors FDS on, with their holes,
 * to PART's overlays, and the guest's memory, if RAM is not -1, to PART's file in FORMAT
 * (STATE_FORMAT_MAPPED, STATE_FORMAT_PACKED). This takes its time. */
bool state_copy(const char *part, int fds, int count, int ram, enum state_format format,
		struct error *err);
/* Put everything on the disk and give PART its name DIR; what was there before is removed. This
 * takes its time, too. */
bool state_commit(const char *part, const char *dir, struct error *err);

/* The name of overlay N. */
const char *state_overlay(int n);

/* Remove the directory DIR with the files above, or the link or file of that name. */
bool state_remove(const char *dir);

/* Remove the directory DIR now, or when state_sweep() is called: on FUSE a file that is still open
 * keeps another name in it. */
void state_discard(const char *dir);
void state_sweep(void);

/* Give the state DIR the name NAME in its directory. False with errno. */
bool state_rename(const char *dir, const char *name);

/* Bytes that NAME in DIR takes up on its disk; 0 when it is not there. */
unsigned long long state_bytes(const char *dir, const char *name);

#endif
