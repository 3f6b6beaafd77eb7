/* test_savestate.c - saving a guest's state into a directory of the test: the commands that QEMU
 * gets, and the reaction to each answer.
 */
#include "room_savestate.h"

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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_warm_state_is_saved_and_the_guest_continues),
		TEST(most_of_the_memory_is_copied_before_the_guest_is_stopped),
		TEST(a_paused_guest_stays_paused),
		TEST(a_suspended_state_ends_the_stop),
		TEST(the_way_depends_on_qemu_and_the_setting),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("savestate", tests, NULL, NULL);
}
