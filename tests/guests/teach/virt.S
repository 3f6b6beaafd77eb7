/* virt.S - the entry points on virt. aarch64: _start for the first processor, other_entry for the others (PSCI;
 * x0: number of the processor). riscv64: all processors begin at the start of memory (-bios none; a1: the
 * device tree). */
	.section .text.entry, "ax"
	.globl _start, other_entry
#ifdef __aarch64__
_start:	mov x0, #0
other_entry:
	adrp x1, stacks
	add x1, x1, :lo12:stacks
	add x2, x0, #1
	add x1, x1, x2, lsl #12
	mov sp, x1
	b machine_entry
#else
_start:
other_entry:
	csrr a0, mhartid
	la sp, stacks
	addi t0, a0, 1
	slli t0, t0, 12
	add sp, sp, t0
	j machine_entry
#endif

	.bss
	.balign 16
stacks:	.skip 9 * 4096
