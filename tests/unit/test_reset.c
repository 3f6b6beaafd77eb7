/* test_reset.c - resets by the button, by the guest and by faults, and VM_ON_REBOOT=exit.
 */
#include "room.h"

#include "console/debug_log.h"
#include "pid1/panic_check.h"
#include "pid1/reset.h"

static struct reset reset;
static struct debug_log debug_log;
static struct panic_check panic;
static int64_t qemu_us; /* QEMU's clock */

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

/* QMP RESET, a second after the event before it. */
static void machine_resets(bool guest)
{
	qemu_us += 1000000;
	reset_on_event(&reset, guest, qemu_us);
}

static void faults_at(const char *where)
{
	debug_log.fault.triple = true;
	(void)snprintf(debug_log.fault.where, sizeof debug_log.fault.where, "%s", where);
}

static void is_pressed(void)
{
	qemu_acks("set-action", "{\"reboot\":\"reset\"}");
	qemu_acks("system_reset", NULL);
}

/* ---- the button --------------------------------------------------------------------------- */

static void a_running_guest_is_paused_for_a_reset(void **state)
{
	(void)state;
	assert_true(reset_press(&reset, THEN_AS_BEFORE));
	assert_posted("[+resetting][reset-pressed][+held]");
	qemu_acks("stop", NULL);
	is_pressed();
	/* Output that is still in the pipe belongs to the old boot. */
	guest_prints_unread("the end of a line");
	machine_resets(false);
	assert_posted("[serial][restarted][+continuing][-held]");
	assert_logged("vm: the machine was reset\n");
	qemu_acks("cont", NULL);
	assert_posted("[-continuing]");
	assert_true(lifecycle_is(&room.life, COND_RESETTING));
	guest_printed("SeaBIOS");
	assert_posted("[serial][-resetting]");
	qemu_acks("set-action", "{\"reboot\":\"shutdown\"}");
	guest_printed("more");
	assert_posted("[serial]");
	qemu_is_idle();
}

static void with_restart_the_action_is_kept(void **state)
{
	(void)state;
	room.plan.s.on_reboot = REBOOT_RESTART;
	(void)reset_press(&reset, THEN_AS_BEFORE);
	qemu_acks("stop", NULL);
	is_pressed();
	machine_resets(false);
	qemu_acks("cont", NULL);
	guest_printed("SeaBIOS");
	qemu_is_idle();
	assert_int_equal(reset.button, RESET_NONE);
}

static void a_paused_guest_stays_paused(void **state)
{
	(void)state;
	guest_pauses();
	(void)reset_press(&reset, THEN_AS_BEFORE);
	assert_posted("[+resetting][reset-pressed]");
	is_pressed();
	machine_resets(false);
	assert_posted("[restarted]");
	qemu_is_idle();
}

static void with_a_debugger_the_guest_is_not_paused(void **state)
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
	room.plan.s.gdb = true; /* a debugger would see that as an interruption */
	(void)reset_press(&reset, THEN_AS_BEFORE);
	assert_false(reset.held);
	is_pressed();
}

static void a_guest_stopped_by_qemu_runs_after_a_reset(void **state)
{
	(void)state;
	guest_pauses();
	lifecycle_set(&room.life, COND_INTERNAL_ERROR, true);
	(void)reset_press(&reset, THEN_AS_BEFORE);
	assert_posted("[+resetting][reset-pressed][+held]");
	is_pressed();
	machine_resets(false);
	qemu_acks("cont", NULL);
}

static void a_failed_snapshot_load_is_reset(void **state)
{
	(void)state;
	guest_pauses();
	(void)reset_press(&reset, THEN_RUNS);
	is_pressed();
	machine_resets(false);
	qemu_acks("cont", NULL);
	guest_runs();
	(void)reset_press(&reset, THEN_PAUSED);
	qemu_acks("stop", NULL);
	is_pressed();
	machine_resets(false);
	qemu_is_idle();
}

static void a_state_being_saved_delays_the_reset(void **state)
{
	(void)state;
	(void)reset_press(&reset, THEN_AS_BEFORE);
	qemu_acks("stop", NULL);
	is_pressed();
	lifecycle_set(&room.life, COND_SAVING_WARM, true);
	(void)room_posted();
	machine_resets(false);
	assert_posted("[restarted][-held]");
	qemu_is_idle();
}

static void without_qmp_a_reset_is_refused(void **state)
{
	(void)state;
	qemu_connects(room_event, NULL);
	assert_false(reset_press(&reset, THEN_AS_BEFORE));
	assert_posted("");
	qemu_is_idle();
}

/* A reset consists of three commands: if QEMU accepted only half of them, the guest would stay
 * paused. */
static void a_reset_is_sent_completely_or_not_at_all(void **state)
{
	(void)state;
	for (size_t room_for = 0; room_for < 3; room_for++) {
		lifecycle_ready(&room.life, clock_now());
		qemu_hangs();
		room.qmp.queued -= room_for;
		assert_false(reset_press(&reset, THEN_AS_BEFORE));
		assert_int_equal(room.qmp.queued, QMP_QUEUE - room_for);
		assert_posted("");
		assert_false(reset.held);
		room.qmp.queued = QMP_QUEUE;
	}
}

/* ---- resets by the guest -------------------------------------------------------------------- */

static void a_reboot_begins_again(void **state)
{
	(void)state;
	guest_printed("Linux\n");
	(void)room_posted();
	machine_resets(true);
	assert_posted("[restarted]");
	assert_logged("vm: the guest rebooted\n");
	qemu_is_idle();
	/* The firmware's reset that follows is part of it. */
	machine_resets(true);
	assert_posted("");
	assert_log_empty();
	guest_printed("Linux\n");
	(void)room_posted();
	machine_resets(true);
	assert_posted("[restarted]");
}

/* PID 1 was stopped: it has read the output that follows the firmware's reset before the event. */
static void a_late_event_of_the_firmware_is_part_of_its_reset(void **state)
{
	(void)state;
	(void)reset_press(&reset, THEN_AS_BEFORE);
	qemu_acks("stop", NULL);
	is_pressed();
	machine_resets(false);
	qemu_acks("cont", NULL);
	reset_resumed(&reset, qemu_us += 5000000);
	guest_printed("Linux\nlogin: ");
	lifecycle_ready(&room.life, clock_now());
	qemu_acks("set-action", "{\"reboot\":\"shutdown\"}");
	(void)room_posted();
	reset_on_event(&reset, true, qemu_us += 99999);
	assert_posted("");
	assert_true(room.life.ready);
	/* Only a RESUME that follows a reset counts. */
	reset_resumed(&reset, qemu_us += 200000);
	reset_on_event(&reset, true, qemu_us += 50000);
	assert_posted("[restarted]");
}

static void a_reset_that_ends_the_run_is_not_logged(void **state)
{
	(void)state;
	guest_printed("Linux\n");
	(void)room_posted();
	room.life.cause = CAUSE_GUEST_RESET;
	machine_resets(true);
	assert_posted("");
	assert_true(reset.was_reset);
}

static void a_triple_fault_is_a_panic(void **state)
{
	(void)state;
	guest_printed("Linux\n");
	(void)room_posted();
	faults_at("EIP=00101234");
	machine_resets(true);
	assert_posted(
		"[restarted][panic panic: triple fault at EIP=00101234: its processor could not "
		"handle a fault and was reset]");
	assert_false(debug_log.fault.triple);
	/* With several processors the address is unknown. */
	room.life.verdict = VERDICT_NONE;
	room.plan.s.cpus = 2;
	guest_printed("Linux\n");
	(void)room_posted();
	faults_at("EIP=00101234");
	machine_resets(true);
	assert_posted(
		"[restarted][panic panic: triple fault: its processor could not handle a fault "
		"and was reset]");
}

static void a_triple_fault_is_a_way_to_reboot(void **state)
{
	static const char *const words[] = {"Linux\nStopping\n", "Linux\nRestarting\n"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		guest_printed("SeaBIOS\n");
		(void)room_posted();
		/* Output that is still in the pipe is read before the verdict. */
		guest_prints_unread(words[i]);
		faults_at("EIP=00101234");
		machine_resets(true);
		assert_posted("[serial][restarted]");
	}
	/* A fault before any output is not attributed to the guest. */
	reset_restart(&reset);
	phases_restart(&room.phases);
	faults_at("EIP=00101234");
	machine_resets(true);
	assert_posted("[restarted]");
}

static void a_reset_after_a_panic_message_confirms_it(void **state)
{
	(void)state;
	guest_printed("Linux\nKernel panic\n");
	(void)room_posted();
	panic_check_begin(&panic, marker_named("oops"));
	machine_resets(true);
	assert_posted("[restarted][panic panic: it printed the panic and reset the machine]");
	/* Only once. */
	guest_printed("Kernel panic\n");
	panic.marker = marker_named("oops");
	(void)room_posted();
	machine_resets(true);
	assert_posted("[restarted]");
}

/* A guest that prints, reaches no phase and resets, N times. */
static void resets(int n)
{
	for (int i = 0; i < n; i++) {
		advance(2 * S);
		guest_printed("SeaBIOS\n");
		(void)room_posted();
		machine_resets(true);
	}
}

static void sixteen_resets_are_a_loop(void **state)
{
	(void)state;
	resets(15);
	assert_posted("[restarted]");
	resets(1);
	assert_posted(
		"[restarted][panic panic: its machine was reset 16 times in 30 s without coming "
		"to any phase]");
}

static void a_phase_or_five_minutes_restart_the_count(void **state)
{
	(void)state;
	resets(15);
	guest_printed("Linux\n");
	(void)room_posted();
	machine_resets(true);
	resets(15);
	assert_posted("[restarted]");
	advance(300 * S);
	resets(15);
	assert_posted("[restarted]");
	/* And an external reset. */
	machine_resets(false);
	resets(15);
	assert_posted("[restarted]");
	resets(1);
	assert_string_not_equal(room_posted(), "[restarted]");
}

/* ---- the last fault of a loop ---------------------------------------------------------------- */

static void faults_before_anything(int n)
{
	for (int i = 0; i < n; i++) {
		advance(1 * S);
		faults_at("");
		machine_resets(true);
	}
	(void)room_posted();
}

static void a_fault_loop_stops_before_the_reset(void **state)
{
	(void)state;
	room.plan.s.on_reboot = REBOOT_RESTART;
	room.plan.s.on_panic = PANIC_KEEP;
	faults_before_anything(13);
	qemu_is_idle();
	faults_before_anything(1);
	qemu_acks("set-action", "{\"reboot\":\"shutdown\"}");
	faults_before_anything(1); /* the firmware's */
	faults_at("");
	assert_false(reset_caught(&reset, "guest-shutdown"));
	assert_true(reset_caught(&reset, "guest-reset"));
	assert_posted("");
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns("\"EAX=1\\r\\nEIP=00007c1f EFL=2\\r\\n\"");
	assert_string_equal(
		room_posted(),
		"[panic panic: its machine was reset 16 times in 14 s without coming to "
		"any phase; last by a triple fault at EIP=00007c1f: its processor could "
		"not handle a fault and was reset][+resetting][reset-pressed][+held]");
	qemu_acks("stop", NULL);
	is_pressed();
	assert_false(reset_caught(&reset, "guest-reset"));
}

static void an_end_without_a_fault_continues(void **state)
{
	(void)state;
	reset.watching = true;
	assert_true(reset_caught(&reset, "host-qmp-system-reset"));
	assert_posted("[+resetting][reset-pressed][+held]");
	qemu_acks("stop", NULL);
	is_pressed();
}

static void guests_that_are_not_watched(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		reset_restart(&reset);
		room.plan.s.on_reboot = i == 0 ? REBOOT_EXIT : REBOOT_RESTART;
		room.plan.s.gdb = i == 1;
		room.plan.s.cpus = i == 2 ? 2 : 1;
		for (int k = 0; k < 14; k++) {
			faults_at(i == 3 ? "EIP=00007c1f" : "");
			machine_resets(true);
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
	qemu_acks("quit", NULL);
}

static void the_last_fault_is_read_before_quit(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	faults_at("");
	assert_true(reset_was_fatal(&reset));
	assert_posted("[verdict panic]");
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns("\"RAX=0\\r\\nRIP=ffffffff80001234\\r\\nFCW=037f\\r\\nXMM00=0\\r\\n\"");
	assert_posted("[fatal-reset: triple fault at RIP=ffffffff80001234: its processor could not "
		      "handle a fault and was reset]");
	assert_logged("  | RIP=ffffffff80001234\n");
	qemu_acks("quit", NULL);
}

static void missing_registers_do_not_delay_the_end(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	faults_at("EIP=1");
	assert_true(reset_was_fatal(&reset));
	(void)room_posted();
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_fails("no");
	assert_posted("[fatal-reset: triple fault at EIP=1: its processor could not handle a fault "
		      "and was reset]");
	qemu_acks("quit", NULL);
	/* QEMU accepts no query. */
	room.life.verdict = VERDICT_NONE;
	faults_at("EIP=1");
	qemu_hangs();
	assert_false(reset_was_fatal(&reset));
	assert_posted("[verdict panic][fatal-reset: triple fault at EIP=1: its processor could not "
		      "handle a fault and was reset]");
}

static void a_panic_is_reported_once(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	room.life.verdict = VERDICT_PANIC;
	faults_at("EIP=1");
	assert_false(reset_was_fatal(&reset));
	assert_posted("");
}

static void a_guest_that_panicked_may_be_kept(void **state)
{
	static const int kept[] = {PANIC_KEEP, PANIC_PAUSE};

	(void)state;
	room.life.verdict = VERDICT_PANIC;
	for (size_t i = 0; i < 2; i++) {
		room.plan.s.on_panic = kept[i];
		reset_end(&reset);
		assert_posted("[kept]");
		qemu_is_idle();
	}
	room.life.rung = RUNG_ACPI; /* not after a stop */
	reset_end(&reset);
	assert_posted("");
	qemu_acks("quit", NULL);
	room.life.rung = RUNG_NONE;
	room.plan.s.on_panic = PANIC_EXIT;
	reset_end(&reset);
	qemu_acks("quit", NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_running_guest_is_paused_for_a_reset),
		TEST(with_restart_the_action_is_kept),
		TEST(a_paused_guest_stays_paused),
		TEST(with_a_debugger_the_guest_is_not_paused),
		TEST(a_guest_stopped_by_qemu_runs_after_a_reset),
		TEST(a_failed_snapshot_load_is_reset),
		TEST(a_state_being_saved_delays_the_reset),
		TEST(without_qmp_a_reset_is_refused),
		TEST(a_reset_is_sent_completely_or_not_at_all),
		TEST(a_reboot_begins_again),
		TEST(a_late_event_of_the_firmware_is_part_of_its_reset),
		TEST(a_reset_that_ends_the_run_is_not_logged),
		TEST(a_triple_fault_is_a_panic),
		TEST(a_triple_fault_is_a_way_to_reboot),
		TEST(a_reset_after_a_panic_message_confirms_it),
		TEST(sixteen_resets_are_a_loop),
		TEST(a_phase_or_five_minutes_restart_the_count),
		TEST(a_fault_loop_stops_before_the_reset),
		TEST(an_end_without_a_fault_continues),
		TEST(guests_that_are_not_watched),
		TEST(an_ordinary_end_quits),
		TEST(the_last_fault_is_read_before_quit),
		TEST(missing_registers_do_not_delay_the_end),
		TEST(a_panic_is_reported_once),
		TEST(a_guest_that_panicked_may_be_kept),
	};

	return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
