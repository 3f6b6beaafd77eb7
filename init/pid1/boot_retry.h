/* boot_retry.h - VM_BOOT_RETRIES: a boot that was late is tried again, from the disk as it was
 * before.
 *
 * Before the guest runs for the first time, QEMU makes an internal snapshot of the disk (QMP
 * blockdev-snapshot-internal-sync; tables only, no data). When the guest is ready it is deleted;
 * when the boot is late, QEMU is ended, `qemu-img snapshot -a` takes the disk back, and another
 * QEMU starts. One that was left by a PID 1 that was killed is deleted at the next start: what the
 * guest wrote since is its disk.
 */
#ifndef VM_PID1_BOOT_RETRY_H
#define VM_PID1_BOOT_RETRY_H

#include <stdbool.h>

struct env;

struct boot_retry {
	const struct env *env;
	long attempts;	/* boots that were late */
	bool disk_kept; /* the disk has its boot's snapshot in it */
	bool reverting; /* qemu-img takes it back */
};

void boot_retry_init(struct boot_retry *r, const struct env *env);

/* Before the guest runs for the first time: keep the state of the disk. NOTICE_DISK_KEPT comes when
 * that is done, could not be done, or is not wanted. */
void boot_retry_keep_disk(struct boot_retry *r);
/* The guest is ready: its disk is its own. */
void boot_retry_forget_disk(struct boot_retry *r);

/* A boot was late. May it be tried again? */
void boot_retry_late(struct boot_retry *r);
bool boot_retry_left(const struct boot_retry *r);
/* QEMU has ended. Begin to start the guest again if its boot was late: NOTICE_BOOT_AGAIN comes at
 * once or later. False: it is not, or cannot be, tried again. */
bool boot_retry_begin(struct boot_retry *r);
/* The QEMU that NOTICE_BOOT_AGAIN asked for could not be started. */
void boot_retry_failed(struct boot_retry *r);

#endif
