/* direct_watch.h - VM_BOOT=auto: detect that the kernel loaded from the disk prints nothing. Then
 * the guest is started by the firmware and the disk's own boot loader (plan/direct_boot.h).
 *
 * Any marker counts as output. If the guest has no marker named kernel, any byte on the serial
 * line counts, because neither the firmware nor QEMU's loader writes there in a direct boot.
 *
 * VM_BOOT=direct: which kernel does a reboot start?
 */
#ifndef VM_PID1_DIRECT_WATCH_H
#define VM_PID1_DIRECT_WATCH_H

#include <stdbool.h>

struct env;

struct direct_watch {
	const struct env *env;
	bool late;     /* no output in time */
	bool reading;  /* a helper reads the kernel again */
	int line;      /* that helper's file of the command line */
	unsigned loop; /* reboots without any phase of the guest in between */
};

void direct_watch_init(struct direct_watch *w, const struct env *env);

/* The guest runs. */
void direct_watch_runs(struct direct_watch *w);

/* TIMER_DIRECT. True: QEMU is to be ended; direct_watch_again() follows. */
bool direct_watch_timer(struct direct_watch *w);

/* QEMU has ended. True: it was for want of output; the plan now boots by firmware, and another
 * QEMU is to be started. */
bool direct_watch_again(struct direct_watch *w);

/* VM_ON_REBOOT=restart: QEMU starts the kernel that it was started with again, and the guest may
 * have installed another one. So a reboot ends QEMU (boot_way.restarts), and a helper reads the
 * kernel once more. QEMU has ended: was that such a reboot? Then NOTICE_BOOT_AGAIN has come, or
 * comes when reading is over. */
bool direct_watch_reboot(struct direct_watch *w);

#endif
