/* test_savestate.c - a guest's state is saved into a directory that the test made: what QEMU gets
 * to hear, and what follows from each of its answers.
 */
#include <dirent.h>

#include "room.h"

#include "host/state_dir.h"
#include "pid1/savestate.h"

static struct savestate save;
static char dir[64];

static void on_event(const char *name, const struct json *doc, const struct json_value *data)
{
	if (strcmp(name, "MIGRATION") == 0)
		savestate_event(&save, doc, data);
}

static int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_event = on_event;
	(void)snprintf(dir, sizeof dir, "/tmp/test-savestate.XXXXXX");
	assert_non_null(mkdtemp(dir));
	room.plan.s.state_dir = dir;
	savestate_init(&save, &room.env);
	guest_runs();
	lifecycle_ready(&room.life, clock_now());
	return 0;
}

/* Entries of the directory. */
static int entries(void)
{
	DIR *d = opendir(dir);
	int n = -2; /* . and .. */

	while (d && readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static int tear_down(void **state)
{
	if (save.part[0])
		(void)state_remove(save.part);
	assert_int_equal(rmdir(dir), 0);
	return room_tear_down(state);
}

#define ON(mapped)    "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}" mapped "]}"
#define OFF(mapped)   "{\"capabilities\":[{\"capability\":\"events\",\"state\":false}" mapped "]}"
#define MAPPED(state) ",{\"capability\":\"mapped-ram\",\"state\":" state "}"
#define FDSET	      "{\"fdset-id\":99,\"opaque\":\"state\"}"

static void begins(enum saving what)
{
	struct error err = {0};

	if (!savestate_begin(&save, what, &err))
		fail_msg("%s", err.message);
	qemu_does("stop", NULL);
	qemu_does("migrate-set-capabilities", ON(MAPPED("true")));
	qemu_does("migrate-set-parameters", "{\"max-bandwidth\":1099511627776}");
	qemu_hears("add-fd", FDSET);
	assert_true(room.got_fd >= 0);
	assert_int_equal(write(room.got_fd, "memory", 6), 6);
	qemu_returns("{}");
	qemu_hears("migrate", "{\"uri\":\"file:/dev/fdset/99\"}");
}

static void is_released(void)
{
	qemu_does("remove-fd", "{\"fdset-id\":99}");
	qemu_does("migrate-set-capabilities", OFF(MAPPED("false")));
}

static void a_warm_state_is_saved_and_the_guest_goes_on(void **state)
{
	char path[STATE_PATH_MAX + 32];
	char text[2 * STATE_PATH_MAX];

	(void)state;
	begins(SAVING_WARM);
	assert_told("[+saving-warm]");
	qemu_returns("{}");
	qemu_tells("MIGRATION", "{\"status\":\"active\"}");
	assert_told("");
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	qemu_is_idle();
	/* What it belongs to is beside it; the rest is the helper's. */
	(void)snprintf(path, sizeof path, "%s/" STATE_MANIFEST, save.part);
	assert_int_equal(access(path, R_OK), 0);
	(void)snprintf(path, sizeof path, "%s/" STATE_MEMORY, save.part);
	assert_int_equal(access(path, R_OK), 0);
	(void)snprintf(text, sizeof text, "state: vm state-files copy %s 0\n", save.part);
	pass(2 * S);
	helper_ends(HELPER_STATE);
	assert_said(text);
	/* The guest does not wait for the disk. */
	is_released();
	qemu_does("cont", NULL);
	assert_told("");
	(void)snprintf(text, sizeof text, "state: vm state-files commit %s %s/no-disk.warm\n",
		       save.part, dir);
	pass(1 * S);
	helper_ends(HELPER_STATE);
	assert_said(text);
	(void)snprintf(text, sizeof text,
		       "[-saving-warm][warm-ends: warm state saved in 3.00 s (the guest stood "
		       "still for 2.00 s): 0.0 MiB of memory, 0.0 MiB of disk, in "
		       "%s/no-disk.warm\n]",
		       dir);
	assert_told(text);
	qemu_is_idle();
}

static void a_guest_that_stood_still_stays_so(void **state)
{
	(void)state;
	guest_pauses();
	begins(SAVING_WARM);
	qemu_fails("no");
	is_released();
	qemu_is_idle();
	/* One that only our reset button holds does not. */
	lifecycle_set(&room.life, COND_HELD, true);
	begins(SAVING_WARM);
	qemu_fails("no");
	is_released();
	qemu_does("cont", NULL);
}

static void a_suspended_state_ends_the_stop(void **state)
{
	(void)state;
	room.life.rung = RUNG_SUSPEND;
	(void)lifecycle_event(&room.life, LIFE_EVENT_STOPS);
	begins(SAVING_SUSPENDED);
	assert_told("[+suspending]");
	qemu_returns("{}");
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	helper_ends(HELPER_STATE);
	assert_told("");
	qemu_is_idle(); /* it does not go on */
	helper_ends(HELPER_STATE);
	assert_told("[-suspending][verdict suspended][rung-ends now]");
	qemu_is_idle(); /* it is to quit */
}

static void a_suspended_state_that_fails_asks_the_guest_instead(void **state)
{
	(void)state;
	begins(SAVING_SUSPENDED);
	(void)room_told();
	qemu_fails("no room");
	assert_told("[-suspending][rung-ends failed]");
	assert_said("vm: warning: the suspended state cannot be saved: no room\n");
	is_released();
	qemu_does("cont", NULL);
	assert_int_equal(entries(), 0);
}

static void qemu_says_why_it_cannot_be_saved(void **state)
{
	static const char *const answers[][2] = {
		{"{\"status\":\"failed\",\"error-desc\":\"the disk is full\"}", "the disk is full"},
		{"{\"status\":\"failed\"}", "QEMU does not say why"}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char text[200];

		begins(SAVING_WARM);
		(void)room_told();
		qemu_returns("{}");
		qemu_tells("MIGRATION", "{\"status\":\"failed\"}");
		qemu_hears("query-migrate", NULL);
		assert_told("");
		qemu_returns(answers[i][0]);
		(void)snprintf(text, sizeof text,
			       "[-saving-warm][warm-ends 69: the warm state cannot be saved: %s\n]",
			       answers[i][1]);
		assert_told(text);
		is_released();
		qemu_does("cont", NULL);
		assert_int_equal(entries(), 0);
	}
}

static void files_that_cannot_be_written_are_no_state(void **state)
{
	(void)state;
	helpers_do("1");
	begins(SAVING_WARM);
	(void)room_told();
	qemu_returns("{}");
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	helper_ends(HELPER_STATE);
	/* Its last line says why. */
	assert_non_null(strstr(room_told(), "cannot be saved: vm state-files "));
	assert_int_equal(entries(), 0);
	is_released();
	qemu_does("cont", NULL);
}

static void what_cannot_be_put_in_place_is_no_state(void **state)
{
	(void)state;
	begins(SAVING_WARM);
	(void)room_told();
	qemu_returns("{}");
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	helpers_do("1");
	helper_ends(HELPER_STATE);
	is_released();
	qemu_does("cont", NULL);
	helper_ends(HELPER_STATE);
	assert_non_null(strstr(room_told(), "cannot be saved: vm state-files commit "));
	assert_int_equal(entries(), 0);
	qemu_is_idle(); /* the guest runs already */
}

/* ---- given up ----------------------------------------------------------------------------- */

static void a_stop_gives_the_writing_up(void **state)
{
	(void)state;
	begins(SAVING_WARM);
	(void)room_told();
	savestate_abort(&save);
	assert_told("[-saving-warm][warm-ends 1: the guest is being stopped\n]");
	assert_int_equal(entries(), 0);
	qemu_returns("{}");
	qemu_does("migrate_cancel", NULL);
	is_released();
	qemu_does("cont", NULL);
	/* What comes late is nobody's. */
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	qemu_tells("MIGRATION", "{\"status\":\"failed\"}");
	qemu_is_idle();
	savestate_abort(&save);
	assert_told("");
}

static void a_stop_ends_the_helper(void **state)
{
	(void)state;
	helpers_do("hang");
	begins(SAVING_SUSPENDED);
	qemu_returns("{}");
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	(void)room_told();
	savestate_abort(&save);
	helper_ends(HELPER_STATE);
	assert_told("[-suspending][warm-ends 1: the guest is being stopped\n]");
	is_released(); /* and nothing was to be cancelled */
	qemu_does("cont", NULL);
	assert_int_equal(entries(), 0);
}

static void a_late_refusal_does_not_end_the_next_saving(void **state)
{
	(void)state;
	begins(SAVING_WARM);
	savestate_abort(&save);
	qemu_fails("cancelled");
	qemu_does("migrate_cancel", NULL);
	is_released();
	qemu_does("cont", NULL);
	(void)room_told();
	begins(SAVING_WARM);
	assert_told("[+saving-warm]");
	savestate_abort(&save);
}

/* ---- formats ------------------------------------------------------------------------------ */

static void capabilities(char *out, size_t size, const char *value, const char *second)
{
	int n = snprintf(out, size, "{\"capabilities\":[{\"capability\":\"events\",\"state\":%s}",
			 value);

	if (second)
		n += snprintf(out + n, size - (size_t)n, ",{\"capability\":\"%s\",\"state\":%s}",
			      second, value);
	(void)snprintf(out + n, size - (size_t)n, "]}");
}

/* The stream has devices only, and the helper gets the memory. */
static void shared_memory_is_saved_by_the_helper(void **state)
{
	char path[STATE_PATH_MAX + 32];
	char text[2 * STATE_PATH_MAX];
	struct error err = {0};

	(void)state;
	room.plan.ram = (struct plan_ram){.where = RAM_SHARED, .from = -1};
	room.plan.ram.fd = memfd_create("ram", MFD_CLOEXEC);
	assert_true(savestate_begin(&save, SAVING_WARM, &err));
	qemu_does("stop", NULL);
	qemu_hears("migrate-set-capabilities",
		   ON(",{\"capability\":\"x-ignore-shared\",\"state\":true}"));
	qemu_returns("{}");
	qemu_does("migrate-set-parameters", "{\"max-bandwidth\":1099511627776}");
	qemu_does("add-fd", FDSET);
	qemu_does("migrate", "{\"uri\":\"file:/dev/fdset/99\"}");
	(void)snprintf(path, sizeof path, "%s/" STATE_DEVICES, save.part);
	assert_int_equal(access(path, R_OK), 0);
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	(void)snprintf(text, sizeof text, "state: vm state-files copy %s 0 mapped\n", save.part);
	helper_ends(HELPER_STATE);
	assert_said(text);
	savestate_abort(&save);
	fd_close(&room.plan.ram.fd);
}

static void the_way_depends_on_qemu_and_the_setting(void **state)
{
	static const struct {
		int major, minor;
		enum state_format format;
		enum guest_ram where;
		const char *capability; /* beside `events` */
		bool fdset;
	} rows[] = {{10, 0, STATE_FORMAT_AUTO, RAM_PRIVATE, "mapped-ram", true},
		    {9, 1, STATE_FORMAT_AUTO, RAM_PRIVATE, "mapped-ram", true},
		    {9, 0, STATE_FORMAT_AUTO, RAM_PRIVATE, NULL, false},
		    {8, 2, STATE_FORMAT_AUTO, RAM_MAPPED, NULL, false},
		    {10, 0, STATE_FORMAT_STREAM, RAM_SHARED, NULL, true},
		    {9, 0, STATE_FORMAT_STREAM, RAM_PRIVATE, NULL, false},
		    {9, 0, STATE_FORMAT_MAPPED_RAM, RAM_SHARED, "mapped-ram", true},
		    {11, 0, STATE_FORMAT_AUTO, RAM_SHARED, "x-ignore-shared", true},
		    {8, 2, STATE_FORMAT_MAPPED, RAM_SHARED, "x-ignore-shared", false},
		    {10, 0, STATE_FORMAT_PACKED, RAM_SHARED, "x-ignore-shared", true},
		    {8, 1, STATE_FORMAT_AUTO, RAM_SHARED, NULL, false},
		    {10, 0, STATE_FORMAT_PACKED, RAM_MAPPED, "mapped-ram", true}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error err = {0};
		char on[160];
		char off[160];

		capabilities(on, sizeof on, "true", rows[i].capability);
		capabilities(off, sizeof off, "false", rows[i].capability);
		qemu_starts(rows[i].major, rows[i].minor);
		room.plan.s.state_format = rows[i].format;
		room.plan.ram.where = rows[i].where;
		assert_true(savestate_begin(&save, SAVING_WARM, &err));
		qemu_does("stop", NULL);
		qemu_does("migrate-set-capabilities", on);
		qemu_does("migrate-set-parameters", "{\"max-bandwidth\":1099511627776}");
		qemu_does(rows[i].fdset ? "add-fd" : "getfd",
			  rows[i].fdset ? FDSET : "{\"fdname\":\"state\"}");
		qemu_hears("migrate", rows[i].fdset ? "{\"uri\":\"file:/dev/fdset/99\"}"
						    : "{\"uri\":\"fd:state\"}");
		qemu_fails("no");
		if (rows[i].fdset)
			qemu_does("remove-fd", "{\"fdset-id\":99}");
		qemu_does("migrate-set-capabilities", off);
		qemu_does("cont", NULL);
	}
}

/* ---- refusals ----------------------------------------------------------------------------- */

static void is_refused(enum saving what, int status, const char *why)
{
	struct error err = {0};

	assert_false(savestate_begin(&save, what, &err));
	assert_string_equal(err.message, why);
	assert_int_equal(err.status, status);
	qemu_is_idle();
	assert_told("");
	assert_int_equal(entries(), 0);
}

static void who_cannot_be_saved_now(void **state)
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
		   "the guest is not well: paused: the host could not read or write the disk");
	room.life.conditions = 1u << COND_INTERNAL_ERROR;
	is_refused(SAVING_WARM, EXIT_NOT_READY,
		   "the guest is not well: stopped: QEMU has an internal error and cannot run the "
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

static void who_cannot_be_saved_at_all(void **state)
{
	(void)state;
	room.plan.more_disks = 1;
	is_refused(SAVING_WARM, EXIT_BAD_SETTING,
		   "a state has the first disk only, and this guest has more");
	room.plan.more_disks = 0;
	room.plan.disk.count = 1;
	room.plan.s.disk_mode = DISK_MODE_PERSISTENT;
	is_refused(SAVING_WARM, EXIT_BAD_SETTING,
		   "a warm state needs a throwaway disk: every start would take a disk that is "
		   "kept back to this moment");
	room.plan.s.disk_mode = DISK_MODE_THROWAWAY;
	room.plan.disk.overlays = STATE_OVERLAYS + 1;
	is_refused(SAVING_WARM, EXIT_BAD_SETTING, "it was saved and resumed too often");
	room.plan.disk.count = 0;
	room.plan.disk.overlays = 0;
	room.plan.s.state_dir = "/proc/nowhere";
	is_refused(SAVING_WARM, EXIT_NO_PERMISSION,
		   "/proc/nowhere: no state can be saved there: No such file or directory");
}

/* Five commands begin it: QEMU would stop the guest, and nobody would let it run on. */
static void a_qemu_that_does_not_take_all_of_it_gets_none(void **state)
{
	(void)state;
	for (size_t room_for = 0; room_for < 5; room_for++) {
		struct error err = {0};

		qemu_hangs();
		room.qmp.queued -= room_for;
		assert_false(savestate_begin(&save, SAVING_WARM, &err));
		assert_string_equal(err.message, "QEMU does not answer");
		assert_int_equal(room.qmp.queued, QMP_QUEUE - room_for);
		assert_told("");
		assert_int_equal(entries(), 0);
		room.qmp.queued = QMP_QUEUE;
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_warm_state_is_saved_and_the_guest_goes_on),
		TEST(a_guest_that_stood_still_stays_so),
		TEST(a_suspended_state_ends_the_stop),
		TEST(a_suspended_state_that_fails_asks_the_guest_instead),
		TEST(qemu_says_why_it_cannot_be_saved),
		TEST(files_that_cannot_be_written_are_no_state),
		TEST(what_cannot_be_put_in_place_is_no_state),
		TEST(a_stop_gives_the_writing_up),
		TEST(a_stop_ends_the_helper),
		TEST(a_late_refusal_does_not_end_the_next_saving),
		TEST(the_way_depends_on_qemu_and_the_setting),
		TEST(shared_memory_is_saved_by_the_helper),
		TEST(who_cannot_be_saved_now),
		TEST(who_cannot_be_saved_at_all),
		TEST(a_qemu_that_does_not_take_all_of_it_gets_none),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("savestate", tests, NULL, NULL);
}
