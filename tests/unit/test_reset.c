/* test_reset.c - resets: by the button, by the guest, by its faults, and the end that they are
 * under VM_ON_REBOOT=exit.
 */
#include "room.h"

#include "console/debug_log.h"
#include "pid1/panic_check.h"
#include "pid1/reset.h"

static struct reset reset;
static struct debug_log debug_log;
static struct panic_check panic;

static void on_notice(const struct notice *n)
{
	if (n->kind == NOTICE_SERIAL)
		reset_on_serial(&reset);
	if (n->kind == NOTICE_RESTARTED) /* as reactions.c */
		phases_restart(&room.phases);
}

static int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_notice = on_notice;
	memset(&debug_log, 0, sizeof debug_log);
	debug_log.pipe = -1;
	panic_check_init(&panic, &room.env);
	reset_init(&reset, &room.env, &debug_log, &panic);
	guest_runs();
	return 0;
}

static void faults_at(const char *where)
{
	debug_log.fault.triple = true;
	(void)snprintf(debug_log.fault.where, sizeof debug_log.fault.where, "%s", where);
}

static void is_pressed(void)
{
	qemu_does("set-action", "{\"reboot\":\"reset\"}");
	qemu_does("system_reset", NULL);
}

/* ---- the button --------------------------------------------------------------------------- */

static void a_running_guest_is_held_while_it_is_reset(void **state)
{
	(void)state;
	assert_true(reset_press(&reset, THEN_AS_BEFORE));
	assert_told("[+resetting][reset-pressed][+held]");
	qemu_does("stop", NULL);
	is_pressed();
	/* What is on its way is the old guest's. */
	guest_prints("the end of a line");
	reset_on_event(&reset, false);
	assert_told("[serial][restarted][-held]");
	assert_said("vm: the machine was reset\n");
	qemu_does("cont", NULL);
	assert_true(lifecycle_is(&room.life, COND_RESETTING));
	guest_printed("SeaBIOS");
	assert_told("[serial][-resetting]");
	qemu_does("set-action", "{\"reboot\":\"shutdown\"}");
	guest_printed("more");
	assert_told("[serial]");
	qemu_is_idle();
}

static void under_restart_the_action_stays(void **state)
{
	(void)state;
	room.plan.s.on_reboot = REBOOT_RESTART;
	(void)reset_press(&reset, THEN_AS_BEFORE);
	qemu_does("stop", NULL);
	is_pressed();
	reset_on_event(&reset, false);
	qemu_does("cont", NULL);
	guest_printed("SeaBIOS");
	qemu_is_idle();
	assert_int_equal(reset.button, RESET_NONE);
}

static void a_guest_that_stands_still_goes_on_standing(void **state)
{
	(void)state;
	guest_pauses();
	(void)reset_press(&reset, THEN_AS_BEFORE);
	assert_told("[+resetting][reset-pressed]");
	is_pressed();
	reset_on_event(&reset, false);
	assert_told("[restarted]");
	qemu_is_idle();
}

static void who_may_not_be_held_is_not(void **state)
{
	static const enum condition busy[] = {COND_SNAPSHOT_SAVE, COND_SNAPSHOT_LOAD,
					      COND_SNAPSHOT_DELETE, COND_SAVING_WARM,
					      COND_SUSPENDING};

	(void)state;
	for (size_t i = 0; i < sizeof busy / sizeof *busy; i++) {
		room.life.conditions = 1u << busy[i];
		(void)reset_press(&reset, THEN_AS_BEFORE);
		assert_false(reset.held);
		is_pressed();
	}
	room.life.conditions = 0;
	room.plan.s.gdb = true; /* a debugger would take that for an interruption */
	(void)reset_press(&reset, THEN_AS_BEFORE);
	assert_false(reset.held);
	is_pressed();
}

static void a_guest_that_qemu_stopped_runs_behind_its_reset(void **state)
{
	(void)state;
	guest_pauses();
	lifecycle_set(&room.life, COND_INTERNAL_ERROR, true);
	(void)reset_press(&reset, THEN_AS_BEFORE);
	assert_told("[+resetting][reset-pressed][+held]");
	is_pressed();
	reset_on_event(&reset, false);
	qemu_does("cont", NULL);
}

static void a_snapshot_that_failed_says_how_it_goes_on(void **state)
{
	(void)state;
	guest_pauses();
	(void)reset_press(&reset, THEN_RUNS);
	is_pressed();
	reset_on_event(&reset, false);
	qemu_does("cont", NULL);
	guest_runs();
	(void)reset_press(&reset, THEN_STANDS_STILL);
	qemu_does("stop", NULL);
	is_pressed();
	reset_on_event(&reset, false);
	qemu_is_idle();
}

static void a_state_that_is_saved_meanwhile_goes_before(void **state)
{
	(void)state;
	(void)reset_press(&reset, THEN_AS_BEFORE);
	qemu_does("stop", NULL);
	is_pressed();
	lifecycle_set(&room.life, COND_SAVING_WARM, true);
	(void)room_told();
	reset_on_event(&reset, false);
	assert_told("[restarted][-held]");
	qemu_is_idle();
}

static void a_qemu_that_cannot_be_asked_has_no_button(void **state)
{
	(void)state;
	qemu_connects(room_event, NULL);
	assert_false(reset_press(&reset, THEN_AS_BEFORE));
	assert_told("");
	qemu_is_idle();
}

/* Three commands make a press: one that QEMU takes half of would hold the guest for ever. */
static void a_press_is_whole_or_none(void **state)
{
	(void)state;
	for (size_t room_for = 0; room_for < 3; room_for++) {
		lifecycle_ready(&room.life, clock_now());
		qemu_hangs();
		room.qmp.queued -= room_for;
		assert_false(reset_press(&reset, THEN_AS_BEFORE));
		assert_int_equal(room.qmp.queued, QMP_QUEUE - room_for);
		assert_told("");
		assert_false(reset.held);
		room.qmp.queued = QMP_QUEUE;
	}
}

/* ---- the guest's own ---------------------------------------------------------------------- */

static void a_reboot_begins_again(void **state)
{
	(void)state;
	guest_printed("Linux\n");
	(void)room_told();
	reset_on_event(&reset, true);
	assert_told("[restarted]");
	assert_said("vm: the guest rebooted\n");
	qemu_is_idle();
	/* The firmware's own reset behind it is part of it. */
	reset_on_event(&reset, true);
	assert_told("");
	assert_silent();
	guest_printed("Linux\n");
	(void)room_told();
	reset_on_event(&reset, true);
	assert_told("[restarted]");
}

static void a_reset_that_is_the_end_says_nothing(void **state)
{
	(void)state;
	guest_printed("Linux\n");
	(void)room_told();
	room.life.cause = CAUSE_GUEST_RESET;
	reset_on_event(&reset, true);
	assert_told("");
	assert_true(reset.was_reset);
}

static void a_triple_fault_is_a_panic(void **state)
{
	(void)state;
	guest_printed("Linux\n");
	(void)room_told();
	faults_at("EIP=00101234");
	reset_on_event(&reset, true);
	assert_told(
		"[restarted][panic panic: triple fault at EIP=00101234: its processor could not "
		"handle a fault and was reset]");
	assert_false(debug_log.fault.triple);
	/* Of several processors it is not known which one's place that is. */
	room.life.verdict = VERDICT_NONE;
	room.plan.s.cpus = 2;
	guest_printed("Linux\n");
	(void)room_told();
	faults_at("EIP=00101234");
	reset_on_event(&reset, true);
	assert_told("[restarted][panic panic: triple fault: its processor could not handle a fault "
		    "and was reset]");
}

static void a_triple_fault_is_a_way_to_reboot(void **state)
{
	static const char *const words[] = {"Linux\nStopping\n", "Linux\nRestarting\n"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		guest_printed("SeaBIOS\n");
		(void)room_told();
		/* On its way: the bytes count before the verdict. */
		guest_prints(words[i]);
		faults_at("EIP=00101234");
		reset_on_event(&reset, true);
		assert_told("[serial][restarted]");
	}
	/* Before anything was printed it is nobody's mistake. */
	reset_restart(&reset);
	phases_restart(&room.phases);
	faults_at("EIP=00101234");
	reset_on_event(&reset, true);
	assert_told("[restarted]");
}

static void a_reset_behind_a_panics_words_proves_it(void **state)
{
	(void)state;
	guest_printed("Linux\nKernel panic\n");
	(void)room_told();
	panic_check_begin(&panic, marker_named("oops"));
	reset_on_event(&reset, true);
	assert_told("[restarted][panic panic: it said so and reset the machine]");
	/* Only once. */
	guest_printed("Kernel panic\n");
	panic.marker = marker_named("oops");
	(void)room_told();
	reset_on_event(&reset, true);
	assert_told("[restarted]");
}

/* A guest that prints something, but comes to no phase, and resets; N times. */
static void resets(int n)
{
	for (int i = 0; i < n; i++) {
		pass(2 * S);
		guest_printed("SeaBIOS\n");
		(void)room_told();
		reset_on_event(&reset, true);
	}
}

static void sixteen_resets_are_a_loop(void **state)
{
	(void)state;
	resets(15);
	assert_told("[restarted]");
	resets(1);
	assert_told(
		"[restarted][panic panic: its machine was reset 16 times in 30 s without coming "
		"to any phase]");
}

static void a_phase_or_five_minutes_begin_the_count_again(void **state)
{
	(void)state;
	resets(15);
	guest_printed("Linux\n");
	(void)room_told();
	reset_on_event(&reset, true);
	resets(15);
	assert_told("[restarted]");
	pass(300 * S);
	resets(15);
	assert_told("[restarted]");
	/* And one from outside. */
	reset_on_event(&reset, false);
	resets(15);
	assert_told("[restarted]");
	resets(1);
	assert_string_not_equal(room_told(), "[restarted]");
}

/* ---- the last of a loop is looked at ------------------------------------------------------- */

static void faults_before_anything(int n)
{
	for (int i = 0; i < n; i++) {
		pass(1 * S);
		faults_at("");
		reset_on_event(&reset, true);
	}
	(void)room_told();
}

static void a_loop_of_faults_stops_in_front_of_us(void **state)
{
	(void)state;
	room.plan.s.on_reboot = REBOOT_RESTART;
	room.plan.s.on_panic = PANIC_KEEP;
	faults_before_anything(13);
	qemu_is_idle();
	faults_before_anything(1);
	qemu_does("set-action", "{\"reboot\":\"shutdown\"}");
	faults_before_anything(1); /* the firmware's */
	faults_at("");
	assert_false(reset_caught(&reset, "guest-shutdown"));
	assert_true(reset_caught(&reset, "guest-reset"));
	assert_told("");
	qemu_hears("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns("\"EAX=1\\r\\nEIP=00007c1f EFL=2\\r\\n\"");
	assert_string_equal(
		room_told(),
		"[panic panic: its machine was reset 16 times in 14 s without coming to "
		"any phase; last by a triple fault at EIP=00007c1f: its processor could "
		"not handle a fault and was reset][+resetting][reset-pressed][+held]");
	qemu_does("stop", NULL);
	is_pressed();
	assert_false(reset_caught(&reset, "guest-reset"));
}

static void an_end_that_is_no_fault_goes_on(void **state)
{
	(void)state;
	reset.watching = true;
	assert_true(reset_caught(&reset, "host-qmp-system-reset"));
	assert_told("[+resetting][reset-pressed][+held]");
	qemu_does("stop", NULL);
	is_pressed();
}

static void who_is_not_watched(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		reset_restart(&reset);
		room.plan.s.on_reboot = i == 0 ? REBOOT_EXIT : REBOOT_RESTART;
		room.plan.s.gdb = i == 1;
		room.plan.s.cpus = i == 2 ? 2 : 1;
		for (int k = 0; k < 14; k++) {
			faults_at(i == 3 ? "EIP=00007c1f" : "");
			reset_on_event(&reset, true);
		}
		assert_false(reset.watching);
	}
	qemu_is_idle();
}

/* ---- the end ------------------------------------------------------------------------------ */

static void an_ordinary_end_quits(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	guest_printed("Linux\n");
	assert_false(reset_was_fatal(&reset));
	reset_end(&reset);
	qemu_does("quit", NULL);
}

static void the_last_fault_is_looked_at_before_quit(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	faults_at("");
	assert_true(reset_was_fatal(&reset));
	assert_told("[verdict panic]");
	qemu_hears("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns("\"RAX=0\\r\\nRIP=ffffffff80001234\\r\\nFCW=037f\\r\\nXMM00=0\\r\\n\"");
	assert_told("[fatal-reset: triple fault at RIP=ffffffff80001234: its processor could not "
		    "handle a fault and was reset]");
	assert_said("  | RIP=ffffffff80001234\n");
	qemu_does("quit", NULL);
}

static void registers_that_do_not_come_are_no_reason_to_wait(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	faults_at("EIP=1");
	assert_true(reset_was_fatal(&reset));
	(void)room_told();
	qemu_hears("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_fails("no");
	assert_told("[fatal-reset: triple fault at EIP=1: its processor could not handle a fault "
		    "and was reset]");
	qemu_does("quit", NULL);
	/* QEMU takes no question. */
	room.life.verdict = VERDICT_NONE;
	faults_at("EIP=1");
	qemu_hangs();
	assert_false(reset_was_fatal(&reset));
	assert_told("[verdict panic][fatal-reset: triple fault at EIP=1: its processor could not "
		    "handle a fault and was reset]");
}

static void a_panic_is_said_once(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	room.life.verdict = VERDICT_PANIC;
	faults_at("EIP=1");
	assert_false(reset_was_fatal(&reset));
	assert_told("");
}

static void a_guest_that_panicked_may_be_kept(void **state)
{
	static const int kept[] = {PANIC_KEEP, PANIC_PAUSE};

	(void)state;
	room.life.verdict = VERDICT_PANIC;
	for (size_t i = 0; i < 2; i++) {
		room.plan.s.on_panic = kept[i];
		reset_end(&reset);
		assert_told("[kept]");
		qemu_is_idle();
	}
	room.life.rung = RUNG_ACPI; /* not behind a stop */
	reset_end(&reset);
	assert_told("");
	qemu_does("quit", NULL);
	room.life.rung = RUNG_NONE;
	room.plan.s.on_panic = PANIC_EXIT;
	reset_end(&reset);
	qemu_does("quit", NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_running_guest_is_held_while_it_is_reset),
		TEST(under_restart_the_action_stays),
		TEST(a_guest_that_stands_still_goes_on_standing),
		TEST(who_may_not_be_held_is_not),
		TEST(a_guest_that_qemu_stopped_runs_behind_its_reset),
		TEST(a_snapshot_that_failed_says_how_it_goes_on),
		TEST(a_state_that_is_saved_meanwhile_goes_before),
		TEST(a_qemu_that_cannot_be_asked_has_no_button),
		TEST(a_press_is_whole_or_none),
		TEST(a_reboot_begins_again),
		TEST(a_reset_that_is_the_end_says_nothing),
		TEST(a_triple_fault_is_a_panic),
		TEST(a_triple_fault_is_a_way_to_reboot),
		TEST(a_reset_behind_a_panics_words_proves_it),
		TEST(sixteen_resets_are_a_loop),
		TEST(a_phase_or_five_minutes_begin_the_count_again),
		TEST(a_loop_of_faults_stops_in_front_of_us),
		TEST(an_end_that_is_no_fault_goes_on),
		TEST(who_is_not_watched),
		TEST(an_ordinary_end_quits),
		TEST(the_last_fault_is_looked_at_before_quit),
		TEST(registers_that_do_not_come_are_no_reason_to_wait),
		TEST(a_panic_is_said_once),
		TEST(a_guest_that_panicked_may_be_kept),
	};

	return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
