/* test_reset.c - resets by the button and by the guest. */
#include "room_reset.h"

/* ---- the button --------------------------------------------------------------------------- */

static void a_running_guest_is_paused_for_a_reset(void **state)
{
	(void)state;
	assert_true(reset_press(&reset, THEN_AS_BEFORE));
	assert_posted("[+resetting][reset-pressed][+held]");
	qemu_acks("stop", NULL);
	is_pressed();
	/* Output that is still in the pipe belongs to the old boot. */
	guest_prints_unread("the end of a line");
	machine_resets(false);
	assert_posted("[serial][restarted][+continuing][-held]");
	assert_logged("vm: the machine was reset\n");
	qemu_acks("cont", NULL);
	assert_posted("[-continuing]");
	assert_true(lifecycle_is(&room.life, COND_RESETTING));
	guest_printed("SeaBIOS");
	assert_posted("[serial][-resetting]");
	qemu_acks("set-action", "{\"reboot\":\"shutdown\"}");
	guest_printed("more");
	assert_posted("[serial]");
	qemu_is_idle();
}

static void with_restart_the_action_is_kept(void **state)
{
	(void)state;
	room.plan.s.on_reboot = REBOOT_RESTART;
	(void)reset_press(&reset, THEN_AS_BEFORE);
	qemu_acks("stop", NULL);
	is_pressed();
	machine_resets(false);
	qemu_acks("cont", NULL);
	guest_printed("SeaBIOS");
	qemu_is_idle();
	assert_int_equal(reset.button, RESET_NONE);
}

static void a_paused_guest_stays_paused(void **state)
{
	(void)state;
	guest_pauses();
	(void)reset_press(&reset, THEN_AS_BEFORE);
	assert_posted("[+resetting][reset-pressed]");
	is_pressed();
	machine_resets(false);
	assert_posted("[restarted]");
	qemu_is_idle();
}

static void with_a_debugger_the_guest_is_not_paused(void **state)
{
	static const enum condition busy[] = {COND_SNAPSHOT_SAVE, COND_SNAPSHOT_LOAD,
					      COND_SNAPSHOT_DELETE, COND_SAVING_WARM,
					      COND_SUSPENDING};

	(void)state;
	for (size_t i = 0; i < sizeof busy / sizeof *busy; i++) {
		room.life.conditions = 1u << busy[i];
		(void)reset_press(&reset, THEN_AS_BEFORE);
		assert_false(reset.held);
		is_pressed();
	}
	room.life.conditions = 0;
	room.plan.s.gdb = true; /* a debugger would see that as an interruption */
	(void)reset_press(&reset, THEN_AS_BEFORE);
	assert_false(reset.held);
	is_pressed();
}

static void a_guest_stopped_by_qemu_runs_after_a_reset(void **state)
{
	(void)state;
	guest_pauses();
	lifecycle_set(&room.life, COND_INTERNAL_ERROR, true);
	(void)reset_press(&reset, THEN_AS_BEFORE);
	assert_posted("[+resetting][reset-pressed][+held]");
	is_pressed();
	machine_resets(false);
	qemu_acks("cont", NULL);
}

static void a_failed_snapshot_load_is_reset(void **state)
{
	(void)state;
	guest_pauses();
	(void)reset_press(&reset, THEN_RUNS);
	is_pressed();
	machine_resets(false);
	qemu_acks("cont", NULL);
	guest_runs();
	(void)reset_press(&reset, THEN_PAUSED);
	qemu_acks("stop", NULL);
	is_pressed();
	machine_resets(false);
	qemu_is_idle();
}

static void a_state_being_saved_delays_the_reset(void **state)
{
	(void)state;
	(void)reset_press(&reset, THEN_AS_BEFORE);
	qemu_acks("stop", NULL);
	is_pressed();
	lifecycle_set(&room.life, COND_SAVING_WARM, true);
	(void)room_posted();
	machine_resets(false);
	assert_posted("[restarted][-held]");
	qemu_is_idle();
}

static void without_qmp_a_reset_is_refused(void **state)
{
	(void)state;
	qemu_connects(room_event, NULL);
	assert_false(reset_press(&reset, THEN_AS_BEFORE));
	assert_posted("");
	qemu_is_idle();
}

/* A reset consists of three commands: if QEMU accepted only half of them, the guest would stay
 * paused. */
static void a_reset_is_sent_completely_or_not_at_all(void **state)
{
	(void)state;
	for (size_t room_for = 0; room_for < 3; room_for++) {
		lifecycle_ready(&room.life, clock_now());
		qemu_hangs();
		room.qmp.queued -= room_for;
		assert_false(reset_press(&reset, THEN_AS_BEFORE));
		assert_int_equal(room.qmp.queued, QMP_QUEUE - room_for);
		assert_posted("");
		assert_false(reset.held);
		room.qmp.queued = QMP_QUEUE;
	}
}

/* ---- resets by the guest -------------------------------------------------------------------- */

static void a_reboot_begins_again(void **state)
{
	(void)state;
	guest_printed("Linux\n");
	(void)room_posted();
	machine_resets(true);
	assert_posted("[restarted]");
	assert_logged("vm: the guest rebooted\n");
	qemu_is_idle();
	/* The firmware's reset that follows is part of it. */
	machine_resets(true);
	assert_posted("");
	assert_log_empty();
	guest_printed("Linux\n");
	(void)room_posted();
	machine_resets(true);
	assert_posted("[restarted]");
}

static void is_ready_after_a_reset(void)
{
	(void)reset_press(&reset, THEN_AS_BEFORE);
	qemu_acks("stop", NULL);
	is_pressed();
	machine_resets(false);
	qemu_acks("cont", NULL);
	reset_resumed(&reset, qemu_us += 5000000);
	guest_printed("Linux\nlogin: ");
	lifecycle_ready(&room.life, clock_now());
	qemu_acks("set-action", "{\"reboot\":\"shutdown\"}");
	(void)room_posted();
}

/* PID 1 was stopped: it has read the output that follows the firmware's reset before the event. */
static void a_late_event_of_the_firmware_is_part_of_its_reset(void **state)
{
	(void)state;
	is_ready_after_a_reset();
	reset_on_event(&reset, true, qemu_us += 99999);
	assert_posted("");
	assert_true(room.life.ready);
	/* Only a RESUME that follows a reset counts. */
	reset_resumed(&reset, qemu_us += 200000);
	reset_on_event(&reset, true, qemu_us += 50000);
	assert_posted("[restarted]");
}

/* QEMU's timestamps are those of the host's clock, which may be set back. */
static void a_reboot_after_the_clock_was_set_back_counts(void **state)
{
	(void)state;
	is_ready_after_a_reset();
	reset_on_event(&reset, true, qemu_us -= 3600000000);
	assert_posted("[restarted]");
}

static void a_reset_that_ends_the_run_is_not_logged(void **state)
{
	(void)state;
	guest_printed("Linux\n");
	(void)room_posted();
	room.life.cause = CAUSE_GUEST_RESET;
	machine_resets(true);
	assert_posted("");
	assert_true(reset.was_reset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_running_guest_is_paused_for_a_reset),
		TEST(with_restart_the_action_is_kept),
		TEST(a_paused_guest_stays_paused),
		TEST(with_a_debugger_the_guest_is_not_paused),
		TEST(a_guest_stopped_by_qemu_runs_after_a_reset),
		TEST(a_failed_snapshot_load_is_reset),
		TEST(a_state_being_saved_delays_the_reset),
		TEST(without_qmp_a_reset_is_refused),
		TEST(a_reset_is_sent_completely_or_not_at_all),
		TEST(a_reboot_begins_again),
		TEST(a_reboot_after_the_clock_was_set_back_counts),
		TEST(a_late_event_of_the_firmware_is_part_of_its_reset),
		TEST(a_reset_that_ends_the_run_is_not_logged),
	};

	return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
