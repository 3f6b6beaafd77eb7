/* start.S - entry point and kernel traps of machsh on a 32-bit GNU Mach (i386/i386/locore.S).
 *
 * As the 64-bit one (images/mach-mini/machsh/start.S), but that everything is on the stack, and a
 * trap is a call through the gate 7, which finds its arguments above the return address.
 */
	.text
	.globl	_start
	.type	_start, @function
_start:
	xorl	%ebp, %ebp
	movl	(%esp), %eax		/* argc */
	leal	4(%esp), %edx		/* argv */
	andl	$-16, %esp
	subl	$8, %esp
	pushl	%edx
	pushl	%eax
	call	machsh_main
1:	jmp	1b			/* machsh_main never returns */

.macro	TRAP name, number
	.globl	\name
	.type	\name, @function
\name:
	movl	$\number, %eax
	lcall	$7, $0
	ret
.endm

	TRAP	mach_msg_trap,    -25
	TRAP	mach_reply_port,  -26
	TRAP	mach_task_self,   -28
	TRAP	mach_host_self,   -29
	TRAP	mach_print,       -30

	.section .note.GNU-stack, "", @progbits
