/* cpu_state.h - what the processors are doing, from the text of `info registers -a` (QEMU:
 * target/i386/cpu-dump.c): `RIP=... RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1`, with EIP
 * and EFL for a processor that is not in long mode.
 */
#ifndef VM_FORMAT_CPU_STATE_H
#define VM_FORMAT_CPU_STATE_H

#include <stdbool.h>
#include <stddef.h>

struct cpu_states {
	int count;
	int user; /* in user mode (CPL 3) */
	int idle; /* halted until an interrupt comes */
	int dead; /* halted with interrupts off: only a reset, an NMI or a start-up IPI wakes it */
	int busy; /* executing in the kernel */
};

/* Parse the N bytes at TEXT. False when no processor's state is found in them. */
bool cpu_states_parse(const char *text, size_t n, struct cpu_states *out);

/* No processor will run again by itself. */
bool cpu_states_dead(const struct cpu_states *s);

/* No processor runs a program or waits for an interrupt: what a kernel that has panicked looks
 * like, and what one that lives shows for moments only. */
bool cpu_states_stuck(const struct cpu_states *s);

#endif
