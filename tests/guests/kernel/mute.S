/* mute.S - a multiboot kernel without output (tests/77-direct-boot.bats). It idles, or with RESET causes a
 * triple fault, which resets the machine. It contains the name GNU Mach, because VM_BOOT=auto looks for it. */
	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 0, -0x1badb002
	.asciz "GNU Mach that is mute"

	.text
	.code32
	.globl _start
_start:
#ifdef RESET
	lidt none /* an empty interrupt table: the breakpoint becomes a triple fault */
	int3
none:	.long 0, 0
#endif
1:	hlt
	jmp 1b
