/* test_boot_retry.c - VM_BOOT_RETRIES: the disk's state is kept by QEMU before the boot, and taken
 * back by a helper behind it.
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

/* The boot of a QEMU that has ended now was late. */
static void is_late(void)
{
	boot_retry_late(&retry);
	room.life.verdict = VERDICT_LATE;
	room.life.qemu_ended = true;
}

/* The image has a disk in it, with the boot's snapshot if KEPT. */
static void is_kept(void)
{
	boot_retry_keep_disk(&retry);
	/* There is none of a former PID 1's, as is usual. */
	qemu_hears("blockdev-snapshot-delete-internal-sync", FOR_DISK);
	qemu_fails("no such snapshot");
	assert_told("");
	qemu_does("blockdev-snapshot-internal-sync", FOR_DISK);
	assert_told("[disk-kept]");
	assert_true(retry.disk_kept);
}

static void a_guest_without_retries_or_disk_runs_at_once(void **state)
{
	(void)state;
	room.plan.s.boot_retries = 0;
	boot_retry_keep_disk(&retry);
	assert_told("[disk-kept]");
	room.plan.s.boot_retries = 1;
	room.plan.disk.count = 0;
	boot_retry_keep_disk(&retry);
	assert_told("[disk-kept]");
	qemu_is_idle();
	assert_false(retry.disk_kept);
}

static void the_disk_is_its_own_when_it_is_ready(void **state)
{
	(void)state;
	is_kept();
	boot_retry_forget_disk(&retry);
	qemu_does("blockdev-snapshot-delete-internal-sync", FOR_DISK);
	boot_retry_forget_disk(&retry);
	qemu_is_idle();
	assert_false(retry.disk_kept);
}

static void a_disk_that_cannot_be_kept_boots_once(void **state)
{
	(void)state;
	boot_retry_keep_disk(&retry);
	qemu_does("blockdev-snapshot-delete-internal-sync", FOR_DISK);
	qemu_hears("blockdev-snapshot-internal-sync", FOR_DISK);
	qemu_fails("raw");
	assert_told("[disk-kept]");
	assert_said(
		"VM_BOOT_RETRIES: the state of the disk cannot be kept (raw): a late boot is not "
		"tried again\n");
	is_late();
	assert_false(boot_retry_begin(&retry));
	assert_told("");
	/* It does not wait for a QEMU that takes no command. */
	qemu_hangs();
	boot_retry_keep_disk(&retry);
	assert_told("[disk-kept]");
}

static void only_a_late_boot_is_tried_again(void **state)
{
	(void)state;
	room.plan.disk.count = 0;
	for (int v = VERDICT_NONE; v <= VERDICT_GAVE_UP; v++) {
		room.life.verdict = (enum verdict)v;
		(void)boot_retry_begin(&retry);
		assert_told(v == VERDICT_LATE ? "[boot-again]" : "");
	}
	room.life.verdict = VERDICT_LATE;
	room.life.signalled = true;
	assert_false(boot_retry_begin(&retry));
	assert_told("");
}

static void so_often_and_no_oftener(void **state)
{
	(void)state;
	room.plan.disk.count = 0;
	for (int i = 1; i <= 2; i++) {
		char text[80];

		is_late();
		assert_true(boot_retry_left(&retry));
		assert_false(boot_retry_begin(&retry)); /* no other QEMU has come: as told */
		assert_told("[boot-again]");
		(void)snprintf(text, sizeof text,
			       "starting the guest again (VM_BOOT_RETRIES=2, retry %d)", i);
		assert_said(text);
	}
	is_late();
	assert_false(boot_retry_left(&retry));
	assert_false(boot_retry_begin(&retry));
	assert_told("");
}

static void again(const struct notice *n)
{
	room.life.qemu_ended = n->kind != NOTICE_BOOT_AGAIN;
}

static void a_qemu_that_starts_goes_on(void **state)
{
	(void)state;
	room.plan.disk.count = 0;
	room.on_notice = again;
	is_late();
	assert_true(boot_retry_begin(&retry));
	/* One that could not be started is the last. */
	boot_retry_failed(&retry);
	assert_false(boot_retry_left(&retry));
}

static void a_helper_takes_the_disk_back(void **state)
{
	(void)state;
	is_kept();
	is_late();
	assert_true(boot_retry_begin(&retry));
	assert_told("");
	assert_true(boot_retry_begin(&retry)); /* it is at it */
	helper_ends(HELPER_DISK);
	assert_said("qemu-img: vm snapshot-table revert vm-boot - ");
	assert_told("[boot-again]");
	assert_false(retry.reverting);
}

static void a_disk_that_cannot_be_taken_back_is_the_end(void **state)
{
	(void)state;
	helpers_do("1");
	is_kept();
	is_late();
	assert_true(boot_retry_begin(&retry));
	helper_ends(HELPER_DISK);
	assert_told("");
	assert_said("vm: error: the disk cannot be restored to its earlier state: ");
	assert_false(boot_retry_begin(&retry));
	assert_false(boot_retry_left(&retry));
}

static void a_stop_meanwhile_is_the_end(void **state)
{
	(void)state;
	is_kept();
	is_late();
	assert_true(boot_retry_begin(&retry));
	room.life.signalled = true;
	helper_ends(HELPER_DISK);
	assert_told("");
	assert_false(boot_retry_begin(&retry));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_without_retries_or_disk_runs_at_once),
		TEST(the_disk_is_its_own_when_it_is_ready),
		TEST(a_disk_that_cannot_be_kept_boots_once),
		TEST(only_a_late_boot_is_tried_again),
		TEST(so_often_and_no_oftener),
		TEST(a_qemu_that_starts_goes_on),
		TEST(a_helper_takes_the_disk_back),
		TEST(a_disk_that_cannot_be_taken_back_is_the_end),
		TEST(a_stop_meanwhile_is_the_end),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("boot_retry", tests, NULL, NULL);
}
