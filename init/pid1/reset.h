/* reset.h - the guest's machine is reset, or its guest has ended: by itself, by a fault, by us.
 *
 * QEMU is told to stand still at the end of its guest (-action shutdown=pause), which keeps the
 * processor as it was: where a triple fault was can be asked before QEMU is told to quit, and
 * VM_ON_PANIC can leave it for a debugger. Under VM_ON_REBOOT=restart the machine has been reset by
 * the time we hear of it; QEMU's log has the processor's state (format/fault_text.h), but for QEMU
 * 11. Where that does not say where the faults are, the last one before they are called a loop is
 * made to stop the machine, as under VM_ON_REBOOT=exit, and is looked at there.
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
	/* By our reset button a reboot does not end QEMU until the guest prints after it. */
	enum { RESET_NONE, RESET_ASKED, RESET_SEEN } button;
	bool held;	 /* for the button: NOTICE_CONDITION COND_HELD says so, too */
	unsigned resets; /* in a row that came to no phase */
	bool was_reset;	 /* since QEMU's start */
	bool watching;	 /* the next one ends in front of us */
	uint64_t since_ns;
	struct fault_text fault; /* the last triple fault among them */
};

void reset_init(struct reset *r, const struct env *env, struct debug_log *debug_log,
		const struct panic_check *panic);
/* Another QEMU starts. */
void reset_restart(struct reset *r);

/* What a guest does when its reset is done. */
enum reset_then { THEN_AS_BEFORE, THEN_RUNS, THEN_STANDS_STILL };

/* Press the reset button. False when QEMU does not answer. */
bool reset_press(struct reset *r, enum reset_then then);
/* Bytes have come on the serial line: if the guest has come back from our reset, reboots end QEMU
 * again. */
void reset_on_serial(struct reset *r);
/* QMP RESET: by its guest or from outside. */
void reset_on_event(struct reset *r, bool guest);
/* QMP SHUTDOWN with REASON: was that only to look at the guest? True: it goes on. */
bool reset_caught(struct reset *r, const char *reason);
/* The guest ends by a reset: was it a fault? True: that is being said, and reset_end() follows. */
bool reset_was_fatal(struct reset *r);
/* The guest has ended: QEMU, which stands still, is told to quit or kept for a debugger. */
void reset_end(struct reset *r);

#endif
