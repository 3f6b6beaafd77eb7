/* test_resume.c - a saved state is resumed, or the start is a cold one; and when a warm state is
 * saved (warm_start.c).
 */
#include <sys/stat.h>

#include "room.h"

#include "host/state_dir.h"
#include "pid1/port_probe.h"
#include "pid1/restore.h"
#include "pid1/savestate.h"
#include "pid1/warm_start.h"

static struct savestate save;
static struct restore restore;
static struct warm_start warm;
static struct port_probes probes;
static char dir[64];

static void on_event(const char *name, const struct json *doc, const struct json_value *data)
{
	if (strcmp(name, "MIGRATION") == 0)
		restore_event(&restore, doc, data);
}

static void on_timer(enum timer_id id)
{
	if (id == TIMER_WARM)
		warm_start_timer(&warm);
}

static int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_event = on_event;
	room.on_timer = on_timer;
	(void)snprintf(dir, sizeof dir, "/tmp/test-resume.XXXXXX");
	assert_non_null(mkdtemp(dir));
	savestate_init(&save, &room.env);
	restore_init(&restore, &room.env);
	room.plan.ram.fd = room.plan.ram.from = room.plan.cold.ram.fd = -1;
	room.plan.s.hostfwds = "none";
	probes_init(&probes, &room.env);
	warm_start_init(&warm, &room.env, &save, &probes);
	return 0;
}

static int tear_down(void **state)
{
	savestate_abort(&save);
	probes_reset(&probes);
	fd_close(&room.plan.resume.stream);
	(void)rmdir(dir);
	return room_tear_down(state);
}

/* ---- resuming ----------------------------------------------------------------------------- */

#define CAPABILITIES(state)                                                                        \
	"{\"capabilities\":[{\"capability\":\"events\",\"state\":" state "},"                      \
	"{\"capability\":\"mapped-ram\",\"state\":" state "}]}"

/* There is a state of KIND, saved by QEMU 10.0.0. */
static void has_state(int kind)
{
	struct resume *r = &room.plan.resume;

	*r = (struct resume){
		.kind = kind, .format = STATE_FORMAT_MAPPED_RAM, .console = PROMPT_STANDS};
	(void)snprintf(r->qemu, sizeof r->qemu, "10.0.0");
	(void)snprintf(r->dir, sizeof r->dir, "%s/a.state", dir);
	(void)mkdir(r->dir, 0755);
	r->stream = memfd_create("memory", MFD_CLOEXEC);
	assert_int_equal(write(r->stream, "memory", 6), 6);
}

static void is_read(void)
{
	char text[8] = "";

	assert_true(restore_begin(&restore));
	assert_told("[+resuming]");
	qemu_does("migrate-set-capabilities", CAPABILITIES("true"));
	qemu_hears("add-fd", "{\"fdset-id\":99,\"opaque\":\"state\"}");
	assert_int_equal(read(room.got_fd, text, sizeof text), 6); /* from its start */
	assert_string_equal(text, "memory");
	qemu_returns("{}");
	qemu_does("migrate-incoming", "{\"uri\":\"file:/dev/fdset/99\"}");
}

static void without_a_state_there_is_nothing_to_do(void **state)
{
	struct error err = {0};

	(void)state;
	assert_false(restore_begin(&restore));
	assert_told("");
	qemu_is_idle();
	assert_false(restore_cold(&restore, "words", &err));
}

static void a_warm_state_stays(void **state)
{
	(void)state;
	has_state(RESUME_WARM);
	room.plan.resume.login = true;
	is_read();
	qemu_tells("MIGRATION", "{\"status\":\"active\"}");
	assert_told("");
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	assert_told("[-resuming][state-resumed on]");
	qemu_does("remove-fd", "{\"fdset-id\":99}");
	qemu_does("migrate-set-capabilities", CAPABILITIES("false"));
	assert_int_equal(room.plan.resume.stream, -1);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
	/* The console is as it was. */
	assert_true(prompt_stands(&room.prompt, clock_now()));
}

static void a_suspended_state_is_used_up(void **state)
{
	(void)state;
	has_state(RESUME_SUSPENDED);
	is_read();
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	assert_told("[-resuming][state-resumed]");
	assert_int_equal(access(room.plan.resume.dir, F_OK), -1);
	assert_int_equal(rmdir(dir), 0); /* nothing else is there */
	assert_false(prompt_stands(&room.prompt, clock_now()));
}

static void a_suspended_state_that_cannot_be_used_up_is_not_resumed(void **state)
{
	(void)state;
	has_state(RESUME_SUSPENDED);
	is_read();
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	assert_told("[-resuming]");
	assert_said("is not resumed: No such file or directory; this is a cold start");
	qemu_does("quit", NULL);
}

static void another_qemus_state_is_not_read(void **state)
{
	(void)state;
	has_state(RESUME_WARM);
	qemu_starts(10, 1);
	assert_true(restore_begin(&restore));
	assert_said("a.state is not resumed: QEMU 10.0.0 saved it, and this is 10.1.0; this is a "
		    "cold start\n");
	qemu_does("quit", NULL);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void what_qemu_refuses_is_not_resumed(void **state)
{
	(void)state;
	has_state(RESUME_WARM);
	assert_true(restore_begin(&restore));
	qemu_does("migrate-set-capabilities", CAPABILITIES("true"));
	qemu_does("add-fd", "{\"fdset-id\":99,\"opaque\":\"state\"}");
	qemu_hears("migrate-incoming", "{\"uri\":\"file:/dev/fdset/99\"}");
	qemu_fails("no such protocol");
	assert_said("is not resumed: no such protocol; this is a cold start");
	qemu_does("quit", NULL);
	/* It is said once. */
	qemu_tells("MIGRATION", "{\"status\":\"failed\"}");
	assert_silent();
	qemu_is_idle();
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void what_qemu_cannot_read_is_not_resumed(void **state)
{
	struct error err = {0};

	(void)state;
	has_state(RESUME_WARM);
	is_read();
	qemu_tells("MIGRATION", "{\"status\":\"failed\"}");
	assert_said("is not resumed: QEMU cannot read it (qemu.log says more)");
	qemu_does("quit", NULL);
	/* QEMU has ended: another one starts, cold. */
	assert_true(restore_cold(&restore, "words", &err));
	assert_silent();
	assert_told("[-resuming]");
	assert_int_equal(room.plan.resume.kind, RESUME_NONE);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void a_qemu_that_dies_of_a_state_is_followed_by_a_cold_one(void **state)
{
	struct error err = {0};

	(void)state;
	has_state(RESUME_WARM);
	is_read();
	/* Not a stop's doing, not a guest's that runs. */
	room.life.rung = RUNG_KILL;
	assert_false(restore_cold(&restore, "words", &err));
	room.life.rung = RUNG_NONE;
	room.life.ran = true;
	assert_false(restore_cold(&restore, "words", &err));
	room.life.ran = false;
	assert_true(restore_cold(&restore, "bad section\nmore", &err));
	assert_said("a.state is not resumed: QEMU ended: bad section; this is a cold start\n");
	assert_false(restore_cold(&restore, "", &err));
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void a_qemu_that_cannot_be_told_to_quit_is_killed(void **state)
{
	(void)state;
	has_state(RESUME_WARM);
	qemu_process_runs();
	qemu_hangs();
	assert_true(restore_begin(&restore));
	assert_said("is not resumed: QEMU does not answer");
	assert_int_equal(qemu_process_ended_by(), SIGKILL);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

/* ---- a memory outside of the stream -------------------------------------------------------- */

static void reads_devices(void)
{
	qemu_does("migrate-set-capabilities",
		  "{\"capabilities\":[{\"capability\":\"events\",\"state\":true},"
		  "{\"capability\":\"x-ignore-shared\",\"state\":true}]}");
	qemu_does("add-fd", "{\"fdset-id\":99,\"opaque\":\"state\"}");
	qemu_does("migrate-incoming", "{\"uri\":\"file:/dev/fdset/99\"}");
}

static void a_mapped_memory_needs_no_helper(void **state)
{
	(void)state;
	has_state(RESUME_WARM);
	room.plan.resume.format = STATE_FORMAT_MAPPED;
	room.plan.ram.where = RAM_MAPPED;
	restore_fill(&restore);
	assert_int_equal(helper_pid(room.env.helpers, HELPER_STATE), 0);
	assert_true(restore_begin(&restore));
	reads_devices();
	qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
	assert_told("[+resuming][-resuming][state-resumed]");
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

/* One whose memory is copied from descriptor FROM by the helper, which does WHAT (helpers_do()). */
static void is_filled(const char *what, bool packed)
{
	helpers_do(what);
	has_state(RESUME_SUSPENDED);
	room.plan.resume.format = packed ? STATE_FORMAT_PACKED : STATE_FORMAT_MAPPED;
	room.plan.s.ram_mb = 128;
	room.plan.ram = (struct plan_ram){.where = RAM_SHARED,
					  .fd = memfd_create("to", MFD_CLOEXEC),
					  .from = memfd_create("from", MFD_CLOEXEC),
					  .packed = packed};
	restore_fill(&restore);
}

static void a_copied_memory_is_there_before_the_devices(void **state)
{
	(void)state;
	for (int before = 0; before < 2; before++) {
		is_filled("0", before);
		if (before) {
			helper_ends(HELPER_STATE);
			assert_said("state: vm state-files unpack 134217728\n");
		}
		assert_true(restore_begin(&restore));
		if (!before) {
			qemu_is_idle();
			helper_ends(HELPER_STATE);
			assert_said("state: vm state-files fill 134217728\n");
		}
		reads_devices();
		assert_int_equal(room.plan.ram.from, -1);
		qemu_tells("MIGRATION", "{\"status\":\"completed\"}");
		assert_told("[+resuming][-resuming][state-resumed]");
		qemu_does("remove-fd", "{\"fdset-id\":99}");
		qemu_does("migrate-set-capabilities",
			  "{\"capabilities\":[{\"capability\":\"events\",\"state\":false},"
			  "{\"capability\":\"x-ignore-shared\",\"state\":false}]}");
		fd_close(&room.plan.ram.fd);
	}
}

static void a_memory_that_cannot_be_copied_is_not_resumed(void **state)
{
	struct error err = {0};

	(void)state;
	qemu_process_runs();
	is_filled("1", false);
	assert_true(restore_begin(&restore));
	helper_ends(HELPER_STATE);
	assert_said("a.state is not resumed: vm state-files fill 134217728; this is a cold start");
	qemu_does("quit", NULL);
	assert_true(restore_cold(&restore, "", &err));
	assert_int_equal(room.plan.ram.fd, -1);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void a_qemu_that_dies_meanwhile_takes_the_helper_along(void **state)
{
	struct error err = {0};

	(void)state;
	is_filled("hang", false);
	assert_true(restore_begin(&restore));
	restore_lost(&restore);
	helper_ends(HELPER_STATE);
	qemu_is_idle();
	assert_true(restore_cold(&restore, "", &err));
	restore_lost(&restore);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

/* A QEMU without `rom=off` ends before it greets. */
static void a_qemu_that_cannot_map_is_followed_by_a_cold_one(void **state)
{
	struct error err = {0};

	(void)state;
	has_state(RESUME_WARM);
	assert_false(restore_cold(&restore, "words", &err));
	room.plan.ram.where = RAM_MAPPED;
	assert_true(restore_cold(&restore, "Property 'rom' not found", &err));
	assert_said("is not resumed: QEMU ended: Property 'rom' not found; this is a cold start\n");
	assert_int_equal(room.plan.ram.where, RAM_PRIVATE);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

/* ---- when a warm state is saved ------------------------------------------------------------ */

static void is_ready(void)
{
	guest_runs();
	lifecycle_ready(&room.life, clock_now());
	room.plan.s.state_dir = dir;
	warm_start_ready(&warm);
}

static void nobody_asked_for_one(void **state)
{
	(void)state;
	is_ready();
	assert_told("");
	qemu_is_idle();
}

static void the_first_start_saves_one_when_it_is_ready(void **state)
{
	(void)state;
	room.plan.s.warm = true;
	is_ready();
	assert_told("[+saving-warm]");
	qemu_hears("stop", NULL);
	savestate_abort(&save);
	/* Not one that was resumed from it. */
	room.life.resumed = true;
	warm_start_ready(&warm);
	assert_int_equal(save.saving, SAVING_NOTHING);
}

static void has_ssh(void)
{
	probes.list[PROBE_SSH].port = 1; /* nobody is there */
}

static void the_guests_sshd_is_in_it(void **state)
{
	(void)state;
	has_ssh();
	room.plan.s.warm = true;
	is_ready();
	assert_told("");
	assert_true(probes.list[PROBE_SSH].wanted);
	assert_int_equal(due_ms(TIMER_WARM), 60000);
	warm_start_ssh_answered(&warm);
	assert_told("[+saving-warm]");
	assert_false(is_armed(TIMER_WARM));
	savestate_abort(&save);
	(void)room_told();
	warm_start_ssh_answered(&warm);
	assert_told("");
	/* One that has answered before is not waited for. */
	probes.list[PROBE_SSH].answered = true;
	warm_start_ready(&warm);
	assert_told("[+saving-warm]");
}

static void an_sshd_that_does_not_come_is_not_waited_for_long(void **state)
{
	(void)state;
	has_ssh();
	room.plan.s.warm = true;
	is_ready();
	pass(60 * S - 1);
	assert_told("");
	pass(1);
	assert_told("[+saving-warm]");
	assert_said("vm: no ssh server has answered for 60 s\n");
}

static void who_starts_again_waits_for_nothing(void **state)
{
	(void)state;
	has_ssh();
	room.plan.s.warm = true;
	is_ready();
	warm_start_cancel(&warm);
	assert_false(is_armed(TIMER_WARM));
	warm_start_timer(&warm);
	warm_start_ssh_answered(&warm);
	assert_told("");
}

static void vm_warm_saves_now_or_when_it_is_ready(void **state)
{
	struct error err = {0};

	(void)state;
	guest_runs();
	assert_true(warm_start_ask(&warm, &err));
	assert_told("");
	is_ready();
	assert_told("[+saving-warm]");
	savestate_abort(&save);
	(void)room_told();
	/* It was asked for once. */
	warm_start_ready(&warm);
	assert_told("");
	qemu_starts(10, 0);
	assert_true(warm_start_ask(&warm, &err));
	assert_told("[+saving-warm]");
	assert_false(warm_start_ask(&warm, &err));
	assert_string_equal(err.message, "a state is being saved already");
}

static void a_state_that_can_never_be_saved_is_refused_at_once(void **state)
{
	struct error err = {0};

	(void)state;
	room.plan.more_disks = 1;
	guest_runs();
	assert_false(warm_start_ask(&warm, &err));
	assert_int_equal(err.status, EXIT_BAD_SETTING);
	assert_false(warm.asked);
}

static void who_waits_hears_that_it_failed(void **state)
{
	struct error err = {0};

	(void)state;
	guest_runs();
	assert_true(warm_start_ask(&warm, &err));
	lifecycle_set(&room.life, COND_DISK_ERROR, true);
	is_ready();
	assert_told("[warm-ends 1: the warm state cannot be saved: the guest is not well: paused: "
		    "the host could not read or write the disk\n]");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_state_there_is_nothing_to_do),
		TEST(a_warm_state_stays),
		TEST(a_suspended_state_is_used_up),
		TEST(a_suspended_state_that_cannot_be_used_up_is_not_resumed),
		TEST(another_qemus_state_is_not_read),
		TEST(what_qemu_refuses_is_not_resumed),
		TEST(what_qemu_cannot_read_is_not_resumed),
		TEST(a_qemu_that_dies_of_a_state_is_followed_by_a_cold_one),
		TEST(a_qemu_that_cannot_be_told_to_quit_is_killed),
		TEST(a_mapped_memory_needs_no_helper),
		TEST(a_copied_memory_is_there_before_the_devices),
		TEST(a_memory_that_cannot_be_copied_is_not_resumed),
		TEST(a_qemu_that_dies_meanwhile_takes_the_helper_along),
		TEST(a_qemu_that_cannot_map_is_followed_by_a_cold_one),
		TEST(nobody_asked_for_one),
		TEST(the_first_start_saves_one_when_it_is_ready),
		TEST(the_guests_sshd_is_in_it),
		TEST(an_sshd_that_does_not_come_is_not_waited_for_long),
		TEST(who_starts_again_waits_for_nothing),
		TEST(vm_warm_saves_now_or_when_it_is_ready),
		TEST(a_state_that_can_never_be_saved_is_refused_at_once),
		TEST(who_waits_hears_that_it_failed),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
