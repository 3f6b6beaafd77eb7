/* test_direct_watch.c - VM_BOOT=auto: detecting a directly booted kernel that prints nothing, and
 * the fallback to the firmware.
 */
#include "room.h"

#include "pid1/direct_watch.h"

static struct direct_watch watch;
static bool ends; /* direct_watch_timer() has requested the end of QEMU */

static void on_timer(enum timer_id id)
{
	if (id == TIMER_DIRECT) {
		env_timer(&room.env, id, 0);
		ends = direct_watch_timer(&watch);
	}
}

static int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_timer = on_timer;
	room.plan.boot.direct = room.plan.boot.automatic = true;
	ends = false;
	direct_watch_init(&watch, &room.env);
	return 0;
}

/* The guest runs, as reactions.c reports it. */
static void start_guest(void)
{
	guest_runs();
	direct_watch_runs(&watch);
}

static void assert_firmware(const char *why)
{
	char text[200];

	assert_true(direct_watch_again(&watch));
	(void)snprintf(text, sizeof text, "vm: warning: boot: firmware: booted directly, %s\n",
		       why);
	assert_logged(text);
	assert_false(room.plan.boot.direct);
	assert_false(room.plan.boot.automatic);
	assert_false(is_armed(TIMER_DIRECT));
	/* The next QEMU boots by the firmware and is not watched. */
	assert_false(direct_watch_again(&watch));
}

static void a_kernel_that_prints_is_not_restarted(void **state)
{
	(void)state;
	start_guest();
	assert_int_equal(ms_until(TIMER_DIRECT), 60000);
	advance(5 * S);
	guest_printed("Linux version 6\r\n");
	advance(60 * S);
	assert_false(ends);
	assert_false(direct_watch_again(&watch));
	assert_true(room.plan.boot.direct);
}

static void a_silent_kernel_has_a_minute(void **state)
{
	(void)state;
	start_guest();
	advance(60 * S - 1);
	assert_false(ends);
	advance(1);
	assert_true(ends);
	assert_firmware("its kernel printed nothing within 60 s");
}

static void output_before_the_kernel_does_not_count(void **state)
{
	(void)state;
	start_guest();
	guest_printed("SeaBIOS\r\n");
	advance(60 * S);
	assert_true(ends);
}

static void any_byte_counts_without_a_kernel_marker(void **state)
{
	struct error err = {0};

	(void)state;
	matcher_free(room.phases.matcher);
	assert_true(markers_compile("ready login login:\n", 19, &room.plan.markers,
				    &room.plan.patterns, &err));
	assert_true(phases_init(&room.phases, &room.plan.markers, &room.plan.patterns, &err));
	start_guest();
	guest_printed("x");
	advance(60 * S);
	assert_false(ends);
	assert_false(direct_watch_again(&watch));
}

static void a_boot_deadline_gives_half_its_time(void **state)
{
	(void)state;
	room.plan.s.boot_timeout = 21;
	start_guest();
	assert_int_equal(ms_until(TIMER_DIRECT), 11000);
	advance(11 * S);
	assert_true(ends);
	assert_firmware("its kernel printed nothing within 11 s");
}

static void a_paused_guest_is_not_late(void **state)
{
	(void)state;
	start_guest();
	advance(10 * S);
	guest_pauses();
	advance(60 * S);
	assert_false(ends);
	assert_false(direct_watch_again(&watch));
	start_guest();
	assert_int_equal(ms_until(TIMER_DIRECT), 60000);
	advance(60 * S);
	assert_true(ends);
}

static void a_stop_is_not_interrupted(void **state)
{
	(void)state;
	start_guest();
	room.life.rung = RUNG_ACPI;
	advance(60 * S);
	assert_false(ends);
	room.life.signalled = true;
	room.life.cause = CAUSE_GUEST_RESET;
	assert_false(direct_watch_again(&watch));
}

static void a_reset_before_any_output(void **state)
{
	(void)state;
	start_guest();
	room.life.cause = CAUSE_GUEST_RESET;
	assert_firmware("its kernel reset the machine before it printed anything");
}

static void qemu_ends_before_the_kernel_runs(void **state)
{
	(void)state;
	assert_firmware("QEMU ended before its kernel ran");
}

static void another_end_of_the_guest_is_its_end(void **state)
{
	(void)state;
	start_guest();
	room.life.cause = CAUSE_GUEST_OFF;
	assert_false(direct_watch_again(&watch));
	assert_true(room.plan.boot.direct);
}

static void an_explicit_direct_boot_is_not_watched(void **state)
{
	(void)state;
	room.plan.boot.automatic = false;
	start_guest();
	assert_false(is_armed(TIMER_DIRECT));
	assert_false(direct_watch_timer(&watch));
	room.life.cause = CAUSE_GUEST_RESET;
	assert_false(direct_watch_again(&watch));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, room_tear_down)

int main(int argc, char *argv[])
{
	room_helper(argc, argv);
	const struct CMUnitTest tests[] = {
		TEST(a_kernel_that_prints_is_not_restarted),
		TEST(a_silent_kernel_has_a_minute),
		TEST(output_before_the_kernel_does_not_count),
		TEST(any_byte_counts_without_a_kernel_marker),
		TEST(a_boot_deadline_gives_half_its_time),
		TEST(a_paused_guest_is_not_late),
		TEST(a_stop_is_not_interrupted),
		TEST(a_reset_before_any_output),
		TEST(qemu_ends_before_the_kernel_runs),
		TEST(another_end_of_the_guest_is_its_end),
		TEST(an_explicit_direct_boot_is_not_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
