/* mute.S - a multiboot kernel that says nothing (tests/77-direct-boot.bats): it idles, or with RESET
 * it makes the processor reset the machine. It calls itself GNU Mach, as VM_BOOT=auto wants it. */
	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 0, -0x1badb002
	.asciz "GNU Mach that is mute"

	.text
	.code32
	.globl _start
_start:
#ifdef RESET
	lidt none /* no handler for the fault, none for that one's */
	int3
none:	.long 0, 0
#endif
1:	hlt
	jmp 1b
