/* boot_retry.h - VM_BOOT_RETRIES: a boot that exceeds its deadline is repeated, from the disk as
 * it was before.
 *
 * Before the guest runs for the first time, QEMU makes an internal snapshot of the disk (QMP
 * blockdev-snapshot-internal-sync; tables only, no data). It is deleted when the guest is ready.
 * After a failed boot, QEMU is ended, `qemu-img snapshot -a` reverts the disk, and another QEMU
 * starts. A snapshot left behind by a killed PID 1 is deleted at the next start, and the disk is
 * kept with what the guest has written since.
 */
#ifndef VM_PID1_BOOT_RETRY_H
#define VM_PID1_BOOT_RETRY_H

#include <stdbool.h>

struct env;

struct boot_retry {
	const struct env *env;
	long attempts;	/* boots that exceeded the deadline */
	bool disk_kept; /* the snapshot of this boot is in the disk */
	bool reverting; /* qemu-img is reverting to it */
};

void boot_retry_init(struct boot_retry *r, const struct env *env);

/* Before the guest runs for the first time: make the snapshot. NOTICE_DISK_KEPT follows in any
 * case: done, failed, or not wanted. */
void boot_retry_keep_disk(struct boot_retry *r);
/* The guest is ready: delete the snapshot. */
void boot_retry_forget_disk(struct boot_retry *r);

/* A boot exceeded its deadline: decide whether it may be repeated. */
void boot_retry_late(struct boot_retry *r);
bool boot_retry_left(const struct boot_retry *r);
/* QEMU has ended. If its boot failed, prepare another one; NOTICE_BOOT_AGAIN comes at once or
 * later. False: the boot is not repeated. */
bool boot_retry_begin(struct boot_retry *r);
/* No QEMU could be started after NOTICE_BOOT_AGAIN. */
void boot_retry_failed(struct boot_retry *r);

#endif
