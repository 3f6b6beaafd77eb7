/* share_disk.h - VM_SHARE=disk: what is in SHARE_DIR, as a CD-ROM for guests that have no 9p.
 *
 * Before QEMU starts, xorriso makes an ISO 9660 file system of it, as QEMU's user, into a file
 * without a name in VM_TMP_DIR, no larger than VM_SHARE_SIZE (ulimit -f). The loop goes on
 * meanwhile. NOTICE_SHARE_MADE or NOTICE_SHARE_FAILED comes at its end, unless a stop was asked
 * for.
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
/* Is there one to be made? Begin: false with ERR. */
bool share_disk_wanted(const struct share_disk *d);
bool share_disk_make(struct share_disk *d, struct error *err);

#endif
