/* test_resume.c - resuming a saved state, or falling back to a cold start.
 */
#include "room_resume.h"
/* ---- resuming ----------------------------------------------------------------------------- */

#define CAPABILITIES(state)                                                                        \
	"{\"capabilities\":[{\"capability\":\"events\",\"state\":" state "},"                      \
	"{\"capability\":\"mapped-ram\",\"state\":" state "}]}"

/* There is a state of KIND, saved by QEMU 10.0.0. */
static void has_state(int kind)
{
	struct resume *r = &room.plan.resume;

	*r = (struct resume){
		.kind = kind, .format = STATE_FORMAT_MAPPED_RAM, .console = PROMPT_SHOWN};
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
	assert_posted("[+resuming]");
	qemu_acks("migrate-set-capabilities", CAPABILITIES("true"));
	qemu_gets("add-fd", "{\"fdset-id\":99,\"opaque\":\"state\"}");
	assert_int_equal(read(room.received_fd, text, sizeof text), 6); /* from its start */
	assert_string_equal(text, "memory");
	qemu_returns("{}");
	qemu_acks("migrate-incoming", "{\"uri\":\"file:/dev/fdset/99\"}");
}

static void without_a_state_nothing_is_resumed(void **state)
{
	struct error err = {0};

	(void)state;
	assert_false(restore_begin(&restore));
	assert_posted("");
	qemu_is_idle();
	assert_false(restore_cold(&restore, "words", &err));
}

static void a_warm_state_is_kept(void **state)
{
	(void)state;
	has_state(RESUME_WARM);
	room.plan.resume.login = true;
	is_read();
	qemu_emits("MIGRATION", "{\"status\":\"active\"}");
	assert_posted("");
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	assert_posted("[-resuming][state-resumed on]");
	qemu_acks("remove-fd", "{\"fdset-id\":99}");
	qemu_acks("migrate-set-capabilities", CAPABILITIES("false"));
	assert_int_equal(room.plan.resume.stream, -1);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
	/* The console state is restored. */
	assert_true(prompt_shown(&room.prompt, clock_now()));
}

static void a_suspended_state_is_deleted(void **state)
{
	(void)state;
	has_state(RESUME_SUSPENDED);
	is_read();
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	assert_posted("[-resuming][state-resumed]");
	assert_int_equal(access(room.plan.resume.dir, F_OK), -1);
	assert_int_equal(rmdir(dir), 0); /* nothing else is there */
	assert_false(prompt_shown(&room.prompt, clock_now()));
}

static void a_suspended_state_that_cannot_be_deleted_is_not_resumed(void **state)
{
	(void)state;
	has_state(RESUME_SUSPENDED);
	is_read();
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	assert_posted("[-resuming]");
	assert_logged("is not resumed: No such file or directory; this is a cold start");
	qemu_acks("quit", NULL);
}

static void a_state_of_another_qemu_is_not_loaded(void **state)
{
	(void)state;
	has_state(RESUME_WARM);
	qemu_starts(10, 1);
	assert_true(restore_begin(&restore));
	assert_logged("a.state is not resumed: QEMU 10.0.0 saved it, and this is 10.1.0; this is a "
		      "cold start\n");
	qemu_acks("quit", NULL);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void a_state_that_qemu_refuses_is_not_resumed(void **state)
{
	(void)state;
	has_state(RESUME_WARM);
	assert_true(restore_begin(&restore));
	qemu_acks("migrate-set-capabilities", CAPABILITIES("true"));
	qemu_acks("add-fd", "{\"fdset-id\":99,\"opaque\":\"state\"}");
	qemu_gets("migrate-incoming", "{\"uri\":\"file:/dev/fdset/99\"}");
	qemu_fails("no such protocol");
	assert_logged("is not resumed: no such protocol; this is a cold start");
	qemu_acks("quit", NULL);
	/* It is reported once. */
	qemu_emits("MIGRATION", "{\"status\":\"failed\"}");
	assert_log_empty();
	qemu_is_idle();
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void a_state_that_qemu_cannot_read_is_not_resumed(void **state)
{
	struct error err = {0};

	(void)state;
	has_state(RESUME_WARM);
	is_read();
	qemu_emits("MIGRATION", "{\"status\":\"failed\"}");
	assert_logged("is not resumed: QEMU cannot read it (qemu.log says more)");
	qemu_acks("quit", NULL);
	/* QEMU has ended: another one starts, cold. */
	assert_true(restore_cold(&restore, "words", &err));
	assert_log_empty();
	assert_posted("[-resuming]");
	assert_int_equal(room.plan.resume.kind, RESUME_NONE);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void a_qemu_that_crashes_while_loading_is_followed_by_a_cold_start(void **state)
{
	struct error err = {0};

	(void)state;
	has_state(RESUME_WARM);
	is_read();
	/* Not during a stop, and not for a running guest. */
	room.life.rung = RUNG_KILL;
	assert_false(restore_cold(&restore, "words", &err));
	room.life.rung = RUNG_NONE;
	room.life.ran = true;
	assert_false(restore_cold(&restore, "words", &err));
	room.life.ran = false;
	assert_true(restore_cold(&restore, "bad section\nmore", &err));
	assert_logged("a.state is not resumed: QEMU ended: bad section; this is a cold start\n");
	assert_false(restore_cold(&restore, "", &err));
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void a_qemu_that_cannot_quit_is_killed(void **state)
{
	(void)state;
	has_state(RESUME_WARM);
	qemu_process_runs();
	qemu_hangs();
	assert_true(restore_begin(&restore));
	assert_logged("is not resumed: QEMU does not answer");
	assert_int_equal(qemu_process_ended_by(), SIGKILL);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

/* ---- memory outside the stream --------------------------------------------------------------- */

static void reads_devices(void)
{
	qemu_acks("migrate-set-capabilities",
		  "{\"capabilities\":[{\"capability\":\"events\",\"state\":true},"
		  "{\"capability\":\"x-ignore-shared\",\"state\":true}]}");
	qemu_acks("add-fd", "{\"fdset-id\":99,\"opaque\":\"state\"}");
	qemu_acks("migrate-incoming", "{\"uri\":\"file:/dev/fdset/99\"}");
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
	qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
	assert_posted("[+resuming][-resuming][state-resumed]");
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

/* A state whose memory the helper copies from descriptor FROM; WHAT as in helpers_do(). */
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

static void memory_is_copied_before_devices_are_loaded(void **state)
{
	(void)state;
	for (int before = 0; before < 2; before++) {
		is_filled("0", before);
		if (before) {
			helper_ends(HELPER_STATE);
			assert_logged("state: vm state-files unpack 134217728\n");
		}
		assert_true(restore_begin(&restore));
		if (!before) {
			qemu_is_idle();
			helper_ends(HELPER_STATE);
			assert_logged("state: vm state-files fill 134217728\n");
		}
		reads_devices();
		assert_int_equal(room.plan.ram.from, -1);
		qemu_emits("MIGRATION", "{\"status\":\"completed\"}");
		assert_posted("[+resuming][-resuming][state-resumed]");
		qemu_acks("remove-fd", "{\"fdset-id\":99}");
		qemu_acks("migrate-set-capabilities",
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
	assert_logged(
		"a.state is not resumed: vm state-files fill 134217728; this is a cold start");
	qemu_acks("quit", NULL);
	assert_true(restore_cold(&restore, "", &err));
	assert_int_equal(room.plan.ram.fd, -1);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

static void when_qemu_dies_the_helper_is_ended(void **state)
{
	struct error err = {0};

	(void)state;
	is_filled("hang", false);
	assert_true(restore_begin(&restore));
	restore_ended(&restore);
	helper_ends(HELPER_STATE);
	qemu_is_idle();
	assert_true(restore_cold(&restore, "", &err));
	restore_ended(&restore);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

/* A QEMU without `rom=off` ends before it greets. */
static void a_qemu_that_cannot_map_is_followed_by_a_cold_start(void **state)
{
	struct error err = {0};

	(void)state;
	has_state(RESUME_WARM);
	assert_false(restore_cold(&restore, "words", &err));
	room.plan.ram.where = RAM_MAPPED;
	assert_true(restore_cold(&restore, "Property 'rom' not found", &err));
	assert_logged(
		"is not resumed: QEMU ended: Property 'rom' not found; this is a cold start\n");
	assert_int_equal(room.plan.ram.where, RAM_PRIVATE);
	assert_int_equal(rmdir(room.plan.resume.dir), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_state_nothing_is_resumed),
		TEST(a_warm_state_is_kept),
		TEST(a_suspended_state_is_deleted),
		TEST(a_suspended_state_that_cannot_be_deleted_is_not_resumed),
		TEST(a_state_of_another_qemu_is_not_loaded),
		TEST(a_state_that_qemu_refuses_is_not_resumed),
		TEST(a_state_that_qemu_cannot_read_is_not_resumed),
		TEST(a_qemu_that_crashes_while_loading_is_followed_by_a_cold_start),
		TEST(a_qemu_that_cannot_quit_is_killed),
		TEST(a_mapped_memory_needs_no_helper),
		TEST(memory_is_copied_before_devices_are_loaded),
		TEST(a_memory_that_cannot_be_copied_is_not_resumed),
		TEST(when_qemu_dies_the_helper_is_ended),
		TEST(a_qemu_that_cannot_map_is_followed_by_a_cold_start),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
