/* sector.S - guests of one boot sector, each with one way to behave (tests/guests/sector/build).
 *
 * It prints a line on COM1, then: DEAD halts with interrupts off; FAULT has no interrupt table when
 * it faults; SILENT prints nothing and idles; IDLE idles; COUNT increments a byte in the disk's second sector,
 * prints it, and idles before any login.
 */
	.code16
	.globl _start
_start:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7c00, %sp
#ifdef COUNT
	movb %dl, drive
	movw $0x0201, %ax	/* read one sector: cylinder 0, head 0, sector 2 (int 13h, AH=2) */
	call disk
	incb buffer
	movw $0x0301, %ax	/* and write it back (AH=3) */
	call disk
	movb buffer, %al
	addb $'0', %al
	movb %al, digit
#endif
#ifndef SILENT
	movw $text, %si
1:	lodsb
	testb %al, %al
	jz 2f
	movw $0x3f8, %dx
	outb %al, %dx
	jmp 1b
2:
#endif
#ifdef DEAD
	cli
	hlt
#endif
#ifdef FAULT
	cli
	lidt nothing
	int3
nothing:
	.word 0, 0, 0
#endif
	sti
3:	hlt
	jmp 3b
#ifdef COUNT
disk:	movw $0x0002, %cx
	movb $0, %dh
	movb drive, %dl
	movw $buffer, %bx
	int $0x13
	ret
drive:	.byte 0
	.set buffer, 0x8000
text:	.ascii "boot number "
digit:	.asciz "?\r\n"
#elif defined(DEAD) || defined(IDLE)
text:	.asciz "sector login: "
#else
text:	.asciz "about to fault\r\n"
#endif
	.org 510
	.word 0xaa55
