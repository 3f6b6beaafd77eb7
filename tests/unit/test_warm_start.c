/* test_warm_start.c - when a warm state is saved, and which clients are informed. */
#include "room_resume.h"

/* ---- when a warm state is saved ------------------------------------------------------------ */

static void is_ready(void)
{
	guest_runs();
	lifecycle_ready(&room.life, clock_now());
	room.plan.s.state_dir = dir;
	warm_start_ready(&warm);
}

static void no_state_is_saved_unless_asked_for(void **state)
{
	(void)state;
	is_ready();
	assert_posted("");
	qemu_is_idle();
}

static void the_first_start_saves_one_when_it_is_ready(void **state)
{
	(void)state;
	room.plan.s.warm = true;
	is_ready();
	assert_posted("[+saving-warm]");
	qemu_gets("stop", NULL);
	savestate_abort(&save);
	/* Not a guest that was resumed from it. */
	room.life.resumed = true;
	warm_start_ready(&warm);
	assert_int_equal(save.saving, SAVING_NOTHING);
}

static void a_snapshot_is_done_first(void **state)
{
	struct error err = {0};

	(void)state;
	env_condition(&room.env, COND_SNAPSHOT_SAVE, true);
	(void)room_posted();
	room.plan.s.warm = true;
	is_ready();
	assert_false(warm_start_ask(&warm, &err));
	assert_string_equal(err.message, "a snapshot is at work");
	assert_int_equal(ms_until(TIMER_WARM), 200);
	warm_start_timer(&warm);
	assert_posted("");
	assert_int_equal(ms_until(TIMER_WARM), 200);
	env_condition(&room.env, COND_SNAPSHOT_SAVE, false);
	(void)room_posted();
	warm_start_timer(&warm);
	assert_posted("[+saving-warm]");
	assert_false(is_armed(TIMER_WARM));
}

static void has_ssh(void)
{
	probes.list[PROBE_SSH].port = 1; /* no server listens there */
}

/* VM_WARM is set, the guest is ready, and its sshd has not answered. */
static void is_ready_for_ssh(void)
{
	has_ssh();
	room.plan.s.warm = true;
	is_ready();
}

static void assert_not_saved_again_for_ssh(void)
{
	savestate_abort(&save);
	(void)room_posted();
	warm_start_ssh_answered(&warm);
	assert_posted("");
}

static void the_save_waits_for_the_guests_sshd(void **state)
{
	(void)state;
	is_ready_for_ssh();
	assert_posted("");
	assert_true(probes.list[PROBE_SSH].wanted);
	assert_int_equal(ms_until(TIMER_WARM), 60000);
	warm_start_ssh_answered(&warm);
	assert_posted("[+saving-warm]");
	assert_false(is_armed(TIMER_WARM));
	assert_not_saved_again_for_ssh();
	/* An sshd that has already answered is not waited for. */
	probes.list[PROBE_SSH].answered = true;
	warm_start_ready(&warm);
	assert_posted("[+saving-warm]");
}

static void a_request_saves_at_once_and_not_again_for_sshd(void **state)
{
	struct error err = {0};

	(void)state;
	is_ready_for_ssh();
	assert_true(is_armed(TIMER_WARM));
	assert_true(warm_start_ask(&warm, &err));
	assert_posted("[+saving-warm]");
	assert_false(is_armed(TIMER_WARM));
	assert_not_saved_again_for_ssh();
}

static void a_missing_sshd_delays_the_save_for_a_limited_time(void **state)
{
	(void)state;
	is_ready_for_ssh();
	advance(60 * S - 1);
	assert_posted("");
	advance(1);
	assert_posted("[+saving-warm]");
	assert_logged("vm: no ssh server has answered for 60 s\n");
}

static void a_cancelled_save_is_not_repeated(void **state)
{
	(void)state;
	is_ready_for_ssh();
	warm_start_cancel(&warm);
	assert_false(is_armed(TIMER_WARM));
	warm_start_timer(&warm);
	warm_start_ssh_answered(&warm);
	assert_posted("");
}

static void vm_warm_saves_now_or_when_it_is_ready(void **state)
{
	struct error err = {0};

	(void)state;
	guest_runs();
	assert_true(warm_start_ask(&warm, &err));
	assert_posted("");
	is_ready();
	assert_posted("[+saving-warm]");
	savestate_abort(&save);
	(void)room_posted();
	/* It was requested once. */
	warm_start_ready(&warm);
	assert_posted("");
	qemu_starts(10, 0);
	assert_true(warm_start_ask(&warm, &err));
	assert_posted("[+saving-warm]");
	/* Its moment has passed: what was done since would not be in it. */
	assert_false(warm_start_ask(&warm, &err));
	assert_string_equal(err.message, "a state is being saved already");
}

static void a_state_that_can_never_be_saved_is_refused_at_once(void **state)
{
	struct error err = {0};

	(void)state;
	(void)error_set(&room.plan.no_state, EXIT_BAD_SETTING, "remove one", "it has two disks");
	guest_runs();
	assert_false(warm_start_ask(&warm, &err));
	assert_int_equal(err.status, EXIT_BAD_SETTING);
	assert_false(warm.asked);
}

static void a_waiting_client_is_informed_of_the_failure(void **state)
{
	struct error err = {0};

	(void)state;
	guest_runs();
	assert_true(warm_start_ask(&warm, &err));
	lifecycle_set(&room.life, COND_DISK_ERROR, true);
	is_ready();
	assert_posted(
		"[warm-ends 1: the warm state cannot be saved: the guest has a problem: paused: "
		"the host could not read or write the disk\n]");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(no_state_is_saved_unless_asked_for),
		TEST(the_first_start_saves_one_when_it_is_ready),
		TEST(a_snapshot_is_done_first),
		TEST(the_save_waits_for_the_guests_sshd),
		TEST(a_request_saves_at_once_and_not_again_for_sshd),
		TEST(a_missing_sshd_delays_the_save_for_a_limited_time),
		TEST(a_cancelled_save_is_not_repeated),
		TEST(vm_warm_saves_now_or_when_it_is_ready),
		TEST(a_state_that_can_never_be_saved_is_refused_at_once),
		TEST(a_waiting_client_is_informed_of_the_failure),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
