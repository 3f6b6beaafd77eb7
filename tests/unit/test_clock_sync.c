/* test_clock_sync.c - what is done for a guest that has become ready: its clock is set when it was
 * resumed, and its forwards are opened to everybody (hostfwd.c).
 */
#include <time.h>

#include "room.h"

#include "pid1/clock_sync.h"
#include "pid1/hostfwd.h"

static struct clock_sync guest_clock;
static struct hostfwd hostfwd;
static struct port_probes probes;

static void on_timer(enum timer_id id)
{
	if (id == TIMER_CLOCK)
		clock_timer(&guest_clock);
}

static int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_timer = on_timer;
	room.plan.s.hostfwds = "tcp:2222:22,udp:5353:53";
	room.plan.s.ssh_key = "/dev/null";
	clock_init(&guest_clock, &room.env);
	probes_init(&probes, &room.env);
	hostfwd_init(&hostfwd, &room.env, &probes);
	guest_runs();
	return 0;
}

/* ---- the clock ---------------------------------------------------------------------------- */

static void a_guest_that_booted_knows_the_time(void **state)
{
	(void)state;
	clock_ready(&guest_clock);
	assert_false(is_armed(TIMER_CLOCK));
	clock_timer(&guest_clock);
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), 0);
	/* Of this one it is not known how it is told. */
	room.life.resumed = true;
	room_guest_is(GUEST_MACH);
	clock_ready(&guest_clock);
	assert_false(is_armed(TIMER_CLOCK));
}

static void a_resumed_guest_is_told_over_ssh(void **state)
{
	(void)state;
	room.life.resumed = true;
	clock_ready(&guest_clock);
	pass(1 * S - 1);
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), 0);
	pass(1);
	assert_true(helper_pid(&room.helpers, HELPER_CLOCK) > 0);
	assert_false(guest_clock.due);
	helper_ends(HELPER_CLOCK);
	const char *said = room_said();

	assert_non_null(strstr(said, "vm exec --via ssh --timeout 20 -- date -s @"));
	assert_non_null(strstr(said, "vm: the guest's clock is set\n"));
	assert_false(is_armed(TIMER_CLOCK));
}

static void an_sshd_that_does_not_answer_is_tried_again(void **state)
{
	(void)state;
	room.life.resumed = true;
	helpers_do("1");
	clock_ready(&guest_clock);
	pass(1 * S);
	for (int i = 1; i <= 10; i++) {
		helper_ends(HELPER_CLOCK);
		const char *said = room_said();
		bool told = strstr(said, "could not be set") != NULL;

		assert_int_equal(told, i == 1 || i == 10);
		assert_int_equal(strstr(said, "set yet: it stands") != NULL, i == 1);
		if (i < 10) {
			assert_int_equal(due_ms(TIMER_CLOCK), 60000);
			pass(60 * S);
		}
	}
	assert_false(is_armed(TIMER_CLOCK));
	/* Another moment of it has its tries again. */
	clock_ready(&guest_clock);
	assert_int_equal(guest_clock.tries, 0);
}

static void a_guest_that_stands_still_is_not_told(void **state)
{
	(void)state;
	room.life.resumed = true;
	clock_ready(&guest_clock);
	guest_pauses();
	pass(1 * S);
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), 0);
}

static void nothing_is_typed_unasked(void **state)
{
	(void)state;
	room.life.resumed = true;
	room.plan.s.hostfwds = "none";
	clock_ready(&guest_clock);
	pass(1 * S);
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), 0);
	assert_said("vm: the guest's clock stands where the state was saved: the first vm exec");
	assert_true(guest_clock.due);
}

static void who_uses_the_shell_sets_it_on_the_way(void **state)
{
	long long seconds = 0;
	char command[64];

	(void)state;
	assert_false(clock_command(&guest_clock, command));
	room.life.resumed = true;
	clock_ready(&guest_clock);
	assert_true(clock_command(&guest_clock, command));
	assert_int_equal(sscanf(command, "date -s @%lld", &seconds), 1);
	assert_in_range(seconds, (long long)time(NULL) - 1, (long long)time(NULL) + 1);
	/* The line is its own for now. */
	assert_int_equal(due_ms(TIMER_CLOCK), 60000);
	clock_set(&guest_clock);
	assert_said("vm: the guest's clock is set\n");
	assert_false(is_armed(TIMER_CLOCK));
	assert_false(clock_command(&guest_clock, command));
	clock_set(&guest_clock);
	assert_silent();
}

/* ---- the forwards ------------------------------------------------------------------------- */

static void monitor_hears(const char *command, const char *answer)
{
	char text[200];

	(void)snprintf(text, sizeof text, "{\"command-line\":\"%s\"}", command);
	qemu_hears("human-monitor-command", text);
	qemu_returns(answer);
}

static void publishes(void)
{
	room.plan.s.ports = PORTS_READY;
	room.plan.s.bind = "0.0.0.0";
	hostfwd_publish(&hostfwd);
}

static void the_forwards_are_opened_one_by_one(void **state)
{
	(void)state;
	publishes();
	assert_true(probes.published);
	monitor_hears("hostfwd_remove net0 tcp:127.0.0.1:2222", "\"host forwarding rule removed\"");
	monitor_hears("hostfwd_add net0 tcp:0.0.0.0:2222-:22", "\"\"");
	monitor_hears("hostfwd_remove net0 udp:127.0.0.1:5353", "\"\"");
	assert_silent();
	monitor_hears("hostfwd_add net0 udp:0.0.0.0:5353-:53", "\"\"");
	assert_said("vm: the forwarded ports are open\n");
	/* Once for each QEMU. */
	publishes();
	qemu_is_idle();
	hostfwd_restart(&hostfwd);
	assert_false(probes.published);
	publishes();
	assert_string_not_equal(qemu_heard(), "");
}

static void a_port_that_cannot_be_opened_is_told_of(void **state)
{
	(void)state;
	publishes();
	monitor_hears("hostfwd_remove net0 tcp:127.0.0.1:2222", "\"\"");
	monitor_hears("hostfwd_add net0 tcp:0.0.0.0:2222-:22", "\"could not set up\\r\\nmore\"");
	assert_said("vm: error: VM_PORTS=ready: a port cannot be opened: could not set up\n");
	monitor_hears("hostfwd_remove net0 udp:127.0.0.1:5353", "\"\"");
	qemu_hears("human-monitor-command",
		   "{\"command-line\":\"hostfwd_add net0 udp:0.0.0.0:5353-:53\"}");
	qemu_fails("no such thing");
	assert_said("a port cannot be opened: no such thing\n");
}

static void a_qemu_that_goes_has_no_further_forwards(void **state)
{
	(void)state;
	publishes();
	monitor_hears("hostfwd_remove net0 tcp:127.0.0.1:2222", "\"\"");
	qemu_goes();
	assert_int_equal(hostfwd.next, 2);
}

static void who_has_nothing_to_publish(void **state)
{
	(void)state;
	publishes();
	(void)qemu_heard();
	for (int i = 0; i < 3; i++) {
		hostfwd_restart(&hostfwd);
		room.plan.s.ports = i == 0 ? PORTS_START : PORTS_READY;
		room.plan.s.net = i == 1 ? NET_PASST : NET_USER;
		room.plan.s.bind = i == 2 ? "127.0.0.1" : "0.0.0.0";
		hostfwd_publish(&hostfwd);
		assert_int_equal(hostfwd.next, 0);
		assert_false(probes.published);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_that_booted_knows_the_time),
		TEST(a_resumed_guest_is_told_over_ssh),
		TEST(an_sshd_that_does_not_answer_is_tried_again),
		TEST(a_guest_that_stands_still_is_not_told),
		TEST(nothing_is_typed_unasked),
		TEST(who_uses_the_shell_sets_it_on_the_way),
		TEST(the_forwards_are_opened_one_by_one),
		TEST(a_port_that_cannot_be_opened_is_told_of),
		TEST(a_qemu_that_goes_has_no_further_forwards),
		TEST(who_has_nothing_to_publish),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("clock_sync", tests, NULL, NULL);
}
