/* fault_text.h - a triple fault in QEMU's log, and its address.
 *
 * With -d cpu_reset TCG writes `Triple fault` when a processor faults while it delivers a double
 * fault (QEMU: target/i386/tcg/excp_helper.c, check_exception()). If the machine is reset then,
 * `CPU Reset (CPU 0)` and the processor's registers follow (target/i386/cpu.c,
 * x86_cpu_reset_hold(); target/i386/cpu-dump.c): those of the fault or, since QEMU 11, those after
 * the reset, which say nothing about the fault.
 */
#ifndef VM_FORMAT_FAULT_TEXT_H
#define VM_FORMAT_FAULT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct fault_text {
	bool triple;	/* a triple fault was logged */
	bool dumped;	/* its registers were logged */
	char where[24]; /* "EIP=00007c1f", "RIP=ffffffff80001234"; "": unknown */
};

/* Copy the instruction pointer in the N bytes at TEXT, one or more lines of a register dump, to
 * WHERE. False if there is none. */
bool fault_where(const char *text, size_t n, char where[24]);

/* Is it in the firmware, whose code ends at 1 MiB? SeaBIOS, too, resets the machine by a fault when
 * it finds that it has run before (its src/resume.c, tryReboot()). */
bool fault_in_firmware(const struct fault_text *f);

/* Process one LINE of QEMU's log, N bytes. */
void fault_line(struct fault_text *f, const char *line, size_t n);

#endif
