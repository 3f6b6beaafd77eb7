/* test_snapshot.c - `vm snapshot` on a running guest: requests of control clients, QEMU's jobs, and
 * an image of which there is the table of its snapshots only. It is read by the helper
 * `vm snapshot-table`, which is this program again.
 */
#include "room.h"

#include "format/bytes.h"
#include "format/qcow2.h"
#include "pid1/snapshot.h"
#include "vm/cmd.h"

static struct snapshot_work work;

static void on_event(const char *name, const struct json *doc, const struct json_value *data)
{
	if (strcmp(name, "JOB_STATUS_CHANGE") == 0)
		snapshot_on_job(&work, doc, data);
}

/* The image has snapshots of these TAGS (separated by commas), of 3 MiB of memory; one whose tag
 * begins with a d has none. */
static void image_has(const char *tags)
{
	uint8_t head[12] = {0};
	off_t at = 4096;
	uint32_t n = 0;

	for (; *tags; n++) {
		uint8_t entry[256] = {0};
		size_t len = strcspn(tags, ",");

		entry[13] = 1;
		entry[15] = (uint8_t)len;
		put_be32(entry + 32, *tags == 'd' ? 0 : 3 << 20);
		entry[QCOW2_SNAPSHOT_ENTRY] = (uint8_t)('1' + n);
		memcpy(entry + QCOW2_SNAPSHOT_ENTRY + 1, tags, len);
		assert_int_equal(pwrite(room.plan.disk.layers[0].fd, entry, sizeof entry, at),
				 sizeof entry);
		at += (off_t)((QCOW2_SNAPSHOT_ENTRY + 1 + len + 7) & ~7u);
		tags += len + (tags[len] == ',');
	}
	put_be32(head, n);
	put_be64(head + 4, 4096);
	assert_int_equal(pwrite(room.plan.disk.layers[0].fd, head, sizeof head, 60), sizeof head);
}

static int set_up(void **state)
{
	char path[] = "/tmp/test-snapshot.XXXXXX";

	(void)room_set_up(state);
	room.on_event = on_event;
	room.plan.disk.count = 1;
	room.plan.disk.layers[0].fd = mkostemp(path, O_CLOEXEC);
	room.plan.disk.layers[0].format = FORMAT_QCOW2;
	(void)unlink(path);
	room.plan.s.ram_mb = 1;
	snapshot_init(&work, &room.env);
	image_has("old,disk,early+booting,cmd+busy");
	guest_runs();
	lifecycle_ready(&room.life, clock_now());
	return 0;
}

static int tear_down(void **state)
{
	fd_close(&room.plan.disk.layers[0].fd);
	return room_tear_down(state);
}

/* The helper has ended. */
static void table_is_read(void)
{
	if (helper_pid(room.env.helpers, HELPER_SNAPSHOT))
		helper_ends(HELPER_SNAPSHOT);
}

static int asks(const char *request)
{
	int slot = client_asks();

	snapshot_request(&work, slot, request);
	table_is_read();
	return slot;
}

#define SAVE(n, tag)                                                                               \
	"{\"job-id\":\"vm-snapshot-" n "\",\"tag\":\"" tag                                         \
	"\",\"vmstate\":\"disk0\",\"devices\":[\"disk0\"]}"
#define DELETE(n, tag)                                                                             \
	"{\"job-id\":\"vm-snapshot-" n "\",\"tag\":\"" tag "\",\"devices\":[\"disk0\"]}"

/* Job N has come to its end, with ERROR as a member or "". */
static void concludes(int n, const char *error)
{
	char text[300];

	(void)snprintf(text, sizeof text, "{\"status\":\"concluded\",\"id\":\"vm-snapshot-%d\"}",
		       n);
	qemu_tells("JOB_STATUS_CHANGE", text);
	qemu_hears("query-jobs", NULL);
	(void)snprintf(text, sizeof text,
		       "[{\"id\":\"other\",\"error\":\"x\"},{\"id\":\"vm-snapshot-%d\"%s}]", n,
		       error);
	qemu_returns(text);
	(void)snprintf(text, sizeof text, "{\"id\":\"vm-snapshot-%d\"}", n);
	qemu_does("job-dismiss", text);
	table_is_read();
}

/* ---- saving ------------------------------------------------------------------------------- */

static void a_snapshot_is_saved(void **state)
{
	int slot = asks("save new");

	(void)state;
	assert_told("[+save]");
	qemu_hears("query-migrate", NULL);
	qemu_returns("{\"blocked-reasons\":[]}");
	qemu_does("snapshot-save", SAVE("1", "new+busy"));
	assert_got(slot, "");
	pass(1500 * MS);
	image_has("old,new+busy");
	concludes(1, "");
	assert_told("[-save]");
	assert_got(slot, "0\nsnapshot new saved in 1.50 s: 3.0 MiB of memory\n");
}

static void its_tag_says_what_the_console_was_like(void **state)
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
			pass(PROMPT_QUIET_NS);
		(void)asks("save new");
		qemu_does("query-migrate", NULL);
		qemu_hears("snapshot-save", wanted[i]);
		qemu_fails("no");
	}
}

static void on_a_throwaway_disk_it_goes_with_it(void **state)
{
	int slot;

	(void)state;
	room.plan.s.disk_mode = DISK_MODE_THROWAWAY;
	slot = asks("save new");
	qemu_does("query-migrate", NULL);
	qemu_does("snapshot-save", SAVE("1", "new+busy"));
	concludes(1, "");
	assert_non_null(
		strstr(client_got(slot), "; it is on the throwaway disk and goes with it\n"));
}

static void a_name_that_is_taken_needs_force(void **state)
{
	int slot = asks("save cmd");

	(void)state;
	assert_got(slot, "65\nthere is a snapshot cmd already; choose another name, or --force\n");
	qemu_is_idle();
	slot = asks("save cmd --force");
	qemu_does("query-migrate", NULL);
	/* The old one goes first, under the whole of its name. */
	qemu_does("snapshot-delete", DELETE("1", "cmd+busy"));
	concludes(1, "");
	assert_got(slot, "");
	qemu_does("snapshot-save", SAVE("2", "cmd+busy"));
	concludes(2, "");
	assert_non_null(strstr(client_got(slot), "0\nsnapshot cmd saved in "));
}

static void what_blocks_a_snapshot_is_said(void **state)
{
	int slot = asks("save new");

	(void)state;
	qemu_hears("query-migrate", NULL);
	qemu_returns("{\"blocked-reasons\":[\"a device\",\"another\"]}");
	assert_got(slot, "69\nsnapshot new is not saved: a device\n");
	room.plan.s.share = SHARE_9P;
	slot = asks("save old --force");
	qemu_hears("query-migrate", NULL);
	qemu_returns("{\"blocked-reasons\":[\"9p\"]}");
	assert_got(slot, "69\nsnapshot old is not saved: 9p; unmount the share in the guest (9p "
			 "cannot be saved)\n");
	qemu_is_idle();
	slot = asks("save new");
	qemu_hears("query-migrate", NULL);
	qemu_fails("no such command");
	assert_got(slot, "69\nsnapshot new is not saved: no such command\n");
}

static void a_save_that_fails_says_why(void **state)
{
	int slot = asks("save new");

	(void)state;
	qemu_does("query-migrate", NULL);
	qemu_hears("snapshot-save", SAVE("1", "new+busy"));
	qemu_fails("no bdrv");
	assert_got(slot, "69\nsnapshot new is not saved: no bdrv\n");
	slot = asks("save new");
	qemu_does("query-migrate", NULL);
	qemu_does("snapshot-save", SAVE("2", "new+busy"));
	(void)room_told();
	concludes(2, ",\"error\":\"disk full\"");
	assert_got(slot, "69\nsnapshot new is not saved: disk full\n");
	assert_told("[-save]");
}

static void there_has_to_be_room(void **state)
{
	(void)state;
	room.plan.s.ram_mb = 4194304;
	int slot = asks("save new");

	assert_non_null(strstr(client_got(slot), "77\nno space: the memory may take 4194305 MiB"));
	qemu_is_idle();
}

/* ---- jobs --------------------------------------------------------------------------------- */

static void other_jobs_are_other_peoples(void **state)
{
	int slot = asks("delete old");

	(void)state;
	assert_told("[+delete]");
	qemu_does("snapshot-delete", DELETE("1", "old"));
	qemu_tells("JOB_STATUS_CHANGE", "{\"status\":\"concluded\",\"id\":\"vm-snapshot-2\"}");
	qemu_tells("JOB_STATUS_CHANGE", "{\"status\":\"running\",\"id\":\"vm-snapshot-1\"}");
	qemu_tells("JOB_STATUS_CHANGE", NULL);
	qemu_is_idle();
	concludes(1, "");
	assert_got(slot, "0\nsnapshot old deleted in 0.00 s\n");
	/* Nothing is under way. */
	qemu_tells("JOB_STATUS_CHANGE", "{\"status\":\"concluded\",\"id\":\"vm-snapshot-1\"}");
	qemu_is_idle();
}

static void a_job_that_is_not_there_failed(void **state)
{
	int slot = asks("delete old");

	(void)state;
	qemu_does("snapshot-delete", DELETE("1", "old"));
	qemu_tells("JOB_STATUS_CHANGE", "{\"status\":\"concluded\",\"id\":\"vm-snapshot-1\"}");
	qemu_hears("query-jobs", NULL);
	qemu_returns("[{\"id\":\"vm-snapshot-2\"}]");
	assert_got(slot, "69\nsnapshot old is not deleted: QEMU does not know of it any more\n");
}

static void a_qemu_that_has_ended_answers_nobody(void **state)
{
	int slot = asks("save new");

	(void)state;
	qemu_goes();
	snapshot_lost(&work);
	assert_non_null(strstr(client_got(slot), "69\nsnapshot new is not saved: QEMU "));
	assert_told("[+save][-save]");
	snapshot_lost(&work);
	assert_told("");
}

static void a_client_that_has_gone_gets_no_answer(void **state)
{
	int slot = asks("delete old");
	int other;

	(void)state;
	qemu_does("snapshot-delete", DELETE("1", "old"));
	fd_close(&room.control.clients[slot].fd);
	other = client_asks(); /* in its place */
	assert_int_equal(slot, other);
	concludes(1, "");
	assert_got(other, "");
	assert_told("[+delete][-delete]");
}

/* ---- loading ------------------------------------------------------------------------------ */

static int loads(const char *request, const char *arguments)
{
	int slot = asks(request);

	qemu_does("snapshot-load", arguments);
	return slot;
}

static void a_snapshot_is_loaded(void **state)
{
	int slot = loads("load old", SAVE("1", "old"));

	(void)state;
	assert_told("[+load]");
	/* What the guest printed before belongs to the other life. */
	guest_prints("\r\nroot@hurd:~# ");
	snapshot_paused(&work);
	assert_told("[serial]");
	guest_prints("x");
	snapshot_paused(&work); /* once */
	assert_told("");
	concludes(1, "");
	assert_told("[snapshot-loaded on][-load]");
	assert_got(slot, "0\nsnapshot old loaded in 0.00 s\n");
	qemu_is_idle();
}

static void a_snapshot_knows_its_console(void **state)
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
		concludes(i + 1, "");
		assert_told(rows[i].told);
		assert_int_equal(prompt_stands(&room.prompt, clock_now()), rows[i].stands);
	}
}

static void a_guest_that_was_stuck_runs_when_it_is_loaded(void **state)
{
	(void)state;
	guest_pauses();
	lifecycle_set(&room.life, COND_LOAD_FAILED, true);
	(void)loads("load old", SAVE("1", "old"));
	concludes(1, "");
	qemu_does("cont", NULL);
}

static void a_load_that_did_not_begin_harms_nothing(void **state)
{
	int slot = loads("load old", SAVE("1", "old"));

	(void)state;
	(void)room_told();
	concludes(1, ",\"error\":\"no such snapshot\"");
	qemu_hears("query-status", NULL);
	qemu_returns("{\"status\":\"running\"}");
	assert_told("[-load]");
	assert_got(slot, "69\nsnapshot old is not loaded: no such snapshot\n");
}

static void a_load_that_failed_half_way_is_a_reset(void **state)
{
	int slot = loads("load old", SAVE("1", "old"));

	(void)state;
	(void)room_told();
	concludes(1, ",\"error\":\"short read\"");
	qemu_hears("query-status", NULL);
	qemu_returns("{\"status\":\"restore-vm\"}");
	assert_told("[reset-wanted on][-load]");
	assert_got(slot, "69\nsnapshot old is not loaded: short read; its memory may be half the "
			 "snapshot's: the guest starts anew from its disk\n");
	/* It stands still behind it, if it did before; or if it is being stopped. */
	for (int i = 0; i < 2; i++) {
		room.life.phase = i ? LIFE_RUNNING : LIFE_PAUSED;
		slot = loads("load old", i ? SAVE("3", "old") : SAVE("2", "old"));
		(void)room_told();
		room.life.rung = i ? RUNG_ACPI : RUNG_NONE;
		concludes(2 + i, ",\"error\":\"short read\"");
		qemu_hears("query-status", NULL);
		qemu_fails("no"); /* not known: the same */
		assert_told("[reset-wanted][-load]");
	}
}

static void a_snapshot_without_memory_is_not_loaded(void **state)
{
	(void)state;
	int slot = asks("load disk");

	assert_got(slot, "65\nsnapshot disk has no memory: it was saved from a guest that did not "
			 "run; stop the guest, then load it\n");
	slot = asks("load none");
	assert_got(slot, "66\nthere is no snapshot none; vm snapshot list shows those there are\n");
	qemu_is_idle();
}

/* ---- refusals ----------------------------------------------------------------------------- */

static void is_refused(const char *request, const char *answer)
{
	int slot = asks(request);

	assert_got(slot, answer);
	qemu_is_idle();
}

static void who_is_busy(void **state)
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
	(void)asks("delete old");
	(void)qemu_heard();
	is_refused("save new", "1\nanother snapshot is at work\n");
}

static void what_cannot_be(void **state)
{
	(void)state;
	is_refused("save 7", "64\na snapshot's name begins with a letter and has at most 64 "
			     "letters, digits and ._-\n");
	is_refused("save", "64\na snapshot's name begins with a letter and has at most 64 letters, "
			   "digits and ._-\n");
	room.plan.more_disks = 1;
	is_refused("save new",
		   "78\na snapshot has the first disk only, and this guest has "
		   "more; start without QEMU_DRIVE2, 3, 4 and QEMU_FLOPPY to use snapshots\n");
	room.plan.more_disks = 0;
	room.plan.disk.count = 0;
	is_refused("save new", "66\nthis guest has no disk, and a snapshot is kept in it; set "
			       "QEMU_DRIVE\n");
	is_refused("list", "66\nthis guest has no disk, and a snapshot is kept in it; set "
			   "QEMU_DRIVE\n");
	room.plan.disk.count = 1;
	qemu_hangs();
	(void)qemu_heard();
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

static void the_list_is_of_the_image(void **state)
{
	int slot = asks("list --json");

	(void)state;
	list_is_written();
	assert_non_null(strstr(client_got(slot), "{\"name\":\"cmd\",\"id\":\"4\""));
	image_has("old");
	slot = asks("list");
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
		TEST(a_snapshot_is_saved),
		TEST(its_tag_says_what_the_console_was_like),
		TEST(on_a_throwaway_disk_it_goes_with_it),
		TEST(a_name_that_is_taken_needs_force),
		TEST(what_blocks_a_snapshot_is_said),
		TEST(a_save_that_fails_says_why),
		TEST(there_has_to_be_room),
		TEST(other_jobs_are_other_peoples),
		TEST(a_job_that_is_not_there_failed),
		TEST(a_qemu_that_has_ended_answers_nobody),
		TEST(a_client_that_has_gone_gets_no_answer),
		TEST(a_snapshot_is_loaded),
		TEST(a_snapshot_knows_its_console),
		TEST(a_guest_that_was_stuck_runs_when_it_is_loaded),
		TEST(a_load_that_did_not_begin_harms_nothing),
		TEST(a_load_that_failed_half_way_is_a_reset),
		TEST(a_snapshot_without_memory_is_not_loaded),
		TEST(who_is_busy),
		TEST(what_cannot_be),
		TEST(the_list_is_of_the_image),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
