/* test_args.c - QEMU's argument vector: the whole vector for an empty environment, the effect of
 * the results of earlier steps (tests/golden covers the settings), quoting, parsing, and limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/args.h"
#include "qemu/manifest.h"

static struct settings s;
static struct args a;
static struct error err;

/* Resolved settings from NAME=VALUE texts, NULL at the end. */
static void settings_from(char *const envp[])
{
	struct errors *errs = calloc(2, sizeof *errs);

	assert_non_null(errs);
	assert_true(settings_parse(envp, &s, &errs[0]));
	assert_true(settings_resolve(&s, 0, &errs[0], &errs[1]));
	free(errs);
}

#define SETTINGS(...) settings_from((char *const[]){__VA_ARGS__, NULL})

static const struct facts one_disk = {.accel = ACCEL_TCG,
				      .disk = {1, {{.format = FORMAT_QCOW2, .writable = true}}}};

static void build(const struct facts *f)
{
	memset(&a, 0xa5, sizeof a);
	if (!args_build(&s, f, &a, &err))
		fail_msg("%s", err.message);
	assert_null(a.argv[a.count]);
}

/* The argument that follows OPTION, or NULL. */
static const char *value_of(const char *option)
{
	for (size_t i = 1; i + 1 < a.count; i++)
		if (strcmp(a.argv[i], option) == 0)
			return a.argv[i + 1];
	return NULL;
}

static void whole_vector_of_a_hurd(void **state)
{
	static const char *const expected[] = {
		"qemu-system-x86_64",
		"-name",
		"guest=hurd",
		"-nodefaults",
		"-no-user-config",
		"-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-machine",
		"q35,usb=off,hpet=on",
		"-accel",
		"tcg,tb-size=256",
		"-cpu",
		"core2duo-v1",
		"-m",
		"4096",
		"-smp",
		"1",
		"-rtc",
		"base=utc,clock=host",
		"-action",
		"reboot=shutdown,panic=none,shutdown=pause",
		"-S",
		"-boot",
		"order=c",
		"-add-fd",
		"fd=10,set=10,opaque=disk",
		"-blockdev",
		"{\"driver\":\"qcow2\",\"node-name\":\"disk0\",\"read-only\":false,"
		"\"discard\":\"unmap\",\"cache\":{\"direct\":false,\"no-flush\":false},"
		"\"file\":{\"driver\":\"file\",\"node-name\":\"disk0-file\","
		"\"filename\":\"/dev/fdset/10\",\"aio\":\"threads\"},\"backing\":null}",
		"-device",
		"ide-hd,bus=ide.0,drive=disk0,write-cache=on",
		"-netdev",
		"user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=tcp:127.0.0.1:8080-:80",
		"-device",
		"e1000,netdev=net0,romfile=",
		"-display",
		"none",
		"-vga",
		"std",
		"-chardev",
		"socket,id=qmp,fd=3",
		"-qmp",
		"chardev:qmp",
		"-chardev",
		"stdio,id=serial,signal=off",
		"-serial",
		"chardev:serial",
		"-chardev",
		"socket,id=monitor,fd=5",
		"-monitor",
		"chardev:monitor",
		"-chardev",
		"socket,id=user-qmp,fd=6,server=on,wait=off",
		"-qmp",
		"chardev:user-qmp",
		"-d",
		"guest_errors,cpu_reset",
		"-D",
		"/proc/self/fd/19",
	};
	size_t n = sizeof expected / sizeof *expected;

	(void)state;
	SETTINGS("QEMU_DRIVE=/disk");
	build(&one_disk);
	for (size_t i = 0; i < n && i < a.count; i++)
		assert_string_equal(a.argv[i], expected[i]);
	assert_int_equal(a.count, n);
}

static void the_accelerator_chooses_the_cpu(void **state)
{
	struct facts kvm = one_disk;

	(void)state;
	kvm.accel = ACCEL_KVM;
	SETTINGS("QEMU_DRIVE=/disk");
	build(&kvm);
	assert_string_equal(value_of("-accel"), "kvm,device=/dev/fdset/8");
	assert_string_equal(value_of("-cpu"), "host");
	SETTINGS("QEMU_DRIVE=/disk", "QEMU_CPU=host,-vmx");
	build(&kvm);
	assert_string_equal(value_of("-cpu"), "host,-vmx");
	SETTINGS("QEMU_DRIVE=/disk", "QEMU_ARCH=i386");
	build(&kvm);
	assert_string_equal(value_of("-cpu"), "host");
	SETTINGS("QEMU_DRIVE=/disk", "VM_GUEST=linux");
	build(&one_disk);
	assert_string_equal(value_of("-cpu"), "max");
}

static void cpu_host_needs_kvm(void **state)
{
	static const char *const models[] = {"QEMU_CPU=host", "QEMU_CPU=host,-vmx"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		SETTINGS("QEMU_DRIVE=/disk", (char *)(uintptr_t)models[i]);
		assert_false(args_build(&s, &one_disk, &a, &err));
		assert_int_equal(err.status, EXIT_BAD_SETTING);
		assert_non_null(strstr(err.message, models[i]));
		assert_non_null(strstr(err.message, "needs KVM"));
		assert_string_not_equal(err.fix, "");
	}
}

static void every_image_layer_has_a_descriptor(void **state)
{
	struct facts f = {.accel = ACCEL_TCG, .disk = {.count = 8}};
	char expected[64];
	int layer = 8;

	(void)state;
	for (int i = 0; i < 8; i++)
		f.disk.layers[i].format = i == 7 ? FORMAT_RAW : FORMAT_QCOW2;
	f.disk.layers[0].writable = true;
	SETTINGS("QEMU_DRIVE=/disk");
	build(&f);
	for (size_t i = 0; i < a.count; i++) {
		if (strcmp(a.argv[i], "-add-fd") == 0) {
			layer--;
			(void)snprintf(expected, sizeof expected, "fd=%d,set=%d,opaque=disk",
				       10 + layer, 10 + layer);
			assert_string_equal(a.argv[i + 1], expected);
		} else if (strcmp(a.argv[i], "-blockdev") == 0) {
			const char *json = a.argv[i + 1];

			assert_int_equal(!strstr(json, "\"read-only\":false"), layer != 0);
			(void)snprintf(expected, sizeof expected, "\"backing\":\"disk%d\"}",
				       layer + 1);
			assert_int_equal(!strstr(json, expected), layer == 7);
			assert_int_equal(!strstr(json, "\"driver\":\"raw\""), layer != 7);
			assert_null(strstr(json, "null"));
		}
	}
	assert_int_equal(layer, 0);
}

static void no_controller_without_drives(void **state)
{
	const struct facts none = {.accel = ACCEL_TCG};

	(void)state;
	SETTINGS("VM_GUEST=linux", "QEMU_KERNEL=/k", "QEMU_DISK_BUS=scsi", "QEMU_NET=none");
	build(&none);
	assert_string_equal(value_of("-device"), "pvpanic");
	assert_null(value_of("-blockdev"));
	assert_string_equal(value_of("-kernel"), "/k");
}

static void arguments_are_split_as_by_a_shell(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		const char *words[4];
	} cases[] = {
		{"", 0, {NULL}},
		{"  \t\n ", 0, {NULL}},
		{"one", 1, {"one"}},
		{" a  b\tc\nd ", 4, {"a", "b", "c", "d"}},
		{"'' \"\"", 2, {"", ""}},
		{"a''b\"\"c", 1, {"abc"}},
		{"'a b'\"c d\"", 1, {"a bc d"}},
		{"'a\\b' \"c\\d\" e\\f", 3, {"a\\b", "c\\d", "ef"}},
		{"\"\\$ \\` \\\" \\\\\"", 1, {"$ ` \" \\"}},
		{"'\"' \"'\" \\' \\\"", 4, {"\"", "'", "'", "\""}},
		{"a\\ b \\\\", 2, {"a b", "\\"}},
		{"$HOME `id` *", 3, {"$HOME", "`id`", "*"}},
		{"a;b|c&d#e", 1, {"a;b|c&d#e"}},
		{"'two\nlines'", 1, {"two\nlines"}},
		{"jo\\\nined \"jo\\\nined\" 'not\\\njoined'",
		 3,
		 {"joined", "joined", "not\\\njoined"}},
		{"a \\\n b", 2, {"a", "b"}},
		{"\"\\\\\n\"", 1, {"\\\n"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		memset(&a, 0, sizeof a);
		assert_true(args_split(&a, cases[i].text));
		assert_int_equal(a.count, cases[i].count);
		for (size_t j = 0; j < a.count; j++)
			assert_string_equal(a.argv[j], cases[i].words[j]);
	}
}

static void an_open_quote_is_an_error(void **state)
{
	static const char *const texts[] = {"QEMU_EXTRA_ARGS='", "QEMU_EXTRA_ARGS=a 'b",
					    "QEMU_EXTRA_ARGS=\"a\\\"", "QEMU_EXTRA_ARGS=a\\",
					    "QEMU_EXTRA_ARGS=\"a\\"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		SETTINGS("QEMU_DRIVE=/disk", (char *)(uintptr_t)texts[i]);
		assert_false(args_build(&s, &one_disk, &a, &err));
		assert_int_equal(err.status, EXIT_BAD_SETTING);
		assert_non_null(strstr(err.message, "QEMU_EXTRA_ARGS"));
		assert_non_null(strstr(err.message, "open quote"));
	}
}

/* Splitting a quoted text returns the original text. */
static void special_characters_are_quoted(void **state)
{
	static const char *const texts[] = {"plain-1.2_3/x=y,z:@%^+",
					    "",
					    "a b",
					    "it's",
					    "''",
					    "{\"a\":\"b\"}",
					    "$HOME",
					    "two\nlines",
					    "back\\slash",
					    "\xc3\xa9",
					    "~",
					    "#",
					    "a*?[]"};
	char buf[128];

	(void)state;
	assert_string_equal(args_quote(texts[0], buf, sizeof buf), texts[0]);
	assert_string_equal(args_quote("", buf, sizeof buf), "''");
	assert_string_equal(args_quote("it's", buf, sizeof buf), "'it'\\''s'");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		memset(&a, 0, sizeof a);
		assert_true(args_split(&a, args_quote(texts[i], buf, sizeof buf)));
		assert_int_equal(a.count, 1);
		assert_string_equal(a.argv[0], texts[i]);
	}
}

static void a_truncated_quoted_argument_is_closed(void **state)
{
	(void)state;
	for (size_t size = 8; size < 24; size++) {
		char *buf = malloc(size);

		assert_non_null(buf);
		memset(&a, 0, sizeof a);
		assert_true(args_split(&a, args_quote("a 'long' 'text'", buf, size)));
		assert_int_equal(a.count, 1);
		free(buf);
	}
}

/* The arguments of a direct boot can be removed again, and are not part of a saved state's
 * manifest. */
static void a_direct_boot(void **state)
{
	static struct args firmware;
	static struct manifest m[2] = {{.kind = "warm", .host_cpu = ""},
				       {.kind = "warm", .host_cpu = ""}};
	static char room[2][MANIFEST_MAX];
	struct facts f = one_disk;
	char why[200];

	(void)state;
	SETTINGS("QEMU_DRIVE=/disk", "QEMU_BIOS=/bios");
	build(&f);
	firmware = a;
	args_rebase(&firmware, &a);
	args_by_firmware(&a); /* there is nothing to remove */
	assert_int_equal(a.count, firmware.count);
	f.direct = true;
	f.kernel = "/proc/self/fd/20";
	f.initrd = "/proc/self/fd/21";
	f.append = "root=/dev/sda1";
	build(&f);
	assert_string_equal(value_of("-kernel"), "/proc/self/fd/20");
	assert_string_equal(value_of("-append"), "root=/dev/sda1");
	manifest_machine(&m[0], &a, room[0]);
	args_by_firmware(&a);
	assert_int_equal(a.count, firmware.count);
	for (size_t i = 0; i <= a.count; i++)
		if (i == a.count)
			assert_null(a.argv[i]);
		else
			assert_string_equal(a.argv[i], firmware.argv[i]);
	manifest_machine(&m[1], &a, room[1]);
	assert_true(manifest_same(&m[0], &m[1], why, sizeof why));
	args_by_firmware(&a);
	assert_int_equal(a.count, firmware.count);
	/* The kernel of QEMU_KERNEL is part of the machine. */
	SETTINGS("QEMU_DRIVE=/disk", "QEMU_KERNEL=/k");
	build(&one_disk);
	args_by_firmware(&a);
	assert_string_equal(value_of("-kernel"), "/k");
}

static void too_many_arguments_are_an_error(void **state)
{
	static char many[8000] = "QEMU_EXTRA_ARGS=";
	static char append[4000] = "QEMU_APPEND=";

	(void)state;
	for (size_t n = strlen(many); n < 7000; n += 2)
		memcpy(many + n, "a ", 3);
	SETTINGS("QEMU_DRIVE=/disk", many);
	assert_false(args_build(&s, &one_disk, &a, &err));
	assert_int_equal(err.status, EXIT_BAD_SETTING);
	assert_non_null(strstr(err.message, "more than 256 arguments"));
	assert_null(a.argv[a.count]);

	memset(append + strlen(append), 'x', sizeof append - strlen(append) - 1);
	memset(&a, 0, sizeof a);
	for (int i = 0; i < 8; i++) {
		assert_false(a.full);
		args_option(&a, "-append", "%s", append);
	}
	args_add(&a, "%s%s", append, append);
	assert_true(a.full);
	args_more(&a, "%s", "more");
	assert_true(a.used <= sizeof a.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_vector_of_a_hurd),
		cmocka_unit_test(the_accelerator_chooses_the_cpu),
		cmocka_unit_test(cpu_host_needs_kvm),
		cmocka_unit_test(every_image_layer_has_a_descriptor),
		cmocka_unit_test(no_controller_without_drives),
		cmocka_unit_test(arguments_are_split_as_by_a_shell),
		cmocka_unit_test(an_open_quote_is_an_error),
		cmocka_unit_test(special_characters_are_quoted),
		cmocka_unit_test(a_truncated_quoted_argument_is_closed),
		cmocka_unit_test(a_direct_boot),
		cmocka_unit_test(too_many_arguments_are_an_error),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
