/* direct_watch.h - VM_BOOT=auto: is the kernel that was loaded from the disk heard? If not, the
 * firmware and the disk's own boot loader get their turn (plan/direct_boot.h).
 *
 * Heard means a marker of the guest's, or any byte on its serial line where no marker is called
 * kernel: neither the firmware nor QEMU's loader writes there.
 */
#ifndef VM_PID1_DIRECT_WATCH_H
#define VM_PID1_DIRECT_WATCH_H

#include <stdbool.h>

struct env;

struct direct_watch {
	const struct env *env;
	bool late; /* its time was over */
};

void direct_watch_init(struct direct_watch *w, const struct env *env);

/* The guest runs. */
void direct_watch_runs(struct direct_watch *w);

/* TIMER_DIRECT. Returns whether QEMU is to be ended, for direct_watch_again(). */
bool direct_watch_timer(struct direct_watch *w);

/* QEMU has ended: is another one to boot by the firmware? If so the plan is changed. */
bool direct_watch_again(struct direct_watch *w);

#endif
