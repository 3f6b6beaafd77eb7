/* x86.S - the entry points: _start for the first processor, from a multiboot loader; others for the other
 * processors, in real mode, in a page below 640 KiB. */
	.text
	.balign 4
	.long 0x1badb002, 0, -0x1badb002 /* must be within the first 8 KiB: build links this file first */

	.code32
	.globl _start
_start:	movl $stack, %esp
	lgdt gdt_register
	ljmp $8, $1f
1:	movw $16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	call kmain

/* Copied to OTHERS_AT; a processor starts with CS at its page. */
	.globl others, others_end
	.code16
others:	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl register - others
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $8, $other
	.balign 4
register:
	.word gdt_end - gdt - 1
	.long gdt
others_end:

	.code32
other:	movw $16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $1, %eax
	lock xaddl %eax, count	/* the number of this processor; there are eight stacks */
	cmpl $8, %eax
	jae 1f
	movl %eax, %ecx
	shll $10, %ecx
	leal other_stacks(%ecx), %esp
	pushl %eax
	call kmain_other
1:	cli
	hlt
	jmp 1b

	.data
count:	.long 1
	.balign 8
gdt:	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_end:
gdt_register:
	.word gdt_end - gdt - 1
	.long gdt

	.bss
	.skip 4096
stack:
other_stacks:		/* processor N uses the KiB below other_stacks + N KiB */
	.skip 8 * 1024
