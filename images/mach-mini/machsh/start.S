/* start.S - entry point and kernel traps of machsh (GNU Mach).
 *
 * The kernel starts a boot task with argc, argv[], NULL, envp[], NULL on the
 * stack, as a SysV kernel does.
 *
 * x86_64: a trap is the `syscall' instruction with the negative trap number in
 * rax; arguments are as in a C call, except that the fourth goes in r10
 * (syscall destroys rcx), and those beyond the sixth are read from the stack
 * just above the return address, where our caller put them.  So every trap is
 * a three-instruction function.
 *
 * i386 (tests/guests/mach-i386): everything is on the stack, and a trap is a
 * call through the gate 7, which finds its arguments above the return address.
 */
	.text
	.globl	_start
	.type	_start, @function
_start:
	xorl	%ebp, %ebp
#ifdef __x86_64__
	movq	(%rsp), %rdi		/* argc */
	leaq	8(%rsp), %rsi		/* argv */
	andq	$-16, %rsp
#else
	movl	(%esp), %eax		/* argc */
	leal	4(%esp), %edx		/* argv */
	andl	$-16, %esp
	subl	$8, %esp
	pushl	%edx
	pushl	%eax
#endif
	call	machsh_main
1:	jmp	1b			/* machsh_main never returns */

.macro	TRAP name, number
	.globl	\name
	.type	\name, @function
\name:
#ifdef __x86_64__
	movq	$\number, %rax
	movq	%rcx, %r10
	syscall
#else
	movl	$\number, %eax
	lcall	$7, $0
#endif
	ret
.endm

	TRAP	mach_msg_trap,    -25
	TRAP	mach_reply_port,  -26
	TRAP	mach_task_self,   -28
	TRAP	mach_host_self,   -29
	TRAP	mach_print,       -30

	.section .note.GNU-stack, "", @progbits
