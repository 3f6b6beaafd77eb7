/* test_disk_error.c - guests stopped by QEMU: errors of the host's disk, and run states that QEMU
 * does not leave by itself.
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

/* The disk is full: as much ROOM is free as at the failed write, or more. */
static void is_full(bool more)
{
	qemu_emits("BLOCK_IO_ERROR", NO_SPACE);
	disk.room = more ? 0 : UINT64_MAX;
}

static void a_full_disk_pauses_until_there_is_space(void **state)
{
	(void)state;
	is_full(false);
	assert_posted("[+disk-error][+disk-full]");
	assert_logged(
		"vm: error: no space left on the host for the guest's disk (/images/disk.qcow2): "
		"the guest is paused, nothing is lost\n");
	advance(10 * S);
	qemu_is_idle();
	disk.room = 0;
	advance(1 * S);
	qemu_acks("cont", NULL);
	disk_error_resumed(&disk);
	assert_posted("[+continuing][-continuing][-disk-error]");
	/* The problem counts as solved if no error follows for a second. */
	advance(1 * S - 1);
	assert_posted("");
	advance(1);
	assert_posted("[-disk-full]");
	assert_logged(
		"vm: there is space for the guest's disk again: the guest is continued, after "
		"12 s\n");
	assert_false(is_armed(TIMER_DISK));
}

static void a_full_disk_is_reported_once(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		is_full(true);
	assert_posted("[+disk-error][+disk-full]");
	(void)room_logged();
	advance(1 * S);
	qemu_acks("cont", NULL);
	disk_error_resumed(&disk);
	advance(500 * MS);
	is_full(true);
	assert_posted("[+continuing][-continuing][-disk-error][+disk-error]");
	assert_log_empty();
	assert_int_equal(disk.errors, 4);
}

/* The file system does not report a quota. */
static void the_guest_is_continued_from_time_to_time(void **state)
{
	(void)state;
	is_full(false);
	advance(60 * S - 1);
	qemu_is_idle();
	advance(1);
	qemu_acks("cont", NULL);
	advance(60 * S - 1);
	qemu_is_idle();
	advance(1);
	qemu_acks("cont", NULL);
}

static void a_little_more_space_is_not_enough(void **state)
{
	(void)state;
	room.plan.disk.count = 0; /* free space unknown: 0 bytes */
	is_full(true);
	advance(59 * S);
	qemu_is_idle();
	advance(1 * S);
	qemu_acks("cont", NULL);
}

static void a_guest_that_is_being_stopped_is_not_continued(void **state)
{
	static const enum rung rungs[] = {RUNG_SUSPEND, RUNG_QUIT, RUNG_TERM, RUNG_KILL};

	(void)state;
	is_full(true);
	for (size_t i = 0; i < sizeof rungs / sizeof *rungs; i++) {
		room.life.rung = rungs[i];
		advance(61 * S);
		qemu_is_idle();
	}
	room.life.rung = RUNG_SSH;
	advance(1 * S);
	qemu_acks("cont", NULL);
}

static void space_is_checked_where_writes_go(void **state)
{
	(void)state;
	(void)snprintf(room.plan.disk.overlay, sizeof room.plan.disk.overlay, "/o/verlay");
	is_full(true);
	assert_logged("guest's disk (/o/verlay)");
	disk_error_restart(&disk);
	room.plan.s.disk_mode = DISK_MODE_THROWAWAY;
	is_full(true);
	assert_logged("guest's disk (/var/tmp)");
	assert_int_equal(disk.errors, 2); /* counted across restarts of QEMU */
}

/* ---- other errors ------------------------------------------------------------------------- */

#define REPORT "{\"action\":\"report\",\"operation\":\"read\",\"reason\":\"I/O error\"}"
#define STOP   "{\"action\":\"stop\",\"operation\":\"write\",\"nospace\":false}"

static void an_io_error_is_passed_to_the_guest(void **state)
{
	(void)state;
	qemu_emits("BLOCK_IO_ERROR", REPORT);
	assert_posted("");
	assert_logged("vm: error: the host cannot read the guest's disk (/images/disk.qcow2): I/O "
		      "error; the guest gets the error\n");
	qemu_emits("BLOCK_IO_ERROR", "{\"action\":\"ignore\"}");
	qemu_emits("BLOCK_IO_ERROR", "{\"nospace\":true}");
	qemu_emits("BLOCK_IO_ERROR", NULL);
	assert_posted("");
	assert_log_empty();
	assert_int_equal(disk.errors, 1);
}

static void many_errors_are_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		qemu_emits("BLOCK_IO_ERROR", REPORT);
	(void)room_logged();
	advance(5 * S);
	assert_logged("vm: error: 999 more errors of the guest's disk\n");
	assert_true(is_armed(TIMER_DISK_ERRORS));
	qemu_emits("BLOCK_IO_ERROR", REPORT);
	assert_log_empty();
	advance(5 * S);
	assert_logged("vm: error: 1 more errors of the guest's disk\n");
	/* After a pause of that length, the next error is logged again. */
	advance(5 * S);
	assert_log_empty();
	assert_false(is_armed(TIMER_DISK_ERRORS));
	qemu_emits("BLOCK_IO_ERROR", REPORT);
	assert_logged("the host cannot read");
}

static void a_pausing_error_is_reported_within_a_burst(void **state)
{
	(void)state;
	qemu_emits("BLOCK_IO_ERROR", REPORT);
	(void)room_logged();
	qemu_emits("BLOCK_IO_ERROR", STOP);
	assert_posted("[+disk-error]");
	assert_logged("vm: error: the host cannot write the guest's disk (/images/disk.qcow2): no "
		      "reason given; the guest is paused, nothing is lost\n");
	qemu_emits("BLOCK_IO_ERROR", STOP);
	assert_log_empty();
	advance(120 * S);
	qemu_is_idle(); /* the user has to correct it */
	disk_error_resumed(&disk);
	assert_posted("[-disk-error]");
	assert_false(is_armed(TIMER_DISK));
}

/* ---- stopped by QEMU ---------------------------------------------------------------------- */

static void status_is(const char *status)
{
	char text[64];

	qemu_gets("query-status", NULL);
	(void)snprintf(text, sizeof text, "{\"status\":\"%s\"}", status);
	qemu_returns(text);
}

static void a_requested_pause_is_not_an_error(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	status_is("paused");
	assert_posted("");
	assert_log_empty();
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

static void a_guest_that_qemu_cannot_run_is_reported(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	status_is("internal-error");
	assert_posted("[+internal-error][problem]");
	assert_logged("QEMU has stopped the guest for an internal error");
	disk_error_paused(&disk);
	status_is("internal-error");
	assert_posted("");
	assert_log_empty();
	disk_error_paused(&disk);
	status_is("watchdog");
	assert_posted("[-internal-error][+watchdog]");
	disk_error_resumed(&disk);
	assert_posted("[-watchdog]");
	/* Another episode is reported again. */
	disk_error_paused(&disk);
	status_is("watchdog");
	assert_posted("[+watchdog][problem]");
	assert_logged("the machine's watchdog has stopped the guest");
}

static void a_loadvm_in_the_monitor_has_two_seconds(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	status_is("restore-vm");
	assert_posted("[+load-failed]");
	assert_log_empty();
	advance(2 * S - 1);
	qemu_is_idle();
	advance(1);
	status_is("restore-vm");
	assert_posted("[problem]");
	assert_logged("a snapshot could not be loaded");
	assert_false(is_armed(TIMER_STUCK));
}

static void a_successful_load_is_not_reported(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	status_is("restore-vm");
	advance(2 * S);
	status_is("paused");
	assert_posted("[+load-failed][-load-failed]");
	assert_log_empty();
	disk_error_paused(&disk);
	status_is("restore-vm");
	disk_error_resumed(&disk);
	assert_false(is_armed(TIMER_STUCK));
	disk_error_stuck_timer(&disk);
	qemu_is_idle();
}

static void a_qemu_without_an_answer_is_not_stuck(void **state)
{
	(void)state;
	disk_error_paused(&disk);
	qemu_gets("query-status", NULL);
	qemu_fails("no");
	disk_error_paused(&disk);
	status_is("internal-error");
	(void)room_posted();
	disk_error_paused(&disk);
	qemu_disconnects();
	assert_posted("[-internal-error]");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_pauses_until_there_is_space),
		TEST(a_full_disk_is_reported_once),
		TEST(the_guest_is_continued_from_time_to_time),
		TEST(a_little_more_space_is_not_enough),
		TEST(a_guest_that_is_being_stopped_is_not_continued),
		TEST(space_is_checked_where_writes_go),
		TEST(an_io_error_is_passed_to_the_guest),
		TEST(many_errors_are_counted),
		TEST(a_pausing_error_is_reported_within_a_burst),
		TEST(a_requested_pause_is_not_an_error),
		TEST(a_guest_that_qemu_cannot_run_is_reported),
		TEST(a_loadvm_in_the_monitor_has_two_seconds),
		TEST(a_successful_load_is_not_reported),
		TEST(a_qemu_without_an_answer_is_not_stuck),
	};

	return cmocka_run_group_tests_name("disk_error", tests, NULL, NULL);
}
