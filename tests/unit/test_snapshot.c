/* test_snapshot.c - `vm snapshot` on a running guest: requests of control clients, QEMU's jobs, and
 * an image that contains only a snapshot table. The helper `vm snapshot-table`, which is this test
 * program, reads it.
 */
#include "room_snapshot.h"
/* ---- saving ------------------------------------------------------------------------------- */

static void a_snapshot_is_saved(void **state)
{
	int slot = client_sends("save new");

	(void)state;
	assert_posted("[+save]");
	qemu_gets("query-migrate", NULL);
	qemu_returns("{\"blocked-reasons\":[]}");
	qemu_acks("stop", NULL);
	qemu_acks("snapshot-save", SAVE("1", "new+busy"));
	assert_got(slot, "");
	advance(1500 * MS);
	image_has("old,new+busy");
	job_concludes(1, "");
	assert_posted("[+held][-held][+continuing][-save]");
	qemu_acks("cont", NULL);
	assert_posted("[-continuing]");
	assert_got(slot, "0\nsnapshot new saved in 1.50 s: 3.0 MiB of memory\n");
}

static void its_tag_records_the_console_state(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		static const char *const wanted[] = {SAVE("1", "new+booting"),
						     SAVE("2", "new+busy"), SAVE("3", "new+maybe"),
						     SAVE("4", "new")};

		room.life.ready = i > 0;
		prompt_reset(&room.prompt);
		if (i >= 2)
			guest_printed("\r\nroot@hurd:~# ");
		if (i == 3)
			advance(PROMPT_QUIET_NS);
		(void)client_sends("save new");
		qemu_acks("query-migrate", NULL);
		qemu_acks("stop", NULL);
		qemu_gets("snapshot-save", wanted[i]);
		qemu_fails("no");
		qemu_acks("cont", NULL);
	}
}

/* The guest prints until QEMU has stopped it. */
static void a_prompt_that_comes_before_the_stop_counts(void **state)
{
	(void)state;
	(void)client_sends("save new");
	qemu_acks("query-migrate", NULL);
	qemu_gets("stop", NULL);
	guest_prints_unread("\r\nroot@hurd:~# ");
	qemu_returns("{}");
	qemu_acks("snapshot-save", SAVE("1", "new+maybe"));
	job_concludes(1, "");
	qemu_acks("cont", NULL);
}

static void a_guest_that_is_paused_stays_paused(void **state)
{
	(void)state;
	guest_pauses();
	(void)client_sends("save new");
	qemu_acks("query-migrate", NULL);
	qemu_acks("snapshot-save", SAVE("1", "new+busy"));
	job_concludes(1, "");
	qemu_is_idle();
}

/* A stop by suspending, or one that continues the guest itself, has begun during the save. */
static void what_has_begun_meanwhile_decides_whether_the_guest_runs(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		(void)client_sends("save new");
		qemu_acks("query-migrate", NULL);
		qemu_acks("stop", NULL);
		qemu_acks("snapshot-save", SAVE("1", "new+busy"));
		assert_true(lifecycle_is(&room.life, COND_HELD));
		if (i == 0)
			env_condition(&room.env, COND_SUSPENDING, true);
		else
			room.life.rung = RUNG_ACPI;
		job_concludes(1, "");
		qemu_is_idle();
		assert_false(lifecycle_is(&room.life, COND_HELD));
		(void)tear_down(state);
		(void)set_up(state);
	}
}

static void a_state_that_begins_before_the_stop_prevents_the_save(void **state)
{
	int slot = client_sends("save new");

	(void)state;
	qemu_acks("query-migrate", NULL);
	qemu_gets("stop", NULL);
	env_condition(&room.env, COND_SAVING_WARM, true);
	qemu_returns("{}");
	qemu_is_idle();
	assert_got(slot, "69\nsnapshot new is not saved: the guest's state is being saved or "
			 "resumed\n");
}

static void with_a_debugger_the_guest_is_not_stopped_first(void **state)
{
	(void)state;
	room.plan.s.gdb = true;
	(void)client_sends("save new");
	qemu_acks("query-migrate", NULL);
	qemu_acks("snapshot-save", SAVE("1", "new+busy"));
	job_concludes(1, "");
	qemu_is_idle();
}

static void on_a_throwaway_disk_it_is_temporary(void **state)
{
	int slot;

	(void)state;
	room.plan.s.disk_mode = DISK_MODE_THROWAWAY;
	slot = client_sends("save new");
	qemu_acks("query-migrate", NULL);
	qemu_acks("stop", NULL);
	qemu_acks("snapshot-save", SAVE("1", "new+busy"));
	job_concludes(1, "");
	assert_non_null(
		strstr(client_got(slot), "; it is on the throwaway disk and goes with it\n"));
}

static void an_existing_name_needs_force(void **state)
{
	int slot = client_sends("save cmd");

	(void)state;
	assert_got(slot, "65\nthere is a snapshot cmd already; choose another name, or --force\n");
	qemu_is_idle();
	slot = client_sends("save cmd --force");
	qemu_acks("query-migrate", NULL);
	/* The old one is deleted first, by its complete name. */
	qemu_acks("snapshot-delete", DELETE("1", "cmd+busy"));
	job_concludes(1, "");
	assert_got(slot, "");
	qemu_acks("stop", NULL);
	qemu_acks("snapshot-save", SAVE("2", "cmd+busy"));
	job_concludes(2, "");
	assert_non_null(strstr(client_got(slot), "0\nsnapshot cmd saved in "));
}

static void the_reason_that_prevents_a_snapshot_is_reported(void **state)
{
	int slot = client_sends("save new");

	(void)state;
	qemu_gets("query-migrate", NULL);
	qemu_returns("{\"blocked-reasons\":[\"a device\",\"another\"]}");
	assert_got(slot, "69\nsnapshot new is not saved: a device\n");
	room.plan.s.share = SHARE_9P;
	slot = client_sends("save old --force");
	qemu_gets("query-migrate", NULL);
	qemu_returns("{\"blocked-reasons\":[\"9p\"]}");
	assert_got(slot, "69\nsnapshot old is not saved: 9p; unmount the share in the guest (9p "
			 "cannot be saved)\n");
	qemu_is_idle();
	slot = client_sends("save new");
	qemu_gets("query-migrate", NULL);
	qemu_fails("no such command");
	assert_got(slot, "69\nsnapshot new is not saved: no such command\n");
}

static void a_failed_save_reports_the_reason(void **state)
{
	int slot = client_sends("save new");

	(void)state;
	qemu_acks("query-migrate", NULL);
	qemu_acks("stop", NULL);
	qemu_gets("snapshot-save", SAVE("1", "new+busy"));
	qemu_fails("no bdrv");
	assert_got(slot, "69\nsnapshot new is not saved: no bdrv\n");
	qemu_acks("cont", NULL);
	slot = client_sends("save new");
	qemu_acks("query-migrate", NULL);
	qemu_acks("stop", NULL);
	qemu_acks("snapshot-save", SAVE("2", "new+busy"));
	(void)room_posted();
	job_concludes(2, ",\"error\":\"disk full\"");
	assert_got(slot, "69\nsnapshot new is not saved: disk full\n");
	assert_posted("[-held][+continuing][-save]");
	qemu_acks("cont", NULL);
}

static void missing_space_is_refused(void **state)
{
	(void)state;
	room.plan.s.ram_mb = 4194304;
	int slot = client_sends("save new");

	assert_non_null(
		strstr(client_got(slot), "77\nnot enough space: the memory may take 4194305 MiB"));
	qemu_is_idle();
}

/* ---- jobs --------------------------------------------------------------------------------- */

static void jobs_of_other_clients_are_ignored(void **state)
{
	int slot = client_sends("delete old");

	(void)state;
	assert_posted("[+delete]");
	qemu_acks("snapshot-delete", DELETE("1", "old"));
	qemu_emits("JOB_STATUS_CHANGE", "{\"status\":\"concluded\",\"id\":\"vm-snapshot-2\"}");
	qemu_emits("JOB_STATUS_CHANGE", "{\"status\":\"running\",\"id\":\"vm-snapshot-1\"}");
	qemu_emits("JOB_STATUS_CHANGE", NULL);
	qemu_is_idle();
	job_concludes(1, "");
	assert_got(slot, "0\nsnapshot old deleted in 0.00 s\n");
	/* No job is running. */
	qemu_emits("JOB_STATUS_CHANGE", "{\"status\":\"concluded\",\"id\":\"vm-snapshot-1\"}");
	qemu_is_idle();
}

static void a_missing_job_has_failed(void **state)
{
	int slot = client_sends("delete old");

	(void)state;
	qemu_acks("snapshot-delete", DELETE("1", "old"));
	qemu_emits("JOB_STATUS_CHANGE", "{\"status\":\"concluded\",\"id\":\"vm-snapshot-1\"}");
	qemu_gets("query-jobs", NULL);
	qemu_returns("[{\"id\":\"vm-snapshot-2\"}]");
	assert_got(slot, "69\nsnapshot old is not deleted: QEMU does not know of it any more\n");
}

static void a_qemu_that_has_ended_does_not_answer(void **state)
{
	int slot = client_sends("save new");

	(void)state;
	qemu_disconnects();
	snapshot_ended(&work);
	assert_non_null(strstr(client_got(slot), "69\nsnapshot new is not saved: QEMU "));
	assert_posted("[+save][-save]");
	snapshot_ended(&work);
	assert_posted("");
}

static void a_disconnected_client_gets_no_answer(void **state)
{
	int slot = client_sends("delete old");
	int other;

	(void)state;
	qemu_acks("snapshot-delete", DELETE("1", "old"));
	fd_close(&room.control.clients[slot].fd);
	other = client_requests(); /* in the same slot */
	assert_int_equal(slot, other);
	job_concludes(1, "");
	assert_got(other, "");
	assert_posted("[+delete][-delete]");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "snapshot-table") == 0)
		return cmd_snapshot_table(NULL, argc - 1, argv + 1, environ);
	const struct CMUnitTest tests[] = {
		TEST(a_snapshot_is_saved),
		TEST(its_tag_records_the_console_state),
		TEST(a_prompt_that_comes_before_the_stop_counts),
		TEST(a_guest_that_is_paused_stays_paused),
		TEST(what_has_begun_meanwhile_decides_whether_the_guest_runs),
		TEST(a_state_that_begins_before_the_stop_prevents_the_save),
		TEST(with_a_debugger_the_guest_is_not_stopped_first),
		TEST(on_a_throwaway_disk_it_is_temporary),
		TEST(an_existing_name_needs_force),
		TEST(the_reason_that_prevents_a_snapshot_is_reported),
		TEST(a_failed_save_reports_the_reason),
		TEST(missing_space_is_refused),
		TEST(jobs_of_other_clients_are_ignored),
		TEST(a_missing_job_has_failed),
		TEST(a_qemu_that_has_ended_does_not_answer),
		TEST(a_disconnected_client_gets_no_answer),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
