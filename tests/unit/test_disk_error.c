/* test_disk_error.c - what stops a guest that is not its own doing: errors of the host's disk, and
 * run states that QEMU does not leave by itself.
 */
#include "room.h"

#include "pid1/disk_error.h"

static struct disk_error disk;

static void on_event(const char *name, const struct json *doc, const struct json_value *data)
{
	if (strcmp(name, "BLOCK_IO_ERROR") == 0)
		disk_error_event(&disk, doc, data);
}

static void on_timer(enum timer_id id)
{
	if (id == TIMER_DISK)
		disk_error_timer(&disk);
	if (id == TIMER_DISK_ERRORS)
		disk_error_count_timer(&disk);
	if (id == TIMER_STUCK)
		disk_error_stuck_timer(&disk);
}

static int set_up(void **state)
{
	char path[] = "/tmp/test-disk-error.XXXXXX";

	(void)room_set_up(state);
	room.on_event = on_event;
	room.on_timer = on_timer;
	room.plan.disk.count = 1;
	room.plan.disk.layers[0].fd = mkostemp(path, O_CLOEXEC);
	(void)unlink(path);
	(void)snprintf(room.plan.disk.path, sizeof room.plan.disk.path, "/images/disk.qcow2");
	disk_error_init(&disk, &room.env);
	guest_runs();
	return 0;
}

static int tear_down(void **state)
{
	fd_close(&room.plan.disk.layers[0].fd);
	return room_tear_down(state);
}

/* ---- no space ----------------------------------------------------------------------------- */

#define NO_SPACE                                                                                   \
	"{\"action\":\"stop\",\"nospace\":true,\"operation\":\"write\",\"reason\":\"No space\"}"

/* The disk is full: there is as much ROOM as at the failed write, or more. */
static void is_full(bool more)
{
	qemu_tells("BLOCK_IO_ERROR", NO_SPACE);
	disk.room = more ? 0 : UINT64_MAX;
}

static void a_full_disk_pauses_until_there_is_room(void **state)
{
	(void)state;
	is_full(false);
	assert_told("[+disk-error][+disk-full]");
	assert_said(
		"vm: error: no space left on the host for the guest's disk (/images/disk.qcow2): "
		"the guest is paused, nothing is lost\n");
	pass(10 * S);
	qemu_is_idle();
	disk.room = 0;
	pass(1 * S);
	qemu_does("cont", NULL);
	disk_error_resumed(&disk);
	assert_told("[-disk-error]");
	/* Only what stays so for a second is over. */
	pass(1 * S - 1);
	assert_told("");
	pass(1);
	assert_told("[-disk-full]");
	assert_said("vm: there is room for the guest's disk again: it runs on, after 12 s\n");
	assert_false(is_armed(TIMER_DISK));
}

static void an_episode_is_told_once(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		is_full(true);
	assert_told("[+disk-error][+disk-full]");
	(void)room_said();
	pass(1 * S);
	qemu_does("cont", NULL);
	disk_error_resumed(&disk);
	pass(500 * MS);
	is_full(true);
	assert_told("[-disk-error][+disk-error]");
	assert_silent();
	assert_int_equal(disk.errors, 4);
}

/* A quota is nothing that the file system tells of. */
static void now_and_then_it_is_simply_tried(void **state)
{
	(void)state;
	is_full(false);
	pass(60 * S - 1);
	qemu_is_idle();
	pass(1);
	qemu_does("cont", NULL);
	pass(60 * S - 1);
	qemu_is_idle();
	pass(1);
	qemu_does("cont", NULL);
}

static void a_little_more_room_is_none(void **state)
{
	(void)state;
	room.plan.disk.count = 0; /* of which nothing is known: 0 bytes */
	is_full(true);
	pass(59 * S);
	qemu_is_idle();
	pass(1 * S);
	qemu_does("cont", NULL);
}

static void a_guest_that_is_ended_does_not_run_on(void **state)
{
	static const enum rung rungs[] = {RUNG_SUSPEND, RUNG_QUIT, RUNG_TERM, RUNG_KILL};

	(void)state;
	is_full(true);
	for (size_t i = 0; i < sizeof rungs / sizeof *rungs; i++) {
		room.life.rung = rungs[i];
		pass(61 * S);
		qemu_is_idle();
	}
	room.life.rung = RUNG_SSH;
	pass(1 * S);
	qemu_does("cont", NULL);
}

static void the_place_is_where_the_writes_go(void **state)
{
	(void)state;
	(void)snprintf(room.plan.disk.overlay, sizeof room.plan.disk.overlay, "/o/verlay");
	is_full(true);
	assert_said("guest's disk (/o/verlay)");
	disk_error_restart(&disk);
	room.plan.s.disk_mode = DISK_MODE_THROWAWAY;
	is_full(true);
	assert_said("guest's disk (/var/tmp)");
	assert_int_equal(disk.errors, 2); /* over all QEMUs */
}

/* ---- other errors ------------------------------------------------------------------------- */

#define REPORT "{\"action\":\"report\",\"operation\":\"read\",\"reason\":\"I/O error\"}"
#define STOP   "{\"action\":\"stop\",\"operation\":\"write\",\"nospace\":false}"

static void an_error_is_the_guests_own(void **state)
{
	(void)state;
	qemu_tells("BLOCK_IO_ERROR", REPORT);
	assert_told("");
	assert_said("vm: error: the host cannot read the guest's disk (/images/disk.qcow2): I/O "
		    "error; the guest gets the error\n");
	qemu_tells("BLOCK_IO_ERROR", "{\"action\":\"ignore\"}");
	qemu_tells("BLOCK_IO_ERROR", "{\"nospace\":true}");
	qemu_tells("BLOCK_IO_ERROR", NULL);
	assert_told("");
	assert_silent();
	assert_int_equal(disk.errors, 1);
}

static void many_errors_are_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		qemu_tells("BLOCK_IO_ERROR", REPORT);
	(void)room_said();
	pass(5 * S);
	assert_said("vm: error: 999 more errors of the guest's disk\n");
	assert_true(is_armed(TIMER_DISK_ERRORS));
	qemu_tells("BLOCK_IO_ERROR", REPORT);
	assert_silent();
	pass(5 * S);
	assert_said("vm: error: 1 more errors of the guest's disk\n");
	/* Quiet for as long: the next one has its line again. */
	pass(5 * S);
	assert_silent();
	assert_false(is_armed(TIMER_DISK_ERRORS));
	qemu_tells("BLOCK_IO_ERROR", REPORT);
	assert_said("the host cannot read");
}

static void an_error_that_pauses_is_told_of_in_a_burst_too(void **state)
{
	(void)state;
	qemu_tells("BLOCK_IO_ERROR", REPORT);
	(void)room_said();
	qemu_tells("BLOCK_IO_ERROR", STOP);
	assert_told("[+disk-error]");
	assert_said("vm: error: the host cannot write the guest's disk (/images/disk.qcow2): no "
		    "reason given; the guest is paused, nothing is lost\n");
	qemu_tells("BLOCK_IO_ERROR", STOP);
	assert_silent();
	pass(120 * S);
	qemu_is_idle(); /* it is for somebody to mend */
	disk_error_resumed(&disk);
	assert_told("[-disk-error]");
	assert_false(is_armed(TIMER_DISK));
}

/* ---- stopped by QEMU ---------------------------------------------------------------------- */

static void status_is(const char *status)
{
	char text[64];

	qemu_hears("query-status", NULL);
	(void)snprintf(text, sizeof text, "{\"status\":\"%s\"}", status);
	qemu_returns(text);
}

static void a_pause_that_was_asked_for_is_none_of_these(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	status_is("paused");
	assert_told("");
	assert_silent();
	for (int c = 0; c < CONDITIONS; c++) {
		bool ours = c == COND_CHECKING_WRITES || c == COND_HELD ||
			    c == COND_SNAPSHOT_SAVE || c == COND_SNAPSHOT_LOAD ||
			    c == COND_SNAPSHOT_DELETE || c == COND_SAVING_WARM ||
			    c == COND_SUSPENDING;

		room.life.conditions = 1u << c;
		disk_error_paused(&disk);
		if (ours)
			qemu_is_idle();
		else
			status_is("paused");
	}
}

static void a_qemu_that_cannot_run_the_guest_is_told_of(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	status_is("internal-error");
	assert_told("[+internal-error][trouble]");
	assert_said("QEMU has stopped the guest for an internal error");
	disk_error_paused(&disk);
	status_is("internal-error");
	assert_told("");
	assert_silent();
	disk_error_paused(&disk);
	status_is("watchdog");
	assert_told("[-internal-error][+watchdog]");
	disk_error_resumed(&disk);
	assert_told("[-watchdog]");
	/* Again: it is said again. */
	disk_error_paused(&disk);
	status_is("watchdog");
	assert_told("[+watchdog][trouble]");
	assert_said("the machine's watchdog has stopped the guest");
}

static void a_load_at_the_monitor_has_two_seconds(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	status_is("restore-vm");
	assert_told("[+load-failed]");
	assert_silent();
	pass(2 * S - 1);
	qemu_is_idle();
	pass(1);
	status_is("restore-vm");
	assert_told("[trouble]");
	assert_said("a snapshot could not be loaded");
	assert_false(is_armed(TIMER_STUCK));
}

static void a_load_that_succeeds_is_not_told_of(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	status_is("restore-vm");
	pass(2 * S);
	status_is("paused");
	assert_told("[+load-failed][-load-failed]");
	assert_silent();
	disk_error_paused(&disk);
	status_is("restore-vm");
	disk_error_resumed(&disk);
	assert_false(is_armed(TIMER_STUCK));
	disk_error_stuck_timer(&disk);
	qemu_is_idle();
}

static void a_qemu_that_does_not_say_is_not_stuck(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	qemu_hears("query-status", NULL);
	qemu_fails("no");
	disk_error_paused(&disk);
	status_is("internal-error");
	(void)room_told();
	disk_error_paused(&disk);
	qemu_goes();
	assert_told("[-internal-error]");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_pauses_until_there_is_room),
		TEST(an_episode_is_told_once),
		TEST(now_and_then_it_is_simply_tried),
		TEST(a_little_more_room_is_none),
		TEST(a_guest_that_is_ended_does_not_run_on),
		TEST(the_place_is_where_the_writes_go),
		TEST(an_error_is_the_guests_own),
		TEST(many_errors_are_counted),
		TEST(an_error_that_pauses_is_told_of_in_a_burst_too),
		TEST(a_pause_that_was_asked_for_is_none_of_these),
		TEST(a_qemu_that_cannot_run_the_guest_is_told_of),
		TEST(a_load_at_the_monitor_has_two_seconds),
		TEST(a_load_that_succeeds_is_not_told_of),
		TEST(a_qemu_that_does_not_say_is_not_stuck),
	};

	return cmocka_run_group_tests_name("disk_error", tests, NULL, NULL);
}
