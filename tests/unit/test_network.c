/* test_network.c - programs that PID 1 runs before QEMU: passt, which is a script here, and the
 * real xorriso for VM_SHARE=disk.
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
static void start_passt(const char *text)
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

static void passt_gets_its_descriptor_and_the_forwards(void **state)
{
	(void)state;
	lifecycle_set(&room.life, COND_NO_NETWORK, true); /* left by the QEMU before */
	start_passt("echo \"$@\"; test -S /dev/fd/3 && echo a socket");
	assert_posted("[-no-network]");
	assert_true(room.plan.net_fd >= 0);
	room.life.qemu_ended = true;
	helper_ends(HELPER_PASST);
	const char *said = room_logged();

	assert_non_null(strstr(said, "passt: --foreground --quiet --fd 3 --no-map-gw "));
	assert_non_null(strstr(said, "-t 127.0.0.1/2222:22 -u 127.0.0.1/5353:53\n"));
	assert_non_null(strstr(said, "passt: a socket\n"));
}

static void when_passt_ends_the_network_is_lost(void **state)
{
	(void)state;
	guest_runs();
	start_passt("echo out of memory; exit 3");
	(void)room_posted();
	helper_ends(HELPER_PASST);
	assert_posted("[+no-network][problem]");
	assert_logged("vm: error: passt has ended with status 3: out of memory: the guest has no "
		      "network\n");
	start_passt("kill -9 $$");
	assert_posted("[-no-network]");
	helper_ends(HELPER_PASST);
	assert_logged("vm: error: passt has ended by signal 9: the guest has no network\n");
}

static void before_the_guest_runs_the_end_of_passt_is_fatal(void **state)
{
	(void)state;
	start_passt("exit 1");
	helper_ends(HELPER_PASST);
	assert_posted("[+no-network][gave-up][problem]");
	assert_logged("  fix: ");
}

static void the_end_of_passt_after_the_guests_is_not_reported(void **state)
{
	(void)state;
	guest_runs();
	start_passt("exit 1");
	room.life.phase = LIFE_DOWN;
	helper_ends(HELPER_PASST);
	assert_posted("");
	start_passt("sleep 100");
	room.life.phase = LIFE_RUNNING;
	network_end(&network);
	helper_ends(HELPER_PASST);
	assert_posted("");
}

static void only_passt_needs_its_descriptor_closed(void **state)
{
	struct error err = {0};

	(void)state;
	start_passt("exec sleep 100");
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

static void a_missing_passt_is_an_error(void **state)
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

static void make_share_disk(void)
{
	struct error err = {0};

	if (!share_disk_make(&share, &err))
		fail_msg("%s", err.message);
	assert_true(share.making);
	helper_ends(HELPER_SHARE);
	assert_false(share.making);
	assert_int_equal(room.plan.share_out, -1);
}

static void a_share_disk_is_made_only_on_request(void **state)
{
	(void)state;
	room.plan.s.share = SHARE_9P;
	assert_false(share_disk_wanted(&share));
	room.plan.s.share = SHARE_DISK;
	assert_true(share_disk_wanted(&share));
}

static void a_directory_becomes_an_iso_image(void **state)
{
	char magic[6] = "";

	(void)state;
	has_xorriso();
	put_file("a file", 1000);
	make_share_disk();
	assert_posted("[share-made]");
	assert_int_equal(pread(room.plan.share_fd, magic, 5, 32769), 5); /* ECMA-119, 8.4 */
	assert_string_equal(magic, "CD001");
	assert_int_equal(pwrite(room.plan.share_fd, "x", 1, 0), -1);
}

static void a_directory_that_is_too_large(void **state)
{
	(void)state;
	has_xorriso();
	room.plan.s.share_size = 1;
	put_file("large", 4 << 20);
	make_share_disk();
	assert_posted("[share-failed 78]");
	assert_logged("does not fit into VM_SHARE_SIZE=1 MiB");
}

static void a_directory_that_does_not_exist(void **state)
{
	(void)state;
	has_xorriso();
	assert_int_equal(rmdir(share_dir), 0);
	make_share_disk();
	assert_posted("[share-failed 77]");
	assert_logged("can be made in VM_TMP_DIR=/tmp: ");
}

static void a_stop_during_that_reports_nothing(void **state)
{
	(void)state;
	has_xorriso();
	struct error err = {0};

	assert_true(share_disk_make(&share, &err));
	room.life.signalled = true;
	helper_end(&room.helpers, HELPER_SHARE);
	helper_ends(HELPER_SHARE);
	assert_posted("");
	assert_false(share.making);
}

static void a_missing_temporary_directory(void **state)
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
		TEST(passt_gets_its_descriptor_and_the_forwards),
		TEST(when_passt_ends_the_network_is_lost),
		TEST(before_the_guest_runs_the_end_of_passt_is_fatal),
		TEST(the_end_of_passt_after_the_guests_is_not_reported),
		TEST(only_passt_needs_its_descriptor_closed),
		TEST(a_missing_passt_is_an_error),
		TEST(a_share_disk_is_made_only_on_request),
		TEST(a_directory_becomes_an_iso_image),
		TEST(a_directory_that_is_too_large),
		TEST(a_directory_that_does_not_exist),
		TEST(a_stop_during_that_reports_nothing),
		TEST(a_missing_temporary_directory),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
