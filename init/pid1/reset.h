/* reset.h - resets of the guest's machine, and the end of the guest: by itself, by a fault, by us.
 *
 * QEMU pauses when its guest ends (-action shutdown=pause), which preserves the processor's state:
 * PID 1 can ask where a triple fault was before it ends QEMU, and VM_ON_PANIC can keep the guest
 * for a debugger. With VM_ON_REBOOT=restart the machine has already been reset when the event
 * comes; QEMU's log has the processor's state (format/fault_text.h), except in QEMU 11. If the log
 * does not show where the faults are, the last one before they are called a loop is made to stop
 * the machine, as with VM_ON_REBOOT=exit, and is examined then.
 */
#ifndef VM_PID1_RESET_H
#define VM_PID1_RESET_H

#include <stdbool.h>
#include <stdint.h>

#include "format/fault_text.h"

struct debug_log;
struct env;
struct panic_check;

struct reset {
	const struct env *env;
	struct debug_log *debug_log;
	const struct panic_check *panic;
	/* After a reset by `vm reset`, reboots do not end QEMU until the guest prints something. */
	enum { RESET_NONE, RESET_ASKED, RESET_SEEN } button;
	bool held;	 /* stopped during `vm reset`; also posted as COND_HELD */
	unsigned resets; /* in a row, without a boot phase */
	bool was_reset;	 /* since QEMU's start */
	bool watching;	 /* the next reset stops the machine and is examined */
	bool continued;	 /* RESUME will follow: it runs after its reset */
	int64_t runs_us; /* QEMU's clock: it runs after a reset since then */
	uint64_t since_ns;
	struct fault_text fault; /* the last triple fault of these */
};

void reset_init(struct reset *r, const struct env *env, struct debug_log *debug_log,
		const struct panic_check *panic);
/* Another QEMU starts. */
void reset_restart(struct reset *r);

/* Whether the guest runs after the reset: as before, yes, no. */
enum reset_then { THEN_AS_BEFORE, THEN_RUNS, THEN_PAUSED };

/* Reset the machine. False if QEMU does not answer. */
bool reset_press(struct reset *r, enum reset_then then);
/* Output has come on the serial line: if it is the first one after `vm reset`, reboots end QEMU
 * again. */
void reset_on_serial(struct reset *r);
/* QMP RESET, by the guest or from outside, US microseconds after 1970 by its timestamp. */
void reset_on_event(struct reset *r, bool guest, int64_t us);
/* QMP RESUME. */
void reset_resumed(struct reset *r, int64_t us);
/* QMP SHUTDOWN with REASON. True: it only stopped the machine to be examined, and the guest goes
 * on. */
bool reset_caught(struct reset *r, const char *reason);
/* The guest ends by a reset: was it a fault? True: the registers are being queried, and
 * reset_end() follows. */
bool reset_was_fatal(struct reset *r);
/* The guest has ended and QEMU is paused: tell QEMU to quit, or keep it for a debugger. */
void reset_end(struct reset *r);

#endif
