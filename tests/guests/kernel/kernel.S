/* kernel.S - a minimal kernel for each boot protocol of QEMU (tests/guests/kernel/build).
 *
 * On COM1 it prints the name of the protocol, its command line, the command line and contents of each
 * module, and a login prompt. Then it idles. It runs in 32-bit mode at its physical address.
 * MULTIBOOT64 and PVH64 are linked in the top 2 GiB of the address space, as kernels for x86-64 are;
 * their load address is the same.
 */
#if defined MULTIBOOT64 || defined PVH64
#define PHYSICAL(symbol) ((symbol) - 0xffffffff80000000)
#else
#define PHYSICAL(symbol) (symbol)
#endif

#ifdef MULTIBOOT2
	.section .multiboot, "a"
	.balign 8
1:	.long 0xe85250d6, 0, 2f - 1b, -(0xe85250d6 + (2f - 1b))
	.word 0, 0		/* the last tag */
	.long 8
2:
#elif defined FLAT		/* not an ELF file: the header has the load addresses, which tests replace */
#ifndef LOAD_ADDR
#define LOAD_ADDR header
#endif
#ifndef LOAD_END_ADDR
#define LOAD_END_ADDR load_end
#endif
#ifndef BSS_END_ADDR
#define BSS_END_ADDR bss_end
#endif
#ifndef ENTRY_ADDR
#define ENTRY_ADDR _start
#endif
	.section .multiboot, "a"
	.balign 4
header:	.long 0x1badb002, 0x10003, -(0x1badb002 + 0x10003)
	.long header, LOAD_ADDR, LOAD_END_ADDR, BSS_END_ADDR, ENTRY_ADDR
#elif defined MULTIBOOT || defined MULTIBOOT64
	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 3, -(0x1badb002 + 3)
#elif defined PVH || defined PVH64
	.section .note, "a", @note
	.long 4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long PHYSICAL(_start)
#endif

/* Offsets in the structure at EBX: command line, number of modules, module list; and in an entry of
 * that list: start, end (or length), command line, next entry (Multiboot 0.6.96, 3.3; Xen's
 * arch-x86/hvm/start_info.h). */
#if defined PVH || defined PVH64
#define PROTOCOL "pvh"
#define CMDLINE	24
#define COUNT	12
#define LIST	16
#define START	0
#define END	8
#define STRING	16
#define NEXT	32
#else
#define PROTOCOL "multiboot"
#define CMDLINE	16
#define COUNT	20
#define LIST	24
#define START	0
#define END	4
#define STRING	8
#define NEXT	16
#endif

	.text
	.code32
	.globl _start
_start:
	movl $PHYSICAL(stack), %esp
	movl $PHYSICAL(protocol), %esi
	call print
	movl CMDLINE(%ebx), %esi
	call print_line
	movl COUNT(%ebx), %ebp
	movl LIST(%ebx), %edi
1:	decl %ebp
	js 2f
	movl $PHYSICAL(module), %esi
	call print
	movl STRING(%edi), %esi
	call print_line
	movl START(%edi), %esi
	movl END(%edi), %ecx
#if NEXT == 16
	subl %esi, %ecx
#endif
	call print_bytes
	addl $NEXT, %edi
	jmp 1b
2:	movl $PHYSICAL(login), %esi
	call print
	cli
3:	hlt
	jmp 3b

/* Print the string at ESI (0: none) and a line end. */
print_line:
	testl %esi, %esi
	jz 1f
	call print
1:	movl $PHYSICAL(end), %esi
print:	lodsb
	testb %al, %al
	jz 1f
	call put
	jmp print
1:	ret

print_bytes:
	jecxz 1f
	lodsb
	call put
	loop print_bytes
1:	ret

/* Write AL to COM1 when the transmitter is empty (16550: line status register, bit 5). */
put:	movb %al, %ah
	movw $0x3fd, %dx
1:	inb %dx, %al
	testb $0x20, %al
	jz 1b
	movb %ah, %al
	movw $0x3f8, %dx
	outb %al, %dx
	ret

	.section .rodata
protocol: .asciz PROTOCOL ": "
module:	.asciz "module: "
end:	.asciz "\r\n"
login:	.asciz "\r\nkernel login: "

	.bss
	.skip 4096
stack:
