/* share_disk.h - VM_SHARE=disk: SHARE_DIR as a CD-ROM, for guests that have no 9p.
 *
 * Before QEMU starts, xorriso, as QEMU's user, writes an ISO 9660 file system of it into an
 * unnamed file in VM_TMP_DIR, of at most VM_SHARE_SIZE (ulimit -f). The event loop runs meanwhile.
 * NOTICE_SHARE_MADE or NOTICE_SHARE_FAILED follows, unless a stop was requested.
 */
#ifndef VM_PID1_SHARE_DISK_H
#define VM_PID1_SHARE_DISK_H

#include <stdbool.h>

#include "base/error.h"

struct env;

struct share_disk {
	const struct env *env;
	bool making;
};

void share_disk_init(struct share_disk *d, const struct env *env);
/* share_disk_wanted(): whether one is to be made. share_disk_make(): begin; false with ERR. */
bool share_disk_wanted(const struct share_disk *d);
bool share_disk_make(struct share_disk *d, struct error *err);

#endif
