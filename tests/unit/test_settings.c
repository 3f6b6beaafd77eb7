/* test_settings.c - settings_parse() and settings_resolve(): every type with its bounds, what each
 * guest's auto becomes, memory under a limit, processors, and what VM_FORCE lets pass. The words of
 * the errors as a user sees them are tests/11-settings.bats's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/guest_profile.h"
#include "config/settings.h"
#include "pid1/migration.h"

#define MIB UINT64_C(1048576)

static struct settings s;
static struct errors errs;
static struct errors warnings;

static bool parse(char *const envp[])
{
	errs.count = warnings.count = 0;
	memset(&s, 0xa5, sizeof s);
	return settings_parse(envp, &s, &errs);
}

/* With a disk of the user's, of a guest that is said or is the Hurd. */
static bool resolve(uint64_t limit, char *const envp[])
{
	if (!parse(envp))
		fail_msg("%s", errs.list[0].message);
	s.embedded_guest = false;
	if (!s.drive)
		s.drive = "/disk.qcow2";
	return settings_resolve(&s, limit, &errs, &warnings);
}

#define PARSE(...)	    parse((char *const[]){__VA_ARGS__, NULL})
#define RESOLVE(limit, ...) resolve(limit, (char *const[]){__VA_ARGS__, NULL})

/* One error, of a setting, with exactly this message. */
static void one_error(const char *message)
{
	assert_int_equal(errs.count, 1);
	assert_string_equal(errs.list[0].message, message);
	assert_int_equal(errs.list[0].status, EXIT_BAD_SETTING);
	assert_int_not_equal(errs.list[0].fix[0], '\0');
}

static void bad_value(char *assignment)
{
	char start[512];

	if (PARSE(assignment))
		fail_msg("%s was taken", assignment);
	assert_int_equal(errs.count, 1);
	(void)snprintf(start, sizeof start, "%s is not ", assignment);
	assert_memory_equal(errs.list[0].message, start, strlen(start));
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		assert_false(s.given[i]);
}

static void an_empty_environment_is_the_defaults(void **state)
{
	char text[8192];

	(void)state;
	assert_true(parse((char *const[]){NULL}));
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const char *dflt = setting_table[i].dflt;

		assert_false(s.given[i]);
		assert_string_equal(setting_text(&s, (enum setting_id)i, text, sizeof text), dflt);
	}
	/* An empty value is none, and what has no = is no assignment. */
	assert_true(PARSE("QEMU_RAM=", "VM_FORCE=", "QEMU_DRIVE=", "QEMU_CACHE=", "QEMU_SMP"));
	assert_false(s.given[SETTING_QEMU_RAM] || s.given[SETTING_QEMU_DRIVE]);
	assert_int_equal(s.ram_mb, 0);
	assert_null(s.drive);
}

static void booleans(void **state)
{
	static char *const no[] = {"VM_FORCE=0", "VM_FORCE=no", "VM_FORCE=false", "VM_FORCE=off"};
	static char *const yes[] = {"VM_FORCE=1", "VM_FORCE=yes", "VM_FORCE=true", "VM_FORCE=on"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_true(PARSE(yes[i]));
		assert_true(s.force && s.given[SETTING_VM_FORCE]);
		assert_true(PARSE(no[i]));
		assert_false(s.force);
		assert_true(s.given[SETTING_VM_FORCE]);
	}
	bad_value("VM_FORCE=2");
	bad_value("VM_FORCE=Yes");
	bad_value("VM_FORCE= 1");
}

/* Every number of the table: its bounds are in, the next ones are out. */
static void numbers_and_their_bounds(void **state)
{
	char name[96];

	(void)state;
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting *row = &setting_table[i];

		if (row->type != SETTING_INT && row->type != SETTING_PORT &&
		    row->type != SETTING_MEM)
			continue;
		for (int high = 0; high < 2; high++) {
			long edge = high ? row->max : row->min;
			char text[32];

			(void)snprintf(name, sizeof name, "%s=%ld", row->name, edge);
			assert_true(PARSE(name));
			(void)snprintf(name, sizeof name, "%ld", edge);
			/* 0 is the way that auto is kept, so no number with an auto may have it */
			assert_string_equal(setting_text(&s, (enum setting_id)i, text, sizeof text),
					    name);
			(void)snprintf(name, sizeof name, "%s=%ld", row->name,
				       high ? edge + 1 : edge - 1);
			bad_value(name);
		}
	}
}

static void what_is_no_number(void **state)
{
	(void)state;
	bad_value("VM_STOP_TIMEOUT=1e3");
	bad_value("VM_STOP_TIMEOUT= 5");
	bad_value("VM_STOP_TIMEOUT=+5");
	bad_value("VM_STOP_TIMEOUT=0x10");
	bad_value("VM_STOP_TIMEOUT=99999999999999999999");
	bad_value("VM_STOP_TIMEOUT=auto");
	bad_value("SERIAL_PORT=1K");
	assert_true(PARSE("VM_UID=auto"));
	assert_int_equal(s.uid, 0);
	assert_true(PARSE("VM_STOP_TIMEOUT=007"));
	assert_int_equal(s.stop_timeout, 7);
}

static void memory_suffixes(void **state)
{
	static const struct {
		char *text;
		long mb;
	} good[] = {{"QEMU_RAM=512", 512},    {"QEMU_RAM=512M", 512},	 {"QEMU_RAM=512m", 512},
		    {"QEMU_RAM=2G", 2048},    {"QEMU_RAM=2g", 2048},	 {"QEMU_RAM=1T", 1048576},
		    {"QEMU_RAM=4t", 4194304}, {"QEMU_RAM=1024K", 1},	 {"QEMU_RAM=2048k", 2},
		    {"QEMU_RAM=2Gi", 2048},   {"QEMU_RAM=2GiB", 2048},	 {"QEMU_RAM=512MB", 512},
		    {"QEMU_RAM=512Mi", 512},  {"QEMU_RAM=1tb", 1048576}, {"QEMU_RAM=1024KiB", 1},
		    {"QEMU_RAM=1.5G", 1536},  {"QEMU_RAM=0.25GiB", 256}, {"QEMU_RAM=1.0M", 1},
		    {"QEMU_RAM=auto", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(PARSE(good[i].text));
		assert_int_equal(s.ram_mb, good[i].mb);
	}
	bad_value("QEMU_RAM=1000K");
	bad_value("QEMU_RAM=5T");
	bad_value("QEMU_RAM=1.5"); /* half a MiB */
	bad_value("QEMU_RAM=1.3G");
	bad_value("QEMU_RAM=1.000001T");
	bad_value("QEMU_RAM=1.0000000G");
	bad_value("QEMU_RAM=1.G");
	bad_value("QEMU_RAM=.5G");
	bad_value("QEMU_RAM=1.5.5G");
	bad_value("QEMU_RAM=1,5G");
	bad_value("QEMU_RAM=1.5K");
	bad_value("QEMU_RAM=1GBi");
	bad_value("QEMU_RAM=1GBB");
	bad_value("QEMU_RAM=1iB");
	bad_value("QEMU_RAM=1B");
	bad_value("QEMU_RAM=1Gx");
	bad_value("QEMU_RAM=1P");
	bad_value("QEMU_RAM=G");
	bad_value("QEMU_RAM=0G");
	bad_value("QEMU_RAM=-1G");
	/* 2^63 and more, with the suffix only */
	bad_value("QEMU_RAM=9223372036854775807T");
	bad_value("QEMU_RAM=8796093022209T");
}

static void words(void **state)
{
	char name[96];
	char word[64];
	char text[64];

	(void)state;
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting *row = &setting_table[i];
		int n = 1;

		if (row->type != SETTING_ENUM)
			continue;
		for (const char *c = row->choices; *c; c++)
			n += *c == '|';
		for (int v = 0; v < n; v++) {
			(void)setting_choice((enum setting_id)i, v, word, sizeof word);
			(void)snprintf(name, sizeof name, "%s=%s", row->name, word);
			assert_true(PARSE(name));
			assert_string_equal(setting_text(&s, (enum setting_id)i, text, sizeof text),
					    word);
		}
		(void)snprintf(name, sizeof name, "%s=%sx", row->name, word);
		bad_value(name);
		/* a part of the list is none of its words */
		(void)snprintf(name, sizeof name, "%s=%.*s", row->name,
			       (int)strcspn(row->choices, "|") + 2, row->choices);
		bad_value(name);
	}
	assert_true(PARSE("QEMU_CACHE=none"));
	assert_int_equal(s.cache, CACHE_NONE);
}

static void texts_and_paths(void **state)
{
	char name[512] = "QEMU_9P_TAG=";

	(void)state;
	memset(name + 12, 'x', 31);
	assert_true(PARSE(name));
	assert_int_equal(strlen(s.share_tag), 31);
	memset(name + 12, 'x', 32);
	bad_value(name);
	bad_value("QEMU_DRIVE=disk.qcow2");
	bad_value("QEMU_DRIVE=~/disk.qcow2");
	assert_true(PARSE("QEMU_DRIVE=/a=b,c"));
	assert_string_equal(s.drive, "/a=b,c");
	assert_false(PARSE("QEMU_APPEND=a\tb"));
	one_error("QEMU_APPEND=(with control characters) is not a text of at most 4000 bytes "
		  "without control characters");
	assert_false(PARSE("QEMU_DRIVE=/a\x7f"));
	assert_true(PARSE("QEMU_APPEND=gr\xc3\xbc\xc3\x9f"));
	assert_true(PARSE("QEMU_CPU=auto"));
	assert_null(s.cpu);
}

static void every_error_and_the_rest_as_it_should_be(void **state)
{
	char names[ERRORS_MAX + 8][32];
	char *envp[ERRORS_MAX + 9] = {NULL};

	(void)state;
	assert_false(PARSE("QEMU_RAM=lots", "QEMU_CACHE=some", "QEMU_ARCH=i386", "QEMU_DISC=/d",
			   "VM_FORCE=2", "PATH=/bin", "VM_STOP_TIMEOUT=9"));
	assert_int_equal(errs.count, 4);
	assert_int_equal(errors_status(&errs), EXIT_BAD_SETTING);
	assert_int_equal(s.ram_mb, 0);
	assert_int_equal(s.cache, CACHE_WRITEBACK);
	assert_false(s.force);
	assert_int_equal(s.arch, ARCH_I386);
	assert_int_equal(s.stop_timeout, 9);
	/* More than there is room for are counted. */
	for (int i = 0; i < ERRORS_MAX + 8; i++) {
		(void)snprintf(names[i], sizeof names[i], "VM_STOP_TIMEOUT%d=1", i);
		envp[i] = names[i];
	}
	assert_false(parse(envp));
	assert_int_equal(errs.count, ERRORS_MAX + 8);
}

static void the_nearest_name(void **state)
{
	static const struct {
		char *assignment;
		const char *message, *nearest;
	} cases[] = {
		{"QEMU_RMA=1", "QEMU_RMA is not a setting", "QEMU_RAM"},
		{"QEMU_DISC_BUS=1", "QEMU_DISC_BUS is not a setting", "QEMU_DISK_BUS"},
		{"VM_STOPTIMEOUT=1", "VM_STOPTIMEOUT is not a setting", "VM_STOP_TIMEOUT"},
		{"VM_GEUST=x", "VM_GEUST is not a setting", "VM_GUEST"},
		{"QEMU_DRVIE=/x", "QEMU_DRVIE is not a setting", "QEMU_DRIVE"},
		{"QEMU_DISC=/x", "QEMU_DISC is not a setting", "QEMU_DISK_MODE"},
	};
	char long_name[4096] = "QEMU_";
	char fix[128];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_false(PARSE(cases[i].assignment));
		one_error(cases[i].message);
		(void)snprintf(fix, sizeof fix, "the nearest setting is %s", cases[i].nearest);
		assert_memory_equal(errs.list[0].fix, fix, strlen(fix));
	}
	memset(long_name + 5, 'A', sizeof long_name - 8);
	memcpy(long_name + sizeof long_name - 3, "=1", 3);
	assert_true(PARSE(long_name));
}

static void names_that_are_not_ours(void **state)
{
	(void)state;
	assert_true(PARSE("VM_SERVICE_HOST=10.0.0.1", "VM_SERVICE_PORT=5555",
			  "VM_SERVICE_PORT_SERIAL=5555", "VM_PORT=tcp://10.0.0.1:5555",
			  "VM_PORT_5555_TCP=tcp://10.0.0.1:5555", "VM_PORT_5555_TCP_ADDR=10.0.0.1",
			  "QEMU_SERVICE_HOST=10.0.0.1", "QEMU_PORT=tcp://10.0.0.1:1", "MY_VM_RAM=1",
			  "VMX=1", "qemu_ram=1", "SERIAL_PROT=1", "QEMU=1"));
	assert_false(PARSE("VM_PORTS=1"));
	assert_true(PARSE("SERIAL_PORT=tcp://10.96.0.10:5555", "MONITOR_PORT=tcp://10.96.0.11:9999",
			  "VNC_PORT=tcp://10.96.0.12:5900", "GDB_PORT=udp://10.96.0.13:1234",
			  "VM_BIND_SERVICE_HOST=10.96.0.14", "VM_BIND_PORT=tcp://10.96.0.14:1"));
	assert_int_equal(s.serial_port, 5555);
	assert_false(s.given[SETTING_SERIAL_PORT]);
	bad_value("SERIAL_PORT=http://10.96.0.10:5555");
}

/* Those of CI systems are near none of ours; an empty one is none; VM_FORCE passes over the rest.
 */
static void names_near_none_of_ours_are_warnings(void **state)
{
	(void)state;
	assert_true(RESOLVE(0, "QEMU_VERSION=8.2.1", "VM_NAME=", "VM_GEUST="));
	assert_int_equal(warnings.count, 1);
	assert_string_equal(
		warnings.list[0].message,
		"QEMU_VERSION is not a setting and is not used (vm settings lists all)");
	assert_true(RESOLVE(0, "VM_NAME=builder-3", "VM_ID=4", "QEMU_AUDIO_DRV=none", "VM_=1",
			    "QEMU_LD_PREFIX=/x", "VM_USER=me", "VM_HOST=h", "QEMU_BINARY=x"));
	assert_int_equal(warnings.count, 8);
	assert_true(RESOLVE(0, "VM_GEUST=hurd", "VM_FORCE=1"));
	assert_int_equal(warnings.count, 1);
	assert_string_equal(
		warnings.list[0].message,
		"VM_GEUST is not a setting (the nearest is VM_GUEST; VM_FORCE=1: ignored)");
}

/* docker-compose.yml says what it keeps back. */
static void what_compose_does_not_pass(void **state)
{
	(void)state;
	assert_true(RESOLVE(0, "MONITOR_PORT=9999",
			    "VM_NOT_PASSED=SERIAL_PORT=;MONITOR_PORT=9999;VM_BIND=0.0.0.0;"
			    "SHARE_DIR=/a b;NONE=1;;VM_QEMU"));
	assert_int_equal(warnings.count, 2);
	assert_string_equal(warnings.list[0].message,
			    "VM_BIND=0.0.0.0 is not passed into the container by "
			    "docker-compose.yml, where it is VM_BIND=127.0.0.1");
	assert_string_equal(warnings.list[1].message,
			    "SHARE_DIR=/a b is not passed into the container by "
			    "docker-compose.yml, where it is SHARE_DIR=/share");
}

/* Unset, the console is on standard output in compose alone, which VM_NOT_PASSED tells. */
static void the_console_on_standard_output(void **state)
{
	(void)state;
	assert_true(RESOLVE(0, "MONITOR_PORT=0"));
	assert_int_equal(s.console_stdout, CONSOLE_STDOUT_OFF);
	assert_true(RESOLVE(0, "CONSOLE_STDOUT=1"));
	assert_int_equal(s.console_stdout, CONSOLE_STDOUT_ON);
	assert_true(RESOLVE(0, "VM_NOT_PASSED=SERIAL_PORT="));
	assert_int_equal(s.console_stdout, CONSOLE_STDOUT_ON);
	assert_true(RESOLVE(0, "VM_NOT_PASSED=SERIAL_PORT=", "CONSOLE_STDOUT=0"));
	assert_int_equal(s.console_stdout, CONSOLE_STDOUT_OFF);
}

/* As `docker run --env-file` hands them over. */
static void what_surrounds_a_value(void **state)
{
	char text[8192] = "QEMU_DRIVE=/";

	(void)state;
	assert_true(PARSE("QEMU_RAM=\"256\"", "QEMU_DRIVE='/x/y z'\r", "VM_GUEST=mach \t\r",
			  "QEMU_CDROM=/cd.iso  ", "VM_FORCE='1'", "QEMU_SMP=\"2\" ",
			  "VM_BOOT_TIMEOUT=\"\"", "QEMU_9P_TAG= \r"));
	assert_int_equal(s.ram_mb, 256);
	assert_string_equal(s.drive, "/x/y z");
	assert_string_equal(s.cdrom, "/cd.iso");
	assert_int_equal(s.guest, GUEST_MACH);
	assert_true(s.force);
	assert_string_equal(s.smp, "2");
	assert_false(s.given[SETTING_VM_BOOT_TIMEOUT] || s.given[SETTING_QEMU_9P_TAG]);
	/* In these both mean something. */
	assert_true(RESOLVE(0, "QEMU_KERNEL=/k", "QEMU_APPEND=\"a b\" ",
			    "QEMU_EXTRA_ARGS='-name' x\r"));
	assert_string_equal(s.append, "\"a b\" ");
	assert_string_equal(s.extra_args, "'-name' x");
	assert_int_equal(warnings.count, 0);
	assert_true(RESOLVE(0, "QEMU_EXTRA_ARGS='-name x'"));
	assert_int_equal(warnings.count, 1);
	assert_string_equal(warnings.list[0].message,
			    "QEMU_EXTRA_ARGS: the quotes around it are part of the value: docker "
			    "--env-file does not take them off");
	/* Of what is refused all the same, the fix names what cannot be seen. */
	bad_value("VM_GUEST=mach # the guest");
	assert_memory_equal(errs.list[0].fix, "the comment is part of the value", 32);
	bad_value("QEMU_RAM=\"256");
	assert_memory_equal(errs.list[0].fix, "the quotes are part of the value", 32);
	bad_value("VM_FORCE= 1");
	assert_memory_equal(errs.list[0].fix, "the value begins with a blank", 29);
	assert_true(PARSE("QEMU_SMP='2 x"));
	assert_false(settings_resolve(&s, 0, &errs, &warnings));
	assert_memory_equal(errs.list[0].fix, "the quotes are part of the value", 32);
	/* What is too long to be copied is taken as it is. */
	memset(text + 12, 'x', sizeof text - 14);
	text[sizeof text - 2] = ' ';
	assert_false(PARSE(text));
}

static void what_auto_is_for_each_guest(void **state)
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
			assert_string_equal(profile_of((enum guest)s.guest)->name,
					    rows[i].guest + strlen("VM_GUEST="));
	}
}

static void what_auto_is_for_each_architecture(void **state)
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
	/* A board's buttons are not known. */
	assert_true(RESOLVE(0, "QEMU_ARCH=aarch64", "VM_GUEST=linux", "QEMU_MACHINE=raspi3b"));
	assert_string_equal(s.stop_ladder, "ssh,serial");
}

static void which_guest_auto_is(void **state)
{
	(void)state;
	assert_true(PARSE("VM_GUEST=auto"));
	s.embedded_guest = true;
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
static void a_memory_limit_lowers_what_is_auto(void **state)
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
	/* A small guest is not made smaller: it has what it needs, or is refused. */
	assert_true(RESOLVE(288 * MIB, "VM_GUEST=mach"));
	assert_int_equal(s.ram_mb, 128);
	assert_false(RESOLVE(287 * MIB, "VM_GUEST=mach"));
	assert_int_equal(errs.count, 1);
}

static void a_memory_limit_refuses_what_was_asked_for(void **state)
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

static void one_port_for_two(void **state)
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

static void force_lets_pass_what_may_work(void **state)
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
	/* What fails for the Hurd is right for others. */
	assert_true(RESOLVE(0, "VM_GUEST=linux", "QEMU_DISK_BUS=virtio", "QEMU_HPET=0"));
	assert_true(RESOLVE(0, "VM_GUEST=hurd", "QEMU_MACHINE=pc", "QEMU_RAM=3583"));
}

/* PID 1 names them without the table. */
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
		cmocka_unit_test(an_empty_environment_is_the_defaults),
		cmocka_unit_test(booleans),
		cmocka_unit_test(numbers_and_their_bounds),
		cmocka_unit_test(what_is_no_number),
		cmocka_unit_test(memory_suffixes),
		cmocka_unit_test(words),
		cmocka_unit_test(texts_and_paths),
		cmocka_unit_test(every_error_and_the_rest_as_it_should_be),
		cmocka_unit_test(the_nearest_name),
		cmocka_unit_test(names_that_are_not_ours),
		cmocka_unit_test(names_near_none_of_ours_are_warnings),
		cmocka_unit_test(what_surrounds_a_value),
		cmocka_unit_test(what_compose_does_not_pass),
		cmocka_unit_test(the_console_on_standard_output),
		cmocka_unit_test(what_auto_is_for_each_guest),
		cmocka_unit_test(what_auto_is_for_each_architecture),
		cmocka_unit_test(which_guest_auto_is),
		cmocka_unit_test(the_disk_bus_follows_the_chip_set),
		cmocka_unit_test(a_memory_limit_lowers_what_is_auto),
		cmocka_unit_test(a_memory_limit_refuses_what_was_asked_for),
		cmocka_unit_test(processors),
		cmocka_unit_test(one_port_for_two),
		cmocka_unit_test(force_lets_pass_what_may_work),
		cmocka_unit_test(state_formats_have_the_names_of_the_setting),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
