/* fault_text.h - a triple fault in QEMU's log, and where it was.
 *
 * With -d cpu_reset TCG writes `Triple fault` when a processor faults while it delivers a double
 * fault (QEMU: target/i386/tcg/excp_helper.c, check_exception()). When the machine is reset then,
 * `CPU Reset (CPU 0)` and the processor's registers follow (target/i386/cpu.c,
 * x86_cpu_reset_hold(); target/i386/cpu-dump.c): as they were, or, since QEMU 11, as they are
 * behind the reset, which tells nothing of the fault.
 */
#ifndef VM_FORMAT_FAULT_TEXT_H
#define VM_FORMAT_FAULT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct fault_text {
	bool triple;	/* there was one */
	bool dumped;	/* its registers have come */
	char where[24]; /* "EIP=00007c1f", "RIP=ffffffff80001234"; "": not known */
};

/* The instruction pointer in the N bytes at TEXT, one or more lines of a register dump, into WHERE.
 * False when there is none. */
bool fault_where(const char *text, size_t n, char where[24]);

/* Was it in the firmware, whose code ends at 1 MiB? SeaBIOS resets the machine by a fault, too,
 * when it finds that it has run before (its src/resume.c, tryReboot()). */
bool fault_in_firmware(const struct fault_text *f);

/* One LINE of QEMU's log, N bytes. */
void fault_line(struct fault_text *f, const char *line, size_t n);

#endif
