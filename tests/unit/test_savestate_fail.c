/* test_savestate_fail.c - a guest's state that cannot be saved: errors of QEMU and of the files, a
 * stop during the save, and guests that are refused.
 */
#include "room_savestate.h"

/* It was not stopped, so it is not continued. */
static void saving_that_is_aborted_while_the_memory_is_copied(void **state)
{
	struct error err = {0};

	(void)state;
	room.plan.ram = (struct plan_ram){.where = RAM_SHARED, .fd = guest_ram_create(1 << 20)};
	assert_true(savestate_begin(&save, SAVING_WARM, &err));
	(void)room_posted();
	savestate_abort(&save);
	assert_posted("[-saving-warm][warm-ends 1: the guest is being stopped\n]");
	qemu_is_idle();
	assert_int_equal(entries(), 0);
	assert_int_equal(save.table, -1);
	(void)close(room.plan.ram.fd);
}

static void a_guest_that_ends_while_its_memory_is_copied(void **state)
{
	struct error err = {0};

	(void)state;
	room.plan.ram = (struct plan_ram){.where = RAM_SHARED, .fd = guest_ram_create(1 << 20)};
	assert_true(savestate_begin(&save, SAVING_WARM, &err));
	(void)room_posted();
	room.life.cause = CAUSE_GUEST_OFF;
	helper_ends(HELPER_STATE);
	assert_non_null(strstr(room_posted(), "cannot be saved: the guest has ended"));
	qemu_is_idle();
	assert_int_equal(entries(), 0);
	(void)close(room.plan.ram.fd);
}

static void a_suspended_state_that_fails_asks_the_guest_instead(void **state)
{
	(void)state;
	begin_save(SAVING_SUSPENDED);
	(void)room_posted();
	qemu_fails("no room");
	assert_posted("[+continuing][-suspending][rung-ends failed]");
	assert_logged("vm: warning: the suspended state cannot be saved: no room\n");
	is_released();
	qemu_acks("cont", NULL);
	assert_int_equal(entries(), 0);
}

static void the_reason_of_qemu_is_reported(void **state)
{
	static const char *const answers[][2] = {
		{"{\"status\":\"failed\",\"error-desc\":\"the disk is full\"}", "the disk is full"},
		{"{\"status\":\"failed\"}", "QEMU does not say why"}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char text[200];

		begin_save(SAVING_WARM);
		(void)room_posted();
		qemu_returns("{}");
		qemu_emits("MIGRATION", "{\"status\":\"failed\"}");
		qemu_gets("query-migrate", NULL);
		assert_posted("");
		qemu_returns(answers[i][0]);
		(void)snprintf(text, sizeof text,
			       "[+continuing][-saving-warm][warm-ends 69: the warm state cannot "
			       "be saved: %s\n]",
			       answers[i][1]);
		assert_posted(text);
		is_released();
		qemu_acks("cont", NULL);
		assert_int_equal(entries(), 0);
	}
}

static void files_that_cannot_be_written_fail_the_save(void **state)
{
	(void)state;
	helpers_do("1");
	begin_save(SAVING_WARM);
	(void)room_posted();
	qemu_returns("{}");
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	helper_ends(HELPER_STATE);
	/* Its last line is the reason. */
	assert_non_null(strstr(room_posted(), "cannot be saved: vm state-files "));
	assert_int_equal(entries(), 0);
	is_released();
	qemu_acks("cont", NULL);
}

static void a_state_that_cannot_be_renamed_fails_the_save(void **state)
{
	(void)state;
	begin_save(SAVING_WARM);
	(void)room_posted();
	qemu_returns("{}");
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	helpers_do("1");
	helper_ends(HELPER_STATE);
	is_released();
	qemu_acks("cont", NULL);
	helper_ends(HELPER_STATE);
	assert_non_null(strstr(room_posted(), "cannot be saved: vm state-files commit "));
	assert_int_equal(entries(), 0);
	qemu_is_idle(); /* the guest runs already */
}

/* ---- cancelled ------------------------------------------------------------------------------- */

static void a_stop_cancels_the_save(void **state)
{
	(void)state;
	begin_save(SAVING_WARM);
	(void)room_posted();
	savestate_abort(&save);
	assert_posted("[+continuing][-saving-warm][warm-ends 1: the guest is being stopped\n]");
	assert_int_equal(entries(), 0);
	qemu_returns("{}");
	qemu_acks("migrate_cancel", NULL);
	is_released();
	qemu_acks("cont", NULL);
	/* Late events are ignored. */
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	qemu_emits("MIGRATION", "{\"status\":\"failed\"}");
	qemu_is_idle();
	savestate_abort(&save);
	assert_posted("[-continuing]");
}

static void a_stop_ends_the_helper(void **state)
{
	(void)state;
	helpers_do("hang");
	begin_save(SAVING_SUSPENDED);
	qemu_returns("{}");
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	(void)room_posted();
	savestate_abort(&save);
	helper_ends(HELPER_STATE);
	assert_posted("[+continuing][-suspending][warm-ends 1: the guest is being stopped\n]");
	is_released(); /* and there was nothing to cancel */
	qemu_acks("cont", NULL);
	assert_int_equal(entries(), 0);
}

static void a_late_refusal_does_not_end_the_next_saving(void **state)
{
	(void)state;
	begin_save(SAVING_WARM);
	savestate_abort(&save);
	qemu_fails("cancelled");
	qemu_acks("migrate_cancel", NULL);
	is_released();
	qemu_acks("cont", NULL);
	(void)room_posted();
	begin_save(SAVING_WARM);
	assert_posted("[+saving-warm]");
	savestate_abort(&save);
}

/* ---- refusals ----------------------------------------------------------------------------- */

static void is_refused(enum saving what, int status, const char *why)
{
	struct error err = {0};

	assert_false(savestate_begin(&save, what, &err));
	assert_string_equal(err.message, why);
	assert_int_equal(err.status, status);
	qemu_is_idle();
	assert_posted("");
	assert_int_equal(entries(), 0);
}

static void guests_that_cannot_be_saved_now(void **state)
{
	(void)state;
	room.life.ran = false;
	is_refused(SAVING_WARM, EXIT_NOT_READY, "the guest does not run");
	room.life.ran = true;
	room.qmp.state = QMP_NEGOTIATING;
	is_refused(SAVING_WARM, EXIT_NOT_READY, "the guest does not run");
	room.qmp.state = QMP_READY;
	room.life.conditions = 1u << COND_DISK_ERROR;
	is_refused(SAVING_SUSPENDED, EXIT_NOT_READY,
		   "the guest has a problem: paused: the host could not read or write the disk");
	room.life.conditions = 1u << COND_INTERNAL_ERROR;
	is_refused(
		SAVING_WARM, EXIT_NOT_READY,
		"the guest has a problem: stopped: QEMU has an internal error and cannot run the "
		"guest");
	room.life.conditions = 0;
	save.saving = SAVING_SUSPENDED;
	is_refused(SAVING_WARM, EXIT_NOT_READY, "a state is being saved already");
	save.saving = SAVING_NOTHING;
	room.life.rung = RUNG_ACPI;
	is_refused(SAVING_WARM, EXIT_NOT_READY, "the guest is being stopped");
	room.life.cause = CAUSE_GUEST_OFF;
	is_refused(SAVING_SUSPENDED, EXIT_NOT_READY, "the guest is being stopped");
}

static void guests_that_cannot_be_saved_at_all(void **state)
{
	(void)state;
	(void)error_set(&room.plan.no_state, EXIT_BAD_SETTING, "remove one", "it has two disks");
	is_refused(SAVING_WARM, EXIT_BAD_SETTING, "it has two disks");
	room.plan.no_state = (struct error){0};
	room.plan.disk.count = 1;
	room.plan.s.disk_mode = DISK_MODE_PERSISTENT;
	is_refused(SAVING_WARM, EXIT_BAD_SETTING,
		   "a warm state needs a throwaway disk: with a persistent one, every start "
		   "would revert the disk");
	room.plan.s.disk_mode = DISK_MODE_THROWAWAY;
	room.plan.disk.overlays = STATE_OVERLAYS + 1;
	is_refused(SAVING_WARM, EXIT_BAD_SETTING, "this guest was suspended and resumed too often");
	room.plan.disk.count = 0;
	room.plan.disk.overlays = 0;
	room.plan.s.state_dir = "/proc/nowhere";
	is_refused(SAVING_WARM, EXIT_NO_PERMISSION,
		   "/proc/nowhere: no state can be saved there: No such file or directory");
}

/* Saving begins with five commands: if QEMU accepted only some of them, the guest would stay
 * paused. */
static void a_command_that_does_not_fit_is_not_sent(void **state)
{
	(void)state;
	for (size_t room_for = 0; room_for < 5; room_for++) {
		struct error err = {0};

		qemu_hangs();
		room.qmp.queued -= room_for;
		assert_false(savestate_begin(&save, SAVING_WARM, &err));
		assert_string_equal(err.message, "QEMU does not answer");
		assert_int_equal(room.qmp.queued, QMP_QUEUE - room_for);
		assert_posted("");
		assert_int_equal(entries(), 0);
		room.qmp.queued = QMP_QUEUE;
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(saving_that_is_aborted_while_the_memory_is_copied),
		TEST(a_guest_that_ends_while_its_memory_is_copied),
		TEST(a_suspended_state_that_fails_asks_the_guest_instead),
		TEST(the_reason_of_qemu_is_reported),
		TEST(files_that_cannot_be_written_fail_the_save),
		TEST(a_state_that_cannot_be_renamed_fails_the_save),
		TEST(a_stop_cancels_the_save),
		TEST(a_stop_ends_the_helper),
		TEST(a_late_refusal_does_not_end_the_next_saving),
		TEST(guests_that_cannot_be_saved_now),
		TEST(guests_that_cannot_be_saved_at_all),
		TEST(a_command_that_does_not_fit_is_not_sent),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("savestate_fail", tests, NULL, NULL);
}
