/* x86.c - a PC without paging and interrupts: COM1, the screen in text mode, the second disk on the
 * first IDE channel, and the local APIC, which starts the other processors.
 */
#include "teach.h"

#define COM1	 0x3f8
#define IDE	 0x1f0
#define CRTC	 0x3d4
#define PIT_GATE 0x61
/* Intel's manual, volume 3, 10.4.1: registers of the local APIC. */
#define APIC(reg)     (*(volatile uint32_t *)(0xfee00000u + (reg)))
#define APIC_ID	      0x20
#define APIC_SPURIOUS 0xf0
#define APIC_COMMAND  0x300
#define APIC_TARGET   0x310
#define APIC_INIT     0x4500u
#define APIC_START    0x4600u /* the vector is the page number */
/* The page below 1 MiB to which the entry code of the other processors is copied. */
#define OTHERS_AT  0x7000u
#define OTHERS_MAX 7u /* as many stacks as x86.S has */

#define COLUMNS 80
#define ROWS	25

extern const char others[], others_end[];
static volatile uint16_t *const screen = (volatile uint16_t *)0xb8000;
static unsigned cursor;

static uint8_t in(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void out(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

/* ---- consoles ------------------------------------------------------------------------------ */

static void put_serial(char c)
{
	while (!(in(COM1 + 5) & 0x20))
		;
	out(COM1, (uint8_t)c);
}

static void put_screen(char c)
{
	if (c == '\b')
		cursor -= cursor > 0;
	else if (c == '\n')
		cursor += COLUMNS - cursor % COLUMNS;
	else if (c != '\r')
		screen[cursor++] = (uint16_t)(0x0700 | (uint8_t)c);
	if (cursor >= COLUMNS * ROWS) {
		for (unsigned i = 0; i < COLUMNS * ROWS; i++)
			screen[i] = i < COLUMNS * (ROWS - 1) ? screen[i + COLUMNS] : 0x0720;
		cursor -= COLUMNS;
	}
	out(CRTC, 14);
	out(CRTC + 1, (uint8_t)(cursor >> 8));
	out(CRTC, 15);
	out(CRTC + 1, (uint8_t)cursor);
	/* Like xv6, stop here if there is no VGA card: the cursor register does not keep its value.
	 */
	out(CRTC, 15);
	if (in(CRTC + 1) != (uint8_t)cursor)
		__asm__ volatile("ud2");
}

void machine_put(char c)
{
	if (c == '\n')
		put_serial('\r');
	put_serial(c);
	put_screen(c);
}

char machine_get(void)
{
	while (!(in(COM1 + 5) & 1))
		__asm__ volatile("pause");
	return (char)in(COM1);
}

void machine_start(void)
{
	out(COM1 + 1, 0);    /* no interrupts */
	out(COM1 + 3, 0x80); /* 115200 8N1 */
	out(COM1, 1);
	out(COM1 + 1, 0);
	out(COM1 + 3, 3);
	out(COM1 + 2, 7);
	for (unsigned i = 0; i < COLUMNS * ROWS; i++)
		screen[i] = 0x0720;
}

void machine_stop(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* ---- disk ---------------------------------------------------------------------------------- */

static int ide_ready(void)
{
	for (unsigned i = 0; i < 1000000; i++) {
		uint8_t status = in(IDE + 7);

		if (!(status & 0x80) && (status & 0x40))
			return !(status & 0x21); /* a fault, an error */
	}
	return 0;
}

/* Start COMMAND for sector N. True: the drive is ready to transfer the data. */
static int ide_start(uint32_t n, uint8_t command)
{
	out(IDE + 6, (uint8_t)(0xf0 | (n >> 24))); /* the second drive, LBA */
	if (!ide_ready())
		return 0;
	out(IDE + 2, 1);
	out(IDE + 3, (uint8_t)n);
	out(IDE + 4, (uint8_t)(n >> 8));
	out(IDE + 5, (uint8_t)(n >> 16));
	out(IDE + 7, command);
	return ide_ready();
}

int machine_read(uint32_t n, void *buf)
{
	unsigned count = SECTOR / 4;

	if (!ide_start(n, 0x20))
		return 0;
	__asm__ volatile("cld; rep insl" : "+D"(buf), "+c"(count) : "d"(IDE) : "memory");
	return 1;
}

int machine_write(uint32_t n, const void *buf)
{
	unsigned count = SECTOR / 4;

	if (!ide_start(n, 0x30))
		return 0;
	__asm__ volatile("cld; rep outsl" : "+S"(buf), "+c"(count) : "d"(IDE) : "memory");
	return ide_ready();
}

/* ---- processors ---------------------------------------------------------------------------- */

/* Uses channel 2 of the PIT, which needs no interrupt. At most 50 ms. */
static void wait_ms(unsigned ms)
{
	unsigned ticks = 1193 * ms;

	out(PIT_GATE, (uint8_t)((in(PIT_GATE) & ~2) | 1));
	out(0x43, 0xb0);
	out(0x42, (uint8_t)ticks);
	out(0x42, (uint8_t)(ticks >> 8));
	while (!(in(PIT_GATE)&0x20))
		;
}

/* Read the enabled processors from SeaBIOS's MP table (MultiProcessor Specification 1.4, 4). IDS
 * gets their APIC IDs, except for this processor's. Returns their number. */
static unsigned find_others(uint8_t ids[OTHERS_MAX])
{
	const uint8_t *p = (const uint8_t *)0xf0000;
	unsigned found = 0;

	while (p < (const uint8_t *)0x100000 &&
	       *(const uint32_t *)(const void *)p != 0x5f504d5f) /* "_MP_" */
		p += 16;
	if (p == (const uint8_t *)0x100000)
		return 0;
	const uint8_t *table = *(const uint8_t *const *)(const void *)(p + 4);
	unsigned entries = *(const uint16_t *)(const void *)(table + 34);

	p = table + 44;
	for (unsigned i = 0; i < entries; i++) {
		if (*p == 0 && (p[3] & 1) && p[1] != APIC(APIC_ID) >> 24 && found < OTHERS_MAX)
			ids[found++] = p[1];
		p += *p == 0 ? 20 : 8;
	}
	return found;
}

unsigned machine_start_others(void)
{
	uint8_t ids[OTHERS_MAX];
	unsigned n = find_others(ids);

	for (unsigned i = 0; i < (unsigned)(others_end - others); i++)
		((volatile char *)OTHERS_AT)[i] = others[i];
	APIC(APIC_SPURIOUS) = 0x1ff;
	for (unsigned i = 0; i < n; i++) {
		APIC(APIC_TARGET) = (uint32_t)ids[i] << 24;
		APIC(APIC_COMMAND) = APIC_INIT;
		wait_ms(10);
		APIC(APIC_TARGET) = (uint32_t)ids[i] << 24;
		APIC(APIC_COMMAND) = APIC_START | OTHERS_AT >> 12;
	}
	return n;
}
