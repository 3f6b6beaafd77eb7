/* sector.S - guests of one boot sector, each with one way to behave (tests/guests/sector/build).
 *
 * It prints a line on COM1, then: DEAD halts with interrupts off; FAULT has no interrupt table when
 * it faults, QUIETFAULT does so before it prints; RESET resets the machine; SILENT prints nothing and idles; IDLE idles; FLOOD
 * prints that line for ever; COUNT increments a byte in the disk's second sector, prints it, and
 * idles before any login; PANIC prints a panic and idles, as if it waited for a key; PANICHALT says behind
 * it that the power may be switched off; HALTPANIC the other way round; PANICOFF switches it off (ACPI,
 * PM1a control, where SeaBIOS puts it); TICK prints a line every 100 ms by the PIT, with a number
 * and the time-stamp counter as it was just before: the boot profiler's times are held against it;
 * KEYS prints on the screen and not on COM1, and then what the keyboard types.
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
#ifdef KEYS
	movw $3, %ax		/* text, 80 by 25, cleared (int 10h, AH=0) */
	int $0x10
	movw $text, %si
9:	lodsb
	testb %al, %al
	jz 10f
	call show
	jmp 9b
10:	xorw %ax, %ax		/* the next key (int 16h, AH=0) */
	int $0x16
	call show
	cmpb $13, %al
	jne 10b
	movb $10, %al
	call show
	jmp 10b
show:	movb $0x0e, %ah		/* teletype (int 10h, AH=0eh) */
	xorw %bx, %bx
	int $0x10
	ret
#endif
#ifdef TICK
	movb $0x36, %al		/* channel 0, low byte then high, square wave: 1193182 Hz / 11932 */
	outb %al, $0x43		/* is an interrupt every 10.0002 ms, and the BIOS counts them */
	movb $0x9c, %al
	outb %al, $0x40
	movb $0x2e, %al
	outb %al, $0x40
	sti
	movw ticks, %bx
5:	addw $10, %bx
6:	hlt
	movw ticks, %ax
	subw %bx, %ax
	js 6b
	rdtsc
	movl %eax, tsc
	movl %edx, tsc+4
	movb number, %al
	call hex
	movb $' ', %al
	call put
	movw $tsc+7, %si
	movw $8, %cx
7:	movb (%si), %al
	call hex
	decw %si
	loop 7b
	movb $'\r', %al
	call put
	movb $'\n', %al
	call put
	incb number
	jmp 5b
hex:	pushw %ax		/* the byte in AL, two digits */
	shrb $4, %al
	call 8f
	popw %ax
	andb $15, %al
8:	addb $'0', %al
	cmpb $'9', %al
	jbe put
	addb $'a' - '9' - 1, %al
put:	movw $0x3f8, %dx
	outb %al, %dx
	ret
number:	.byte 0
	.set ticks, 0x46c
	.set tsc, 0x8000
#endif
#if !defined(SILENT) && !defined(QUIETFAULT)
	movw $text, %si
1:	lodsb
	testb %al, %al
	jz 2f
	movw $0x3f8, %dx
	outb %al, %dx
	jmp 1b
2:
#endif
#ifdef FLOOD
	jmp _start
#endif
#ifdef DEAD
	cli
	hlt
#endif
#ifdef PANICOFF
	movw $0x604, %dx
	movw $0x2000, %ax	/* SLP_EN, SLP_TYP 0: S5 in QEMU's DSDT */
	outw %ax, %dx
#endif
#ifdef RESET
	movw $0xcf9, %dx	/* the chip set's reset control register: hard reset */
	movb $6, %al
	outb %al, %dx
#endif
#if defined(FAULT) || defined(QUIETFAULT)
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
#elif defined(DEAD) || defined(IDLE) || defined(FLOOD)
text:	.asciz "sector login: "
#elif defined(KEYS)
text:	.asciz "screen only\r\nname? "
#elif defined(PANICHALT)
text:	.asciz "panic: no page\r\nsafe to power off\r\n"
#elif defined(HALTPANIC)
text:	.asciz "safe to power off\r\npanic: no page\r\n"
#elif defined(PANIC) || defined(PANICOFF)
text:	.asciz "panic: no page\r\n"
#else
text:	.asciz "about to fault\r\n"
#endif
	.org 510
	.word 0xaa55
