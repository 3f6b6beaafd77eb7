/* test_snapshot_load.c - loading snapshots, and snapshots that are refused.
 */
#include "room_snapshot.h"

/* ---- loading ------------------------------------------------------------------------------ */

static int loads(const char *request, const char *arguments)
{
	int slot = client_sends(request);

	qemu_acks("snapshot-load", arguments);
	return slot;
}

static void a_snapshot_is_loaded(void **state)
{
	int slot = loads("load old", SAVE("1", "old"));

	(void)state;
	assert_posted("[+load]");
	/* Output before the load belongs to the replaced guest. */
	guest_prints_unread("\r\nroot@hurd:~# ");
	snapshot_paused(&work);
	assert_posted("[serial]");
	guest_prints_unread("x");
	snapshot_paused(&work); /* once */
	assert_posted("");
	job_concludes(1, "");
	assert_posted("[snapshot-loaded on][-load]");
	assert_got(slot, "0\nsnapshot old loaded in 0.00 s\n");
	qemu_is_idle();
}

static void a_snapshot_restores_the_console_state(void **state)
{
	static const struct {
		const char *request, *arguments, *told;
		bool stands;
	} rows[] = {
		{"load old", SAVE("1", "old"), "[+load][snapshot-loaded on][-load]", true},
		{"load cmd", SAVE("2", "cmd+busy"), "[+load][snapshot-loaded on][-load]", false},
		{"load early", SAVE("3", "early+booting"), "[+load][snapshot-loaded][-load]",
		 false}};

	(void)state;
	guest_pauses();
	for (int i = 0; i < 3; i++) {
		(void)loads(rows[i].request, rows[i].arguments);
		job_concludes(i + 1, "");
		assert_posted(rows[i].told);
		assert_int_equal(prompt_shown(&room.prompt, clock_now()), rows[i].stands);
	}
}

static void a_stuck_guest_runs_after_a_load(void **state)
{
	(void)state;
	guest_pauses();
	lifecycle_set(&room.life, COND_LOAD_FAILED, true);
	(void)loads("load old", SAVE("1", "old"));
	job_concludes(1, "");
	qemu_acks("cont", NULL);
}

static void a_load_that_did_not_begin_changes_nothing(void **state)
{
	int slot = loads("load old", SAVE("1", "old"));

	(void)state;
	(void)room_posted();
	job_concludes(1, ",\"error\":\"no such snapshot\"");
	qemu_gets("query-status", NULL);
	qemu_returns("{\"status\":\"running\"}");
	assert_posted("[-load]");
	assert_got(slot, "69\nsnapshot old is not loaded: no such snapshot\n");
}

static void a_load_that_failed_half_way_resets_the_guest(void **state)
{
	int slot = loads("load old", SAVE("1", "old"));

	(void)state;
	(void)room_posted();
	job_concludes(1, ",\"error\":\"short read\"");
	qemu_gets("query-status", NULL);
	qemu_returns("{\"status\":\"restore-vm\"}");
	assert_posted("[reset-wanted on][-load]");
	assert_got(slot, "69\nsnapshot old is not loaded: short read; its memory may be half the "
			 "snapshot's: the guest restarts from its disk\n");
	/* The guest is paused after it, if it was before, or if it is being stopped. */
	for (int i = 0; i < 2; i++) {
		room.life.phase = i ? LIFE_RUNNING : LIFE_PAUSED;
		slot = loads("load old", i ? SAVE("3", "old") : SAVE("2", "old"));
		(void)room_posted();
		room.life.rung = i ? RUNG_ACPI : RUNG_NONE;
		job_concludes(2 + i, ",\"error\":\"short read\"");
		qemu_gets("query-status", NULL);
		qemu_fails("no"); /* not known: the same */
		assert_posted("[reset-wanted][-load]");
	}
}

static void a_snapshot_without_memory_is_not_loaded(void **state)
{
	(void)state;
	int slot = client_sends("load disk");

	assert_got(slot, "65\nsnapshot disk has no memory: it was saved from a guest that did not "
			 "run; stop the guest, then load it\n");
	slot = client_sends("load none");
	assert_got(slot, "66\nthere is no snapshot none; vm snapshot list shows those there are\n");
	qemu_is_idle();
}

/* ---- refusals ----------------------------------------------------------------------------- */

static void is_refused(const char *request, const char *answer)
{
	int slot = client_sends(request);

	assert_got(slot, answer);
	qemu_is_idle();
}

static void a_busy_guest_refuses_snapshots(void **state)
{
	static const enum condition saving[] = {COND_SAVING_WARM, COND_SUSPENDING, COND_RESUMING};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		room.life.conditions = 1u << saving[i];
		is_refused("save new", "1\nthe guest's state is being saved or resumed\n");
	}
	room.life.conditions = 1u << COND_CHECKING_WRITES;
	is_refused("delete old", "1\nthe guest is being stopped\n");
	room.life.conditions = 1u << COND_DISK_ERROR;
	is_refused("delete old", "1\npaused: the host could not read or write the disk\n");
	room.life.conditions = 1u << COND_WATCHDOG;
	is_refused("save new", "1\npaused: by the machine's watchdog\n");
	room.life.conditions = 0;
	room.life.rung = RUNG_ACPI;
	is_refused("load old", "1\nthe guest is being stopped\n");
	room.life.rung = RUNG_NONE;
	room.life.cause = CAUSE_QUIT;
	is_refused("load old", "1\nthe guest is being stopped\n");
	room.life.cause = CAUSE_NONE;
	room.life.ran = false;
	is_refused("load old", "1\nthe guest does not run yet\n");
	room.life.ran = true;
	(void)client_sends("delete old");
	(void)qemu_next_command();
	is_refused("save new", "1\nanother snapshot is at work; try again when it is done\n");
}

static void impossible_requests(void **state)
{
	(void)state;
	is_refused("save 7", "64\na snapshot's name begins with a letter and has at most 64 "
			     "letters, digits and ._-; choose another name\n");
	is_refused("save", "64\na snapshot's name begins with a letter and has at most 64 letters, "
			   "digits and ._-; choose another name\n");
	(void)error_set(&room.plan.no_state, EXIT_BAD_SETTING, "remove one", "it has two disks");
	is_refused("save new", "78\nit has two disks; remove one\n");
	room.plan.no_state = (struct error){0};
	room.plan.disk.count = 0;
	is_refused("save new", "66\nthis guest has no disk, and a snapshot is kept in it; set "
			       "QEMU_DRIVE\n");
	is_refused("list", "66\nthis guest has no disk, and a snapshot is kept in it; set "
			   "QEMU_DRIVE\n");
	room.plan.disk.count = 1;
	qemu_hangs();
	(void)qemu_next_command();
	is_refused("save new", "69\nsnapshot new is not saved: QEMU does not answer\n");
	is_refused("delete old", "69\nsnapshot old is not deleted: QEMU does not answer\n");
}

/* The helper has answered the client. */
static void list_is_written(void)
{
	int status;

	assert_true(waitpid(-1, &status, 0) > 0);
	assert_int_equal(status, 0);
}

static void the_list_comes_from_the_image(void **state)
{
	int slot = client_sends("list --json");

	(void)state;
	list_is_written();
	assert_non_null(strstr(client_got(slot), "{\"name\":\"cmd\",\"id\":\"4\""));
	image_has("old");
	slot = client_sends("list");
	list_is_written();
	const char *text = client_got(slot);

	assert_int_equal(strncmp(text, "0\nNAME ", 7), 0);
	assert_non_null(strstr(text, "\nold "));
	assert_null(strstr(text, "\ncmd "));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "snapshot-table") == 0)
		return cmd_snapshot_table(NULL, argc - 1, argv + 1, environ);
	const struct CMUnitTest tests[] = {
		TEST(a_snapshot_is_loaded),
		TEST(a_snapshot_restores_the_console_state),
		TEST(a_stuck_guest_runs_after_a_load),
		TEST(a_load_that_did_not_begin_changes_nothing),
		TEST(a_load_that_failed_half_way_resets_the_guest),
		TEST(a_snapshot_without_memory_is_not_loaded),
		TEST(a_busy_guest_refuses_snapshots),
		TEST(impossible_requests),
		TEST(the_list_comes_from_the_image),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
