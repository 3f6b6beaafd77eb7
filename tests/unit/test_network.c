/* test_network.c - programs that PID 1 runs for QEMU's start: passt, of which there is a script
 * here, and xorriso for VM_SHARE=disk, which is the real one.
 */
#include <sys/stat.h>

#include "room.h"

#include "pid1/network.h"
#include "pid1/share_disk.h"

static struct network network;
static struct share_disk share;
static char dir[64], share_dir[80];
static char old_path[4096];

static void script(const char *text)
{
	char path[80];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/passt", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fprintf(f, "#!/bin/sh\n%s\n", text);
	(void)fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
}

static int set_up(void **state)
{
	(void)room_set_up(state);
	(void)snprintf(dir, sizeof dir, "/tmp/test-network.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(share_dir, sizeof share_dir, "%s/share", dir);
	assert_int_equal(mkdir(share_dir, 0755), 0);
	(void)snprintf(old_path, sizeof old_path, "%s", getenv("PATH"));
	network_init(&network, &room.env);
	share_disk_init(&share, &room.env);
	room.plan.s.net = NET_PASST;
	room.plan.s.hostfwds = "tcp:2222:22,udp:5353:53";
	room.plan.s.share_dir = share_dir;
	room.plan.s.share_size = 16;
	room.plan.s.tmp_dir = "/tmp";
	return 0;
}

static int tear_down(void **state)
{
	char command[100];

	assert_int_equal(setenv("PATH", old_path, 1), 0);
	fd_close(&room.plan.net_fd);
	fd_close(&room.plan.share_fd);
	fd_close(&room.plan.share_out);
	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a name of our own */
	return room_tear_down(state);
}

/* passt is the script TEXT. */
static void starts(const char *text)
{
	struct error err = {0};
	char path[4200];

	script(text);
	(void)snprintf(path, sizeof path, "%s:%s", dir, old_path);
	assert_int_equal(setenv("PATH", path, 1), 0);
	if (!network_start(&network, &err))
		fail_msg("%s", err.message);
}

/* ---- passt -------------------------------------------------------------------------------- */

static void passt_gets_its_end_and_the_forwards(void **state)
{
	(void)state;
	lifecycle_set(&room.life, COND_NO_NETWORK, true); /* with the QEMU before */
	starts("echo \"$@\"; test -S /dev/fd/3 && echo a socket");
	assert_told("[-no-network]");
	assert_true(room.plan.net_fd >= 0);
	room.life.qemu_ended = true;
	helper_ends(HELPER_PASST);
	const char *said = room_said();

	assert_non_null(strstr(said, "passt: --foreground --quiet --fd 3 --no-map-gw "));
	assert_non_null(strstr(said, "-t 127.0.0.1/2222:22 -u 127.0.0.1/5353:53\n"));
	assert_non_null(strstr(said, "passt: a socket\n"));
}

static void a_passt_that_ends_takes_the_network_along(void **state)
{
	(void)state;
	guest_runs();
	starts("echo out of memory; exit 3");
	(void)room_told();
	helper_ends(HELPER_PASST);
	assert_told("[+no-network][trouble]");
	assert_said("vm: error: passt has ended with status 3: out of memory: the guest has no "
		    "network\n");
	starts("kill -9 $$");
	assert_told("[-no-network]");
	helper_ends(HELPER_PASST);
	assert_said("vm: error: passt has ended by signal 9: the guest has no network\n");
}

static void before_the_guest_runs_it_is_the_end(void **state)
{
	(void)state;
	starts("exit 1");
	helper_ends(HELPER_PASST);
	assert_told("[+no-network][gave-up][trouble]");
	assert_said("  fix: ");
}

static void behind_the_guest_nobody_misses_it(void **state)
{
	(void)state;
	guest_runs();
	starts("exit 1");
	room.life.phase = LIFE_DOWN;
	helper_ends(HELPER_PASST);
	assert_told("");
	starts("sleep 100");
	room.life.phase = LIFE_RUNNING;
	network_end(&network);
	helper_ends(HELPER_PASST);
	assert_told("");
}

static void only_passt_has_to_lose_its_other_end(void **state)
{
	struct error err = {0};

	(void)state;
	starts("exec sleep 100");
	network_handed_over(&network);
	assert_int_equal(room.plan.net_fd, -1);
	network_end(&network);
	helper_ends(HELPER_PASST);
	room.plan.s.net = NET_TAP;
	assert_true(network_start(&network, &err));
	assert_int_equal(helper_pid(&room.helpers, HELPER_PASST), 0);
	room.plan.net_fd = dup(0);
	network_handed_over(&network);
	assert_true(room.plan.net_fd >= 0);
}

static void a_passt_that_is_not_there_is_an_error(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(setenv("PATH", dir, 1), 0);
	assert_false(network_start(&network, &err));
	assert_int_equal(err.status, EXIT_QEMU_FAILED);
}

/* ---- VM_SHARE=disk ------------------------------------------------------------------------ */

static void has_xorriso(void)
{
	if (access("/usr/bin/xorriso", X_OK) != 0)
		skip();
}

static void put_file(const char *name, off_t size)
{
	char path[120];

	(void)snprintf(path, sizeof path, "%s/%s", share_dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(ftruncate(fd, size), 0);
	fd_close(&fd);
}

static void is_made(void)
{
	struct error err = {0};

	if (!share_disk_make(&share, &err))
		fail_msg("%s", err.message);
	assert_true(share.making);
	helper_ends(HELPER_SHARE);
	assert_false(share.making);
	assert_int_equal(room.plan.share_out, -1);
}

static void only_some_guests_want_a_disk(void **state)
{
	(void)state;
	room.plan.s.share = SHARE_9P;
	assert_false(share_disk_wanted(&share));
	room.plan.s.share = SHARE_DISK;
	assert_true(share_disk_wanted(&share));
}

static void a_directory_becomes_a_disk(void **state)
{
	char magic[6] = "";

	(void)state;
	has_xorriso();
	put_file("a file", 1000);
	is_made();
	assert_told("[share-made]");
	assert_int_equal(pread(room.plan.share_fd, magic, 5, 32769), 5); /* ECMA-119, 8.4 */
	assert_string_equal(magic, "CD001");
	assert_int_equal(pwrite(room.plan.share_fd, "x", 1, 0), -1);
}

static void a_directory_may_be_too_large(void **state)
{
	(void)state;
	has_xorriso();
	room.plan.s.share_size = 1;
	put_file("large", 4 << 20);
	is_made();
	assert_told("[share-failed 78]");
	assert_said("does not fit into VM_SHARE_SIZE=1 MiB");
}

static void a_directory_may_be_gone(void **state)
{
	(void)state;
	has_xorriso();
	assert_int_equal(rmdir(share_dir), 0);
	is_made();
	assert_told("[share-failed 77]");
	assert_said("cannot be made a disk in VM_TMP_DIR=/tmp: ");
}

static void a_stop_meanwhile_says_nothing(void **state)
{
	(void)state;
	has_xorriso();
	struct error err = {0};

	assert_true(share_disk_make(&share, &err));
	room.life.signalled = true;
	helper_end(&room.helpers, HELPER_SHARE);
	helper_ends(HELPER_SHARE);
	assert_told("");
	assert_false(share.making);
}

static void there_has_to_be_a_place_for_it(void **state)
{
	struct error err = {0};

	(void)state;
	room.plan.s.tmp_dir = "/proc";
	assert_false(share_disk_make(&share, &err));
	assert_int_equal(err.status, EXIT_NO_PERMISSION);
	assert_false(share.making);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(passt_gets_its_end_and_the_forwards),
		TEST(a_passt_that_ends_takes_the_network_along),
		TEST(before_the_guest_runs_it_is_the_end),
		TEST(behind_the_guest_nobody_misses_it),
		TEST(only_passt_has_to_lose_its_other_end),
		TEST(a_passt_that_is_not_there_is_an_error),
		TEST(only_some_guests_want_a_disk),
		TEST(a_directory_becomes_a_disk),
		TEST(a_directory_may_be_too_large),
		TEST(a_directory_may_be_gone),
		TEST(a_stop_meanwhile_says_nothing),
		TEST(there_has_to_be_a_place_for_it),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
