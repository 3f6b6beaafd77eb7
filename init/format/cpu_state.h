/* cpu_state.h - the state of the processors, from the output of `info registers -a` (QEMU:
 * target/i386/cpu-dump.c): `RIP=... RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1`, with EIP
 * and EFL for a processor that is not in long mode; of Arm `PSTATE=400000c5 -Z-- EL1h` or
 * `PSR=600001d3 -ZC- A S svc32`, and of RISC-V the lines `pc` and `mstatus`. */
#ifndef VM_FORMAT_CPU_STATE_H
#define VM_FORMAT_CPU_STATE_H

#include <stdbool.h>
#include <stddef.h>

struct cpu_states {
	int count;
	int user;   /* in user mode (CPL 3) */
	int idle;   /* halted until an interrupt arrives; on Arm and RISC-V, possibly stopped */
	int masked; /* of the idle ones, those of Arm and RISC-V, which may have stopped */
	int dead;   /* halted with interrupts disabled: only a reset, an NMI or a start-up IPI wakes
		       it */
	int busy;   /* executing in the kernel */
};

/* Parse the N bytes at TEXT. False if they contain no processor's state. */
bool cpu_states_parse(const char *text, size_t n, struct cpu_states *out);

/* Is every processor halted for good? */
bool cpu_states_dead(const struct cpu_states *s);

/* Does no processor run a program or wait for an interrupt? This is the state of a kernel that has
 * panicked; a running kernel has it only for moments. */
bool cpu_states_stuck(const struct cpu_states *s);

#endif
