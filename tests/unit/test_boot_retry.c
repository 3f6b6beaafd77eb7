/* test_boot_retry.c - VM_BOOT_RETRIES: QEMU saves the disk's state before the boot, and a helper
 * restores it afterwards.
 */
#include "room.h"

#include "pid1/boot_retry.h"

#define FOR_DISK "{\"device\":\"disk0\",\"name\":\"vm-boot\"}"

static struct boot_retry retry;
static char image[64];

static int set_up(void **state)
{
	(void)room_set_up(state);
	(void)snprintf(image, sizeof image, "/tmp/test-boot-retry.XXXXXX");
	room.plan.disk.layers[0] = (struct disk_layer){
		.fd = mkostemp(image, O_CLOEXEC), .format = FORMAT_QCOW2, .writable = true};
	room.plan.disk.count = 1;
	(void)snprintf(room.plan.disk.path, sizeof room.plan.disk.path, "%s", image);
	room.plan.s.boot_retries = 2;
	boot_retry_init(&retry, &room.env);
	return 0;
}

static int tear_down(void **state)
{
	fd_close(&room.plan.disk.layers[0].fd);
	(void)unlink(image);
	return room_tear_down(state);
}

/* The boot has missed its deadline, and QEMU has ended. */
static void boot_is_late(void)
{
	boot_retry_late(&retry);
	room.life.verdict = VERDICT_LATE;
	room.life.qemu_ended = true;
}

/* Save the disk in the boot snapshot. */
static void keep_disk(void)
{
	boot_retry_keep_disk(&retry);
	/* There is no snapshot of an earlier PID 1. */
	qemu_gets("blockdev-snapshot-delete-internal-sync", FOR_DISK);
	qemu_fails("no such snapshot");
	assert_posted("");
	qemu_acks("blockdev-snapshot-internal-sync", FOR_DISK);
	assert_posted("[disk-kept]");
	assert_true(retry.disk_kept);
}

static void a_guest_without_retries_or_disk_runs_at_once(void **state)
{
	(void)state;
	room.plan.s.boot_retries = 0;
	boot_retry_keep_disk(&retry);
	assert_posted("[disk-kept]");
	room.plan.s.boot_retries = 1;
	room.plan.disk.count = 0;
	boot_retry_keep_disk(&retry);
	assert_posted("[disk-kept]");
	qemu_is_idle();
	assert_false(retry.disk_kept);
}

static void the_snapshot_is_deleted_when_the_guest_is_ready(void **state)
{
	(void)state;
	keep_disk();
	boot_retry_forget_disk(&retry);
	qemu_acks("blockdev-snapshot-delete-internal-sync", FOR_DISK);
	boot_retry_forget_disk(&retry);
	qemu_is_idle();
	assert_false(retry.disk_kept);
}

static void a_disk_that_cannot_be_kept_boots_once(void **state)
{
	(void)state;
	boot_retry_keep_disk(&retry);
	qemu_acks("blockdev-snapshot-delete-internal-sync", FOR_DISK);
	qemu_gets("blockdev-snapshot-internal-sync", FOR_DISK);
	qemu_fails("raw");
	assert_posted("[disk-kept]");
	assert_logged("VM_BOOT_RETRIES: the disk cannot get a snapshot (raw): a late boot is not "
		      "repeated\n");
	boot_is_late();
	assert_false(boot_retry_begin(&retry));
	assert_posted("");
	/* It does not wait for a QEMU that accepts no command. */
	qemu_hangs();
	boot_retry_keep_disk(&retry);
	assert_posted("[disk-kept]");
}

static void only_a_missed_deadline_is_retried(void **state)
{
	(void)state;
	room.plan.disk.count = 0;
	for (int v = VERDICT_NONE; v <= VERDICT_GAVE_UP; v++) {
		room.life.verdict = (enum verdict)v;
		(void)boot_retry_begin(&retry);
		assert_posted(v == VERDICT_LATE ? "[boot-again]" : "");
	}
	room.life.verdict = VERDICT_LATE;
	room.life.signalled = true;
	assert_false(boot_retry_begin(&retry));
	assert_posted("");
}

static void the_number_of_retries_is_limited(void **state)
{
	(void)state;
	room.plan.disk.count = 0;
	for (int i = 1; i <= 2; i++) {
		char text[80];

		boot_is_late();
		assert_true(boot_retry_left(&retry));
		assert_false(
			boot_retry_begin(&retry)); /* no other QEMU was started, as requested */
		assert_posted("[boot-again]");
		(void)snprintf(text, sizeof text,
			       "starting the guest again (VM_BOOT_RETRIES=2, retry %d)", i);
		assert_logged(text);
	}
	boot_is_late();
	assert_false(boot_retry_left(&retry));
	assert_false(boot_retry_begin(&retry));
	assert_posted("");
}

static void on_notice(const struct notice *n)
{
	room.life.qemu_ended = n->kind != NOTICE_BOOT_AGAIN;
}

static void a_qemu_that_starts_continues(void **state)
{
	(void)state;
	room.plan.disk.count = 0;
	room.on_notice = on_notice;
	boot_is_late();
	assert_true(boot_retry_begin(&retry));
	/* A QEMU that could not be started is not retried. */
	boot_retry_failed(&retry);
	assert_false(boot_retry_left(&retry));
}

static void a_helper_restores_the_disk(void **state)
{
	(void)state;
	keep_disk();
	boot_is_late();
	assert_true(boot_retry_begin(&retry));
	assert_posted("");
	assert_true(boot_retry_begin(&retry)); /* it is in progress */
	helper_ends(HELPER_DISK);
	assert_logged("qemu-img: vm snapshot-table revert vm-boot - ");
	assert_posted("[boot-again]");
	assert_false(retry.reverting);
}

static void a_disk_that_cannot_be_restored_ends_the_run(void **state)
{
	(void)state;
	helpers_do("1");
	keep_disk();
	boot_is_late();
	assert_true(boot_retry_begin(&retry));
	helper_ends(HELPER_DISK);
	assert_posted("");
	assert_logged("vm: error: the disk cannot be reverted: ");
	assert_false(boot_retry_begin(&retry));
	assert_false(boot_retry_left(&retry));
}

static void a_stop_during_the_restore_ends_the_run(void **state)
{
	(void)state;
	keep_disk();
	boot_is_late();
	assert_true(boot_retry_begin(&retry));
	room.life.signalled = true;
	helper_ends(HELPER_DISK);
	assert_posted("");
	assert_false(boot_retry_begin(&retry));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_without_retries_or_disk_runs_at_once),
		TEST(the_snapshot_is_deleted_when_the_guest_is_ready),
		TEST(a_disk_that_cannot_be_kept_boots_once),
		TEST(only_a_missed_deadline_is_retried),
		TEST(the_number_of_retries_is_limited),
		TEST(a_qemu_that_starts_continues),
		TEST(a_helper_restores_the_disk),
		TEST(a_disk_that_cannot_be_restored_ends_the_run),
		TEST(a_stop_during_the_restore_ends_the_run),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("boot_retry", tests, NULL, NULL);
}
