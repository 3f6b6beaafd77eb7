/* test_manifest.c - manifests of saved states: writing, reading, comparing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/manifest.h"

static char text[MANIFEST_MAX];
static char json[MANIFEST_MAX + 1];

/* The manifest of a machine with these arguments. */
static struct manifest manifest_of(const char *const *words, size_t count, char room[MANIFEST_MAX])
{
	static struct args args;
	struct manifest m = {.kind = "warm",
			     .memory = "stream",
			     .qemu = "10.0.2",
			     .host_cpu = "",
			     .saved = 1795252765,
			     .ready = true,
			     .overlays = 1,
			     .disks = {"8388608 1795252765.488413953"},
			     .disk_count = 1};

	args = (struct args){.count = count};
	for (size_t i = 0; i < count; i++)
		args.argv[i] = (char *)(uintptr_t)words[i];
	manifest_machine(&m, &args, room);
	return m;
}

#define MANIFEST(room, ...)                                                                        \
	manifest_of((const char *const[]){__VA_ARGS__},                                            \
		    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), room)

static void arguments_invisible_to_the_guest_are_omitted(void **state)
{
	struct manifest m = MANIFEST(text, "/usr/bin/qemu-system-x86_64", "-name", "guest=mach",
				     "-nodefaults", "-m", "128", "-S", "-incoming", "defer",
				     "-add-fd", "fd=10,set=10", "-netdev",
				     "user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22,net=10.1.0.0/"
				     "24,hostfwd=udp:1.2.3.4:5-:6",
				     "-d", "guest_errors", "-device", "e1000,netdev=net0");
	static const char *const expected[] = {"qemu-system-x86_64",
					       "-nodefaults",
					       "-m",
					       "128",
					       "-netdev",
					       "user,id=net0,net=10.1.0.0/24",
					       "-device",
					       "e1000,netdev=net0"};

	(void)state;
	assert_int_equal(m.word_count, sizeof expected / sizeof *expected);
	for (size_t i = 0; i < m.word_count; i++)
		assert_string_equal(m.words[i], expected[i]);
}

static void network_endpoints_are_omitted(void **state)
{
	struct manifest m = MANIFEST(text, "qemu", "-netdev",
				     "dgram,id=net0,local.type=unix,local.path=/a,"
				     "remote.type=unix,remote.path=/b");

	(void)state;
	assert_int_equal(m.word_count, 3);
	assert_string_equal(m.words[2], "dgram,id=net0");
}

static void a_written_manifest_can_be_read(void **state)
{
	struct manifest read;
	char why[256];
	struct manifest m =
		MANIFEST(text, "qemu", "-m", "128", "-append", "a \"quoted\" \\ line\x01");
	m.console = "maybe";
	m.line = "a \"b\" login: ";
	size_t n = manifest_write(&m, json);

	(void)state;
	assert_true(n > 0);
	assert_true(manifest_read(json, n, &read));
	assert_true(manifest_same(&read, &m, why, sizeof why));
	assert_string_equal(read.kind, "warm");
	assert_string_equal(read.memory, "stream");
	assert_string_equal(read.qemu, "10.0.2");
	assert_true(read.ready);
	assert_false(read.login);
	assert_string_equal(read.console, "maybe");
	assert_string_equal(read.line, "a \"b\" login: ");
	assert_int_equal(read.saved, 1795252765);
	assert_int_equal(read.overlays, 1);
}

static void the_first_difference_is_named(void **state)
{
	static char other_text[MANIFEST_MAX];
	char why[256];
	struct manifest m = MANIFEST(text, "qemu", "-m", "128", "-smp", "1");
	struct manifest ram = MANIFEST(other_text, "qemu", "-m", "256", "-smp", "1");

	(void)state;
	assert_false(manifest_same(&m, &ram, why, sizeof why));
	assert_string_equal(why, "the machine -m: it was 128, and is 256");

	struct manifest more = MANIFEST(other_text, "qemu", "-m", "128", "-smp", "1", "-device");
	assert_false(manifest_same(&m, &more, why, sizeof why));
	assert_string_equal(why, "the machine: it was nothing, and is -device");
	assert_false(manifest_same(&more, &m, why, sizeof why));
	assert_string_equal(why, "the machine: it was -device, and is nothing");

	struct manifest disk = m;
	disk.disks[0] = "8388608 1795252766.0";
	assert_false(manifest_same(&m, &disk, why, sizeof why));
	assert_non_null(strstr(why, "the disk's size and time of change: it was 8388608 "));

	/* Layers of container images store full seconds; a different time does not match. */
	struct manifest layer = m;
	disk.disks[0] = "8388608 1795252766.123456789";
	layer.disks[0] = "8388608 1795252766.000000000";
	assert_true(manifest_same(&disk, &layer, why, sizeof why));
	assert_false(manifest_same(&layer, &disk, why, sizeof why));
	layer.disks[0] = "8388608 1795252767.000000000";
	assert_false(manifest_same(&disk, &layer, why, sizeof why));
	layer.disks[0] = "838860 1795252766.000000000";
	assert_false(manifest_same(&disk, &layer, why, sizeof why));

	struct manifest host = m;
	host.host_cpu = "Some Processor";
	assert_false(manifest_same(&m, &host, why, sizeof why));
	assert_string_equal(why, "the host's processor: it was none (TCG), and is Some Processor");
}

static bool reads_after_edit(const char *from, const char *to)
{
	struct manifest read;
	char broken[1024];
	struct manifest m = MANIFEST(text, "qemu", "-m", "128");
	size_t n = manifest_write(&m, json);

	json[n] = '\0';
	char *at = strstr(json, from);

	assert_non_null(at);
	(void)snprintf(broken, sizeof broken, "%.*s%s%s", (int)(at - json), json, to,
		       at + strlen(from));
	return manifest_read(broken, strlen(broken), &read);
}

static void invalid_manifests_are_refused(void **state)
{
	(void)state;
	assert_true(reads_after_edit("\"format\":1", "\"format\":1"));
	assert_false(reads_after_edit("\"format\":1", "\"format\":2"));
	assert_false(reads_after_edit("\"qemu\":", "\"QEMU\":"));
	assert_false(reads_after_edit("\"overlays\":1", "\"overlays\":4"));
	assert_false(reads_after_edit("\"overlays\":1", "\"overlays\":-1"));
	assert_false(reads_after_edit("\"saved\":", "\"saved\":\"x\",\"then\":"));
	assert_false(reads_after_edit("[\"qemu\"", "[1,\"qemu\""));
	assert_false(reads_after_edit("}", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_invisible_to_the_guest_are_omitted),
		cmocka_unit_test(network_endpoints_are_omitted),
		cmocka_unit_test(a_written_manifest_can_be_read),
		cmocka_unit_test(the_first_difference_is_named),
		cmocka_unit_test(invalid_manifests_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
