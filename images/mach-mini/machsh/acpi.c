/* acpi.c - the power button, and power off, by ACPI's fixed hardware.
 *
 * There is no AML interpreter here: the PM registers' base is read from the PCI configuration of
 * the two chip sets that QEMU has (ICH9, PIIX4), and the sleep type of S5 is QEMU's (0), not read
 * from the DSDT. Source: ACPI 6.5, 4.8.3 (PM1 registers); QEMU hw/acpi/core.c, ich9.c, piix4.c.
 *
 * The button is polled. QEMU sets its status bit only while its enable bit is set, and then raises
 * the SCI as well. The kernel has no driver for the SCI and prints `intnull(9)`.
 */
#include "machsh.h"

#include "mach_i386.h"

#define PM1_STS	    0 /* offsets from the PM base */
#define PM1_EN	    2
#define PM1_CNT	    4
#define PM1_PWRBTN  0x0100 /* in STS and EN */
#define PM1_SLP_EN  0x2000 /* in CNT */
#define PM1_SLP_S5  0x0000 /* in CNT: the sleep type of S5 */
#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc

static uint16_t pm_base; /* 0: none */
static const char *pm_chip = "none";
bool acpi_enabled = true;

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

/* Asks the kernel for the I/O ports FROM to TO. */
static bool get_ports(uint16_t from, uint16_t to)
{
	mach_port_t perm;

	return i386_io_perm_create(device_master, from, to, &perm) == KERN_SUCCESS &&
	       i386_io_perm_modify(mach_task_self(), perm, TRUE) == KERN_SUCCESS;
}

static uint32_t pci_read(uint32_t device, uint32_t function, uint32_t reg)
{
	outl(PCI_ADDRESS, 0x80000000U | device << 11 | function << 8 | reg);
	return inl(PCI_DATA);
}

void acpi_enable(bool on)
{
	acpi_enabled = on;
	if (!pm_base)
		return;
	outw(pm_base + PM1_STS, PM1_PWRBTN); /* a one clears it */
	outw(pm_base + PM1_EN, on ? PM1_PWRBTN : 0);
}

void acpi_init(void)
{
	uint32_t base = 0;

	if (get_ports(PCI_ADDRESS, PCI_DATA + 3)) {
		if (pci_read(31, 0, 0) == 0x29188086) {
			pm_chip = "ICH9";
			base = pci_read(31, 0, 0x40) & 0xff80;
		} else if (pci_read(1, 3, 0) == 0x71138086) {
			pm_chip = "PIIX4";
			base = pci_read(1, 3, 0x40) & 0xffc0;
		}
	}
	if (base == 0 || !get_ports((uint16_t)base, (uint16_t)(base + 7)))
		return;
	pm_base = (uint16_t)base;
	acpi_enable(acpi_enabled);
}

void acpi_poweroff(void)
{
	out_flush();
	if (!pm_base)
		return;
	outw(pm_base + PM1_CNT, PM1_SLP_S5 | PM1_SLP_EN);
	for (volatile uint32_t i = 0; i < 100000000; i++)
		;
}

void acpi_poll(void)
{
	if (!acpi_enabled || !pm_base || !(inw(pm_base + PM1_STS) & PM1_PWRBTN))
		return;
	outw(pm_base + PM1_STS, PM1_PWRBTN);
	out("\npower button: halting\n");
	acpi_poweroff();
	out("power button: the machine is still on\n");
	out_flush();
}

static void describe_register(const char *name, uint16_t value)
{
	OUT(", ", name, " 0x");
	out_hex(value, 4);
}

void acpi_describe(void)
{
	OUT("power button: ", acpi_enabled ? "on" : "off", ", chip ", pm_chip);
	if (pm_base) {
		describe_register("PM base", pm_base);
		describe_register("status", inw(pm_base + PM1_STS));
		describe_register("enable", inw(pm_base + PM1_EN));
		describe_register("control", inw(pm_base + PM1_CNT));
	}
	out_char('\n');
}
