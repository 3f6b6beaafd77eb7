/* test_clock_sync.c - actions when a guest becomes ready: the clock of a resumed guest is set, and
 * its forwards are opened on VM_BIND (hostfwd.c).
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

static void a_booted_guest_needs_no_clock_sync(void **state)
{
	(void)state;
	clock_ready(&guest_clock);
	assert_false(is_armed(TIMER_CLOCK));
	clock_timer(&guest_clock);
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), 0);
	/* There is no command to set this guest's clock. */
	room.life.resumed = true;
	room_guest_is(GUEST_MACH);
	clock_ready(&guest_clock);
	assert_false(is_armed(TIMER_CLOCK));
}

static void a_resumed_guests_clock_is_set_over_ssh(void **state)
{
	(void)state;
	room.life.resumed = true;
	clock_ready(&guest_clock);
	advance(1 * S - 1);
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), 0);
	advance(1);
	assert_true(helper_pid(&room.helpers, HELPER_CLOCK) > 0);
	assert_false(guest_clock.due);
	helper_ends(HELPER_CLOCK);
	const char *said = room_logged();

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
	advance(1 * S);
	for (int i = 1; i <= 10; i++) {
		helper_ends(HELPER_CLOCK);
		const char *said = room_logged();
		bool told = strstr(said, "could not be set") != NULL;

		assert_int_equal(told, i == 1 || i == 10);
		assert_int_equal(strstr(said, "set yet: it has") != NULL, i == 1);
		if (i < 10) {
			assert_int_equal(ms_until(TIMER_CLOCK), 60000);
			advance(60 * S);
		}
	}
	assert_false(is_armed(TIMER_CLOCK));
	/* Becoming ready again allows all attempts again. */
	clock_ready(&guest_clock);
	assert_int_equal(guest_clock.tries, 0);
}

static void a_paused_guests_clock_is_not_set(void **state)
{
	(void)state;
	room.life.resumed = true;
	clock_ready(&guest_clock);
	guest_pauses();
	advance(1 * S);
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), 0);
}

static void nothing_is_typed_on_the_console(void **state)
{
	(void)state;
	room.life.resumed = true;
	room.plan.s.hostfwds = "none";
	clock_ready(&guest_clock);
	advance(1 * S);
	assert_int_equal(helper_pid(&room.helpers, HELPER_CLOCK), 0);
	assert_logged("vm: the guest's clock has the time of the saved state: the first vm exec");
	assert_true(guest_clock.due);
}

static void the_first_shell_command_sets_the_clock(void **state)
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
	/* The serial line is reserved for it. */
	assert_int_equal(ms_until(TIMER_CLOCK), 60000);
	clock_set(&guest_clock);
	assert_logged("vm: the guest's clock is set\n");
	assert_false(is_armed(TIMER_CLOCK));
	assert_false(clock_command(&guest_clock, command));
	clock_set(&guest_clock);
	assert_log_empty();
}

/* ---- the forwards ------------------------------------------------------------------------- */

static void monitor_gets(const char *command, const char *answer)
{
	char text[200];

	(void)snprintf(text, sizeof text, "{\"command-line\":\"%s\"}", command);
	qemu_gets("human-monitor-command", text);
	qemu_returns(answer);
}

static void publish_forwards(void)
{
	room.plan.s.ports = PORTS_READY;
	room.plan.s.bind = "0.0.0.0";
	hostfwd_publish(&hostfwd);
}

static void the_forwards_are_opened_one_by_one(void **state)
{
	(void)state;
	publish_forwards();
	assert_true(probes.published);
	monitor_gets("hostfwd_remove net0 tcp:127.0.0.1:2222", "\"host forwarding rule removed\"");
	monitor_gets("hostfwd_add net0 tcp:0.0.0.0:2222-:22", "\"\"");
	monitor_gets("hostfwd_remove net0 udp:127.0.0.1:5353", "\"\"");
	assert_log_empty();
	monitor_gets("hostfwd_add net0 udp:0.0.0.0:5353-:53", "\"\"");
	assert_logged("vm: the forwarded ports are open\n");
	/* Once for each QEMU. */
	publish_forwards();
	qemu_is_idle();
	hostfwd_restart(&hostfwd);
	assert_false(probes.published);
	publish_forwards();
	assert_string_not_equal(qemu_next_command(), "");
}

static void a_port_that_cannot_be_opened_is_reported(void **state)
{
	(void)state;
	publish_forwards();
	monitor_gets("hostfwd_remove net0 tcp:127.0.0.1:2222", "\"\"");
	monitor_gets("hostfwd_add net0 tcp:0.0.0.0:2222-:22", "\"could not set up\\r\\nmore\"");
	assert_logged("vm: error: VM_PORTS=ready: a port cannot be opened: could not set up\n");
	monitor_gets("hostfwd_remove net0 udp:127.0.0.1:5353", "\"\"");
	qemu_gets("human-monitor-command",
		  "{\"command-line\":\"hostfwd_add net0 udp:0.0.0.0:5353-:53\"}");
	qemu_fails("no such thing");
	assert_logged("a port cannot be opened: no such thing\n");
}

static void no_forwards_are_opened_after_qemu_has_ended(void **state)
{
	(void)state;
	publish_forwards();
	monitor_gets("hostfwd_remove net0 tcp:127.0.0.1:2222", "\"\"");
	qemu_disconnects();
	assert_int_equal(hostfwd.next, 2);
}

static void guests_with_no_ports_to_publish(void **state)
{
	(void)state;
	publish_forwards();
	(void)qemu_next_command();
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
		TEST(a_booted_guest_needs_no_clock_sync),
		TEST(a_resumed_guests_clock_is_set_over_ssh),
		TEST(an_sshd_that_does_not_answer_is_tried_again),
		TEST(a_paused_guests_clock_is_not_set),
		TEST(nothing_is_typed_on_the_console),
		TEST(the_first_shell_command_sets_the_clock),
		TEST(the_forwards_are_opened_one_by_one),
		TEST(a_port_that_cannot_be_opened_is_reported),
		TEST(no_forwards_are_opened_after_qemu_has_ended),
		TEST(guests_with_no_ports_to_publish),
	};

	room_helper(argc, argv);
	return cmocka_run_group_tests_name("clock_sync", tests, NULL, NULL);
}
