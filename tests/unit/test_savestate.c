/* test_savestate.c - saving a guest's state into a directory of the test: the commands that QEMU
 * gets, and the reaction to each answer.
 */
#include <dirent.h>

#include "room.h"

#include "host/guest_ram.h"
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

static void begin_save(enum saving what)
{
	struct error err = {0};

	if (!savestate_begin(&save, what, &err))
		fail_msg("%s", err.message);
	qemu_acks("stop", NULL);
	qemu_acks("migrate-set-capabilities", ON(MAPPED("true")));
	qemu_acks("migrate-set-parameters", "{\"max-bandwidth\":1099511627776}");
	qemu_gets("add-fd", FDSET);
	assert_true(room.got_fd >= 0);
	assert_int_equal(write(room.got_fd, "memory", 6), 6);
	qemu_returns("{}");
	qemu_gets("migrate", "{\"uri\":\"file:/dev/fdset/99\"}");
}

static void is_released(void)
{
	qemu_acks("remove-fd", "{\"fdset-id\":99}");
	qemu_acks("migrate-set-capabilities", OFF(MAPPED("false")));
}

static void a_warm_state_is_saved_and_the_guest_continues(void **state)
{
	char path[STATE_PATH_MAX + 32];
	char text[2 * STATE_PATH_MAX];

	(void)state;
	begin_save(SAVING_WARM);
	assert_posted("[+saving-warm]");
	qemu_returns("{}");
	qemu_emits("MIGRATION", "{\"status\":\"active\"}");
	assert_posted("");
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	qemu_is_idle();
	/* The manifest is beside it; the helper does the rest. */
	(void)snprintf(path, sizeof path, "%s/" STATE_MANIFEST, save.part);
	assert_int_equal(access(path, R_OK), 0);
	(void)snprintf(path, sizeof path, "%s/" STATE_MEMORY, save.part);
	assert_int_equal(access(path, R_OK), 0);
	(void)snprintf(text, sizeof text, "state: vm state-files copy %s 0\n", save.part);
	advance(2 * S);
	helper_ends(HELPER_STATE);
	assert_logged(text);
	/* The guest does not wait for the disk. */
	is_released();
	qemu_acks("cont", NULL);
	assert_posted("[+continuing][-continuing]");
	(void)snprintf(text, sizeof text, "state: vm state-files commit %s %s/no-disk.warm\n",
		       save.part, dir);
	advance(1 * S);
	helper_ends(HELPER_STATE);
	assert_logged(text);
	(void)snprintf(text, sizeof text,
		       "[-saving-warm][warm-ends: warm state saved in 3.00 s (the guest stood "
		       "still for 2.00 s): 0.0 MiB of memory, 0.0 MiB of disk, in "
		       "%s/no-disk.warm\n]",
		       dir);
	assert_posted(text);
	qemu_is_idle();
}

#define SHARED(state) ",{\"capability\":\"x-ignore-shared\",\"state\":" state "}"

/* Memory that is shared with PID 1. */
static void begin_save_ahead(void)
{
	struct error err = {0};
	char text[2 * STATE_PATH_MAX];

	room.plan.ram = (struct plan_ram){.where = RAM_SHARED, .fd = guest_ram_create(1 << 20)};
	assert_true(room.plan.ram.fd >= 0);
	if (!savestate_begin(&save, SAVING_WARM, &err))
		fail_msg("%s", err.message);
	assert_posted("[+saving-warm]");
	qemu_is_idle();
	(void)snprintf(text, sizeof text, "state: vm state-files ahead %s\n", save.part);
	advance(5 * S);
	helper_ends(HELPER_STATE);
	assert_logged(text);
}

static void most_of_the_memory_is_copied_before_the_guest_is_stopped(void **state)
{
	char text[2 * STATE_PATH_MAX];

	(void)state;
	begin_save_ahead();
	(void)snprintf(text, sizeof text, "%s/" STATE_DEVICES, save.part);
	qemu_acks("stop", NULL);
	assert_int_equal(access(text, R_OK), 0);
	qemu_acks("migrate-set-capabilities", ON(SHARED("true")));
	qemu_acks("migrate-set-parameters", "{\"max-bandwidth\":1099511627776}");
	qemu_gets("add-fd", FDSET);
	qemu_returns("{}");
	qemu_gets("migrate", "{\"uri\":\"file:/dev/fdset/99\"}");
	qemu_returns("{}");
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	(void)snprintf(text, sizeof text, "state: vm state-files copy %s 0 mapped ahead\n",
		       save.part);
	advance(2 * S);
	helper_ends(HELPER_STATE);
	assert_logged(text);
	assert_int_equal(save.table, -1);
	qemu_acks("remove-fd", "{\"fdset-id\":99}");
	qemu_acks("migrate-set-capabilities", OFF(SHARED("false")));
	qemu_acks("cont", NULL);
	advance(1 * S);
	helper_ends(HELPER_STATE);
	assert_non_null(
		strstr(room_posted(), "saved in 8.00 s (the guest stood still for 2.00 s)"));
	qemu_is_idle();
	(void)close(room.plan.ram.fd);
}

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

static void a_paused_guest_stays_paused(void **state)
{
	(void)state;
	guest_pauses();
	begin_save(SAVING_WARM);
	qemu_fails("no");
	is_released();
	qemu_is_idle();
	/* One that only our reset button holds does not. */
	lifecycle_set(&room.life, COND_HELD, true);
	begin_save(SAVING_WARM);
	qemu_fails("no");
	is_released();
	qemu_acks("cont", NULL);
}

static void a_suspended_state_ends_the_stop(void **state)
{
	(void)state;
	room.life.rung = RUNG_SUSPEND;
	(void)lifecycle_event(&room.life, LIFE_EVENT_STOPS);
	begin_save(SAVING_SUSPENDED);
	assert_posted("[+suspending]");
	qemu_returns("{}");
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	helper_ends(HELPER_STATE);
	assert_posted("");
	qemu_is_idle(); /* it does not continue */
	helper_ends(HELPER_STATE);
	assert_posted("[-suspending][verdict suspended][rung-ends now]");
	qemu_is_idle(); /* it must quit */
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
static void the_way_depends_on_qemu_and_the_setting(void **state)
{
	_cleanup_fd_ int ram = guest_ram_create(1 << 20);

	static const struct {
		int major, minor;
		enum state_format format;
		enum guest_ram where;
		const char *capability; /* in addition to `events` */
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
		room.plan.ram = (struct plan_ram){.where = rows[i].where, .fd = ram, .from = -1};
		assert_true(savestate_begin(&save, SAVING_WARM, &err));
		if (save.table >= 0)
			helper_ends(HELPER_STATE);
		qemu_acks("stop", NULL);
		qemu_acks("migrate-set-capabilities", on);
		qemu_acks("migrate-set-parameters", "{\"max-bandwidth\":1099511627776}");
		qemu_acks(rows[i].fdset ? "add-fd" : "getfd",
			  rows[i].fdset ? FDSET : "{\"fdname\":\"state\"}");
		qemu_gets("migrate", rows[i].fdset ? "{\"uri\":\"file:/dev/fdset/99\"}"
						   : "{\"uri\":\"fd:state\"}");
		qemu_fails("no");
		if (rows[i].fdset)
			qemu_acks("remove-fd", "{\"fdset-id\":99}");
		qemu_acks("migrate-set-capabilities", off);
		qemu_acks("cont", NULL);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_warm_state_is_saved_and_the_guest_continues),
		TEST(most_of_the_memory_is_copied_before_the_guest_is_stopped),
		TEST(saving_that_is_aborted_while_the_memory_is_copied),
		TEST(a_guest_that_ends_while_its_memory_is_copied),
		TEST(a_paused_guest_stays_paused),
		TEST(a_suspended_state_ends_the_stop),
		TEST(a_suspended_state_that_fails_asks_the_guest_instead),
		TEST(the_reason_of_qemu_is_reported),
		TEST(files_that_cannot_be_written_fail_the_save),
		TEST(a_state_that_cannot_be_renamed_fails_the_save),
		TEST(a_stop_cancels_the_save),
		TEST(a_stop_ends_the_helper),
		TEST(a_late_refusal_does_not_end_the_next_saving),
		TEST(the_way_depends_on_qemu_and_the_setting),
		TEST(guests_that_cannot_be_saved_now),
		TEST(guests_that_cannot_be_saved_at_all),
		TEST(a_command_that_does_not_fit_is_not_sent),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("savestate", tests, NULL, NULL);
}
