/* test_settings_auto.c - settings_resolve(): the value of auto for each guest and architecture,
 * memory limits, processors, and what VM_FORCE permits.
 */
#include "room_settings.h"

static void auto_values_of_each_guest(void **state)
{
	static const struct {
		char *guest, *arch;
		const char *machine;
		enum disk_bus bus;
		enum net net;
		enum vga vga;
		long ram;
	} rows[] = {
		{"VM_GUEST=auto", "QEMU_ARCH=x86_64", "q35", BUS_AHCI, NET_USER, VGA_STD, 4096},
		{"VM_GUEST=hurd", "QEMU_ARCH=x86_64", "q35", BUS_AHCI, NET_USER, VGA_STD, 4096},
		{"VM_GUEST=hurd", "QEMU_ARCH=i386", "pc", BUS_IDE, NET_USER, VGA_STD, 2048},
		{"VM_GUEST=mach", "QEMU_ARCH=x86_64", "q35", BUS_AHCI, NET_NONE, VGA_NONE, 128},
		{"VM_GUEST=linux", "QEMU_ARCH=x86_64", "q35", BUS_AHCI, NET_USER, VGA_NONE, 1024},
		{"VM_GUEST=linux", "QEMU_ARCH=i386", "q35", BUS_AHCI, NET_USER, VGA_NONE, 1024},
		{"VM_GUEST=minix", "QEMU_ARCH=i386", "pc", BUS_IDE, NET_USER, VGA_STD, 512},
		{"VM_GUEST=exov6", "QEMU_ARCH=i386", "pc", BUS_IDE, NET_USER, VGA_STD, 512},
		{"VM_GUEST=generic", "QEMU_ARCH=x86_64", "q35", BUS_AHCI, NET_USER, VGA_STD, 1024},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(RESOLVE(0, rows[i].guest, rows[i].arch));
		assert_string_equal(s.machine, rows[i].machine);
		assert_int_equal(s.disk_bus, rows[i].bus);
		assert_int_equal(s.net, rows[i].net);
		assert_int_equal(s.vga, rows[i].vga);
		assert_int_equal(s.ram_mb, rows[i].ram);
		assert_int_equal(s.disk_mode, DISK_MODE_PERSISTENT);
		assert_int_equal(s.cpus, 1);
		assert_int_equal(warnings.count, 0);
		if (s.guest != GUEST_HURD)
			assert_string_equal(preset_of((enum guest_kind)s.guest)->name,
					    rows[i].guest + strlen("VM_GUEST="));
	}
}

static void auto_values_of_each_architecture(void **state)
{
	static const struct {
		char *arch;
		const char *ladder;
	} rows[] = {{"QEMU_ARCH=aarch64", "acpi,ssh,serial"},
		    {"QEMU_ARCH=arm", "acpi,ssh,serial"},
		    {"QEMU_ARCH=riscv64", "ssh,serial"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(RESOLVE(0, rows[i].arch, "VM_GUEST=linux"));
		assert_string_equal(s.machine, "virt");
		assert_int_equal(s.disk_bus, BUS_VIRTIO);
		assert_int_equal(s.net_model, NET_MODEL_VIRTIO);
		assert_int_equal(s.vga, VGA_NONE);
		assert_string_equal(s.stop_ladder, rows[i].ladder);
		assert_true(RESOLVE(0, rows[i].arch)); /* a disk has no Hurd */
		assert_int_equal(s.guest, GUEST_GENERIC);
		assert_int_equal(s.vga, VGA_NONE);
		assert_true(RESOLVE(0, rows[i].arch, "VM_DISPLAY=gtk"));
		assert_int_equal(s.vga, VGA_VIRTIO);
	}
	/* Whether a board has a power button is unknown. */
	assert_true(RESOLVE(0, "QEMU_ARCH=aarch64", "VM_GUEST=linux", "QEMU_MACHINE=raspi3b"));
	assert_string_equal(s.stop_ladder, "ssh,serial");
}

static void auto_selects_the_guest(void **state)
{
	(void)state;
	assert_true(PARSE("VM_GUEST=auto"));
	s.builtin_guest = true;
	assert_true(settings_resolve(&s, 0, &errs, &warnings));
	assert_int_equal(s.guest, GUEST_MACH);
	assert_int_equal(s.disk_mode, DISK_MODE_THROWAWAY);
	assert_true(PARSE("QEMU_KERNEL=/k"));
	assert_true(settings_resolve(&s, 0, &errs, &warnings));
	assert_int_equal(s.guest, GUEST_GENERIC);
}

static void the_disk_bus_follows_the_chip_set(void **state)
{
	(void)state;
	assert_true(RESOLVE(0, "QEMU_MACHINE=pc", "QEMU_RAM=1G"));
	assert_int_equal(s.disk_bus, BUS_IDE);
	assert_true(RESOLVE(0, "QEMU_MACHINE=pc-i440fx-7.2,usb=off", "QEMU_RAM=1G"));
	assert_int_equal(s.disk_bus, BUS_IDE);
	assert_true(RESOLVE(0, "VM_GUEST=minix", "QEMU_MACHINE=pc-q35-7.2"));
	assert_int_equal(s.disk_bus, BUS_AHCI);
	assert_true(RESOLVE(0, "VM_GUEST=generic", "QEMU_MACHINE=isapc"));
	assert_int_equal(s.disk_bus, BUS_IDE);
	assert_int_equal(s.net_model, NET_MODEL_NE2K_ISA);
	assert_false(RESOLVE(0, "QEMU_MACHINE=q35", "QEMU_DISK_BUS=ide"));
	assert_true(RESOLVE(0, "VM_GUEST=linux", "ENABLE_VNC=1", "VNC_PASSWORD_FILE=/pw"));
	assert_int_equal(s.vga, VGA_STD);
}

/* QEMU needs 128 MiB and a quarter of the guest's memory, at most 512 MiB. */
static void a_memory_limit_lowers_the_default(void **state)
{
	static const struct {
		uint64_t limit_mb;
		long ram; /* 0: refused */
	} hurd[] = {{0, 4096},	  {8192, 4096}, {4608, 4096}, {4607, 4032}, {4096, 3584},
		    {2048, 1536}, {1407, 0},	{1408, 1024}, {512, 0},	    {1, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof hurd / sizeof *hurd; i++) {
		assert_int_equal(RESOLVE(hurd[i].limit_mb * MIB, "VM_GUEST=hurd"), hurd[i].ram > 0);
		if (hurd[i].ram == 0) {
			assert_int_equal(errs.count, 1);
			continue;
		}
		assert_int_equal(s.ram_mb, hurd[i].ram);
		assert_int_equal(warnings.count, hurd[i].ram < 4096);
	}
	assert_true(RESOLVE(2048 * MIB, "VM_GUEST=hurd"));
	assert_string_equal(warnings.list[0].message,
			    "QEMU_RAM lowered from 4096 to 1536 MiB: the container's memory limit "
			    "is 2048 MiB, and QEMU itself needs 512");
	/* A small guest's memory is not lowered: it fits or is refused. */
	assert_true(RESOLVE(288 * MIB, "VM_GUEST=mach"));
	assert_int_equal(s.ram_mb, 128);
	assert_false(RESOLVE(287 * MIB, "VM_GUEST=mach"));
	assert_int_equal(errs.count, 1);
}

static void a_memory_limit_refuses_a_larger_setting(void **state)
{
	(void)state;
	assert_true(RESOLVE(1408 * MIB, "QEMU_RAM=1024"));
	assert_int_equal(s.ram_mb, 1024);
	assert_false(RESOLVE(1407 * MIB, "QEMU_RAM=1024"));
	one_error("QEMU_RAM=1024: the container's memory limit is 1407 MiB and QEMU itself needs "
		  "384 more than the guest, so the kernel would kill it");
	assert_true(RESOLVE(1407 * MIB, "QEMU_RAM=1024", "VM_FORCE=1"));
	assert_int_equal(s.ram_mb, 1024);
	assert_int_equal(warnings.count, 1);
	assert_non_null(strstr(warnings.list[0].message, "(VM_FORCE=1: ignored)"));
}

static void processors(void **state)
{
	static const struct {
		char *text;
		long cpus;
	} good[] = {{"QEMU_SMP=1", 1},
		    {"QEMU_SMP=255", 255},
		    {"QEMU_SMP=4,sockets=2", 4},
		    {"QEMU_SMP=cpus=6,cores=3,threads=2", 6},
		    {"QEMU_SMP=sockets=1,cores=4,threads=2", 8},
		    {"QEMU_SMP=dies=2,cores=2", 4},
		    {"QEMU_SMP=2,maxcpus=8", 2}};
	static char *const bad[] = {"QEMU_SMP=0",
				    "QEMU_SMP=256",
				    "QEMU_SMP=99999999999999999999",
				    "QEMU_SMP=-1",
				    "QEMU_SMP=4,",
				    "QEMU_SMP=,4",
				    "QEMU_SMP=cores",
				    "QEMU_SMP=cores=",
				    "QEMU_SMP=cores=0",
				    "QEMU_SMP=2,2",
				    "QEMU_SMP=2x",
				    "QEMU_SMP=cpu=2",
				    "QEMU_SMP=cores=16,sockets=16",
				    "QEMU_SMP=2 -S",
				    "QEMU_SMP=cores=2=2"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(RESOLVE(0, good[i].text));
		assert_int_equal(s.cpus, good[i].cpus);
	}
	/* A count is of sockets where the guest reads the MP table; a topology stays as it is. */
	assert_true(RESOLVE(0, "VM_GUEST=exov6", "QEMU_SMP=4"));
	assert_string_equal(s.smp, "4,sockets=4,cores=1,threads=1");
	assert_true(RESOLVE(0, "VM_GUEST=exov6", "QEMU_SMP=4,cores=4"));
	assert_string_equal(s.smp, "4,cores=4");
	assert_true(RESOLVE(0, "VM_GUEST=exov6", "QEMU_SMP=1"));
	assert_string_equal(s.smp, "1");
	assert_true(RESOLVE(0, "VM_GUEST=minix", "QEMU_SMP=4"));
	assert_string_equal(s.smp, "4");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (RESOLVE(0, bad[i]))
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(errs.count, 1);
		assert_int_equal(s.cpus, 1);
	}
}

static void one_port_used_twice(void **state)
{
	(void)state;
	assert_false(RESOLVE(0, "SERIAL_PORT=7000", "MONITOR_PORT=7000"));
	assert_false(RESOLVE(0, "GDB=1", "GDB_PORT=5555"));
	assert_true(RESOLVE(0, "GDB_PORT=5555"));
	assert_false(RESOLVE(0, "SERIAL_PORT=2222"));
	assert_true(RESOLVE(0, "SERIAL_PORT=2222", "QEMU_HOSTFWDS=udp:2222:22"));
	assert_true(RESOLVE(0, "SERIAL_PORT=2222", "QEMU_NET=none"));
	assert_true(RESOLVE(0, "SERIAL_PORT=0", "MONITOR_PORT=0"));
}

static void vm_force_permits_what_may_work(void **state)
{
	static char *const may[] = {"QEMU_HPET=0",	     "QEMU_MACHINE=q35,hpet=off",
				    "QEMU_DISK_BUS=virtio",  "QEMU_DISK_BUS=scsi",
				    "QEMU_NET_MODEL=e1000e", "ENABLE_VNC=1",
				    "QEMU_MACHINE=pc"};
	static char *const cannot[] = {"QEMU_AIO=native",   "QEMU_INITRD=/i",
				       "QEMU_APPEND=x",	    "QEMU_CPU=a b",
				       "QEMU_DISK_BUS=ide", "QEMU_BOOT_ORDER=cc",
				       "QEMU_SMP=0",	    "VM_BIND=here",
				       "QEMU_DEBUG=a;b",    "QEMU_MAC=01:00:00:00:00:00"};

	(void)state;
	for (size_t i = 0; i < sizeof may / sizeof *may; i++) {
		assert_false(RESOLVE(0, may[i], "VM_GUEST=hurd"));
		assert_int_equal(errs.count, 1);
		assert_true(RESOLVE(0, may[i], "VM_GUEST=hurd", "VM_FORCE=1"));
		assert_int_equal(warnings.count, 1);
	}
	for (size_t i = 0; i < sizeof cannot / sizeof *cannot; i++) {
		if (RESOLVE(0, cannot[i], "VM_FORCE=1"))
			fail_msg("%s was taken", cannot[i]);
		assert_int_equal(errs.count, 1);
	}
	/* Combinations that fail for the Hurd are accepted for other guests. */
	assert_true(RESOLVE(0, "VM_GUEST=linux", "QEMU_DISK_BUS=virtio", "QEMU_HPET=0"));
	assert_true(RESOLVE(0, "VM_GUEST=hurd", "QEMU_MACHINE=pc", "QEMU_RAM=3583"));
}

/* PID 1 names them without the settings table. */
static void state_formats_have_the_names_of_the_setting(void **state)
{
	char known[32];

	(void)state;
	for (int f = STATE_FORMAT_AUTO; f <= STATE_FORMAT_PACKED; f++)
		assert_string_equal(
			migration_format_name((enum state_format)f),
			setting_choice(SETTING_VM_STATE_FORMAT, f, known, sizeof known));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_values_of_each_guest),
		cmocka_unit_test(auto_values_of_each_architecture),
		cmocka_unit_test(auto_selects_the_guest),
		cmocka_unit_test(the_disk_bus_follows_the_chip_set),
		cmocka_unit_test(a_memory_limit_lowers_the_default),
		cmocka_unit_test(a_memory_limit_refuses_a_larger_setting),
		cmocka_unit_test(processors),
		cmocka_unit_test(one_port_used_twice),
		cmocka_unit_test(vm_force_permits_what_may_work),
		cmocka_unit_test(state_formats_have_the_names_of_the_setting),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
