/* state_dir.h - the directory of a machine's saved state, which appears atomically.
 *
 *    VM_STATE_DIR/DISK.warm/       or  VM_STATE_DIR/DISK.suspended/
 *      memory          the guest's memory (host/ram_file.h), or memory and devices as QEMU's
 *                      migration writes them
 *      devices         the migration's stream, if it does not contain the memory
 *      overlay-N       the guest's writes on a throwaway disk: qcow2 layers, 0 on top
 *      manifest.json   what it depends on (qemu/manifest.h)
 *
 * It is created under another name in the same directory and renamed at the end.
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
 * disk belongs to its container, so the name contains the host name. */
bool state_path(const struct settings *s, const struct disk *disk, const char *kind,
		char out[STATE_PATH_MAX], struct error *err);

/* Create an empty directory beside the future DIR; PART receives its path. If DIR's parent is a
 * link, it is followed if root or we own it. Errors: EXIT_NO_PERMISSION. */
bool state_begin(const char *dir, char part[STATE_PATH_MAX], struct error *err);

/* Create the file NAME in PART, for writing; -1 with ERR. */
int state_create(const char *part, const char *name, struct error *err);

/* While the guest runs: copy its memory RAM to PART, so that state_copy() has less to copy. TABLE
 * is an empty memfd, used by both. */
bool state_copy_ahead(const char *part, int ram, int table, struct error *err);
/* Before the guest continues: copy COUNT files from the descriptors FDS on, with their holes, to
 * PART's overlays and, if RAM is not -1, the guest's memory to PART's file in FORMAT
 * (STATE_FORMAT_MAPPED, STATE_FORMAT_PACKED); TABLE, if not -1, is that of state_copy_ahead(). This
 * is slow. */
bool state_copy(const char *part, int fds, int count, int ram, int table, enum state_format format,
		struct error *err);
/* Sync everything to the disk and rename PART to DIR; an existing one is removed. This is slow,
 * too. */
bool state_commit(const char *part, const char *dir, struct error *err);

/* The name of overlay N. */
const char *state_overlay(int n);

/* Remove what saves that ended in their middle (SIGKILL, a power cut) have left beside the state
 * DIR more than an hour ago. Returns their number. */
int state_remove_stale(const char *dir);

/* Remove the directory DIR with the files above, or a link or file of that name. */
bool state_remove(const char *dir);

/* Remove the directory DIR now, or when state_sweep() is called: on FUSE a file that is still open
 * keeps another name in it. */
void state_discard(const char *dir);
void state_sweep(void);

/* Rename the state DIR to NAME within its directory. False with errno. */
bool state_rename(const char *dir, const char *name);

/* Disk usage of NAME in DIR in bytes; 0 if it does not exist. */
unsigned long long state_bytes(const char *dir, const char *name);

#endif
