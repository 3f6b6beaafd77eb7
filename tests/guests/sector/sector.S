/* sector.S - guests that consist of one boot sector (tests/guests/sector/build). The macro selects
 * what the guest does:
 *
 *	DEAD		prints a line on COM1 (as do the others unless they say otherwise), and halts
 *			with interrupts off
 *	FAULT		causes a triple fault
 *	QUIETFAULT	the same, but prints nothing
 *	RESET		resets the machine
 *	IDLE		idles
 *	SILENT		prints nothing and idles
 *	FLOOD		prints its line endlessly
 *	COUNT		increments a byte in the second sector of the disk, prints it, and idles
 *	PANIC		prints a panic message and idles, like a kernel that waits for a key
 *	PANICHALT	prints a panic message, then that it is safe to power off
 *	HALTPANIC	prints these in the opposite order
 *	PANICOFF	prints a panic message and powers off (ACPI, PM1a control at SeaBIOS's address)
 *	TICK		prints a number and the time-stamp counter every 100 ms, timed by the PIT; the
 *			test of the boot profiler compares its times with these
 *	INSTALL		on a CD-ROM: writes the sector after it to the first sector of the first disk
 *	KEYS		prints on the screen only, and echoes what is typed on the keyboard
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
#ifdef INSTALL
	movw $0x0301, %ax	/* write one sector: cylinder 0, head 0, sector 1 of the disk 80h */
	movw $0x0001, %cx
	movw $0x0080, %dx
	movw $0x7e00, %bx
	int $0x13
	movw $text, %si
	jnc 1f
	movw $broken, %si
	jmp 1f
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
#elif defined(INSTALL)
text:	.asciz "sector installed\r\n"
broken:	.asciz "sector not installed\r\n"
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
