/* test_settings.c - settings_parse(): every type with its bounds. tests/11-settings.bats tests the
 * complete error messages.
 */
#include "room_settings.h"
static void an_empty_environment_gives_the_defaults(void **state)
{
	char text[8192];

	(void)state;
	assert_true(parse((char *const[]){NULL}));
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const char *dflt = setting_table[i].dflt;

		assert_false(s.given[i]);
		assert_string_equal(setting_text(&s, (enum setting_id)i, text, sizeof text), dflt);
	}
	/* An empty value counts as unset, and a string without = is not an assignment. */
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

/* Every number setting accepts its bounds and refuses the next values. */
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
			/* 0 represents auto, so no number setting with auto may accept it */
			assert_string_equal(setting_text(&s, (enum setting_id)i, text, sizeof text),
					    name);
			(void)snprintf(name, sizeof name, "%s=%ld", row->name,
				       high ? edge + 1 : edge - 1);
			bad_value(name);
		}
	}
}

static void invalid_numbers(void **state)
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

static void enumerations(void **state)
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
		/* a part of the list is not a valid value */
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

static void errors_are_collected_and_valid_settings_kept(void **state)
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
	/* Errors beyond the maximum number are counted. */
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
		{"SERIAL_PRT=5", "SERIAL_PRT is not a setting", "SERIAL_PORT"},
		{"MONITOR_PROT=5", "MONITOR_PROT is not a setting", "MONITOR_PORT"},
		{"SERIAL_PASWORD_FILE=/x", "SERIAL_PASWORD_FILE is not a setting",
		 "SERIAL_PASSWORD_FILE"},
		{"CONSOLE_LOG_SZE=1M", "CONSOLE_LOG_SZE is not a setting", "CONSOLE_LOG_SIZE"},
		{"CONSOLE_LOGSIZE=1M", "CONSOLE_LOGSIZE is not a setting", "CONSOLE_LOG_SIZE"},
		{"ENABLE_VCN=1", "ENABLE_VCN is not a setting", "ENABLE_VNC"},
		{"SHARE_DIRS=/x", "SHARE_DIRS is not a setting", "SHARE_DIR"},
		{"GDB_WIAT=1", "GDB_WIAT is not a setting", "GDB_WAIT"},
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

static void where_forwards_listen(void **state)
{
	static const struct {
		const char *bind, *address;
		bool loopback;
	} rows[] = {
		{"VM_BIND=0.0.0.0", "0.0.0.0", false}, {"VM_BIND=127.1.2.3", "127.1.2.3", true},
		{"VM_BIND=::", "0.0.0.0", false},      {"VM_BIND=0::0", "0.0.0.0", false},
		{"VM_BIND=::1", "127.0.0.1", true},    {"VM_BIND=192.0.2.7", "192.0.2.7", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(RESOLVE(0, (char *)(uintptr_t)rows[i].bind));
		assert_string_equal(settings_forward_address(&s), rows[i].address);
		assert_int_equal(settings_bind_is_loopback(&s), rows[i].loopback);
	}
	assert_true(RESOLVE(0, "VM_BIND=fd00::1", "QEMU_HOSTFWDS=none"));
	assert_null(settings_forward_address(&s));
	assert_false(settings_bind_is_loopback(&s));
	assert_false(RESOLVE(0, "VM_BIND=fd00::1"));
	assert_string_equal(errs.list[0].message, "VM_BIND=fd00::1 with QEMU_HOSTFWDS: QEMU cannot "
						  "forward ports of an IPv6 address");
	assert_false(RESOLVE(0, "VM_BIND=::ffff:127.0.0.1"));
	assert_false(RESOLVE(0, "VM_BIND=fe80::1%eth0"));
}

static void names_of_other_programs(void **state)
{
	(void)state;
	assert_true(PARSE("VM_SERVICE_HOST=10.0.0.1", "VM_SERVICE_PORT=5555",
			  "VM_SERVICE_PORT_SERIAL=5555", "VM_PORT=tcp://10.0.0.1:5555",
			  "VM_PORT_5555_TCP=tcp://10.0.0.1:5555", "VM_PORT_5555_TCP_ADDR=10.0.0.1",
			  "QEMU_SERVICE_HOST=10.0.0.1", "QEMU_PORT=tcp://10.0.0.1:1", "MY_VM_RAM=1",
			  "VMX=1", "qemu_ram=1", "SERAL_PORT=1", "QEMU=1", "=x"));
	assert_false(PARSE("VM_PORTS=1"));
	assert_true(PARSE("SERIAL_PORT=tcp://10.96.0.10:5555", "MONITOR_PORT=tcp://10.96.0.11:9999",
			  "VNC_PORT=tcp://10.96.0.12:5900", "GDB_PORT=udp://10.96.0.13:1234",
			  "VM_BIND_SERVICE_HOST=10.96.0.14", "VM_BIND_PORT=tcp://10.96.0.14:1"));
	assert_int_equal(s.serial_port, 5555);
	assert_false(s.given[SETTING_SERIAL_PORT]);
	bad_value("SERIAL_PORT=http://10.96.0.10:5555");
}

/* Names of CI systems do not resemble ours; an empty value counts as unset; VM_FORCE ignores the
 * rest.
 */
static void names_unlike_any_setting_are_warnings(void **state)
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

/* Other programs have variables that begin with the same words. */
static void names_that_begin_with_common_words(void **state)
{
	(void)state;
	assert_true(RESOLVE(0, "SERIAL_NUMBER=1", "SERIAL_DEVICE=/dev/ttyS0", "SERIAL_BAUD=9600",
			    "CONSOLE_LOG_LEVEL=7", "CONSOLE_LOG=/x", "MONITOR_HOST=h",
			    "MONITOR_INTERVAL=5", "ENABLE_VPN=1", "ENABLE_SSH=1", "VNC_HOST=h",
			    "VNC_PASSWD=x", "VNC_GEOMETRY=800x600", "VNC_DISPLAY=:1",
			    "SHARE_NAME=x", "GDB_PATH=/x", "GDB_HOST=h", "SERIAL_=1",
			    "SERIAL_PRT="));
	assert_int_equal(warnings.count, 0);
	assert_true(RESOLVE(0, "VNC_PASSWORD=x"));
	assert_int_equal(warnings.count, 1);
	assert_string_equal(
		warnings.list[0].message,
		"VNC_PASSWORD is not a setting and is not used (the nearest is VNC_PASSWORD_FILE)");
	assert_true(RESOLVE(0, "SERIAL_PRT=5", "VM_FORCE=1"));
	assert_int_equal(warnings.count, 1);
	assert_string_equal(
		warnings.list[0].message,
		"SERIAL_PRT is not a setting (the nearest is SERIAL_PORT; VM_FORCE=1: ignored)");
}

/* docker-compose.yml names the values that it does not pass. */
static void settings_that_compose_does_not_pass(void **state)
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

/* Unset, the console is on standard output only with compose, which is recognised by VM_NOT_PASSED.
 */
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

/* As `docker run --env-file` passes them. */
static void blanks_and_quotes_around_a_value(void **state)
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
	/* In these settings, blanks and quotes are significant. */
	assert_true(RESOLVE(0, "QEMU_KERNEL=/k", "QEMU_APPEND=\"a b\" ",
			    "QEMU_EXTRA_ARGS='-name' x\r"));
	assert_string_equal(s.append, "\"a b\" ");
	assert_string_equal(s.extra_args, "'-name' x");
	assert_int_equal(warnings.count, 0);
	assert_true(RESOLVE(0, "QEMU_EXTRA_ARGS='-name x'"));
	assert_int_equal(warnings.count, 1);
	assert_string_equal(warnings.list[0].message,
			    "QEMU_EXTRA_ARGS: the quotes around it are part of the value: docker "
			    "--env-file does not remove them");
	/* If the value is still refused, the fix names the invisible characters. */
	bad_value("VM_GUEST=mach # the guest");
	assert_memory_equal(errs.list[0].fix, "the comment is part of the value", 32);
	bad_value("QEMU_RAM=\"256");
	assert_memory_equal(errs.list[0].fix, "the quotes are part of the value", 32);
	bad_value("VM_FORCE= 1");
	assert_memory_equal(errs.list[0].fix, "the value begins with a blank", 29);
	assert_true(PARSE("QEMU_SMP='2 x"));
	assert_false(settings_resolve(&s, 0, &errs, &warnings));
	assert_memory_equal(errs.list[0].fix, "the quotes are part of the value", 32);
	/* A value that is too long to be copied is used unchanged. */
	memset(text + 12, 'x', sizeof text - 14);
	text[sizeof text - 2] = ' ';
	assert_false(PARSE(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_environment_gives_the_defaults),
		cmocka_unit_test(booleans),
		cmocka_unit_test(numbers_and_their_bounds),
		cmocka_unit_test(invalid_numbers),
		cmocka_unit_test(memory_suffixes),
		cmocka_unit_test(enumerations),
		cmocka_unit_test(texts_and_paths),
		cmocka_unit_test(errors_are_collected_and_valid_settings_kept),
		cmocka_unit_test(the_nearest_name),
		cmocka_unit_test(where_forwards_listen),
		cmocka_unit_test(names_of_other_programs),
		cmocka_unit_test(names_unlike_any_setting_are_warnings),
		cmocka_unit_test(names_that_begin_with_common_words),
		cmocka_unit_test(blanks_and_quotes_around_a_value),
		cmocka_unit_test(settings_that_compose_does_not_pass),
		cmocka_unit_test(the_console_on_standard_output),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
