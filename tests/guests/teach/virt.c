/* virt.c - QEMU's machine virt of aarch64 and riscv64, without paging and interrupts: serial port,
 * a virtio-mmio disk (version 2), and the other processors, whose number the device tree has. QEMU:
 * hw/arm/virt.c, hw/riscv/virt.c; OASIS: Virtual I/O Device 1.1, 2.6 and 4.2; Arm DEN 0022: PSCI.
 */
#include "teach.h"

#define REG(at)	       (*(volatile uint32_t *)(at))
#define PROCESSORS_MAX 8u

#ifdef __aarch64__
#define UART	   0x09000000ul
#define MMIO	   0x0a000000ul
#define MMIO_STEP  0x200ul
#define MMIO_COUNT 32u
#define DEVICE_TREE                                                                                \
	0x40000000ul /* where hw/arm/boot.c puts it for an ELF kernel                              \
		      */
#else
#define UART	   0x10000000ul
#define MMIO	   0x10001000ul
#define MMIO_STEP  0x1000ul
#define MMIO_COUNT 8u
#endif

extern const char other_entry[];
static const uint8_t *tree;
static volatile unsigned go;

void machine_entry(unsigned long cpu, unsigned long device_tree);

/* ---- console ------------------------------------------------------------------------------- */

#ifdef __aarch64__
static void put_serial(char c)
{
	while (REG(UART + 0x18) & 0x20)
		;
	REG(UART) = (uint8_t)c;
}

char machine_get(void)
{
	while (REG(UART + 0x18) & 0x10)
		;
	return (char)REG(UART);
}

void machine_start(void)
{
	REG(UART + 0x2c) = 0x70; /* eight bits, FIFOs on */
	REG(UART + 0x30) = 0x301;
}

void machine_stop(void)
{
	for (;;)
		__asm__ volatile("msr daifset, #15; wfi");
}
#else
#define BYTE(at) (*(volatile uint8_t *)(at))

static void put_serial(char c)
{
	while (!(BYTE(UART + 5) & 0x20))
		;
	BYTE(UART) = (uint8_t)c;
}

char machine_get(void)
{
	while (!(BYTE(UART + 5) & 1))
		;
	return (char)BYTE(UART);
}

void machine_start(void)
{
	BYTE(UART + 1) = 0; /* no interrupts */
	BYTE(UART + 3) = 3;
	BYTE(UART + 2) = 7;
}

void machine_stop(void)
{
	for (;;)
		__asm__ volatile("csrci mstatus, 8; wfi");
}
#endif

void machine_put(char c)
{
	if (c == '\n')
		put_serial('\r');
	put_serial(c);
}

/* ---- disk ---------------------------------------------------------------------------------- */

#define QUEUE 4u

static volatile struct {
	struct {
		uint64_t at;
		uint32_t size;
		uint16_t flags, next;
	} parts[QUEUE];
	struct {
		uint16_t flags, count, ring[QUEUE];
	} offered;
	uint32_t unused;
	struct {
		uint16_t flags, count;
		struct {
			uint32_t id, size;
		} ring[QUEUE];
	} taken;
} queue __attribute__((aligned(16)));

static volatile struct {
	uint32_t type, zero;
	uint64_t sector;
} request;
static volatile uint8_t answer;
static unsigned long disk;

/* Find the first disk and initialise it. */
static int find_disk(void)
{
	for (unsigned i = 0; i < MMIO_COUNT && !disk; i++) {
		unsigned long at = MMIO + i * MMIO_STEP;

		if (REG(at) == 0x74726976 && REG(at + 4) == 2 && REG(at + 8) == 2)
			disk = at;
	}
	if (!disk)
		return 0;
	REG(disk + 0x70) = 0;
	REG(disk + 0x70) = 1 | 2;
	REG(disk + 0x24) = 0;
	REG(disk + 0x20) = 0;
	REG(disk + 0x24) = 1;
	REG(disk + 0x20) = 1; /* VIRTIO_F_VERSION_1 */
	REG(disk + 0x70) = 1 | 2 | 8;
	if (!(REG(disk + 0x70) & 8))
		return 0;
	REG(disk + 0x30) = 0;
	REG(disk + 0x38) = QUEUE;
	REG(disk + 0x80) = (uint32_t)(uintptr_t)queue.parts;
	REG(disk + 0x84) = 0;
	REG(disk + 0x90) = (uint32_t)(uintptr_t)&queue.offered;
	REG(disk + 0x94) = 0;
	REG(disk + 0xa0) = (uint32_t)(uintptr_t)&queue.taken;
	REG(disk + 0xa4) = 0;
	REG(disk + 0x44) = 1;
	REG(disk + 0x70) = 1 | 2 | 8 | 4;
	return 1;
}

static void part(unsigned i, const volatile void *at, uint32_t size, uint16_t flags)
{
	queue.parts[i].at = (uintptr_t)at;
	queue.parts[i].size = size;
	queue.parts[i].flags = flags;
	queue.parts[i].next = (uint16_t)(i + 1);
}

/* Read sector N into BUF, or write BUF to it if WRITE is set. */
static int transfer(uint32_t n, const void *buf, int write)
{
	uint16_t before = queue.taken.count;

	if (!disk && !find_disk())
		return 0;
	request.type = (uint32_t)write;
	request.sector = n;
	answer = 255;
	part(0, &request, sizeof request, 1);
	part(1, buf, SECTOR, (uint16_t)(write ? 1 : 3));
	part(2, &answer, 1, 2);
	queue.offered.ring[queue.offered.count % QUEUE] = 0;
	__sync_synchronize();
	queue.offered.count++;
	__sync_synchronize();
	REG(disk + 0x50) = 0;
	while (queue.taken.count == before)
		;
	__sync_synchronize();
	return answer == 0;
}

int machine_read(uint32_t n, void *buf)
{
	return transfer(n, buf, 0);
}

int machine_write(uint32_t n, const void *buf)
{
	return transfer(n, buf, 1);
}

/* ---- processors ---------------------------------------------------------------------------- */

static uint32_t word(uint32_t at)
{
	const uint8_t *p = tree + at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Count the nodes cpu@N (Devicetree Specification, 5.4). */
static unsigned count_processors(void)
{
	uint32_t at = word(8);
	unsigned n = 0;

	if (word(0) != 0xd00dfeed)
		return 1;
	for (;;) {
		uint32_t token = word(at);

		at += 4;
		if (token == 1) {
			n += word(at) == 0x63707540; /* "cpu@" */
			while (tree[at])
				at++;
			at = (at + 4) & ~3u;
		} else if (token == 3) {
			at = (at + 8 + word(at) + 3) & ~3u;
		} else if (token != 2 && token != 4) {
			return n < PROCESSORS_MAX ? n : PROCESSORS_MAX;
		}
	}
}

unsigned machine_start_others(void)
{
	unsigned n = count_processors();

#ifdef __aarch64__
	for (unsigned i = 1; i < n; i++) {
		register unsigned long x0 __asm__("x0") = 0xc4000003; /* CPU_ON */
		register unsigned long x1 __asm__("x1") = i;
		register unsigned long x2 __asm__("x2") = (unsigned long)other_entry;
		register unsigned long x3 __asm__("x3") = i;

		__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	}
#endif
	go = 1;
	return n - 1;
}

void machine_entry(unsigned long cpu, unsigned long device_tree)
{
	if (cpu == 0) {
		tree = (const uint8_t *)device_tree;
#ifdef __aarch64__
		tree = (const uint8_t *)DEVICE_TREE;
#endif
		kmain();
	}
	while (!go)
		;
	if (cpu < PROCESSORS_MAX)
		kmain_other((unsigned)cpu);
	machine_stop();
}
